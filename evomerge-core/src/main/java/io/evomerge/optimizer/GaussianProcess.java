package io.evomerge.optimizer;

import java.util.Arrays;

/**
 * Gaussian process regression on the unit cube: Matern 5/2 covariance with a length scale per gene,
 * constant mean and variance by generalised least squares, noise (Rasmussen, Williams, "Gaussian
 * Processes for Machine Learning", MIT Press 2006, chapters 2 and 5). A choice without order counts
 * as equal or different.
 *
 * <p>The parameters are the logarithms of the length scales and of the noise variance as a share of
 * the signal's. They are fitted by Rprop (Blum, Riedmiller, ESANN 2013) on the likelihood times a
 * prior: log-normal length scales that grow with the square root of the number of genes (Hvarfner,
 * Hellsten, Nardi, arXiv 2402.02229), small noise.
 *
 * <p>All in float64, single-threaded and with {@link StrictMath}: the same bits everywhere.
 */
final class GaussianProcess {

  private static final double SQRT5 = Math.sqrt(5);
  private static final double LENGTH_DEVIATION = Math.sqrt(3);
  private static final double NOISE_MEAN = StrictMath.log(1e-5);
  private static final double NOISE_DEVIATION = 3;
  private static final double LEAST_NOISE = StrictMath.log(1e-9);
  private static final double MOST_NOISE = StrictMath.log(10);
  private static final double LEAST_LENGTH = StrictMath.log(0.05);
  private static final double MOST_LENGTH = StrictMath.log(1000);

  /** Up to so many data the fit has two starts. */
  private static final int LITTLE_DATA = 100;

  private final int n;
  private final boolean[] unordered;
  private final double[] scale;
  private final double noise;
  private final double[] y;
  private double[][] x;
  private int size;

  /** The inverse of the covariance's lower Cholesky factor, row by row. */
  private double[][] inverse;

  private final double[] alpha;
  private final double mean;
  private final double variance;
  private final double logDeterminant;

  private double[] kernel;
  private double[] solved;
  private double[] weights;

  /**
   * Conditions a process on data.
   *
   * @param parameters logarithms of n length scales and of the noise
   * @param x {@code [points][genes]}
   * @param y values
   * @param unordered for every gene
   */
  GaussianProcess(double[] parameters, double[][] x, double[] y, boolean[] unordered) {
    this.x = x.clone();
    this.y = y;
    this.unordered = unordered;
    n = unordered.length;
    size = x.length;
    scale = new double[n];
    for (int j = 0; j < n; j++) {
      scale[j] = StrictMath.exp(-2 * parameters[j]);
    }
    noise = StrictMath.exp(parameters[n]);
    double[][] lower = new double[size][];
    double determinant = 0;
    for (int i = 0; i < size; i++) {
      double[] row = new double[i + 1];
      for (int j = 0; j < i; j++) {
        row[j] = (correlation(distance(x[i], x[j])) - dot(row, lower[j], j)) / lower[j][j];
      }
      // A point that repeats others has no positive pivot in floating point.
      row[i] = Math.sqrt(Math.max(1e-12, 1 + noise - dot(row, row, i)));
      determinant += StrictMath.log(row[i]);
      lower[i] = row;
    }
    logDeterminant = 2 * determinant;
    inverse = new double[size][];
    for (int i = 0; i < size; i++) {
      double[] row = new double[i + 1];
      for (int k = 0; k < i; k++) {
        addScaled(-lower[i][k], inverse[k], row, k + 1);
      }
      row[i] = 1;
      for (int j = 0; j <= i; j++) {
        row[j] /= lower[i][i];
      }
      inverse[i] = row;
    }
    double[] ones = new double[size];
    Arrays.fill(ones, 1);
    double[] one = solve(ones);
    double sum = 0;
    for (double value : one) {
      sum += value;
    }
    mean = dot(one, y, size) / sum;
    double[] centred = new double[size];
    for (int i = 0; i < size; i++) {
      centred[i] = y[i] - mean;
    }
    alpha = solve(centred);
    variance = Math.max(1e-300, dot(alpha, centred, size) / size);
    allocate();
  }

  private void allocate() {
    kernel = new double[size];
    solved = new double[size];
    weights = new double[size];
  }

  /** Returns the parameters where the prior is highest, for a number of genes. */
  static double[] prior(int n) {
    double[] parameters = new double[n + 1];
    Arrays.fill(parameters, lengthMean(n));
    parameters[n] = NOISE_MEAN;
    return parameters;
  }

  private static double lengthMean(int n) {
    return Math.sqrt(2) + 0.5 * StrictMath.log(n);
  }

  /**
   * Returns better parameters for some data: the best found from given ones on and, with little
   * data, from the best of some common length scales on, since single genes then offer false peaks.
   */
  static double[] fit(
      double[] parameters, double[][] x, double[] y, boolean[] unordered, int iterations) {
    double[] warm = climb(parameters, x, y, unordered, iterations);
    if (x.length > LITTLE_DATA) {
      return warm;
    }
    double[] common = null;
    double highest = Double.NEGATIVE_INFINITY;
    for (double noise : new double[] {NOISE_MEAN, StrictMath.log(0.1)}) {
      for (int k = 0; k <= 6; k++) {
        double[] candidate = new double[parameters.length];
        Arrays.fill(candidate, lengthMean(unordered.length) - 0.5 * k);
        candidate[unordered.length] = noise;
        double value = posterior(candidate, x, y, unordered);
        if (common == null || value > highest) {
          common = candidate;
          highest = value;
        }
      }
    }
    double[] fresh = climb(common, x, y, unordered, iterations);
    return posterior(fresh, x, y, unordered) > posterior(warm, x, y, unordered) ? fresh : warm;
  }

  private static double posterior(
      double[] parameters, double[][] x, double[] y, boolean[] unordered) {
    return new GaussianProcess(parameters, x, y, unordered)
        .posterior(parameters, new double[parameters.length]);
  }

  private static double[] climb(
      double[] parameters, double[][] x, double[] y, boolean[] unordered, int iterations) {
    int n = unordered.length;
    double[] low = new double[n + 1];
    double[] high = new double[n + 1];
    Arrays.fill(low, LEAST_LENGTH);
    Arrays.fill(high, MOST_LENGTH);
    low[n] = LEAST_NOISE;
    high[n] = MOST_NOISE;
    return Rprop.maximize(
        parameters,
        low,
        high,
        0.1,
        1e-3,
        0.5,
        iterations,
        (p, gradient) -> new GaussianProcess(p, x, y, unordered).posterior(p, gradient));
  }

  /** Returns the logarithm of likelihood times prior of the parameters, and its gradient. */
  private double posterior(double[] parameters, double[] gradient) {
    double value = -0.5 * (size * StrictMath.log(variance) + logDeterminant);
    Arrays.fill(gradient, 0);
    double[][] precision = new double[size][];
    for (int i = 0; i < size; i++) {
      precision[i] = new double[i + 1];
    }
    for (int k = 0; k < size; k++) {
      for (int i = 0; i <= k; i++) {
        addScaled(inverse[k][i], inverse[k], precision[i], i + 1);
      }
    }
    double trace = 0;
    for (int i = 0; i < size; i++) {
      trace += alpha[i] * alpha[i] / variance - precision[i][i];
      for (int j = 0; j < i; j++) {
        double weight = alpha[i] * alpha[j] / variance - precision[i][j];
        double slope = weight * slope(distance(x[i], x[j]));
        for (int g = 0; g < n; g++) {
          gradient[g] += slope * difference(x[i], x[j], g);
        }
      }
    }
    for (int g = 0; g < n; g++) {
      double from = (parameters[g] - lengthMean(n)) / LENGTH_DEVIATION;
      value -= 0.5 * from * from;
      gradient[g] = gradient[g] * scale[g] - from / LENGTH_DEVIATION;
    }
    double from = (parameters[n] - NOISE_MEAN) / NOISE_DEVIATION;
    value -= 0.5 * from * from;
    gradient[n] = 0.5 * trace * noise - from / NOISE_DEVIATION;
    return value;
  }

  /** Adds a point as if it had its expected value, so that only the uncertainty shrinks. */
  void believe(double[] point) {
    predict(point);
    double[] row = new double[size + 1];
    double pivot = Math.sqrt(Math.max(1e-12, 1 + noise - dot(solved, solved, size)));
    for (int k = 0; k < size; k++) {
      addScaled(-solved[k], inverse[k], row, k + 1);
    }
    row[size] = 1;
    for (int j = 0; j <= size; j++) {
      row[j] /= pivot;
    }
    inverse = Arrays.copyOf(inverse, size + 1);
    inverse[size] = row;
    x = Arrays.copyOf(x, size + 1);
    x[size] = point;
    size++;
    allocate();
  }

  /** Returns the expected value at a data point, without its noise. */
  double fitted(int index) {
    return y[index] - noise * alpha[index];
  }

  /**
   * Returns the expected value at a point, and prepares {@link #deviation} and {@link #gradients}
   * there.
   */
  double predict(double[] point) {
    double value = 0;
    for (int i = 0; i < size; i++) {
      kernel[i] = correlation(distance(point, x[i]));
      if (i < alpha.length) {
        value += kernel[i] * alpha[i];
      }
    }
    for (int i = 0; i < size; i++) {
      solved[i] = dot(inverse[i], kernel, i + 1);
    }
    return mean + value;
  }

  /** Returns the standard deviation, without noise, at the point last predicted. */
  double deviation() {
    return Math.sqrt(variance * Math.max(1e-14, 1 - dot(solved, solved, size)));
  }

  /**
   * Adds up the gradient of a function of expected value and deviation at the point last predicted.
   *
   * @param byMean its derivative by the expected value
   * @param byDeviation its derivative by the deviation
   * @param gradient becomes its derivatives by the genes
   */
  void gradients(double[] point, double byMean, double byDeviation, double[] gradient) {
    Arrays.fill(weights, 0);
    for (int k = 0; k < size; k++) {
      addScaled(solved[k], inverse[k], weights, k + 1);
    }
    double deviation = deviation();
    Arrays.fill(gradient, 0);
    for (int i = 0; i < size; i++) {
      double byKernel =
          byMean * (i < alpha.length ? alpha[i] : 0)
              - byDeviation * variance / deviation * weights[i];
      double slope = -byKernel * slope(distance(point, x[i]));
      for (int g = 0; g < n; g++) {
        gradient[g] += unordered[g] ? 0 : slope * (point[g] - x[i][g]);
      }
    }
    for (int g = 0; g < n; g++) {
      gradient[g] *= scale[g];
    }
  }

  private double difference(double[] a, double[] b, int gene) {
    if (unordered[gene]) {
      return a[gene] == b[gene] ? 0 : 1;
    }
    double d = a[gene] - b[gene];
    return d * d;
  }

  private double distance(double[] a, double[] b) {
    double sum = 0;
    for (int g = 0; g < n; g++) {
      sum += difference(a, b, g) * scale[g];
    }
    return SQRT5 * Math.sqrt(sum);
  }

  /** Returns the correlation at sqrt(5) times a distance. */
  private static double correlation(double r) {
    return (1 + r + r * r / 3) * StrictMath.exp(-r);
  }

  /** Returns minus the derivative of the correlation by half the squared distance. */
  private static double slope(double r) {
    return 5.0 / 3 * (1 + r) * StrictMath.exp(-r);
  }

  private double[] solve(double[] right) {
    double[] half = new double[right.length];
    double[] whole = new double[right.length];
    for (int i = 0; i < half.length; i++) {
      half[i] = dot(inverse[i], right, i + 1);
      addScaled(half[i], inverse[i], whole, i + 1);
    }
    return whole;
  }

  private static double dot(double[] a, double[] b, int count) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 4 <= count; i += 4) {
      s0 += a[i] * b[i];
      s1 += a[i + 1] * b[i + 1];
      s2 += a[i + 2] * b[i + 2];
      s3 += a[i + 3] * b[i + 3];
    }
    for (; i < count; i++) {
      s0 += a[i] * b[i];
    }
    return (s0 + s1) + (s2 + s3);
  }

  private static void addScaled(double factor, double[] from, double[] to, int count) {
    for (int i = 0; i < count; i++) {
      to[i] += factor * from[i];
    }
  }
}
