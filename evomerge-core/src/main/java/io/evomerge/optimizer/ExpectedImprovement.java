package io.evomerge.optimizer;

import org.apache.commons.math3.special.Erf;

/**
 * The logarithm of the expected improvement of a Gaussian process below a value, which has a slope
 * even where the improvement itself vanishes in floating point (Ament et al., NeurIPS 2023, arXiv
 * 2310.20708).
 */
final class ExpectedImprovement {

  private static final double LOG_SQRT_2PI = 0.5 * StrictMath.log(2 * Math.PI);

  /** Below it the tail's series is used. */
  private static final double FAR = -8;

  /** Above it the density vanishes in floating point; such points are all excellent. */
  private static final double NEAR = 30;

  private final GaussianProcess process;
  private double incumbent;

  ExpectedImprovement(GaussianProcess process, double incumbent) {
    this.process = process;
    this.incumbent = incumbent;
  }

  /** Counts on a point whose outcome is open. */
  void believe(double[] point) {
    incumbent = Math.min(incumbent, process.predict(point));
    process.believe(point);
  }

  double at(double[] point) {
    double mean = process.predict(point);
    double deviation = process.deviation();
    double z = Math.min(NEAR, (incumbent - mean) / deviation);
    double share = share(z, ratio(z));
    return StrictMath.log(deviation) - 0.5 * z * z - LOG_SQRT_2PI + StrictMath.log(share);
  }

  double at(double[] point, double[] gradient) {
    double mean = process.predict(point);
    double deviation = process.deviation();
    double z = Math.min(NEAR, (incumbent - mean) / deviation);
    double ratio = ratio(z);
    double share = share(z, ratio);
    // d EI = phi(z) d(deviation) - Phi(z) d(mean).
    process.gradients(point, -ratio / (share * deviation), 1 / (share * deviation), gradient);
    return StrictMath.log(deviation) - 0.5 * z * z - LOG_SQRT_2PI + StrictMath.log(share);
  }

  /** Returns Phi(z) / phi(z). */
  private static double ratio(double z) {
    if (z < FAR) {
      double q = 1 / (z * z);
      return -(1 - q * (1 - q * (3 - q * (15 - 105 * q)))) / z;
    }
    return 0.5 * Erf.erfc(-z / Math.sqrt(2)) * StrictMath.exp(0.5 * z * z + LOG_SQRT_2PI);
  }

  /** Returns (phi(z) + z Phi(z)) / phi(z). */
  private static double share(double z, double ratio) {
    if (z < FAR) {
      double q = 1 / (z * z);
      return q * (1 - q * (3 - q * (15 - 105 * q)));
    }
    return 1 + z * ratio;
  }
}
