package io.evomerge.onnx.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.onnx.runtime.BatchPlan.Limits;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

class BatchPlanTest {

  private static int[] ones(int count) {
    int[] ones = new int[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  @Test
  void everySequenceIsInOneBatchAndBatchesKeepTheirLimits(TestInfo info) {
    for (long seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      int[] lengths = random.ints(1 + random.nextInt(200), 1, 60).toArray();
      Limits limits = new Limits(16, 300, 5, 400, 12);
      List<int[]> plan = BatchPlan.of(lengths, ones(lengths.length), limits);
      assertThat(plan.stream().flatMapToInt(Arrays::stream).sorted().toArray())
          .as("seed %d of %s", seed, info.getDisplayName())
          .containsExactly(IntStream.range(0, lengths.length).toArray());
      for (int[] batch : plan) {
        int longest = lengths[batch[batch.length - 1]];
        assertThat(Arrays.stream(batch).map(i -> lengths[i])).isSorted();
        assertThat(batch.length).isLessThanOrEqualTo(12);
        assertThat(batch.length * longest).isLessThanOrEqualTo(300);
        assertThat(batch.length * (longest + 5)).isLessThanOrEqualTo(400);
      }
    }
  }

  @Test
  void aSequenceBeyondTheLimitsRunsAlone() {
    Limits limits = new Limits(8, 10, 0, 10, 1);
    assertThat(BatchPlan.of(new int[] {50, 3, 60}, new int[] {9, 1, 9}, limits))
        .containsExactly(new int[] {1}, new int[] {0}, new int[] {2});
  }

  @Test
  void muchLongerSequencesArePutInBatchesOfTheirOwn() {
    int[] lengths = {500, 10, 510, 11, 10, 505, 12};
    Limits limits = new Limits(64, 100_000, 0, 100_000, 100);
    assertThat(BatchPlan.of(lengths, ones(7), limits))
        .containsExactly(new int[] {1, 4, 3, 6}, new int[] {0, 5, 2});
  }
}
