package io.evomerge.internal.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.testing.TestSeeds;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CholeskyTest {

  private static final Cholesky.Parallel IN_ORDER =
      (count, work) -> IntStream.range(0, count).forEach(work);

  @Test
  void solutionsSolve() {
    TestSeeds.check(
        "Cholesky solves",
        30,
        random -> {
          int n = 1 + random.nextInt(150);
          int columns = 1 + random.nextInt(40);
          double[][] matrix = positive(random, n);
          double[] x = random.doubles((long) n * columns, -1, 1).toArray();
          double[] right = new double[n * columns];
          for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
              for (int c = 0; c < columns; c++) {
                right[i * columns + c] += matrix[i][j] * x[j * columns + c];
              }
            }
          }
          Cholesky cholesky = Cholesky.of(upper(matrix), IN_ORDER).orElseThrow();
          assertThat(cholesky.size()).isEqualTo(n);
          cholesky.solve(right, columns);
          for (int i = 0; i < x.length; i++) {
            assertThat(right[i]).isCloseTo(x[i], within(1e-9));
          }
        });
  }

  @Test
  void theOrderOfWorkDoesNotChangeABit() {
    double[][] matrix = positive(TestSeeds.random("Cholesky order", 0), 131);
    double[][] first = upper(matrix);
    double[][] second = upper(matrix);
    Cholesky.of(first, IN_ORDER).orElseThrow();
    Cholesky.of(
            second,
            (count, work) -> IntStream.range(0, count).map(i -> count - 1 - i).forEach(work))
        .orElseThrow();
    assertThat(second).isDeepEqualTo(first);
  }

  @Test
  void matricesThatAreNotPositiveDefiniteHaveNoFactor() {
    assertThat(Cholesky.of(new double[][] {{0}}, IN_ORDER)).isEmpty();
    assertThat(Cholesky.of(new double[][] {{1, 2}, {1}}, IN_ORDER)).isEmpty();
    assertThat(Cholesky.of(new double[][] {{1, Double.NaN}, {1}}, IN_ORDER)).isEmpty();
    assertThat(Cholesky.of(new double[][] {{Double.POSITIVE_INFINITY}}, IN_ORDER)).isEmpty();
    assertThat(Cholesky.of(new double[0][], IN_ORDER)).isPresent();
  }

  private static double[][] positive(Random random, int n) {
    double[][] root = new double[n][n];
    for (double[] row : root) {
      for (int j = 0; j < n; j++) {
        row[j] = random.nextGaussian();
      }
    }
    double[][] matrix = new double[n][n];
    for (int i = 0; i < n; i++) {
      matrix[i][i] = 1;
      for (int j = 0; j < n; j++) {
        for (int k = 0; k < n; k++) {
          matrix[i][j] += root[i][k] * root[j][k] / n;
        }
      }
    }
    return matrix;
  }

  private static double[][] upper(double[][] matrix) {
    double[][] upper = new double[matrix.length][];
    for (int i = 0; i < upper.length; i++) {
      upper[i] = new double[upper.length - i];
      System.arraycopy(matrix[i], i, upper[i], 0, upper[i].length);
    }
    return upper;
  }
}
