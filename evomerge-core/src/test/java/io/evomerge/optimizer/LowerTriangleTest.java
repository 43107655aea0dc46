package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.testing.TestSeeds;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Against plain formulas; sizes are below, at and beyond one strip, and no multiples of four. */
class LowerTriangleTest {

  private static final int[] SIZES = {1, 2, 3, 5, 31, 64, 66, 127, 128, 129, 200, 261};

  private interface Check {
    void run(Random random, int n);
  }

  private static void check(String name, Check check) {
    TestSeeds.check(
        name,
        3,
        random -> {
          for (int n : SIZES) {
            check.run(random, n);
          }
        });
  }

  private static double[] vectors(Random random, int n, int count) {
    return random.doubles((long) n * count, -1, 1).toArray();
  }

  /** Returns the identity and the outer products of some vectors: surely positive definite. */
  private static LowerTriangle positive(Random random, int n) {
    LowerTriangle matrix = LowerTriangle.identity(n);
    matrix.rankUpdate(1, vectors(random, n, 5), new double[] {1, 2, 0.5, 1, 3}, 5);
    return matrix;
  }

  @Test
  void aRankUpdateAddsOuterProducts() {
    check(
        "rank update",
        (random, n) -> {
          int count = 1 + random.nextInt(9);
          double[] v = vectors(random, n, count);
          double[] weights = vectors(random, count, 1);
          LowerTriangle matrix = positive(random, n);
          LowerTriangle before = LowerTriangle.identity(n);
          before.load(matrix.packed());
          matrix.rankUpdate(0.7, v, weights, count);
          for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
              double expected = 0.7 * before.element(i, j);
              for (int k = 0; k < count; k++) {
                expected += weights[k] * v[k * n + i] * v[k * n + j];
              }
              assertThat(matrix.element(i, j)).isCloseTo(expected, within(1e-12));
            }
          }
        });
  }

  @Test
  void aFactorTimesItselfIsTheMatrix() {
    check(
        "factor",
        (random, n) -> {
          LowerTriangle matrix = positive(random, n);
          LowerTriangle factor = positive(random, n);
          assertThat(factor.factorise(matrix)).isTrue();
          for (int i = 0; i < n; i++) {
            assertThat(factor.diagonal(i)).isPositive();
            for (int j = 0; j <= i; j++) {
              double product = 0;
              for (int k = 0; k <= j; k++) {
                product += factor.element(i, k) * factor.element(j, k);
              }
              assertThat(product).isCloseTo(matrix.element(i, j), within(1e-10));
            }
          }
        });
  }

  @Test
  void aFactorMultipliesVectors() {
    check(
        "multiply",
        (random, n) -> {
          LowerTriangle factor = LowerTriangle.identity(n);
          assertThat(factor.factorise(positive(random, n))).isTrue();
          int count = 1 + random.nextInt(6);
          double[] z = vectors(random, n, count);
          double[] y = new double[z.length];
          factor.multiply(z, y, count);
          for (int k = 0; k < count; k++) {
            for (int i = 0; i < n; i++) {
              double expected = 0;
              for (int j = 0; j <= i; j++) {
                expected += factor.element(i, j) * z[k * n + j];
              }
              assertThat(y[k * n + i]).isCloseTo(expected, within(1e-12 * n));
            }
          }
          factor.solveLower(y, (count - 1) * n);
          for (int i = (count - 1) * n; i < z.length; i++) {
            assertThat(y[i]).isCloseTo(z[i], within(1e-9));
          }
        });
  }

  @Test
  void aSolutionTimesTheMatrixIsTheRightSide() {
    check(
        "solve",
        (random, n) -> {
          LowerTriangle matrix = positive(random, n);
          LowerTriangle factor = LowerTriangle.identity(n);
          assertThat(factor.factorise(matrix)).isTrue();
          double[] right = vectors(random, n, 1);
          double[] x = right.clone();
          factor.solve(x);
          double[] product = new double[n];
          matrix.multiplySymmetric(x, product);
          assertThat(product).containsExactly(right, within(1e-9));
        });
  }

  @Test
  void packedElementsStandColumnByColumn() {
    check(
        "packed",
        (random, n) -> {
          double[] elements = vectors(random, LowerTriangle.length(n), 1);
          LowerTriangle matrix = LowerTriangle.identity(n);
          matrix.load(elements);
          int at = 0;
          for (int j = 0; j < n; j++) {
            for (int i = j; i < n; i++) {
              assertThat(matrix.element(i, j)).isEqualTo(elements[at++]);
            }
          }
          assertThat(matrix.packed()).isEqualTo(elements);
        });
  }

  @Test
  void matricesThatAreNotPositiveDefiniteHaveNoFactor() {
    check(
        "not positive definite",
        (random, n) -> {
          LowerTriangle matrix = positive(random, n);
          double[] unit = new double[n];
          unit[random.nextInt(n)] = 1;
          double bad = random.nextBoolean() ? -1e3 : random.nextBoolean() ? Double.NaN : 1 / 0.0;
          matrix.rankUpdate(1, unit, new double[] {bad}, 1);
          assertThat(LowerTriangle.identity(n).factorise(matrix)).isFalse();
        });
  }
}
