package io.evomerge.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Objective;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeDecoder;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.ParetoFront;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.TrialRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Searches for several objectives and under constraints, without models. */
class SeveralObjectivesTest {

  private static final SearchSpace SPACE =
      SearchSpace.of(new Gene.Real("x", 0, 1, 0.5), new Gene.Real("y", 0, 1, 0.5));

  private static final RecipeDecoder DECODER =
      genome ->
          MergeRecipe.builder("linear")
              .source(new CheckpointRef("a", "a", "00".repeat(32)))
              .parameter("x", genome.value(0))
              .parameter("y", genome.value(1))
              .build();

  private static double gene(TrialTask task, String name) {
    return task.recipe().parameters().get(name).numbers().get(0);
  }

  private record Immediate(Function<TrialTask, Outcome> scorer) implements TrialEvaluator {
    @Override
    public int capacity() {
      return 3;
    }

    @Override
    public CompletableFuture<Outcome> submit(TrialTask task) {
      return CompletableFuture.completedFuture(scorer.apply(task));
    }

    @Override
    public void close() {
      // Holds nothing.
    }
  }

  private static SearchPlan plan(
      OptimizerFactory optimizer,
      int trials,
      Optional<Path> journal,
      boolean validated,
      String... objectives) {
    Map<String, String> settings = new LinkedHashMap<>();
    for (String name : objectives) {
      settings.put("objective." + name, direction(name) + " " + name);
    }
    return new SearchPlan(
        SPACE,
        DECODER,
        List.of(objectives).stream()
            .map(
                name ->
                    new Objective(
                        name,
                        direction(name),
                        candidate -> 0,
                        validated ? Optional.of(candidate -> 0) : Optional.empty()))
            .toList(),
        optimizer,
        StopCondition.evaluations(trials),
        11,
        journal,
        new Selection(2, 5, 3),
        4,
        settings,
        Map.of(),
        List.of());
  }

  private static Direction direction(String objective) {
    return objective.equals("cost") ? Direction.MINIMIZE : Direction.MAXIMIZE;
  }

  private static EvolutionResult run(SearchPlan plan, Function<TrialTask, Outcome> scorer) {
    return EvolutionRun.start(plan, new Immediate(scorer)).awaitOrCancel();
  }

  /** Gain grows with cost, and y only costs; on validation data a little less. */
  private static Outcome gainAndCost(TrialTask task) {
    double x = gene(task, "x");
    double shift = task.data() == TrialTask.Data.SEARCH ? 0 : 0.01 * Math.sin(1000 * x);
    return new Outcome.Scored(
        List.of(Fitness.of(Math.sqrt(x) + shift), Fitness.of(x + gene(task, "y"))));
  }

  private static void assertNothingDominates(ParetoFront front) {
    for (SelectedModel one : front.models()) {
      for (SelectedModel other : front.models()) {
        double[] a = front.scores(one);
        double[] b = front.scores(other);
        assertThat(a[0] >= b[0] && a[1] <= b[1] && (a[0] > b[0] || a[1] < b[1])).isFalse();
      }
    }
  }

  @Test
  void theFrontIsValidatedAndTheResultHasBoth() {
    EvolutionResult result =
        run(
            plan(Optimizers.smsEmoa(10), 200, Optional.empty(), true, "gain", "cost"),
            SeveralObjectivesTest::gainAndCost);
    assertThat(result.front().data()).isEqualTo(ParetoFront.Data.SEARCH);
    assertThat(result.front().objectives())
        .containsExactly(
            new ParetoFront.Axis("gain", Direction.MAXIMIZE),
            new ParetoFront.Axis("cost", Direction.MINIMIZE));
    assertThat(result.front().size()).isGreaterThan(10);
    assertNothingDominates(result.front());
    // As many as the selection lets compete: 2 + 5 + 3.
    assertThat(result.finalists()).hasSize(10);
    assertThat(result.validatedFront().models()).isNotEmpty().isSubsetOf(result.finalists());
    assertThat(result.validatedFront().data()).isEqualTo(ParetoFront.Data.VALIDATION);
    assertNothingDominates(result.validatedFront());
    assertThat(result.best()).isEqualTo(result.finalists().get(0));
    // The ends of the front were validated.
    SelectedModel cheapest = result.front().best("cost", Map.of()).orElseThrow();
    assertThat(result.finalists()).extracting(SelectedModel::origin).contains(cheapest.origin());
    assertThat(result.front().hypervolume(0, 2)).isBetween(1.0, 2.0);
  }

  @Test
  void withoutValidationTheValidatedFrontIsEmpty() {
    EvolutionResult result =
        run(
            plan(Optimizers.nsga2(10), 50, Optional.empty(), false, "gain", "cost"),
            SeveralObjectivesTest::gainAndCost);
    assertThat(result.validatedFront().isEmpty()).isTrue();
    assertThat(result.validatedFront().objectives()).hasSize(2);
    assertThat(result.best()).isEqualTo(result.front().models().get(0));
  }

  @Test
  void theChartHasAllTrialsAndTheFront() {
    EvolutionResult result =
        run(
            plan(Optimizers.nsga2(10), 60, Optional.empty(), false, "gain", "cost"),
            SeveralObjectivesTest::gainAndCost);
    String svg = result.frontChart(1, 0).marker(1, 1, "a source").build().picture().svg();
    assertThat(svg)
        .contains(">a source<", "60 trials", "front of " + result.front().size(), "cost", "gain");
  }

  @Test
  void oneObjectiveHasAFrontOfOne() {
    EvolutionResult result =
        run(
            plan(Optimizers.cmaEs(), 40, Optional.empty(), true, "gain"),
            task -> Outcome.Scored.of(gene(task, "x")));
    assertThat(result.front().models()).containsExactly(result.bestOnSearch());
    assertThat(result.validatedFront().models()).contains(result.best());
  }

  /** More x is better, but beyond 0.6 it violates. */
  private static Outcome limited(TrialTask task) {
    double x = gene(task, "x");
    return new Outcome.Scored(List.of(Fitness.of(x)), Math.max(0, x - 0.6));
  }

  @Test
  void cmaEsFindsTheBestThatKeepsToTheConstraint() {
    EvolutionResult result =
        run(
            plan(Optimizers.cmaEs(), 200, Optional.empty(), true, "gain"),
            SeveralObjectivesTest::limited);
    assertThat(result.best().score()).isCloseTo(0.6, within(1e-3)).isLessThanOrEqualTo(0.6);
    assertThat(result.best().violation()).isZero();
    assertThat(result.bestOnSearch().violation()).isZero();
    assertThat(result.trials())
        .anyMatch(
            trial -> trial.outcome() instanceof Outcome.Scored scored && !scored.isFeasible());
    assertThat(result.finalists())
        .isSortedAccordingTo(
            (a, b) ->
                a.violation() != b.violation()
                    ? Double.compare(a.violation(), b.violation())
                    : Double.compare(b.validation().get(0).score(), a.validation().get(0).score()));
  }

  @Test
  void commonsMathCmaEsKeepsToTheConstraintToo() {
    EvolutionResult result =
        run(
            plan(Optimizers.commonsMathCmaEs(), 200, Optional.empty(), false, "gain"),
            SeveralObjectivesTest::limited);
    assertThat(result.best().score()).isBetween(0.59, 0.6);
  }

  @Test
  void whereAllViolateTheOneThatViolatesLeastLeadsAndNoScoreIsReached() {
    SearchPlan plan = plan(Optimizers.cmaEs(), 100, Optional.empty(), false, "gain");
    List<Double> best = new java.util.ArrayList<>();
    RunListener listener =
        new RunListener() {
          @Override
          public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
            progress.best().ifPresent(best::add);
          }
        };
    EvolutionResult result =
        run(
            new SearchPlan(
                plan.space(),
                plan.decoder(),
                plan.objectives(),
                plan.optimizer(),
                plan.stopWhen().or(StopCondition.scoreReached(0, Direction.MAXIMIZE)),
                plan.seed(),
                plan.journal(),
                plan.selection(),
                plan.failureLimit(),
                plan.settings(),
                plan.environment(),
                List.of(listener)),
            task -> new Outcome.Scored(List.of(Fitness.of(gene(task, "x"))), 1 + gene(task, "x")));
    assertThat(best).isEmpty();
    assertThat(result.trials()).hasSize(100);
    assertThat(result.best().violation()).isBetween(1.0, 1.05);
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.5, Double.NaN, Double.POSITIVE_INFINITY})
  void aViolationThatIsNoNumberFromZeroFailsTheTrial(double violation) {
    EvolutionResult result =
        run(
            plan(Optimizers.randomSearch(), 8, Optional.empty(), false, "gain"),
            task ->
                new Outcome.Scored(List.of(Fitness.of(1)), gene(task, "x") < 0.5 ? violation : 0));
    assertThat(result.failures().keySet())
        .singleElement()
        .asString()
        .contains("violation of " + violation);
  }

  @Test
  void theJournalKeepsViolationsAndBringsThemBack(@TempDir Path folder) throws Exception {
    EvolutionResult whole =
        run(
            plan(Optimizers.nsga2(8), 60, Optional.of(folder), true, "gain"),
            SeveralObjectivesTest::limited);
    EvolutionResult read = Journals.read(folder);
    assertThat(read.trials()).isEqualTo(whole.trials());
    assertThat(read.best().recipe()).isEqualTo(whole.best().recipe());
    assertThat(read.best().violation()).isZero();
    assertThat(read.bestOnSearch().recipe()).isEqualTo(whole.bestOnSearch().recipe());

    Path journal = folder.resolve("journal.jsonl");
    List<String> lines = Files.readAllLines(journal);
    assertThat(lines).anyMatch(line -> line.contains("\"violation\":0."));
    assertThat(lines.stream().filter(line -> line.contains("\"violation\"")).count())
        .isLessThan(lines.size() - 1L);
    Path half = Files.createDirectory(folder.resolve("half"));
    Files.write(half.resolve("journal.jsonl"), lines.subList(0, 25));
    EvolutionResult resumed =
        run(
            plan(Optimizers.nsga2(8), 60, Optional.of(half), true, "gain"),
            SeveralObjectivesTest::limited);
    assertThat(resumed.trials()).isEqualTo(whole.trials());
    assertThat(resumed.best()).isEqualTo(whole.best());
  }

  @Test
  void aJournalOfSeveralObjectivesNamesThemAndValidatesTheFront(@TempDir Path folder) {
    EvolutionResult whole =
        run(
            plan(Optimizers.smsEmoa(10), 80, Optional.of(folder), true, "gain", "cost"),
            SeveralObjectivesTest::gainAndCost);
    EvolutionResult read = Journals.read(folder);
    assertThat(read.validatedFront().objectives()).isEqualTo(whole.validatedFront().objectives());
    assertThat(read.validatedFront().models())
        .extracting(SelectedModel::recipe)
        .isEqualTo(whole.validatedFront().models().stream().map(SelectedModel::recipe).toList());
  }

  @ParameterizedTest
  @ValueSource(ints = {7, 23, 61})
  void aResumeEndsWhereAnUninterruptedSearchEnds(int kept, @TempDir Path folder) throws Exception {
    for (OptimizerFactory optimizer : List.of(Optimizers.nsga2(8), Optimizers.smsEmoa(8))) {
      Path one = folder.resolve(optimizer.name());
      Path two = Files.createDirectories(folder.resolve(optimizer.name() + "-resumed"));
      EvolutionResult whole =
          run(
              plan(optimizer, 70, Optional.of(one), false, "gain", "cost"),
              SeveralObjectivesTest::gainAndCost);
      List<String> lines = Files.readAllLines(one.resolve("journal.jsonl"));
      Files.write(two.resolve("journal.jsonl"), lines.subList(0, kept));
      EvolutionResult resumed =
          run(
              plan(optimizer, 70, Optional.of(two), false, "gain", "cost"),
              SeveralObjectivesTest::gainAndCost);
      assertThat(resumed.trials()).isEqualTo(whole.trials());
      assertThat(resumed.front()).isEqualTo(whole.front());
    }
  }
}
