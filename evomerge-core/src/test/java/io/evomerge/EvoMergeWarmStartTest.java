package io.evomerge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.StopCondition;
import io.evomerge.tensor.DType;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The facade begins a search at the journal of another one. */
class EvoMergeWarmStartTest {

  @TempDir Path root;
  private Path ja;
  private Path math;

  @BeforeEach
  void writeModels() {
    ja = TestCheckpoints.writeLlama(root.resolve("ja"), 3, 8, DType.F32, 2);
    math = TestCheckpoints.writeLlama(root.resolve("math"), 3, 8, DType.F32, 3);
  }

  /** Paths of the wanted length are good. */
  private EvoMerge.Builder search(int repeats, int wanted) {
    return EvoMerge.builder()
        .sources(math, ja)
        .searchSpace(DataFlowSpace.repeats(repeats).scales(DataFlowSpace.Scales.NONE))
        .maximize(
            "length",
            candidate ->
                -Math.abs(candidate.recipe().dataFlow().orElseThrow().hops().size() - wanted))
        .stopWhen(StopCondition.evaluations(40))
        .seed(3);
  }

  private void runEarlier() {
    try (EvoMerge earlier = search(3, 14).journal(root.resolve("earlier")).build()) {
      earlier.run();
    }
  }

  @Test
  void aSearchBeginsAtTheTrialsOfAnotherAndSaysSo() {
    runEarlier();
    try (EvoMerge next = search(3, 15).warmStart(root.resolve("earlier")).build()) {
      EvolutionResult result = next.run();
      assertThat(result.provenance().settings().get("optimizer.warmStart"))
          .startsWith("40 trials, sha256:");
    }
  }

  @Test
  void aJournalOfOtherGenesIsRefused() {
    runEarlier();
    assertThatThrownBy(() -> search(2, 8).warmStart(root.resolve("earlier")).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("other genes")
        .hasMessageContaining("space.");
  }

  @Test
  void aMissingJournalAndAnotherOptimiserAreRefused() {
    assertThatThrownBy(() -> search(2, 8).warmStart(root.resolve("nowhere")).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("nowhere");
    assertThatThrownBy(
            () ->
                search(2, 8)
                    .optimizer(Optimizers.randomSearch())
                    .warmStart(root.resolve("earlier"))
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("random");
  }
}
