package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.apache.commons.math3.linear.CholeskyDecomposition;
import org.apache.commons.math3.linear.MatrixUtils;
import org.apache.commons.math3.linear.RealMatrix;
import org.apache.commons.math3.linear.RealVector;
import org.junit.jupiter.api.Test;

class GaussianProcessTest {

  private static final boolean[] ORDERED = new boolean[3];
  private static final double[] PARAMETERS = {
    StrictMath.log(0.4), StrictMath.log(0.7), StrictMath.log(2), StrictMath.log(1e-3)
  };

  private static double[][] points(int count) {
    Random random = new Random(1);
    double[][] points = new double[count][3];
    for (double[] point : points) {
      Arrays.setAll(point, i -> random.nextDouble());
    }
    return points;
  }

  private static double[] values(double[][] points) {
    return Arrays.stream(points)
        .mapToDouble(x -> StrictMath.sin(5 * x[0]) + x[1] * x[1] - 0.1 * x[2])
        .toArray();
  }

  private static double matern(double[] a, double[] b) {
    double r2 = 0;
    for (int g = 0; g < 3; g++) {
      r2 += Math.pow((a[g] - b[g]) / Math.exp(PARAMETERS[g]), 2);
    }
    double r = Math.sqrt(5 * r2);
    return (1 + r + r * r / 3) * Math.exp(-r);
  }

  /** The textbook's formulas, with matrices of Commons Math. */
  @Test
  void expectationAndDeviationAreTheTextbooks() {
    double[][] x = points(25);
    double[] y = values(x);
    GaussianProcess process = new GaussianProcess(PARAMETERS, x, y, ORDERED);
    RealMatrix k = MatrixUtils.createRealMatrix(25, 25);
    for (int i = 0; i < 25; i++) {
      for (int j = 0; j < 25; j++) {
        k.setEntry(i, j, matern(x[i], x[j]) + (i == j ? 1e-3 : 0));
      }
    }
    RealMatrix inverse = new CholeskyDecomposition(k).getSolver().getInverse();
    RealVector ones = MatrixUtils.createRealVector(new double[25]).mapAdd(1);
    RealVector values = MatrixUtils.createRealVector(y);
    double mean = ones.dotProduct(inverse.operate(values)) / ones.dotProduct(inverse.operate(ones));
    RealVector alpha = inverse.operate(values.mapSubtract(mean));
    double variance = values.mapSubtract(mean).dotProduct(alpha) / 25;
    for (double[] point : new double[][] {{0.2, 0.3, 0.4}, {0.9, 0.9, 0.1}, {0, 1, 1}}) {
      RealVector kernel =
          MatrixUtils.createRealVector(
              Arrays.stream(x).mapToDouble(other -> matern(point, other)).toArray());
      assertThat(process.predict(point)).isCloseTo(mean + kernel.dotProduct(alpha), within(1e-9));
      assertThat(process.deviation())
          .isCloseTo(
              Math.sqrt(variance * (1 - kernel.dotProduct(inverse.operate(kernel)))), within(1e-9));
    }
    for (int i = 0; i < 25; i++) {
      assertThat(process.fitted(i)).isCloseTo(process.predict(x[i]), within(1e-9));
    }
  }

  @Test
  void aBelievedPointKeepsTheExpectationAndTakesTheUncertainty() {
    double[][] x = points(15);
    GaussianProcess process = new GaussianProcess(PARAMETERS, x, values(x), ORDERED);
    double[] believed = {0.5, 0.05, 0.95};
    double[] near = {0.55, 0.1, 0.9};
    double before = process.predict(near);
    double uncertain = process.deviation();
    double there = process.predict(believed);
    process.believe(believed);
    assertThat(process.predict(believed)).isCloseTo(there, within(1e-12));
    assertThat(process.deviation()).isLessThan(0.2 * uncertain);
    assertThat(process.predict(near)).isCloseTo(before, within(1e-12));
    assertThat(process.deviation()).isLessThan(uncertain);
  }

  @Test
  void theSlopeOfTheExpectedImprovementIsItsDerivative() {
    double[][] x = points(20);
    double[] y = values(x);
    double lowest = Arrays.stream(y).min().orElseThrow();
    GaussianProcess process = new GaussianProcess(PARAMETERS, x, y, ORDERED);
    process.believe(new double[] {0.1, 0.9, 0.5});
    // From likely improvements to ones that vanish in floating point.
    for (double incumbent : new double[] {lowest + 1, lowest, lowest - 0.5, lowest - 50}) {
      ExpectedImprovement improvement = new ExpectedImprovement(process, incumbent);
      double[] at = {0.35, 0.6, 0.2};
      double[] gradient = new double[3];
      double value = improvement.at(at, gradient);
      assertThat(value).isFinite().isEqualTo(improvement.at(at));
      for (int g = 0; g < 3; g++) {
        double[] up = at.clone();
        double[] down = at.clone();
        up[g] += 1e-5;
        down[g] -= 1e-5;
        double slope = (improvement.at(up) - improvement.at(down)) / 2e-5;
        assertThat(gradient[g])
            .as("gene %s below %s", g, incumbent)
            .isCloseTo(slope, within(1e-4 * (1 + Math.abs(slope))));
      }
    }
  }

  @Test
  void fittingFindsWhichGeneMatters() {
    Random random = new Random(2);
    double[][] x = points(40);
    double[] y =
        Arrays.stream(x)
            .mapToDouble(p -> StrictMath.sin(8 * p[0]) + 0.01 * random.nextGaussian())
            .toArray();
    double[] fitted = GaussianProcess.fit(GaussianProcess.prior(3), x, y, ORDERED, 60);
    assertThat(fitted[0]).isLessThan(fitted[1] - 1).isLessThan(fitted[2] - 1);
    GaussianProcess process = new GaussianProcess(fitted, x, y, ORDERED);
    for (double[] p : points(50)) {
      assertThat(process.predict(p)).isCloseTo(StrictMath.sin(8 * p[0]), within(0.1));
    }
  }

  @Test
  void fittingTellsNoiseFromSignal() {
    Random random = new Random(3);
    double[][] x = points(60);
    double[] noisy = new double[60];
    Arrays.setAll(noisy, i -> x[i][0] + 0.5 * random.nextGaussian());
    double[] fitted = GaussianProcess.fit(GaussianProcess.prior(3), x, noisy, ORDERED, 60);
    double[] clean = GaussianProcess.fit(GaussianProcess.prior(3), x, values(x), ORDERED, 60);
    assertThat(fitted[3]).isGreaterThan(clean[3] + 3);
  }

  @Test
  void optionsWithoutOrderAreEquallyFar() {
    double[][] x = {{0.1}, {0.5}, {0.9}};
    double[] parameters = {0, StrictMath.log(1e-6)};
    GaussianProcess process =
        new GaussianProcess(parameters, x, new double[] {1, 0, 0}, new boolean[] {true});
    double second = process.predict(new double[] {0.5});
    assertThat(process.predict(new double[] {0.9})).isCloseTo(second, within(1e-12));
    assertThat(process.predict(new double[] {0.1})).isGreaterThan(second + 0.9);
  }

  @Test
  void repeatedPointsAreSurvived() {
    double[][] x = {{0.1, 0, 0}, {0.1, 0, 0}, {0.1, 0, 0}, {0.7, 0, 0}};
    double[] parameters = {0, 0, 0, StrictMath.log(1e-9)};
    GaussianProcess process =
        new GaussianProcess(parameters, x, new double[] {1, 1, 1, 2}, ORDERED);
    assertThat(process.predict(new double[] {0.1, 0, 0})).isCloseTo(1, within(0.01));
  }
}
