package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;

/**
 * CMA-ES with a covariance of a deviation per gene and a few directions: O(n m) per point, with m =
 * 4 + floor(3 ln n) directions.
 *
 * <p>The square root is A = D M<sub>m</sub> ... M<sub>1</sub>. M<sub>j</sub> = (1 - c<sub>j</sub>)
 * I + c<sub>j</sub> v<sub>j</sub> v<sub>j</sub>' with the evolution paths v<sub>j</sub> of
 * LM-MA-ES, each with four times the memory of the one before (Loshchilov, Glasmachers, Beyer,
 * "Large Scale Black-box Optimization by Limited-Memory Matrix Adaptation", IEEE TEVC 2019, arXiv
 * 1705.06693). The diagonal D, which LM-MA-ES does not have, learns from what selection prefers in
 * the normal vectors, as in separable natural evolution strategies and diagonal decoding (Akimoto,
 * Hansen, "Diagonal Acceleration for Covariance Matrix Adaptation Evolution Strategies",
 * Evolutionary Computation 28, 2020, arXiv 1905.05885), with negative weights and half the rates of
 * a separable form. Without D, genes of different influence stay unsolved; without M, correlated
 * ones.
 */
final class LimitedMemoryAdaptation extends AdaptiveGaussian {

  /** Bounds on what a generation adds to the logarithm of a variance. */
  private static final double LEAST_GROWTH = -0.7;

  private static final double MOST_GROWTH = 1;

  private final int m;
  private final double[] pathShare;
  private final double[] pathRate;

  private final double[] deviations;
  private final double[] diagonalPath;
  private final double[] directions;
  private final double[] variances;
  private boolean variancesKnown;

  LimitedMemoryAdaptation(int lambda, boolean active, double[] mean, double sigma) {
    super(
        lambda,
        active,
        mean,
        sigma,
        rates(mean.length, lambda),
        active ? minus(mean.length, lambda) : 0);
    m = 4 + (int) (3 * StrictMath.log(n));
    pathShare = new double[m];
    pathRate = new double[m];
    for (int j = 0; j < m; j++) {
      pathShare[j] = Math.min(0.1, 1 / (n * StrictMath.pow(1.5, j)));
      pathRate[j] = Math.min(0.5, lambda / (n * StrictMath.pow(4, j)));
    }
    deviations = new double[n];
    Arrays.fill(deviations, 1);
    diagonalPath = new double[n];
    directions = new double[m * n];
    variances = new double[n];
  }

  private static Rates rates(int n, int lambda) {
    double muEff = new SelectionWeights(lambda).muEff();
    Rates full = Rates.full(n, muEff);
    double faster = (n + 2) / 6.0;
    double c1 = Math.min(0.5, full.c1() * Math.max(1, faster));
    return Rates.fast(n, lambda, muEff, c1, Math.min(1 - c1, full.cMu() * Math.max(1, faster)));
  }

  private static double minus(int n, int lambda) {
    SelectionWeights selection = new SelectionWeights(lambda);
    Rates rates = rates(n, lambda);
    return Math.min(
        1 + rates.c1() / rates.cMu(), 1 + 2 * selection.muEffMinus() / (selection.muEff() + 2));
  }

  @Override
  void correlate(int count) {
    for (int k = 0; k < count; k++) {
      int at = k * n;
      System.arraycopy(normals, at, steps, at, n);
      for (int j = 0; j < m; j++) {
        transform(steps, at, j, 1 - pathShare[j], pathShare[j]);
      }
      for (int i = 0; i < n; i++) {
        steps[at + i] *= deviations[i];
      }
    }
  }

  @Override
  void whiten(int member) {
    int at = member * n;
    for (int i = 0; i < n; i++) {
      normals[at + i] = steps[at + i] / deviations[i];
    }
    for (int j = m - 1; j >= 0; j--) {
      // Sherman and Morrison: the inverse of a I + c v v' is (I - c v v' / (a + c |v|^2)) / a.
      double keep = 1 - pathShare[j];
      double length = dot(directions, j * n, directions, j * n);
      transform(normals, at, j, 1 / keep, -pathShare[j] / (keep * (keep + pathShare[j] * length)));
    }
  }

  /** Computes x = keep x + share v (v'x) with a direction v. */
  private void transform(double[] x, int at, int j, double keep, double share) {
    double along = share * dot(x, at, directions, j * n);
    for (int i = 0; i < n; i++) {
      x[at + i] = keep * x[at + i] + along * directions[j * n + i];
    }
  }

  /** Returns an inner product, in four sums so that it can be vectorised. */
  private double dot(double[] a, int atA, double[] b, int atB) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 4 <= n; i += 4) {
      s0 += a[atA + i] * b[atB + i];
      s1 += a[atA + i + 1] * b[atB + i + 1];
      s2 += a[atA + i + 2] * b[atB + i + 2];
      s3 += a[atA + i + 3] * b[atB + i + 3];
    }
    for (; i < n; i++) {
      s0 += a[atA + i] * b[atB + i];
    }
    return (s0 + s1) + (s2 + s3);
  }

  @Override
  public boolean learnsFromEach() {
    return true;
  }

  /**
   * The variance of a gene is the squared length of its row of A, and the rows of a product of
   * symmetric matrices follow from the last to the first: with the row e<sub>i</sub>' M<sub>m</sub>
   * ... = a e<sub>i</sub>' + sum of b<sub>j</sub> v<sub>j</sub>', inner products of directions are
   * all that is needed.
   */
  @Override
  double variance(int i) {
    if (!variancesKnown) {
      computeVariances();
      variancesKnown = true;
    }
    return variances[i];
  }

  private void computeVariances() {
    double[] products = new double[m * m];
    for (int j = 0; j < m; j++) {
      for (int k = 0; k <= j; k++) {
        products[j * m + k] = dot(directions, j * n, directions, k * n);
        products[k * m + j] = products[j * m + k];
      }
    }
    double[] b = new double[m];
    for (int i = 0; i < n; i++) {
      double keep = 1;
      for (int j = m - 1; j >= 0; j--) {
        // The row so far times v_j, of the part that earlier steps left.
        double along = keep * directions[j * n + i];
        for (int k = j + 1; k < m; k++) {
          along += b[k] * products[k * m + j];
        }
        for (int k = j + 1; k < m; k++) {
          b[k] *= 1 - pathShare[j];
        }
        keep *= 1 - pathShare[j];
        b[j] = pathShare[j] * along;
      }
      double square = keep * keep;
      for (int j = 0; j < m; j++) {
        double inner = 2 * keep * directions[j * n + i];
        for (int k = 0; k < m; k++) {
          inner += b[k] * products[j * m + k];
        }
        square += b[j] * inner;
      }
      variances[i] = deviations[i] * deviations[i] * square;
    }
  }

  /** That of the diagonal: directions are few, and their lengths bounded. */
  @Override
  public double condition() {
    double least = Double.POSITIVE_INFINITY;
    double most = 0;
    for (double deviation : deviations) {
      least = Math.min(least, deviation);
      most = Math.max(most, deviation);
    }
    return most / least * (most / least);
  }

  @Override
  double adapt(
      double[] rankWeights,
      double decay,
      double[] whitened,
      double[] shift,
      double growth,
      Portion portion) {
    double cC = portion.rate(rates.cC());
    double gain = portion.pathGain(cC, muEff);
    double c1 = portion.part() * rates.c1();
    double sum = 0;
    double[] learned = new double[n];
    for (int k = 0; k < lambda; k++) {
      if (rankWeights[k] == 0) {
        continue;
      }
      int at = k * n;
      double length = 0;
      for (int i = 0; i < n; i++) {
        double square = normals[at + i] * normals[at + i];
        learned[i] += rankWeights[k] * square;
        length += square;
      }
      sum += rankWeights[k] < 0 ? rankWeights[k] * length / n : rankWeights[k];
    }
    for (int i = 0; i < n; i++) {
      diagonalPath[i] = (1 - cC) * diagonalPath[i] + gain * whitened[i];
      double change = learned[i] - sum + c1 * (diagonalPath[i] * diagonalPath[i] - 1);
      deviations[i] *= StrictMath.exp(Math.max(LEAST_GROWTH, Math.min(MOST_GROWTH, change)) / 2);
    }
    for (int j = 0; j < m; j++) {
      double rate = portion.rate(pathRate[j]);
      double pathGain = portion.pathGain(rate, muEff);
      for (int i = 0; i < n; i++) {
        int at = j * n + i;
        directions[at] = (1 - rate) * directions[at] + pathGain * whitened[i];
      }
    }
    variancesKnown = false;
    return growth;
  }

  @Override
  void shape(WarmStart start) {
    Arrays.setAll(deviations, i -> Math.sqrt(start.variance(i)));
    variancesKnown = false;
  }

  @Override
  void saveForm(ObjectNode to) {
    Snapshot.putBinary(to, "deviations", deviations);
    Snapshot.putBinary(to, "diagonalPath", diagonalPath);
    Snapshot.putBinary(to, "directions", directions);
  }

  @Override
  void loadForm(Snapshot.Reader from) {
    System.arraycopy(from.binary("deviations", n), 0, deviations, 0, n);
    System.arraycopy(from.binary("diagonalPath", n), 0, diagonalPath, 0, n);
    System.arraycopy(from.binary("directions", m * n), 0, directions, 0, m * n);
    variancesKnown = false;
  }
}
