package io.evomerge.result;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.fitness.Bound;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.genome.Genome;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.ParetoFront.Axis;
import io.evomerge.result.ParetoFront.Data;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParetoFrontTest {

  private static final List<Axis> AXES =
      List.of(new Axis("math", Direction.MAXIMIZE), new Axis("size", Direction.MINIMIZE));

  private static SelectedModel violating(String origin, double violation, double... scores) {
    MergeRecipe recipe =
        MergeRecipe.builder("linear")
            .source(new CheckpointRef("a", "a", "00".repeat(32)))
            .parameter("weight", Arrays.hashCode(scores))
            .build();
    List<Fitness> fitness = Arrays.stream(scores).mapToObj(Fitness::of).toList();
    return new SelectedModel(recipe, Genome.of(0), origin, fitness, List.of(), violation);
  }

  private static SelectedModel model(String origin, double... scores) {
    return violating(origin, 0, scores);
  }

  private static ParetoFront among(SelectedModel... models) {
    return ParetoFront.among(AXES, Data.SEARCH, List.of(models));
  }

  private static List<String> origins(ParetoFront front) {
    return front.models().stream().map(SelectedModel::origin).toList();
  }

  /** A convex front: each step in size buys less. */
  private static ParetoFront convex() {
    return among(
        model("small", 0.1, 1),
        model("a", 0.3, 1.2),
        model("knee", 0.8, 2),
        model("b", 0.9, 5),
        model("big", 1.0, 11));
  }

  @Test
  void theFrontHoldsWhatNothingDominatesBestOnTheFirstObjectiveFirst() {
    ParetoFront front =
        among(
            model("low", 0.1, 1),
            model("beaten", 0.4, 5),
            model("high", 0.9, 7),
            model("middle", 0.5, 4),
            model("same as middle", 0.5, 4));
    assertThat(origins(front)).containsExactly("high", "middle", "same as middle", "low");
    assertThat(front.scores(front.models().get(0))).containsExactly(0.9, 7);
  }

  @Test
  void modelsThatViolateConstraintsAreThereOnlyIfAllDo() {
    assertThat(origins(among(model("good", 0.1, 9), violating("better", 0.01, 0.9, 1))))
        .containsExactly("good");
    assertThat(
            origins(
                among(
                    violating("worse", 0.3, 0.9, 1),
                    violating("near", 0.1, 0.2, 5),
                    violating("as near", 0.1, 0.3, 5))))
        .containsExactly("as near", "near");
  }

  @Test
  void theHypervolumeRespectsDirections() {
    ParetoFront front = among(model("a", 0.5, 4), model("b", 0.25, 2));
    assertThat(front.hypervolume(0, 6)).isCloseTo(0.5 * 2 + 0.25 * 2, within(1e-12));
    assertThatIllegalArgumentException().isThrownBy(() -> front.hypervolume(1));
  }

  @Test
  void theKneeLiesFarthestFromTheLineBetweenTheEnds() {
    assertThat(convex().knee().origin()).isEqualTo("knee");
    assertThat(among(model("only", 1, 1)).knee().origin()).isEqualTo("only");
  }

  @Test
  void weightsMoveTheChoiceFromEndToEnd() {
    ParetoFront front = convex();
    assertThat(front.weighted(1, 0).origin()).isEqualTo("big");
    assertThat(front.weighted(0, 1).origin()).isEqualTo("small");
    assertThat(front.weighted(1, 1).origin()).isEqualTo("knee");
    double before = Double.POSITIVE_INFINITY;
    for (double weight : new double[] {1000, 10, 2, 1, 0.5, 0.1, 0.001}) {
      double math = front.scores(front.weighted(weight, 1))[0];
      assertThat(math).isLessThanOrEqualTo(before);
      before = math;
    }
    assertThat(front.weighted(3e300, 1e300)).isEqualTo(front.weighted(3, 1));
  }

  @Test
  void everyModelOfAFrontThatBendsTheOtherWayCanBeWeighted() {
    List<SelectedModel> models = new ArrayList<>();
    for (int i = 0; i <= 10; i++) {
      double x = i / 10.0;
      models.add(model("m" + i, 1 - x * x, 1 - x));
    }
    ParetoFront front = ParetoFront.among(AXES, Data.SEARCH, models);
    assertThat(front.size()).isEqualTo(11);
    List<String> chosen = new ArrayList<>();
    for (int i = 0; i <= 1000; i++) {
      chosen.add(front.weighted(i, 1000 - i).origin());
    }
    assertThat(chosen).containsAll(origins(front));
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1, Double.NaN, Double.POSITIVE_INFINITY, 0})
  void weightsThatSayNothingAreRefused(double weight) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> convex().weighted(weight, 0))
        .withMessageContaining("wanted 2 numbers from 0, not all 0");
    assertThatIllegalArgumentException().isThrownBy(() -> convex().weighted(1));
  }

  @Test
  void theBestWithinBoundsIsChosen() {
    ParetoFront front = convex();
    assertThat(front.best("math", Map.of("size", Bound.atMost(4))))
        .hasValueSatisfying(m -> assertThat(m.origin()).isEqualTo("knee"));
    assertThat(front.best("size", Map.of("math", Bound.atLeast(0.85))))
        .hasValueSatisfying(m -> assertThat(m.origin()).isEqualTo("b"));
    assertThat(front.best("size", Map.of("math", Bound.atLeast(2)))).isEmpty();
    assertThat(front.best("math", Map.of()))
        .hasValueSatisfying(m -> assertThat(m.origin()).isEqualTo("big"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> front.best("maths", Map.of()))
        .withMessageContaining("'maths'")
        .withMessageContaining("did you mean 'math'");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> front.best("math", Map.of("sze", Bound.atMost(1))));
  }

  @Test
  void aSpreadKeepsTheEndsAndCoversTheRest() {
    List<SelectedModel> models = new ArrayList<>();
    for (int i = 0; i < 101; i++) {
      models.add(model("m" + i, i, i));
    }
    ParetoFront front = ParetoFront.among(AXES, Data.SEARCH, models);
    assertThat(origins(front.spread(5))).containsExactly("m100", "m75", "m50", "m25", "m0");
    assertThat(front.spread(101)).isEqualTo(front);
    assertThat(front.spread(1).size()).isEqualTo(1);
  }

  @Test
  void anEmptyFrontHasNothingToChooseFrom() {
    ParetoFront none = ParetoFront.among(AXES, Data.VALIDATION, List.of());
    assertThat(none.isEmpty()).isTrue();
    assertThat(none.hypervolume(0, 1)).isZero();
    assertThat(none.best("math", Map.of())).isEmpty();
    assertThatIllegalStateException()
        .isThrownBy(none::knee)
        .withMessageContaining("nothing was validated");
  }

  @Test
  void aFrontOnValidationDataTakesThoseScores(@TempDir Path folder) throws IOException {
    SelectedModel lucky = model("lucky", 0.9, 1);
    SelectedModel steady = model("steady, \"sound\"", 0.8, 2);
    List<SelectedModel> validated =
        List.of(
            new SelectedModel(
                lucky.recipe(), lucky.genome(), lucky.origin(), lucky.fitness(), fits(0.25, 3)),
            new SelectedModel(
                steady.recipe(), steady.genome(), steady.origin(), List.of(), fits(0.75, 2)));
    ParetoFront front = ParetoFront.among(AXES, Data.VALIDATION, validated);
    assertThat(origins(front)).containsExactly("steady, \"sound\"");
    Path file = folder.resolve("front.csv");
    Files.writeString(file, "before");
    front.writeCsv(file);
    assertThat(Files.readAllLines(file))
        .containsExactly(
            "origin,math,size,search math,search size,violation,recipe",
            "\"steady, \"\"sound\"\"\",0.75,2.0,,,0.0," + steady.recipe().digest());
    try (var files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }

  private static List<Fitness> fits(double... scores) {
    return Arrays.stream(scores).mapToObj(Fitness::of).toList();
  }

  @Test
  void namesWithCommasAreQuotedInTheHead() {
    ParetoFront front =
        ParetoFront.among(
            List.of(new Axis("math, \"hard\"", Direction.MAXIMIZE)),
            Data.SEARCH,
            List.of(model("a", 1)));
    assertThat(front.csv().lines().findFirst())
        .contains(
            "origin,\"math, \"\"hard\"\"\",\"validation math, \"\"hard\"\"\",violation,recipe");
  }
}
