package io.evomerge.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.JournalException;
import io.evomerge.exception.SearchFailedException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Objective;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.optimizer.Proposal;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeDecoder;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.StopReason;
import io.evomerge.result.TrialRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The loop, without models: recipes carry the genes, a fake evaluator scores them. */
class SearchLoopTest {

  private static final SearchSpace SPACE =
      SearchSpace.of(
          new Gene.Real("x", 0, 1, 0.5), new Gene.Real("y", 0, 1, 0.5), new Gene.Int("k", 0, 3, 0));

  private static final RecipeDecoder DECODER =
      genome ->
          MergeRecipe.builder("linear")
              .source(new CheckpointRef("a", "a", "00".repeat(32)))
              .parameter("x", genome.value(0))
              .parameter("y", genome.value(1))
              .parameter("k", genome.value(2))
              .build();

  private static double sphere(MergeRecipe recipe) {
    double x = recipe.parameters().get("x").numbers().get(0) - 0.3;
    double y = recipe.parameters().get("y").numbers().get(0) - 0.8;
    return -(x * x + y * y) - recipe.parameters().get("k").numbers().get(0);
  }

  /** Scores on a pool of threads that finish out of order. */
  private static final class Fake implements TrialEvaluator {
    final int capacity;
    final Function<TrialTask, Outcome> scorer;
    final ExecutorService pool;
    final Random delays = new Random(5);
    final AtomicInteger evaluated = new AtomicInteger();
    boolean jitter;

    Fake(int capacity, Function<TrialTask, Outcome> scorer) {
      this.capacity = capacity;
      this.scorer = scorer;
      this.pool = Executors.newFixedThreadPool(capacity);
    }

    @Override
    public int capacity() {
      return capacity;
    }

    @Override
    public CompletableFuture<Outcome> submit(TrialTask task) {
      int delay = jitter ? delays.nextInt(3) : 0;
      return CompletableFuture.supplyAsync(
          () -> {
            sleep(delay);
            evaluated.incrementAndGet();
            return scorer.apply(task);
          },
          pool);
    }

    @Override
    public void close() {
      pool.shutdown();
    }
  }

  private static void sleep(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Fake scoring(int capacity) {
    return new Fake(capacity, task -> Outcome.Scored.of(sphere(task.recipe())));
  }

  private static Objective objective(boolean validated) {
    return new Objective(
        "score",
        Direction.MAXIMIZE,
        candidate -> 0,
        validated ? Optional.of(candidate -> 0) : Optional.empty());
  }

  private static SearchPlan plan(
      OptimizerFactory optimizer,
      StopCondition stop,
      Optional<Path> journal,
      boolean validated,
      RunListener... listeners) {
    return new SearchPlan(
        SPACE,
        DECODER,
        List.of(objective(validated)),
        optimizer,
        stop,
        11,
        journal,
        new Selection(2, 3, 2),
        4,
        Map.of("seed", "11", "operator", "linear"),
        Map.of(),
        List.of(listeners));
  }

  private static EvolutionResult run(SearchPlan plan, TrialEvaluator evaluator) {
    return EvolutionRun.start(plan, evaluator).awaitOrCancel();
  }

  private static List<TrialRecord> trials(EvolutionResult result) {
    return result.trials();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 7})
  void anyNumberOfWorkersFindsTheSame(int capacity) {
    for (OptimizerFactory optimizer : List.of(Optimizers.cmaEs(), Optimizers.randomSearch())) {
      SearchPlan plan = plan(optimizer, StopCondition.evaluations(83), Optional.empty(), true);
      EvolutionResult one = run(plan, scoring(1));
      Fake many = scoring(capacity);
      many.jitter = true;
      EvolutionResult other = run(plan, many);
      assertThat(trials(other)).isEqualTo(trials(one)).hasSize(83);
      assertThat(other.best()).isEqualTo(one.best());
      assertThat(other.finalists()).isEqualTo(one.finalists());
    }
  }

  @Test
  void scoreStopsInTheOrderOfTheTrialsWhateverFinishesFirst() {
    StopCondition stop =
        StopCondition.scoreReached(-0.05, Direction.MAXIMIZE).or(StopCondition.evaluations(400));
    SearchPlan plan = plan(Optimizers.randomSearch(), stop, Optional.empty(), false);
    EvolutionResult one = run(plan, scoring(1));
    Fake many = scoring(5);
    many.jitter = true;
    EvolutionResult other = run(plan, many);
    assertThat(trials(other)).isEqualTo(trials(one));
    assertThat(one.best().score()).isGreaterThanOrEqualTo(-0.05);
    assertThat(one.stopReason()).isEqualTo(StopReason.CONDITION);
  }

  @Test
  void resumeAfterAnyInterruptionEndsWhereAnUninterruptedRunEnds(@TempDir Path folder)
      throws IOException {
    SearchPlan whole =
        plan(Optimizers.cmaEs(), StopCondition.evaluations(60), Optional.of(folder), true);
    EvolutionResult uninterrupted = run(whole, scoring(2));
    Path journal = folder.resolve("journal.jsonl");
    List<String> lines = Files.readAllLines(journal);
    Random random = new Random(3);
    for (int i = 0; i < 6; i++) {
      int keep = 1 + random.nextInt(lines.size() - 1);
      String torn = lines.get(keep).substring(0, lines.get(keep).length() / 2);
      Files.writeString(journal, String.join("\n", lines.subList(0, keep)) + "\n" + torn);
      Fake evaluator = scoring(3);
      EvolutionResult resumed = run(whole, evaluator);
      assertThat(resumed.best()).isEqualTo(uninterrupted.best());
      assertThat(trials(resumed)).isEqualTo(trials(uninterrupted));
      assertThat(evaluator.evaluated.get()).isLessThanOrEqualTo(lines.size() - keep);
    }
  }

  @Test
  void resumeWithALargerBudgetGoesOn(@TempDir Path folder) {
    OptimizerFactory optimizer = Optimizers.cmaEs();
    run(plan(optimizer, StopCondition.evaluations(30), Optional.of(folder), false), scoring(2));
    Fake second = scoring(2);
    EvolutionResult resumed =
        run(plan(optimizer, StopCondition.evaluations(50), Optional.of(folder), false), second);
    EvolutionResult atOnce =
        run(plan(optimizer, StopCondition.evaluations(50), Optional.empty(), false), scoring(1));
    assertThat(trials(resumed)).isEqualTo(trials(atOnce));
    assertThat(second.evaluated.get()).isLessThanOrEqualTo(20);
  }

  @Test
  void resumeDoesNotStopEarlyBecauseTheTimeOfTheFirstPartCounts(@TempDir Path folder) {
    StopCondition stop =
        StopCondition.evaluations(20).or(StopCondition.elapsed(Duration.ofMinutes(10)));
    run(plan(Optimizers.randomSearch(), stop, Optional.of(folder), false), scoring(1));
    EvolutionResult again =
        run(plan(Optimizers.randomSearch(), stop, Optional.of(folder), false), scoring(1));
    assertThat(again.trials()).hasSize(20);
    assertThat(again.stopDetail()).isEqualTo("20 evaluations");
  }

  @Test
  void journalOfAnotherSearchIsRefusedWithTheDifference(@TempDir Path folder) {
    SearchPlan first =
        plan(Optimizers.cmaEs(), StopCondition.evaluations(10), Optional.of(folder), false);
    run(first, scoring(1));
    SearchPlan other =
        new SearchPlan(
            SPACE,
            DECODER,
            first.objectives(),
            first.optimizer(),
            first.stopWhen(),
            12,
            first.journal(),
            first.selection(),
            4,
            Map.of("seed", "12", "operator", "linear"),
            Map.of(),
            List.of());
    assertThatThrownBy(() -> run(other, scoring(1)))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("seed: journal has '11', this search has '12'")
        .hasMessageNotContaining("operator:");
  }

  @Test
  void journalDamagedInTheMiddleIsRefused(@TempDir Path folder) throws IOException {
    SearchPlan plan =
        plan(Optimizers.cmaEs(), StopCondition.evaluations(10), Optional.of(folder), false);
    run(plan, scoring(1));
    Path journal = folder.resolve("journal.jsonl");
    List<String> lines = new ArrayList<>(Files.readAllLines(journal));
    lines.set(4, lines.get(4).substring(7));
    Files.write(journal, lines);
    assertThatThrownBy(() -> run(plan, scoring(1)))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("line 5");
  }

  @Test
  void journalInUseIsRefused(@TempDir Path folder) {
    try (RunJournal held = RunJournal.open(folder, Map.of("seed", "11", "operator", "linear"))) {
      assertThat(held.size()).isZero();
      assertThatThrownBy(
              () ->
                  run(
                      plan(
                          Optimizers.cmaEs(),
                          StopCondition.evaluations(10),
                          Optional.of(folder),
                          false),
                      scoring(1)))
          .isInstanceOf(JournalException.class)
          .hasMessageContaining("in use");
    }
  }

  @Test
  void journalKeepsItemsAndDetailsExactly(@TempDir Path folder) throws IOException {
    Outcome binary =
        new Outcome.Scored(
            List.of(
                new Fitness(0.1 + 0.2, new double[] {1, 0, 1}, Map.of("answer_only", 1 / 3.0))));
    Outcome graded =
        new Outcome.Scored(List.of(new Fitness(-7e-300, new double[] {0.1, 1e-17}, Map.of())));
    io.evomerge.genome.Genome genome = io.evomerge.genome.Genome.of(1 / 3.0, Math.PI, 2);
    Map<String, String> settings = Map.of("seed", "1", "objective.cost", "MINIMIZE a cost");
    MergeRecipe recipe = DECODER.decode(io.evomerge.genome.Genome.of(0.25, 1 / 3.0, 2));
    SelectedModel model =
        new SelectedModel(
            recipe, genome, "trial 1", List.of(), ((Outcome.Scored) graded).fitness());
    try (RunJournal journal = RunJournal.open(folder, settings)) {
      journal.addTrial(new Proposal(0, genome), "d0", binary, Optional.of(recipe), 5);
      journal.addTrial(new Proposal(1, genome), "d1", graded, Optional.empty(), 9);
      journal.addTrial(
          new Proposal(2, genome), "d2", new Outcome.Failed("no\nluck"), Optional.empty(), 9);
      journal.addFinal(model, TrialTask.Data.VALIDATION, graded, 12);
    }
    try (RunJournal journal = RunJournal.open(folder, settings)) {
      assertThat(journal.takeTrial(new Proposal(0, genome), "d0").outcome()).isEqualTo(binary);
      assertThat(journal.takeTrial(new Proposal(1, genome), "d1").outcome()).isEqualTo(graded);
      assertThat(journal.takeTrial(new Proposal(2, genome), "d2").outcome())
          .isEqualTo(new Outcome.Failed("no\nluck"));
      assertThat(journal.finalEvaluation(recipe.digest(), TrialTask.Data.VALIDATION))
          .isEqualTo(graded);
      assertThat(journal.finalEvaluation(recipe.digest(), TrialTask.Data.SEARCH)).isNull();
      assertThat(journal.elapsedMillis()).isEqualTo(12);
    }
    Files.writeString(folder.resolve("journal.jsonl"), "{\"trial\":3", StandardOpenOption.APPEND);
    try (RunJournal journal = RunJournal.open(folder, settings)) {
      assertThat(journal.size()).isEqualTo(3);
    }
    assertThat(Files.readString(folder.resolve("journal.jsonl"), StandardCharsets.UTF_8))
        .endsWith("}\n");
  }

  @Test
  void aJournalTellsWhatWasFoundSoFar(@TempDir Path folder) throws IOException {
    EvolutionResult ended =
        run(
            plan(Optimizers.cmaEs(), StopCondition.evaluations(60), Optional.of(folder), false),
            scoring(3));
    EvolutionResult read = Journals.read(folder);
    assertThat(read.best().recipe().digest()).isEqualTo(ended.best().recipe().digest());
    assertThat(read.best().origin()).isEqualTo(ended.best().origin());
    assertThat(read.best().score()).isEqualTo(ended.best().score());
    assertThat(read.trials()).isEqualTo(ended.trials());
    assertThat(read.stopReason()).isEqualTo(StopReason.UNKNOWN);
    assertThat(read.provenance().settings()).isEqualTo(ended.provenance().settings());

    Path torn = folder.resolve("torn");
    Files.createDirectories(torn);
    List<String> lines = Files.readAllLines(folder.resolve("journal.jsonl"));
    Files.writeString(
        torn.resolve("journal.jsonl"),
        String.join("\n", lines.subList(0, 21)) + "\n" + lines.get(21).substring(0, 9));
    assertThat(Journals.read(torn).trials()).hasSize(20);
    Files.writeString(torn.resolve("journal.jsonl"), lines.get(0) + "\n");
    assertThatThrownBy(() -> Journals.read(torn))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("no trial was scored yet");
    Files.writeString(torn.resolve("journal.jsonl"), lines.get(1) + "\n");
    assertThatThrownBy(() -> Journals.read(torn))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("line 1");
    assertThatThrownBy(() -> Journals.read(folder.resolve("none")))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("cannot read");
  }

  @Test
  void aJournalTellsOfTheFinal(@TempDir Path folder) {
    EvolutionResult ended =
        run(
            plan(Optimizers.cmaEs(), StopCondition.evaluations(60), Optional.of(folder), true),
            scoring(2));
    EvolutionResult read = Journals.read(folder);
    assertThat(read.best().recipe().digest()).isEqualTo(ended.best().recipe().digest());
    assertThat(read.finalists()).hasSameSizeAs(ended.finalists());
    assertThat(read.best().validation()).isEqualTo(ended.best().validation());
  }

  @Test
  void theStartCompetesIfItIsWanted() {
    SearchPlan plan =
        plan(Optimizers.randomSearch(), StopCondition.evaluations(5), Optional.empty(), true);
    SearchPlan withStart =
        new SearchPlan(
            plan.space(),
            plan.decoder(),
            plan.objectives(),
            plan.optimizer(),
            plan.stopWhen(),
            plan.seed(),
            plan.journal(),
            plan.selection().withStart(),
            plan.failureLimit(),
            plan.settings(),
            plan.environment(),
            plan.listeners());
    assertThat(run(plan, scoring(1)).finalists()).noneMatch(m -> m.origin().equals("start"));
    assertThat(run(withStart, scoring(1)).finalists())
        .anyMatch(m -> m.origin().equals("start") && m.genome().equals(plan.space().start()));
  }

  @Test
  void stagesFollowEachOther() throws InterruptedException {
    List<String> heard = new ArrayList<>();
    List<String> closed = new ArrayList<>();
    Function<String, Stage> stage =
        name ->
            stage(
                name,
                earlier -> {
                  heard.add(name + " after " + earlier.keySet());
                  return new Stage.Search(
                      plan(
                          Optimizers.cmaEs(),
                          StopCondition.evaluations(10),
                          Optional.empty(),
                          false),
                      scoring(2),
                      () -> closed.add(name));
                });
    EvolutionResult result =
        EvolutionRun.startStages(
                List.of(stage.apply("one"), stage.apply("two"), stage.apply("three")))
            .await();
    assertThat(heard).containsExactly("one after []", "two after [one]", "three after [one, two]");
    assertThat(closed).containsExactly("one", "two", "three");
    assertThat(result.stages()).containsOnlyKeys("one", "two");
    assertThat(result.trials()).hasSize(10);
  }

  @Test
  @Timeout(60)
  void aCancelEndsTheStageUnderWayAndAllThatFollow() throws InterruptedException {
    CountDownLatch running = new CountDownLatch(3);
    CountDownLatch goOn = new CountDownLatch(1);
    Fake slow =
        new Fake(
            1,
            task -> {
              running.countDown();
              if (running.getCount() == 0) {
                await(goOn);
              }
              return Outcome.Scored.of(1);
            });
    Stage first =
        stage(
            "first",
            earlier ->
                new Stage.Search(
                    plan(
                        Optimizers.cmaEs(),
                        StopCondition.evaluations(1000),
                        Optional.empty(),
                        false),
                    slow,
                    () -> {}));
    Stage never =
        stage(
            "never",
            earlier -> {
              throw new AssertionError("prepared after a cancel");
            });
    EvolutionRun run = EvolutionRun.startStages(List.of(first, never));
    running.await();
    run.cancel();
    goOn.countDown();
    EvolutionResult result = run.await();
    assertThat(result.stopReason()).isEqualTo(StopReason.CANCELLED);
    assertThat(result.stages()).isEmpty();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Stage stage(
      String name, Function<Map<String, EvolutionResult>, Stage.Search> prepare) {
    return new Stage() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public Search prepare(Map<String, EvolutionResult> earlier) {
        return prepare.apply(earlier);
      }
    };
  }

  @Test
  void equalRecipesAreEvaluatedOnce() {
    SearchSpace two = SearchSpace.of(new Gene.Int("k", 0, 2, 0));
    RecipeDecoder decoder =
        genome -> DECODER.decode(io.evomerge.genome.Genome.of(0.5, 0.5, genome.value(0)));
    SearchPlan base =
        plan(Optimizers.randomSearch(), StopCondition.evaluations(40), Optional.empty(), false);
    SearchPlan plan =
        new SearchPlan(
            two,
            decoder,
            base.objectives(),
            base.optimizer(),
            base.stopWhen(),
            1,
            Optional.empty(),
            base.selection(),
            4,
            base.settings(),
            Map.of(),
            List.of());
    Fake evaluator = scoring(3);
    EvolutionResult result = run(plan, evaluator);
    assertThat(evaluator.evaluated.get()).isEqualTo(3);
    assertThat(result.trials()).hasSize(40);
    assertThat(result.cached()).isEqualTo(37);
  }

  @Test
  @Timeout(30)
  void aSmallSpaceWithoutALimitOfTrialsEndsToo() {
    SearchPlan base =
        plan(Optimizers.randomSearch(), StopCondition.stagnation(200), Optional.empty(), false);
    SearchPlan plan =
        new SearchPlan(
            SearchSpace.of(new Gene.Int("k", 0, 2, 0)),
            genome -> DECODER.decode(io.evomerge.genome.Genome.of(0.5, 0.5, genome.value(0))),
            base.objectives(),
            base.optimizer(),
            base.stopWhen(),
            1,
            Optional.empty(),
            base.selection(),
            4,
            base.settings(),
            Map.of(),
            List.of());
    Fake evaluator = scoring(3);
    evaluator.jitter = true;
    EvolutionResult result = run(plan, evaluator);
    assertThat(evaluator.evaluated.get()).isEqualTo(3);
    assertThat(result.stopDetail()).isEqualTo("no improvement in 200 trials");
  }

  @Test
  void evaluatorThatRefusesTasksFailsTheTrialsOnly() {
    TrialEvaluator refusing =
        new TrialEvaluator() {
          @Override
          public int capacity() {
            return 2;
          }

          @Override
          public CompletableFuture<Outcome> submit(TrialTask task) {
            throw new IllegalStateException("the queue is full");
          }

          @Override
          public void close() {}
        };
    assertThatThrownBy(
            () ->
                run(
                    plan(
                        Optimizers.cmaEs(), StopCondition.evaluations(60), Optional.empty(), false),
                    refusing))
        .isInstanceOf(SearchFailedException.class)
        .hasMessageContaining("the queue is full");
  }

  @Test
  void cancelDuringValidationReturnsTheBestOfTheSearch() {
    EvolutionRun[] run = new EvolutionRun[1];
    CountDownLatch started = new CountDownLatch(1);
    AtomicInteger validated = new AtomicInteger();
    Fake evaluator =
        new Fake(
            1,
            task -> {
              if (task.data() == TrialTask.Data.VALIDATION) {
                validated.incrementAndGet();
                try {
                  started.await();
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
                run[0].cancel();
              }
              return Outcome.Scored.of(sphere(task.recipe()));
            });
    run[0] =
        EvolutionRun.start(
            plan(Optimizers.cmaEs(), StopCondition.evaluations(40), Optional.empty(), true),
            evaluator);
    started.countDown();
    EvolutionResult result = run[0].awaitOrCancel();
    assertThat(validated.get()).isEqualTo(1);
    assertThat(result.stopReason()).isEqualTo(StopReason.CANCELLED);
    assertThat(result.best()).isEqualTo(result.bestOnSearch());
    assertThat(result.chosenBy()).contains("cancelled during validation");
  }

  @Test
  void validationChoosesAmongFinalistsAndTheResultSaysSo() {
    Fake evaluator =
        new Fake(
            2,
            task ->
                Outcome.Scored.of(
                    task.data() == TrialTask.Data.SEARCH
                        ? sphere(task.recipe())
                        : task.recipe().parameters().get("x").numbers().get(0)));
    List<SelectedModel> validated = new ArrayList<>();
    RunListener listener =
        new RunListener() {
          @Override
          public void onValidation(SelectedModel finalist, int done, int total) {
            validated.add(finalist);
          }
        };
    EvolutionResult result =
        run(
            plan(
                Optimizers.cmaEs(),
                StopCondition.evaluations(50),
                Optional.empty(),
                true,
                listener),
            evaluator);
    assertThat(result.finalists()).hasSizeBetween(3, 7);
    assertThat(validated).hasSameSizeAs(result.finalists());
    assertThat(result.finalists())
        .extracting(SelectedModel::origin)
        .anyMatch(origin -> origin.startsWith("mean after trial"));
    assertThat(result.best().validation().get(0).score())
        .isEqualTo(
            result.finalists().stream()
                .mapToDouble(model -> model.validation().get(0).score())
                .max()
                .orElseThrow());
    assertThat(result.chosenBy()).contains("validation");
  }

  @Test
  void failedTrialsRankLastAndAreCounted() {
    AtomicInteger count = new AtomicInteger();
    Fake evaluator =
        new Fake(
            1,
            task ->
                switch (count.getAndIncrement() % 3) {
                  case 0 -> new Outcome.Failed("out of luck");
                  case 1 -> Outcome.Scored.of(Double.NaN);
                  default -> Outcome.Scored.of(sphere(task.recipe()));
                });
    EvolutionResult result =
        run(
            plan(Optimizers.cmaEs(), StopCondition.evaluations(60), Optional.empty(), false),
            evaluator);
    assertThat(result.failures())
        .containsEntry("out of luck", 20)
        .containsEntry("evaluator returned NaN, wanted a finite number", 20);
    assertThat(result.best().score()).isFinite();
  }

  @Test
  void tooManyFailuresInARowEndTheRunWithTheFirstCause() {
    AtomicInteger count = new AtomicInteger();
    Fake evaluator = new Fake(1, task -> new Outcome.Failed("cause " + count.getAndIncrement()));
    assertThatThrownBy(
            () ->
                run(
                    plan(
                        Optimizers.cmaEs(), StopCondition.evaluations(60), Optional.empty(), false),
                    evaluator))
        .isInstanceOf(SearchFailedException.class)
        .hasMessageContaining("4 trials in a row failed")
        .hasMessageContaining("cause 0");
  }

  @Test
  void evaluatorThatThrowsFailsTheTrialOnly() {
    AtomicInteger count = new AtomicInteger();
    Fake evaluator =
        new Fake(
            2,
            task -> {
              if (count.getAndIncrement() % 4 == 0) {
                throw new IllegalStateException("boom");
              }
              return Outcome.Scored.of(sphere(task.recipe()));
            });
    EvolutionResult result =
        run(
            plan(Optimizers.cmaEs(), StopCondition.evaluations(40), Optional.empty(), false),
            evaluator);
    assertThat(result.trials()).hasSize(40);
    assertThat(result.failures().values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(10);
  }

  @Test
  void listenerThatThrowsDoesNotDisturb() {
    RunListener rude =
        new RunListener() {
          @Override
          public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
            throw new IllegalStateException("rude");
          }
        };
    EvolutionResult result =
        run(
            plan(Optimizers.cmaEs(), StopCondition.evaluations(20), Optional.empty(), false, rude),
            scoring(2));
    assertThat(result.trials()).hasSize(20);
  }

  @Test
  void cancelFinishesWhatIsUnderWayAndReturnsTheBestSoFar(@TempDir Path folder)
      throws InterruptedException {
    CountDownLatch reached = new CountDownLatch(15);
    RunListener counting =
        new RunListener() {
          @Override
          public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
            reached.countDown();
          }
        };
    Fake slow = scoring(2);
    slow.jitter = true;
    EvolutionRun run =
        EvolutionRun.start(
            plan(
                Optimizers.randomSearch(),
                StopCondition.evaluations(1_000_000),
                Optional.of(folder),
                true,
                counting),
            slow);
    reached.await();
    run.cancel();
    EvolutionResult result = run.await();
    assertThat(result.stopReason()).isEqualTo(StopReason.CANCELLED);
    assertThat(result.trials().size()).isBetween(15, 5_000);
    assertThat(result.chosenBy()).contains("cancelled");
    assertThat(run.progress().evaluations()).isEqualTo(result.trials().size());
  }

  @Test
  void interruptOfTheWaitingThreadCancels() {
    RunListener interrupting =
        new RunListener() {
          final Thread caller = Thread.currentThread();

          @Override
          public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
            if (progress.evaluations() == 10) {
              caller.interrupt();
            }
          }
        };
    Fake slow = scoring(1);
    slow.jitter = true;
    EvolutionResult result =
        run(
            plan(
                Optimizers.randomSearch(),
                StopCondition.evaluations(1_000_000),
                Optional.empty(),
                false,
                interrupting),
            slow);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(result.stopReason()).isEqualTo(StopReason.CANCELLED);
  }

  @Test
  void progressKnowsPaceAndRemainingTime() {
    List<Progress> seen = new ArrayList<>();
    RunListener watching =
        new RunListener() {
          @Override
          public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
            seen.add(progress);
          }
        };
    Fake slow = scoring(1);
    slow.jitter = true;
    run(
        plan(
            Optimizers.randomSearch(),
            StopCondition.evaluations(30),
            Optional.empty(),
            false,
            watching),
        slow);
    assertThat(seen).hasSize(30);
    Progress last = seen.get(29);
    assertThat(last.evaluations()).isEqualTo(30);
    assertThat(last.evaluationsPerSecond()).isPositive();
    assertThat(last.remaining()).contains(Duration.ZERO);
    assertThat(last.best().orElseThrow()).isGreaterThanOrEqualTo(last.recentMean().orElseThrow());
    assertThat(seen.get(10).remaining().orElseThrow()).isPositive();
  }
}
