package io.evomerge.internal.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.internal.kernel.Philox;
import io.evomerge.testing.TestSeeds;
import java.util.Random;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Test;

class SpectraTest {

  private static final Parallel FORWARD =
      (count, work) -> {
        for (int i = 0; i < count; i++) {
          work.accept(i);
        }
      };

  private static final Parallel BACKWARD = SpectraTest::backward;

  private static void backward(int count, IntConsumer work) {
    for (int i = count - 1; i >= 0; i--) {
      work.accept(i);
    }
  }

  @Test
  void productsAreThoseOfTheDefinition() {
    TestSeeds.check(
        "products",
        20,
        random -> {
          FloatMatrix a = gaussians(random, 1 + random.nextInt(150), 1 + random.nextInt(150));
          FloatMatrix b = gaussians(random, a.columns(), 1 + random.nextInt(600));
          DoubleMatrix c = new DoubleMatrix(a.rows(), b.columns());
          Products.multiply(a, b, c, FORWARD);
          DoubleMatrix turned = new DoubleMatrix(b.columns(), a.rows());
          Products.multiply(b.transposed(), a.transposed(), turned, BACKWARD);
          for (int probe = 0; probe < 200; probe++) {
            int i = random.nextInt(a.rows());
            int j = random.nextInt(b.columns());
            double sum = 0;
            for (int k = 0; k < a.columns(); k++) {
              sum += (double) a.values()[i * a.columns() + k] * b.values()[k * b.columns() + j];
            }
            assertThat(c.values()[i * b.columns() + j]).isCloseTo(sum, within(1e-11));
            assertThat(turned.values()[j * a.rows() + i]).isCloseTo(sum, within(1e-11));
          }
        });
  }

  @Test
  void gramIsTheProductWithTheTranspose() {
    TestSeeds.check(
        "gram",
        10,
        random -> {
          FloatMatrix a = gaussians(random, 1 + random.nextInt(700), 1 + random.nextInt(90));
          DoubleMatrix wanted = new DoubleMatrix(a.rows(), a.rows());
          Products.multiply(a, a.transposed(), wanted, FORWARD);
          DoubleMatrix gram = Products.gram(a, BACKWARD);
          for (int i = 0; i < wanted.values().length; i++) {
            assertThat(gram.values()[i]).isCloseTo(wanted.values()[i], within(1e-11));
          }
        });
  }

  @Test
  void shapesThatDoNotFitAreRefused() {
    assertThatThrownBy(
            () ->
                Products.multiply(
                    new FloatMatrix(2, 3), new FloatMatrix(2, 3), new FloatMatrix(2, 3), FORWARD))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("[2, 3]");
    assertThatThrownBy(() -> Spectra.polar(new FloatMatrix(3, 2), FORWARD))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aPolarFactorHasOrthonormalRows() {
    FloatMatrix a = gaussians(TestSeeds.random("polar", 1), 60, 75);
    Spectra.Polar polar = Spectra.polar(a, FORWARD);
    DoubleMatrix gram = Products.gram(polar.factor(), FORWARD);
    for (int i = 0; i < 60; i++) {
      for (int j = 0; j < 60; j++) {
        assertThat(gram.values()[i * 60 + j]).isCloseTo(i == j ? 1 : 0, within(1e-6));
      }
    }
    // The sum of the singular values is the inner product with the polar factor.
    double inner = 0;
    for (int i = 0; i < a.values().length; i++) {
      inner += (double) a.values()[i] * polar.factor().values()[i];
    }
    assertThat(polar.sum()).isCloseTo(inner, within(1e-4));
  }

  @Test
  void tinyAndHugeNumbersKeepTheirDirections() {
    for (float scale : new float[] {1e-37f, 1e36f}) {
      FloatMatrix a = gaussians(new Random(4), 5, 7);
      float[] plain = Spectra.polar(a, FORWARD).factor().values();
      for (int i = 0; i < a.values().length; i++) {
        a.values()[i] *= scale;
      }
      float[] scaled = Spectra.polar(a, FORWARD).factor().values();
      for (int i = 0; i < plain.length; i++) {
        assertThat(scaled[i]).isCloseTo(plain[i], within(1e-5f));
      }
    }
  }

  @Test
  void aSketchIsNearlyAsGoodAsTheBestApproximation() {
    for (double decay : new double[] {0.02, 0.3}) {
      FloatMatrix a = decaying(TestSeeds.random("sketch", 1), 400, 520, decay);
      for (int rank : new int[] {1, 8, 40}) {
        double best = residual(a, Spectra.largest(a, rank, FORWARD));
        Spectra.Svd sketched = Spectra.sketched(a, rank, new Philox(7, 8), FORWARD);
        assertThat(sketched.values())
            .hasSize(rank)
            .isSortedAccordingTo((x, y) -> Double.compare(y, x));
        assertThat(residual(a, sketched)).isBetween(best * 0.9999, best * 1.01 + 1e-6);
      }
    }
  }

  @Test
  void aSketchHasTheSameBitsInAnyOrderOfWork() {
    FloatMatrix a = gaussians(TestSeeds.random("order", 1), 390, 400);
    Spectra.Svd first = Spectra.sketched(a, 6, new Philox(1, 2), FORWARD);
    Spectra.Svd second = Spectra.sketched(a, 6, new Philox(1, 2), BACKWARD);
    assertThat(second.left().values()).isEqualTo(first.left().values());
    assertThat(second.values()).isEqualTo(first.values());
    assertThat(second.right().values()).isEqualTo(first.right().values());
  }

  @Test
  void aMatrixOfZerosHasNoSingularVectors() {
    Spectra.Svd none = Spectra.largest(new FloatMatrix(4, 5), 3, FORWARD);
    assertThat(none.values()).isEmpty();
    assertThat(Spectra.polar(new FloatMatrix(4, 5), FORWARD).sum()).isZero();
  }

  private static double residual(FloatMatrix a, Spectra.Svd svd) {
    DoubleMatrix scaled = new DoubleMatrix(a.rows(), svd.values().length);
    for (int i = 0; i < svd.values().length; i++) {
      for (int row = 0; row < a.rows(); row++) {
        scaled.values()[row * svd.values().length + i] =
            svd.values()[i] * svd.left().values()[i * a.rows() + row];
      }
    }
    DoubleMatrix product = new DoubleMatrix(a.rows(), a.columns());
    Products.multiply(scaled, svd.right(), product, FORWARD);
    double sum = 0;
    for (int i = 0; i < a.values().length; i++) {
      double rest = a.values()[i] - product.values()[i];
      sum += rest * rest;
    }
    return Math.sqrt(sum);
  }

  /** Singular values that fall about as exp(-decay i), in random directions. */
  private static FloatMatrix decaying(Random random, int rows, int columns, double decay) {
    FloatMatrix left = Spectra.polar(gaussians(random, rows, rows), FORWARD).factor();
    FloatMatrix right = gaussians(random, rows, columns);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        right.values()[i * columns + j] *= (float) Math.exp(-decay * i);
      }
    }
    FloatMatrix result = new FloatMatrix(rows, columns);
    Products.multiply(left, right, result, FORWARD);
    return result;
  }

  private static FloatMatrix gaussians(Random random, int rows, int columns) {
    FloatMatrix matrix = new FloatMatrix(rows, columns);
    for (int i = 0; i < matrix.values().length; i++) {
      matrix.values()[i] = (float) random.nextGaussian();
    }
    return matrix;
  }
}
