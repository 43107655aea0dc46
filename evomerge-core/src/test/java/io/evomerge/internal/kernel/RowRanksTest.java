package io.evomerge.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.testing.TestSeeds;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RowRanksTest {

  @Test
  void rowsAreRankedAsSortingRanksThem() {
    for (int trial = 0; trial < 300; trial++) {
      Random random = TestSeeds.random("row ranks", trial);
      int length = random.nextInt(trial % 50 == 0 ? 70_000 : 600);
      int kind = trial % 6;
      int rows = 1 + random.nextInt(2);
      float[] x = new float[rows * length];
      for (int i = 0; i < x.length; i++) {
        x[i] = number(random, kind);
      }
      RowRanks ranker = new RowRanks(length);
      float[] ranks = new float[x.length];
      for (int from = 0; from < x.length; from += length) {
        ranker.rank(x, from, ranks);
      }
      for (int row = 0; row < rows; row++) {
        int from = row * length;
        int[] order =
            IntStream.range(0, length)
                .boxed()
                .sorted(Comparator.comparing(i -> Math.abs(x[from + i])))
                .mapToInt(i -> i)
                .toArray();
        for (int rank = 0; rank < length; rank++) {
          assertThat(ranks[from + order[rank]])
              .as("seed %d, trial %d, kind %d", TestSeeds.master(), trial, kind)
              .isEqualTo(rank);
        }
      }
    }
  }

  /** Spread, few different, almost all 0, crowded below one that is huge, close to each other. */
  private static float number(Random random, int kind) {
    return switch (kind) {
      case 0 -> (float) random.nextGaussian();
      case 1 -> (random.nextInt(9) - 4) * 0.125f;
      case 2 -> random.nextInt(20) == 0 ? (float) random.nextGaussian() : -0f;
      case 3 -> random.nextInt(100) == 0 ? Float.MAX_VALUE : random.nextFloat();
      case 4 -> 1f + random.nextInt(2000) * 0x1p-23f;
      default -> Float.intBitsToFloat(random.nextInt() & 0xBFFFFFFF);
    };
  }
}
