package io.evomerge.internal.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.testing.TestSeeds;
import java.util.Arrays;
import java.util.Comparator;
import org.junit.jupiter.api.Test;

class AssignmentTest {

  @Test
  void itIsTheBestOfAllPermutations() {
    TestSeeds.check(
        "assignment against all permutations",
        200,
        random -> {
          int n = 1 + random.nextInt(6);
          boolean ties = random.nextBoolean();
          float[][] profit = new float[n][n];
          for (float[] row : profit) {
            for (int j = 0; j < n; j++) {
              row[j] = ties ? random.nextInt(3) : (float) random.nextGaussian();
            }
          }
          int[] chosen = Assignment.maximize(profit);
          assertThat(chosen).doesNotHaveDuplicates().hasSize(n);
          double sum = 0;
          for (int i = 0; i < n; i++) {
            sum += profit[i][chosen[i]];
          }
          assertThat(sum).isCloseTo(best(profit, 0, new boolean[n]), within(1e-5));
        });
  }

  @Test
  void aShuffledIdentityIsFound() {
    TestSeeds.check(
        "assignment of a shuffled identity",
        10,
        random -> {
          int n = 1 + random.nextInt(200);
          int[] order = random.ints(0, Integer.MAX_VALUE).limit(n).toArray();
          Integer[] shuffled = new Integer[n];
          for (int i = 0; i < n; i++) {
            shuffled[i] = i;
          }
          Arrays.sort(shuffled, Comparator.comparingInt(i -> order[i]));
          float[][] profit = new float[n][n];
          for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
              profit[i][j] = random.nextFloat();
            }
            profit[i][shuffled[i]] = 2;
          }
          int[] chosen = Assignment.maximize(profit);
          for (int i = 0; i < n; i++) {
            assertThat(chosen[i]).isEqualTo(shuffled[i]);
          }
        });
  }

  @Test
  void nothingIsAssignedToNothing() {
    assertThat(Assignment.maximize(new float[0][])).isEmpty();
  }

  private static double best(float[][] profit, int row, boolean[] taken) {
    if (row == profit.length) {
      return 0;
    }
    double best = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < taken.length; j++) {
      if (!taken[j]) {
        taken[j] = true;
        best = Math.max(best, profit[row][j] + best(profit, row + 1, taken));
        taken[j] = false;
      }
    }
    return best;
  }
}
