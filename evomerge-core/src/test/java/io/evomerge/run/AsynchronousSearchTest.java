package io.evomerge.run;

import static io.evomerge.run.SearchLoopTest.DECODER;
import static io.evomerge.run.SearchLoopTest.plan;
import static io.evomerge.run.SearchLoopTest.scoring;
import static io.evomerge.run.SearchLoopTest.sphere;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.hash.Hashing;
import io.evomerge.exception.JournalException;
import io.evomerge.exception.SearchFailedException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.CmaEs;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.RecipeDecoder;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.StopReason;
import io.evomerge.result.TrialRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Searches that tell outcomes as they finish. */
@Timeout(60)
class AsynchronousSearchTest {

  private static final int WORKERS = 4;

  /**
   * Finishes one evaluation whenever all workers are busy; once the last is there, one after each
   * trial. The choice looks random, but depends on nothing besides the recipes that are open: so a
   * search that is cut goes on as it would have.
   */
  private static final class Shuffling implements TrialEvaluator, RunListener {
    final int capacity;
    final int expected;
    final TreeMap<String, Runnable> open = new TreeMap<>(Comparator.comparing(Shuffling::order));
    final List<Integer> busy = new ArrayList<>();
    int evaluated;

    Shuffling(int capacity, int expected) {
      this.capacity = capacity;
      this.expected = expected;
    }

    private static String order(String digest) {
      return Hashing.sha256().hashString("order " + digest, StandardCharsets.UTF_8).toString();
    }

    @Override
    public int capacity() {
      return capacity;
    }

    @Override
    public CompletableFuture<Outcome> submit(TrialTask task) {
      CompletableFuture<Outcome> future = new CompletableFuture<>();
      open.put(
          task.recipe().digest(), () -> future.complete(Outcome.Scored.of(sphere(task.recipe()))));
      evaluated++;
      assertThat(open).hasSizeLessThanOrEqualTo(capacity);
      if (open.size() == capacity || evaluated == expected) {
        finishOne();
      }
      return future;
    }

    @Override
    public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
      if (evaluated == expected && !open.isEmpty()) {
        finishOne();
      }
    }

    private void finishOne() {
      busy.add(open.size());
      open.pollFirstEntry().getValue().run();
    }

    @Override
    public void close() {}
  }

  private static SearchPlan asynchronous(
      OptimizerFactory optimizer, long evaluations, Path journal, RunListener... listeners) {
    return plan(
            optimizer,
            StopCondition.evaluations(evaluations),
            Optional.ofNullable(journal),
            false,
            listeners)
        .inOrderOfCompletion();
  }

  private static EvolutionResult run(SearchPlan plan, Shuffling evaluator) {
    SearchPlan heard =
        new SearchPlan(
            plan.space(),
            plan.decoder(),
            plan.objectives(),
            plan.optimizer(),
            plan.stopWhen(),
            plan.seed(),
            plan.journal(),
            plan.selection(),
            plan.failureLimit(),
            plan.settings(),
            plan.environment(),
            List.of(evaluator),
            true);
    return SearchLoopTest.run(heard, evaluator);
  }

  private static EvolutionResult run(SearchPlan plan, TrialEvaluator evaluator) {
    return SearchLoopTest.run(plan, evaluator);
  }

  private static List<Long> ids(EvolutionResult result) {
    return result.trials().stream().map(TrialRecord::id).toList();
  }

  /** Strategies that propose nothing twice: workers without work would stop {@link Shuffling}. */
  private static List<OptimizerFactory> withoutRepeats() {
    return List.of(
        Optimizers.cmaEs(),
        Optimizers.cmaEs().covariance(CmaEs.Covariance.SEPARABLE),
        Optimizers.bayesian(),
        Optimizers.sobolSearch(),
        Optimizers.randomSearch());
  }

  private static Stream<OptimizerFactory> all() {
    return Stream.concat(
        withoutRepeats().stream(),
        Stream.of(
            Optimizers.cmaEs().covariance(CmaEs.Covariance.LIMITED_MEMORY),
            Optimizers.differentialEvolution(),
            Optimizers.particleSwarm(),
            Optimizers.portfolio(),
            Optimizers.commonsMathCmaEs()));
  }

  @Test
  void noWorkerWaitsWhileTheSearchGoesOn() {
    for (OptimizerFactory optimizer : withoutRepeats()) {
      Shuffling evaluator = new Shuffling(8, 120);
      EvolutionResult result = run(asynchronous(optimizer, 120, null), evaluator);
      assertThat(evaluator.busy.subList(0, 113)).containsOnly(8);
      assertThat(result.trials()).hasSize(120);
      List<Long> sorted = new ArrayList<>(ids(result));
      Collections.sort(sorted);
      assertThat(ids(result)).doesNotHaveDuplicates().isNotEqualTo(sorted);
    }
  }

  @Test
  void theDefaultStaysTheOrderOfTheTrialsNumbers() {
    SearchPlan plan =
        plan(Optimizers.cmaEs(), StopCondition.evaluations(40), Optional.empty(), false);
    assertThat(plan.asynchronous()).isFalse();
    assertThat(plan.optimizer().settings()).containsEntry("asynchronous", "false");
    assertThat(plan.inOrderOfCompletion().optimizer().settings())
        .containsEntry("asynchronous", "true");
    assertThat(ids(run(plan, scoring(3)))).isSorted();
  }

  @Test
  void aSearchThatIsCutAfterAnyLineGoesOnWithTheSameTrials(@TempDir Path folder)
      throws IOException {
    int search = 0;
    for (OptimizerFactory optimizer : withoutRepeats()) {
      Path runs = folder.resolve("run-" + search++);
      SearchPlan plan = asynchronous(optimizer, 24, runs);
      EvolutionResult uninterrupted = run(plan, new Shuffling(WORKERS, 24));
      Path journal = runs.resolve("journal.jsonl");
      List<String> lines = Files.readAllLines(journal);
      for (int keep = 1; keep <= lines.size(); keep++) {
        String torn = keep < lines.size() ? lines.get(keep).substring(0, 9 + keep) : "";
        Files.writeString(journal, String.join("\n", lines.subList(0, keep)) + "\n" + torn);
        Shuffling evaluator = new Shuffling(WORKERS, 25 - keep);
        EvolutionResult resumed = run(plan, evaluator);
        assertThat(resumed.trials())
            .as("%s cut after line %s", optimizer, keep)
            .isEqualTo(uninterrupted.trials());
        assertThat(resumed.best()).isEqualTo(uninterrupted.best());
        assertThat(evaluator.evaluated).isEqualTo(25 - keep);
        assertThat(trialsOf(Files.readAllLines(journal))).isEqualTo(trialsOf(lines));
      }
    }
  }

  private static List<String> trialsOf(List<String> lines) {
    return lines.stream().map(line -> line.replaceFirst("\"elapsed_ms\".*", "")).toList();
  }

  /** Few recipes, of which one is none. */
  private static SearchPlan small(long evaluations, Path journal) {
    RecipeDecoder decoder =
        genome -> {
          if (genome.value(0) == 5) {
            throw new IllegalArgumentException("five");
          }
          return DECODER.decode(Genome.of(0.5, 0.5, genome.value(0)));
        };
    SearchPlan base = asynchronous(Optimizers.randomSearch(), evaluations, journal);
    return new SearchPlan(
        SearchSpace.of(new Gene.Int("k", 0, 7, 0)),
        decoder,
        base.objectives(),
        base.optimizer(),
        base.stopWhen(),
        3,
        base.journal(),
        base.selection(),
        4,
        base.settings(),
        base.environment(),
        base.listeners(),
        true);
  }

  @Test
  void equalRecipesAndGenomesWithoutOneComeInTheSameOrderAfterAnyCut(@TempDir Path folder)
      throws IOException {
    SearchPlan plan = small(32, folder);
    EvolutionResult uninterrupted = run(plan, new Shuffling(WORKERS, 7));
    assertThat(uninterrupted.trials())
        .hasSize(32)
        .anyMatch(trial -> trial.outcome() instanceof Outcome.Infeasible);
    assertThat(uninterrupted.cached()).isGreaterThan(15);
    Path journal = folder.resolve("journal.jsonl");
    List<String> lines = Files.readAllLines(journal);
    for (int keep = 1; keep <= lines.size(); keep++) {
      Files.writeString(journal, String.join("\n", lines.subList(0, keep)) + "\n{\"trial\":3");
      Set<String> scored = new HashSet<>();
      lines
          .subList(1, keep)
          .forEach(line -> scored.add(line.split("\"recipe\":")[1].split("\"")[1]));
      Shuffling evaluator = new Shuffling(WORKERS, 7 - scored.size());
      EvolutionResult resumed = run(plan, evaluator);
      assertThat(resumed.trials()).as("cut after line %s", keep).isEqualTo(uninterrupted.trials());
      assertThat(resumed.cached()).isEqualTo(uninterrupted.cached());
      assertThat(trialsOf(Files.readAllLines(journal))).isEqualTo(trialsOf(lines));
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void aResumeWithRealWorkersTakesEverythingFromTheJournal(
      OptimizerFactory optimizer, @TempDir Path folder) throws IOException {
    SearchPlan plan = asynchronous(optimizer, 80, folder);
    SearchLoopTest.Fake workers = scoring(5);
    workers.jitter = true;
    EvolutionResult ended = run(plan, workers);
    assertThat(ended.trials()).hasSize(80);
    SearchLoopTest.Fake idle = scoring(5);
    EvolutionResult again = run(plan, idle);
    assertThat(again.trials()).isEqualTo(ended.trials());
    assertThat(idle.evaluated.get()).isZero();
    assertThat(Journals.read(folder).trials()).isEqualTo(ended.trials());

    Path journal = folder.resolve("journal.jsonl");
    List<String> lines = Files.readAllLines(journal);
    Files.writeString(journal, String.join("\n", lines.subList(0, 51)) + "\n");
    SearchLoopTest.Fake rest = scoring(5);
    rest.jitter = true;
    EvolutionResult resumed = run(plan, rest);
    assertThat(resumed.trials().subList(0, 50)).isEqualTo(ended.trials().subList(0, 50));
    assertThat(resumed.trials()).hasSize(80);
    assertThat(rest.evaluated.get()).isLessThanOrEqualTo(30);
  }

  @Test
  void anotherNumberOfWorkersIsAnotherSearch(@TempDir Path folder) {
    SearchPlan plan = asynchronous(Optimizers.cmaEs(), 20, folder);
    EvolutionResult result = run(plan, scoring(3));
    assertThat(result.provenance().settings()).containsEntry("asynchronous", "3");
    assertThatThrownBy(() -> run(plan, scoring(2)))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("asynchronous: journal has '3', this search has '2'");
    SearchPlan inOrder =
        plan(Optimizers.cmaEs(), StopCondition.evaluations(20), Optional.of(folder), false);
    assertThatThrownBy(() -> run(inOrder, scoring(3)))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("asynchronous: journal has '3', this search has '(absent)'");
  }

  @Test
  void anotherBudgetResumesToo(@TempDir Path folder) {
    EvolutionResult first =
        run(asynchronous(Optimizers.cmaEs(), 30, folder), new Shuffling(WORKERS, 30));
    Shuffling more = new Shuffling(WORKERS, 20);
    EvolutionResult larger = run(asynchronous(Optimizers.cmaEs(), 50, folder), more);
    assertThat(larger.trials()).hasSize(50);
    assertThat(larger.trials().subList(0, 30)).isEqualTo(first.trials());
    assertThat(more.evaluated).isEqualTo(20);
    Shuffling none = new Shuffling(WORKERS, 0);
    EvolutionResult smaller = run(asynchronous(Optimizers.cmaEs(), 20, folder), none);
    assertThat(smaller.trials()).isEqualTo(larger.trials().subList(0, 20));
    assertThat(run(asynchronous(Optimizers.cmaEs(), 50, folder), none).trials())
        .isEqualTo(larger.trials());
    assertThat(none.evaluated).isZero();
  }

  @Test
  void aCancelAwaitsWhatIsRunningAndAResumeTakesIt(@TempDir Path folder)
      throws InterruptedException, IOException {
    CountDownLatch reached = new CountDownLatch(15);
    RunListener counting =
        new RunListener() {
          @Override
          public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
            reached.countDown();
          }
        };
    SearchLoopTest.Fake workers = scoring(WORKERS);
    workers.jitter = true;
    EvolutionRun run =
        EvolutionRun.start(
            asynchronous(Optimizers.randomSearch(), 1_000_000, folder, counting), workers);
    reached.await();
    run.cancel();
    EvolutionResult cancelled = run.await();
    assertThat(cancelled.stopReason()).isEqualTo(StopReason.CANCELLED);
    int journalled = Files.readAllLines(folder.resolve("journal.jsonl")).size() - 1;
    assertThat(journalled).isEqualTo(workers.evaluated.get());
    assertThat(journalled - cancelled.trials().size()).isBetween(0, WORKERS);

    SearchLoopTest.Fake next = scoring(WORKERS);
    EvolutionResult resumed =
        run(asynchronous(Optimizers.randomSearch(), journalled + 10, folder), next);
    assertThat(resumed.trials()).hasSize(journalled + 10);
    assertThat(resumed.trials().subList(0, cancelled.trials().size()))
        .isEqualTo(cancelled.trials());
    assertThat(next.evaluated.get()).isEqualTo(10);
  }

  @Test
  void aJournalInAnotherOrderIsRefused(@TempDir Path folder) throws IOException {
    SearchPlan plan = asynchronous(Optimizers.cmaEs(), 40, folder);
    run(plan, new Shuffling(WORKERS, 40));
    Path journal = folder.resolve("journal.jsonl");
    List<String> lines = new ArrayList<>(Files.readAllLines(journal));
    Collections.swap(lines, 1, 40);
    Files.write(journal, lines);
    assertThatThrownBy(() -> run(plan, new Shuffling(WORKERS, 0)))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("is not under way where its line is");
  }

  @Test
  void conditionsCountWhatWasTold() {
    SearchPlan base = asynchronous(Optimizers.randomSearch(), 1, null);
    List<Progress> seen = new ArrayList<>();
    RunListener watching =
        new RunListener() {
          @Override
          public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
            seen.add(progress);
          }
        };
    SearchPlan plan =
        plan(
                base.optimizer(),
                StopCondition.stagnation(25).or(StopCondition.scoreReached(0, Direction.MAXIMIZE)),
                Optional.empty(),
                false,
                watching)
            .inOrderOfCompletion();
    SearchLoopTest.Fake workers = scoring(WORKERS);
    workers.jitter = true;
    EvolutionResult result = run(plan, workers);
    assertThat(result.stopDetail()).isEqualTo("no improvement in 25 trials");
    assertThat(ids(result).indexOf(Long.parseLong(result.best().origin().substring(6))))
        .isEqualTo(result.trials().size() - 26);
    for (int i = 0; i < seen.size(); i++) {
      assertThat(seen.get(i).evaluations()).isEqualTo(i + 1);
    }
  }

  @Test
  void failuresInARowEndItToo() {
    SearchLoopTest.Fake failing =
        new SearchLoopTest.Fake(WORKERS, task -> new Outcome.Failed("no luck"));
    assertThatThrownBy(() -> run(asynchronous(Optimizers.cmaEs(), 60, null), failing))
        .isInstanceOf(SearchFailedException.class)
        .hasMessageContaining("4 trials in a row failed")
        .hasMessageContaining("no luck");
  }

  @Test
  void anOptimiserThatWaitsForItsGenerationStillWorks(@TempDir Path folder) {
    SearchPlan plan = asynchronous(Optimizers.commonsMathCmaEs(), 50, folder);
    SearchLoopTest.Fake workers = scoring(WORKERS);
    workers.jitter = true;
    EvolutionResult result = run(plan, workers);
    assertThat(result.trials()).hasSize(50);
    assertThat(run(plan, scoring(WORKERS)).trials()).isEqualTo(result.trials());
  }
}
