package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import org.apache.commons.math3.distribution.NormalDistribution;

/**
 * The search distribution of CMA-ES and its update, one generation at a time.
 *
 * <p>Formulas and constants: Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772v2
 * (2023), figure 6 and table 1; the learning rates of the covariance are those of Akimoto, Hansen,
 * "Diagonal Acceleration for CMA-ES", Evol. Comput. 28(3), 2020, doi 10.1162/evco_a_00260, where
 * they are higher, which is from some 20 genes on. The square root of the covariance is its
 * Cholesky factor, not the symmetric root of an eigendecomposition (as in Krause, Arbones, Igel,
 * NIPS 2016): samples have the same distribution, and lazily renewed it costs a fraction of the
 * rest of a generation even at a thousand genes, where an eigendecomposition costs a hundred times
 * as much.
 *
 * <p>Whole-number genes: samples are widened along a gene so that the chance of another value stays
 * at 1/(n lambda) or more (the margin of Hamano et al., arXiv 2205.13482, here computed anew from
 * the state in each generation instead of accumulated) and their deviation at min(0.2,
 * mu<sub>eff</sub>/n) or more; and where a good sample has another value than the mean, the mean is
 * drawn to the middle of that value's cell (lower bound and centering of Marty et al.,
 * "LB+IC-CMA-ES", PPSN 2024).
 */
final class CovarianceAdaptation implements SearchDistribution {

  /** Steps of each power iteration that estimates an end of the spectrum. */
  private static final int POWER_STEPS = 8;

  private final int n;
  private final int lambda;
  private final boolean active;
  private final double[] weights;
  private final double cSigma;
  private final double dSigma;
  private final double cC;
  private final double c1;
  private final double cMu;
  private final int lazyGap;
  private final double marginQuantile;
  private final double leastWholeDeviation;

  private final double[] mean;
  private final double[] pathSigma;
  private final double[] pathC;
  private final double[] covariance;
  private final double[] factor;
  private double sigma;
  private long generation;
  private long factorised;
  private double condition = 1;

  private final double[] widening;
  private final double[] points;
  private final double[] normals;
  private final double[] steps;

  CovarianceAdaptation(int n, int lambda, boolean active, double[] mean, double sigma) {
    this.n = n;
    this.lambda = lambda;
    this.active = active;
    this.mean = mean.clone();
    this.sigma = sigma;
    pathSigma = new double[n];
    pathC = new double[n];
    covariance = PackedLower.identity(n);
    factor = PackedLower.identity(n);
    widening = new double[n];
    Arrays.fill(widening, 1);
    points = new double[Math.multiplyExact(n, lambda)];
    normals = new double[Math.multiplyExact(n, lambda)];
    // One more vector for the evolution path, so that a covariance update is one pass.
    steps = new double[Math.multiplyExact(n, lambda + 1)];

    int mu = lambda / 2;
    double[] raw = new double[lambda];
    double sumPlus = 0;
    double squaresPlus = 0;
    double sumMinus = 0;
    double squaresMinus = 0;
    for (int i = 0; i < lambda; i++) {
      raw[i] = Math.log((lambda + 1) / 2.0) - Math.log(i + 1.0);
      if (i < mu) {
        sumPlus += raw[i];
        squaresPlus += raw[i] * raw[i];
      } else {
        sumMinus -= raw[i];
        squaresMinus += raw[i] * raw[i];
      }
    }
    double muEff = sumPlus * sumPlus / squaresPlus;
    double muEffMinus = sumMinus * sumMinus / squaresMinus;
    cSigma = (muEff + 2) / (n + muEff + 5);
    dSigma = 1 + 2 * Math.max(0, Math.sqrt((muEff - 1) / (n + 1)) - 1) + cSigma;
    cC = (4 + muEff / n) / (n + 4 + 2 * muEff / n);
    double manyGenes = 1 / ((n + 3) * Math.pow(n + 1, 0.75) + muEff / 2);
    double massOfMany = muEff + 1 / muEff - 2 + lambda / (2.0 * (lambda + 5));
    c1 = Math.max(2 / ((n + 1.3) * (n + 1.3) + muEff), manyGenes);
    cMu =
        Math.min(
            1 - c1,
            Math.max(
                2 * (0.25 + muEff + 1 / muEff - 2) / ((n + 2.0) * (n + 2.0) + muEff),
                massOfMany * manyGenes));
    double minus =
        active
            ? Math.min(
                Math.min(1 + c1 / cMu, 1 + 2 * muEffMinus / (muEff + 2)),
                (1 - c1 - cMu) / (n * cMu))
            : 0;
    weights = new double[lambda];
    for (int i = 0; i < lambda; i++) {
      weights[i] = i < mu ? raw[i] / sumPlus : minus * raw[i] / sumMinus;
    }
    lazyGap = Math.max(1, (int) (0.5 / (n * (c1 + cMu))));
    leastWholeDeviation = Math.min(0.2, muEff / n);
    marginQuantile =
        new NormalDistribution(null, 0, 1)
            .inverseCumulativeProbability(1 - Math.min(0.25, 1.0 / ((double) n * lambda)));
  }

  static int defaultPopulationSize(int n) {
    return 4 + (int) (3 * Math.log(n));
  }

  @Override
  public int populationSize() {
    return lambda;
  }

  @Override
  public long generation() {
    return generation;
  }

  @Override
  public double sigma() {
    return sigma;
  }

  @Override
  public double condition() {
    return condition;
  }

  @Override
  public double[] mean() {
    return mean.clone();
  }

  @Override
  public double deviation(int i) {
    return sigma * Math.sqrt(covariance[PackedLower.column(n, i)]);
  }

  @Override
  public double path(int i) {
    return pathC[i];
  }

  @Override
  public boolean stepsVanish() {
    int axis = (int) (generation % n);
    int at = PackedLower.column(n, axis);
    boolean axisVanishes = true;
    for (int i = axis; i < n && axisVanishes; i++) {
      axisVanishes = mean[i] == mean[i] + 0.1 * sigma * widening[i] * factor[at + i - axis];
    }
    if (axisVanishes) {
      return true;
    }
    for (int i = 0; i < n; i++) {
      if (mean[i] == mean[i] + 0.2 * deviation(i) * widening[i]) {
        return true;
      }
    }
    return false;
  }

  @Override
  public double[] sample(GeneCoordinates coordinates, int count, NormalSource draw) {
    widen(coordinates);
    for (int k = 0; k < count; k++) {
      draw.fill(k, normals, k * n, n);
    }
    PackedLower.multiply(factor, n, normals, steps, count);
    for (int k = 0; k < count; k++) {
      for (int i = 0; i < n; i++) {
        points[k * n + i] = mean[i] + sigma * widening[i] * steps[k * n + i];
      }
    }
    return points;
  }

  private void widen(GeneCoordinates coordinates) {
    for (int i = 0; i < n; i++) {
      widening[i] = 1;
      if (coordinates.isWhole(i)) {
        double wanted =
            Math.max(
                coordinates.distanceToOtherValue(i, mean[i]) / marginQuantile,
                leastWholeDeviation * coordinates.cell(i));
        widening[i] = Math.max(1, wanted / deviation(i));
      }
    }
  }

  @Override
  public void place(GeneCoordinates coordinates, int member, double[] from, int at) {
    if (member == 0) {
      widen(coordinates);
    }
    int to = member * n;
    for (int i = 0; i < n; i++) {
      steps[to + i] = (from[at + i] - mean[i]) / (sigma * widening[i]);
      normals[to + i] = steps[to + i];
    }
    PackedLower.solveLower(factor, n, normals, to);
    double length = 0;
    for (int i = 0; i < n; i++) {
      length += normals[to + i] * normals[to + i];
    }
    length = Math.sqrt(length);
    double longest = Math.sqrt(n) + 2.0 * n / (n + 2);
    double shrink = length > longest ? longest / length : 1;
    for (int i = 0; i < n; i++) {
      normals[to + i] *= shrink;
      steps[to + i] *= shrink;
      points[to + i] = mean[i] + sigma * widening[i] * steps[to + i];
    }
  }

  @Override
  public void update(GeneCoordinates coordinates, int[] ranked, int scored) {
    generation++;
    if (scored == 0) {
      return;
    }
    double[] w = weights.clone();
    double muEffScored = withoutPullOfFailures(w, scored);

    double[] step = new double[n];
    double[] whitened = new double[n];
    for (int rank = 0; rank < lambda && w[rank] > 0; rank++) {
      int at = ranked[rank] * n;
      for (int i = 0; i < n; i++) {
        step[i] += w[rank] * steps[at + i];
        whitened[i] += w[rank] * normals[at + i];
      }
    }
    double[] shift = meanShift(coordinates, ranked, w, step);
    double pathGain = Math.sqrt(cSigma * (2 - cSigma) * muEffScored);
    for (int i = 0; i < n; i++) {
      mean[i] += shift[i];
      pathSigma[i] = (1 - cSigma) * pathSigma[i] + pathGain * whitened[i];
    }
    double norm = WholeNumbers.length(pathSigma, widening);
    double chiN = WholeNumbers.expectedLength(widening);
    double expected = Math.sqrt(1 - Math.pow(1 - cSigma, 2.0 * generation));
    boolean stalled = norm / expected >= (1.4 + 2.0 / (n + 1)) * chiN;
    double gain = stalled ? 0 : Math.sqrt(cC * (2 - cC) * muEffScored);
    for (int i = 0; i < n; i++) {
      pathC[i] = (1 - cC) * pathC[i] + gain * step[i];
    }

    double sumOfWeights = 0;
    double[] rankWeights = new double[lambda + 1];
    for (int rank = 0; rank < lambda; rank++) {
      sumOfWeights += w[rank];
      double weight = cMu * w[rank];
      int at = ranked[rank] * n;
      if (weight < 0) {
        double length = 0;
        for (int i = 0; i < n; i++) {
          length += normals[at + i] * normals[at + i];
        }
        weight *= n / length;
      }
      rankWeights[ranked[rank]] = weight;
    }
    rankWeights[lambda] = c1;
    System.arraycopy(pathC, 0, steps, n * lambda, n);
    double decay = 1 - c1 - cMu * sumOfWeights + (stalled ? c1 * cC * (2 - cC) : 0);
    PackedLower.rankUpdate(covariance, n, decay, steps, rankWeights, lambda + 1);
    sigma *= Math.exp(Math.min(1, cSigma / dSigma * (norm / chiN - 1)));
    if (generation - factorised >= lazyGap) {
      factorise();
    }
  }

  private double[] meanShift(GeneCoordinates coordinates, int[] ranked, double[] w, double[] step) {
    double[] shift = new double[n];
    for (int i = 0; i < n; i++) {
      shift[i] = sigma * widening[i] * step[i];
      if (coordinates.isWhole(i)) {
        double value = coordinates.value(i, mean[i]);
        for (int rank = 0; rank < lambda && w[rank] > 0; rank++) {
          double point = points[ranked[rank] * n + i];
          if (coordinates.value(i, point) != value) {
            shift[i] += w[rank] * (coordinates.centred(i, point) - point);
          }
        }
      }
    }
    return shift;
  }

  /**
   * Takes positive weight off members without a score, so that the mean never moves towards
   * failures, and returns the variance-effective selection mass of what is left.
   */
  private static double withoutPullOfFailures(double[] w, int scored) {
    double sum = 0;
    double squares = 0;
    for (int rank = 0; rank < w.length && w[rank] > 0; rank++) {
      if (rank >= scored) {
        w[rank] = 0;
      }
      sum += w[rank];
      squares += w[rank] * w[rank];
    }
    for (int rank = 0; rank < w.length && w[rank] > 0; rank++) {
      w[rank] /= sum;
    }
    return sum * sum / squares;
  }

  private void factorise() {
    factorised = generation;
    if (!PackedLower.cholesky(covariance, n, factor)) {
      condition = Double.POSITIVE_INFINITY;
      return;
    }
    condition = estimateCondition();
  }

  /**
   * Returns a lower bound of the condition number that is close to it when it is large: power
   * iterations towards both ends of the spectrum, at O(n^2) each.
   */
  private double estimateCondition() {
    double[] x = new double[n];
    double[] y = new double[n];
    double largest = 0;
    double smallest = Double.POSITIVE_INFINITY;
    for (int i = 0; i < n; i++) {
      x[i] = 1 + (i % 7) * 0.1;
      largest = Math.max(largest, covariance[PackedLower.column(n, i)]);
    }
    for (int step = 0; step < POWER_STEPS; step++) {
      double norm = normalise(x);
      if (step > 0) {
        largest = Math.max(largest, norm);
      }
      PackedLower.multiplySymmetric(covariance, n, x, y);
      System.arraycopy(y, 0, x, 0, n);
    }
    for (int i = 0; i < n; i++) {
      double pivot = factor[PackedLower.column(n, i)];
      smallest = Math.min(smallest, pivot * pivot);
      x[i] = 1 - (i % 5) * 0.1;
    }
    for (int step = 0; step < POWER_STEPS; step++) {
      double norm = normalise(x);
      if (step > 0) {
        smallest = Math.min(smallest, 1 / norm);
      }
      PackedLower.solve(factor, n, x);
    }
    return largest / smallest;
  }

  private static double normalise(double[] x) {
    double norm = 0;
    for (double v : x) {
      norm += v * v;
    }
    norm = Math.sqrt(norm);
    for (int i = 0; i < x.length; i++) {
      x[i] /= norm;
    }
    return norm;
  }

  /** Takes the shape of earlier trials, before the first generation. */
  void shape(WarmStart start) {
    System.arraycopy(start.covariance(), 0, covariance, 0, covariance.length);
    factorise();
  }

  @Override
  public ObjectNode save(ObjectNode to) {
    to.put("population", lambda)
        .put("active", active)
        .put("sigma", sigma)
        .put("generation", generation)
        .put("factorised", factorised)
        .put("condition", Double.toString(condition));
    Snapshot.putNumbers(to, "mean", mean);
    Snapshot.putNumbers(to, "pathSigma", pathSigma);
    Snapshot.putNumbers(to, "pathC", pathC);
    Snapshot.putBinary(to, "covariance", covariance);
    Snapshot.putBinary(to, "factor", factor);
    return to;
  }

  static CovarianceAdaptation load(Snapshot.Reader from, int n) {
    double[] mean = from.numbers("mean", n);
    CovarianceAdaptation loaded =
        new CovarianceAdaptation(
            n, from.integer("population"), from.bool("active"), mean, from.number("sigma"));
    loaded.generation = from.integer64("generation");
    loaded.factorised = from.integer64("factorised");
    loaded.condition = Double.parseDouble(from.text("condition"));
    System.arraycopy(from.numbers("pathSigma", n), 0, loaded.pathSigma, 0, n);
    System.arraycopy(from.numbers("pathC", n), 0, loaded.pathC, 0, n);
    int length = PackedLower.length(n);
    System.arraycopy(from.binary("covariance", length), 0, loaded.covariance, 0, length);
    System.arraycopy(from.binary("factor", length), 0, loaded.factor, 0, length);
    return loaded;
  }
}
