package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.CycleQd.Elite;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class CycleQdTest extends OptimizerContract {

  /** Not by the order of costs alone. */
  @Override
  protected boolean ranksViolations() {
    return false;
  }

  private static final List<Direction> TWO = List.of(Direction.MAXIMIZE, Direction.MAXIMIZE);
  private static final List<Direction> THREE =
      List.of(Direction.MAXIMIZE, Direction.MAXIMIZE, Direction.MAXIMIZE);

  @Override
  protected OptimizerFactory factory() {
    // Ranges that turning a sign maps to themselves.
    return Optimizers.cycleQd().range(-100, 100).range(-100, 100);
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.empty();
  }

  @Override
  protected List<Direction> directions() {
    return List.of(Direction.MINIMIZE, Direction.MINIMIZE);
  }

  @Override
  protected SearchSpace space() {
    return BirthSpace.taskVectors(5, 2);
  }

  private static Evaluation told(long id, double... scores) {
    return new Evaluation(
        id, new Outcome.Scored(Arrays.stream(scores).mapToObj(Fitness::of).toList()));
  }

  @Test
  void binsHoldTheirUpperEnd() {
    // 4 bins of [0, 1]: (0, 0.25], (0.25, 0.5], ...; outside counts as the first or last.
    double[] scores = {-1, 0, 0.2, 0.25, 0.26, 0.5, 0.75, 0.76, 1, 2};
    int[] bins = {0, 0, 0, 0, 1, 1, 2, 3, 3, 3};
    for (int i = 0; i < scores.length; i++) {
      List<List<Elite>> archives =
          Optimizers.cycleQd().bins(4).archives(TWO, List.of(told(0, 0.5, scores[i])));
      assertThat(archives.get(0).get(0).cell()).as("score %s", scores[i]).containsExactly(bins[i]);
    }
  }

  @Test
  void rangesAreThoseOfTheTasks() {
    CycleQd settings = Optimizers.cycleQd().bins(10).range(0, 0.5).range(-10, 0);
    List<Direction> mixed = List.of(Direction.MAXIMIZE, Direction.MINIMIZE);
    List<List<Elite>> archives = settings.archives(mixed, List.of(told(0, 0.21, -7.5)));
    assertThat(archives.get(1).get(0).cell()).containsExactly(4);
    // Turned, [-10, 0] becomes [0, 10] and -7.5 becomes 7.5.
    assertThat(archives.get(0).get(0).cell()).containsExactly(7);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> settings.archives(THREE, List.of(told(0, 1, 1, 1))))
        .withMessageContaining("one per task");
  }

  @Test
  void aModelTakesACellThatIsEmptyOrWhoseEliteScoresLess() {
    List<Evaluation> trials =
        List.of(told(0, 0.5, 0.5), told(1, 0.5, 0.5), told(2, 0.6, 0.51), told(3, 0.1, 0.9));
    List<List<Elite>> archives = Optimizers.cycleQd().bins(2).archives(TWO, trials);
    assertThat(archives.get(0)).extracting(Elite::member).containsExactly(0, 2);
    assertThat(archives.get(1)).extracting(Elite::member).containsExactly(3, 2);
    assertThat(archives.get(1)).extracting(Elite::quality).containsExactly(0.9, 0.51);
  }

  @Test
  void elitesAreDrawnByQualityAndByTheirOtherSkills() {
    Elites elites = new Elites(Optimizers.cycleQd().bins(10), THREE);
    // quality 0.2, 0.4, 0.6; bins of task 1: 0, 4, 9; of task 2: 9, 9, 9
    elites.offer(0, new double[] {0.2, 0.05, 0.95});
    elites.offer(1, new double[] {0.4, 0.45, 0.95});
    elites.offer(2, new double[] {0.6, 0.95, 0.95});
    assertThat(elites.appeal(0))
        .containsExactly(
            new double[] {0.5 * 0.5, 0.65 * (0.5 + 0.3 * 4 / 9), 0.8 * 0.8}, within(1e-12));
  }

  @Test
  void drawsFollowTheirWeights() {
    double[] weights = {0, 1, 0, 3};
    Map<Integer, Integer> counts = new HashMap<>();
    for (int i = 0; i < 1000; i++) {
      counts.merge(Breeding.draw(weights, (i + 0.5) / 1000).orElseThrow(), 1, Integer::sum);
    }
    assertThat(counts).isEqualTo(Map.of(1, 250, 3, 750));
    assertThat(Breeding.draw(new double[] {0, 0}, 0.3)).isEmpty();
    assertThat(Breeding.draw(weights, Math.nextDown(1.0))).contains(3);
  }

  @Test
  void tasksTakeTurnsAndTheirExpertsMutateTheChild() {
    for (Genome birth : births(Optimizers.cycleQd())) {
      int child = (int) birth.value(0);
      assertThat(birth.value(8)).isEqualTo((child - 3) % 2);
      assertThat(birth.value(6)).as("expert").isEqualTo(birth.value(8) == 0 ? 2 : 0);
      assertThat(birth.value(5)).isEqualTo(0.1);
      assertThat(birth.value(1)).isNotEqualTo(birth.value(2));
    }
    double[] weights =
        births(Optimizers.cycleQd()).stream().mapToDouble(birth -> birth.value(3)).toArray();
    double mean = Arrays.stream(weights).average().orElseThrow();
    double variance = Arrays.stream(weights).map(w -> (w - mean) * (w - mean)).average().orElse(0);
    assertThat(mean).isEqualTo(1, within(0.01));
    assertThat(Math.sqrt(variance)).isEqualTo(0.03, within(0.006));
  }

  @Test
  void aTurnIsAsManyBirthsAsTheSettingSays() {
    int[] tasks =
        births(Optimizers.cycleQd().turn(3)).stream()
            .limit(8)
            .mapToInt(birth -> (int) birth.value(8))
            .toArray();
    assertThat(tasks).containsExactly(0, 0, 0, 1, 1, 1, 0, 0);
    assertThat(births(Optimizers.cycleQd().turn(1_000)))
        .allSatisfy(birth -> assertThat(birth.value(8)).isZero());
    assertThatIllegalArgumentException().isThrownBy(() -> Optimizers.cycleQd().turn(0));
  }

  private static List<Genome> births(CycleQd settings) {
    Optimizer optimizer = settings.create(BirthSpace.taskVectors(3, 2), TWO, 5);
    optimizer.ask(3);
    optimizer.tell(List.of(told(0, 0.1, 0.9), told(1, 0.5, 0.5), told(2, 0.8, 0.2)));
    List<Genome> births = new ArrayList<>();
    while (births.size() < 200) {
      for (Proposal birth : optimizer.ask(4)) {
        births.add(birth.genome());
        optimizer.tell(List.of(new Evaluation(birth.id(), new Outcome.Failed("no"))));
      }
    }
    return births;
  }

  @Test
  void aSingleEliteIsBothParents() {
    Optimizer optimizer = Optimizers.cycleQd().create(BirthSpace.taskVectors(2, 2), TWO, 5);
    optimizer.ask(2);
    optimizer.tell(List.of(told(0, 0.5, 0.5), new Evaluation(1, new Outcome.Failed("no"))));
    for (Proposal birth : optimizer.ask(4)) {
      assertThat(birth.genome().value(1)).isZero();
      assertThat(birth.genome().value(2)).isZero();
    }
  }

  @Test
  void theFinalModelMixesTheBestElitesBySoftmax() {
    List<Evaluation> trials = List.of(told(0, 0.9, 0.1), told(1, 0.2, 0.4), told(2, 0.3, 0.3));
    double sum = Math.exp(0.9) + Math.exp(0.4);
    Map<Integer, Double> mixture = Optimizers.cycleQd().mixture(TWO, trials);
    assertThat(mixture.keySet()).containsExactly(0, 1);
    assertThat(mixture.get(0)).isEqualTo(Math.exp(0.9) / sum, within(1e-12));
    assertThat(mixture.get(1)).isEqualTo(Math.exp(0.4) / sum, within(1e-12));
    // One model that is best at both is the whole mixture.
    assertThat(Optimizers.cycleQd().mixture(TWO, List.of(told(0, 1, 1), told(1, 0, 0))))
        .isEqualTo(Map.of(0, 1.0));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                Optimizers.cycleQd()
                    .mixture(TWO, List.of(new Evaluation(0, new Outcome.Failed("no")))));
  }

  @Test
  void ofElitesThatScoreTheSameTheLowestCellIsMixed() {
    List<Evaluation> trials = List.of(told(0, 1, 0.6), told(1, 1, 0.1), told(2, 0.2, 0.9));
    assertThat(Optimizers.cycleQd().mixture(TWO, trials).keySet()).containsExactly(1, 2);
  }

  @Test
  void anotherNumberOfScoresIsRefused() {
    Optimizer optimizer = Optimizers.cycleQd().create(BirthSpace.taskVectors(2, 2), TWO, 5);
    optimizer.ask(2);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> optimizer.tell(List.of(told(0, 1, 1, 1))))
        .withMessageContaining("3 scores, the search has 2 tasks");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Optimizers.cycleQd().create(BirthSpace.taskVectors(2, 3), TWO, 5));
    assertThatIllegalArgumentException().isThrownBy(() -> Optimizers.cycleQd().space(2, 1));
  }
}
