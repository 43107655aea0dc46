package io.evomerge.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.optimizer.CmaEs;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.result.EvolutionResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a run promises of every strategy: workers, their pace and interruptions change nothing. */
class EveryOptimizerRunsTest {

  private static final int TRIALS = 70;

  static Stream<OptimizerFactory> strategies() {
    return Stream.of(
        Optimizers.cmaEs(),
        Optimizers.cmaEs().covariance(CmaEs.Covariance.SEPARABLE),
        Optimizers.cmaEs().covariance(CmaEs.Covariance.LIMITED_MEMORY),
        Optimizers.cmaEs().learningRateAdaptation(true),
        Optimizers.cmaEs().restarts(CmaEs.Restarts.BIPOP).tolX(0.3),
        Optimizers.commonsMathCmaEs(),
        Optimizers.bayesian(),
        Optimizers.differentialEvolution(),
        Optimizers.differentialEvolution().budget(TRIALS),
        Optimizers.particleSwarm(),
        Optimizers.portfolio(),
        Optimizers.nsga2(8),
        Optimizers.smsEmoa(8),
        Optimizers.sobolSearch(),
        Optimizers.randomSearch());
  }

  private static SearchPlan plan(OptimizerFactory strategy, Optional<Path> journal) {
    return SearchLoopTest.plan(strategy, StopCondition.evaluations(TRIALS), journal, true);
  }

  private static SearchLoopTest.Fake workers(int count) {
    SearchLoopTest.Fake workers = SearchLoopTest.scoring(count);
    workers.jitter = true;
    return workers;
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void anyNumberOfWorkersAtAnyPaceFindsTheSame(OptimizerFactory strategy) {
    EvolutionResult one =
        SearchLoopTest.run(plan(strategy, Optional.empty()), SearchLoopTest.scoring(1));
    assertThat(one.trials()).hasSize(TRIALS);
    for (int count : new int[] {2, 5}) {
      EvolutionResult other = SearchLoopTest.run(plan(strategy, Optional.empty()), workers(count));
      assertThat(other.trials()).isEqualTo(one.trials());
      assertThat(other.best()).isEqualTo(one.best());
    }
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void aJournalCutAnywhereIsResumedToTheSameEnd(OptimizerFactory strategy, @TempDir Path folder)
      throws IOException {
    SearchPlan whole = plan(strategy, Optional.of(folder));
    EvolutionResult uninterrupted = SearchLoopTest.run(whole, workers(3));
    Path journal = folder.resolve("journal.jsonl");
    List<String> lines = Files.readAllLines(journal);
    Random random = new Random(5);
    for (int i = 0; i < 4; i++) {
      int keep = 1 + random.nextInt(lines.size() - 1);
      String torn = lines.get(keep).substring(0, lines.get(keep).length() / 2);
      Files.writeString(journal, String.join("\n", lines.subList(0, keep)) + "\n" + torn);
      EvolutionResult resumed = SearchLoopTest.run(whole, workers(1 + i));
      assertThat(resumed.trials()).isEqualTo(uninterrupted.trials());
      assertThat(resumed.best()).isEqualTo(uninterrupted.best());
    }
  }
}
