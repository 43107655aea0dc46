package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What all forms of the covariance share: mean, step size and its cumulative adaptation, evolution
 * paths, whole-number genes, members drawn and placed, failures.
 *
 * <p>Formulas and constants: Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772v2
 * (2023), figure 6 and table 1. A form is a square root A of its covariance, C = A A', and the way
 * in which C learns from a ranked generation.
 */
abstract class AdaptiveGaussian implements SearchDistribution {

  /**
   * Learning rates.
   *
   * @param c1 of the rank-one update
   * @param cMu of the rank-mu update
   * @param cC of the path of the rank-one update
   * @param cSigma of the path of the step size
   * @param dSigma damping of the step size
   */
  record Rates(double c1, double cMu, double cC, double cSigma, double dSigma) {

    /** The rates of a full covariance. */
    static Rates full(int n, double muEff) {
      double c1 = 2 / ((n + 1.3) * (n + 1.3) + muEff);
      double cMu =
          Math.min(1 - c1, 2 * (0.25 + muEff + 1 / muEff - 2) / ((n + 2.0) * (n + 2.0) + muEff));
      double cSigma = (muEff + 2) / (n + muEff + 5);
      return new Rates(
          c1, cMu, (4 + muEff / n) / (n + 4 + 2 * muEff / n), cSigma, surplus(n, muEff) + cSigma);
    }

    /**
     * The rates of a covariance with few parameters: those of the covariance given, a step size
     * that follows within n/(2 lambda) generations (as in LM-MA-ES, Loshchilov, Glasmachers, Beyer
     * 2019, arXiv 1705.06693), and a path of the rank-one update as long as that update remembers
     * (as in VkD-CMA, Akimoto, Hansen 2016).
     */
    static Rates fast(int n, int lambda, double muEff, double c1, double cMu) {
      double cSigma = Math.max((muEff + 2) / (n + muEff + 5), Math.min(0.3, 2.0 * lambda / n));
      return new Rates(c1, cMu, Math.sqrt(c1), cSigma, surplus(n, muEff));
    }

    /**
     * Returns what negative weights may sum up to, as a positive number, while the covariance stays
     * positive definite.
     */
    double definiteMinus(int n, int lambda) {
      SelectionWeights selection = new SelectionWeights(lambda);
      return Math.min(
          Math.min(1 + c1 / cMu, 1 + 2 * selection.muEffMinus() / (selection.muEff() + 2)),
          (1 - c1 - cMu) / (n * cMu));
    }

    private static double surplus(int n, double muEff) {
      return 1 + 2 * Math.max(0, Math.sqrt((muEff - 1) / (n + 1)) - 1);
    }
  }

  /** By how much faster a step size follows for each generation that members are late. */
  private static final double DELAY_COMPENSATION = 0.5;

  final int n;
  final int lambda;
  final boolean active;
  final Rates rates;

  /** Variance-effective selection mass. */
  final double muEff;

  /** The mean; moved by {@link #update} alone. */
  final double[] mean;

  /** Standard normal vectors of the members, one after the other. */
  final double[] normals;

  /** Steps of the members, A times {@link #normals}, and the evolution path behind them. */
  final double[] steps;

  private final double[] weights;
  private final WholeNumbers wholeNumbers;
  private final double[] pathSigma;
  private final double[] pathC;
  private final double[] points;
  private double sigma;
  private long generation;

  AdaptiveGaussian(
      int lambda, boolean active, double[] mean, double sigma, Rates rates, double minus) {
    n = mean.length;
    this.lambda = lambda;
    this.active = active;
    this.rates = rates;
    this.mean = mean.clone();
    this.sigma = sigma;
    SelectionWeights selection = new SelectionWeights(lambda);
    muEff = selection.muEff();
    weights = selection.weights(minus);
    wholeNumbers = new WholeNumbers(n);
    pathSigma = new double[n];
    pathC = new double[n];
    points = new double[Math.multiplyExact(n, lambda)];
    normals = new double[Math.multiplyExact(n, lambda)];
    steps = new double[Math.multiplyExact(n, lambda + 1)];
  }

  /** Computes {@link #steps} from {@link #normals} for members from 0 on. */
  abstract void correlate(int count);

  /** Computes a member's {@link #normals} from its {@link #steps}: the inverse of A. */
  abstract void whiten(int member);

  /** Returns the variance along a coordinate, without the step size. */
  abstract double variance(int i);

  /**
   * Learns from a generation. A form may scale the shift of the mean, which is applied afterwards.
   *
   * @param rankWeights of the members in {@link #steps}, then of the evolution path: the factors of
   *     their outer products, learning rates included
   * @param decay the factor of the covariance as it is
   * @param whitened the weighted mean of the good members' {@link #normals}
   * @param shift of the mean
   * @param growth factor of the step size according to its cumulative adaptation
   * @return the factor of the step size
   */
  abstract double adapt(
      double[] rankWeights, double decay, double[] whitened, double[] shift, double growth);

  /** Takes the shape of earlier trials, before the first generation. */
  abstract void shape(WarmStart start);

  /** Writes what the form has beyond this class. */
  abstract void saveForm(ObjectNode to);

  /** Reads what {@link #saveForm} wrote. */
  abstract void loadForm(Snapshot.Reader from);

  @Override
  public final int populationSize() {
    return lambda;
  }

  @Override
  public final long generation() {
    return generation;
  }

  @Override
  public final double sigma() {
    return sigma;
  }

  @Override
  public final double[] mean() {
    return mean.clone();
  }

  @Override
  public final double deviation(int i) {
    return sigma * Math.sqrt(variance(i));
  }

  @Override
  public final double path(int i) {
    return pathC[i];
  }

  @Override
  public boolean foresees() {
    return false;
  }

  @Override
  public final double[] expectedShift() {
    double cC = rates.cC();
    double step = sigma * Math.sqrt(cC / ((2 - cC) * muEff));
    double[] shift = new double[n];
    for (int i = 0; i < n; i++) {
      shift[i] = step * wholeNumbers.widening(i) * pathC[i];
    }
    return shift;
  }

  @Override
  public boolean stepsVanish() {
    for (int i = 0; i < n; i++) {
      if (mean[i] == mean[i] + 0.2 * deviation(i) * wholeNumbers.widening(i)) {
        return true;
      }
    }
    return false;
  }

  /** Returns whether a step along a gene, widened as samples are, changes the mean. */
  final boolean moves(int i, double sigma, double step) {
    return mean[i] != mean[i] + sigma * wholeNumbers.widening(i) * step;
  }

  @Override
  public final double[] sample(GeneCoordinates coordinates, int count, NormalSource draw) {
    wholeNumbers.widen(coordinates, this);
    for (int k = 0; k < count; k++) {
      draw.fill(k, normals, k * n, n);
    }
    correlate(count);
    for (int k = 0; k < count; k++) {
      toPoint(k);
    }
    return points;
  }

  private void toPoint(int member) {
    int at = member * n;
    for (int i = 0; i < n; i++) {
      points[at + i] = mean[i] + sigma * wholeNumbers.widening(i) * steps[at + i];
    }
  }

  @Override
  public final void place(GeneCoordinates coordinates, int member, double[] from, int at) {
    if (member == 0) {
      wholeNumbers.widen(coordinates, this);
    }
    int to = member * n;
    for (int i = 0; i < n; i++) {
      steps[to + i] = (from[at + i] - mean[i]) / (sigma * wholeNumbers.widening(i));
    }
    whiten(member);
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
    }
    toPoint(member);
  }

  @Override
  public final void update(GeneCoordinates coordinates, int[] ranked, int scored, double delay) {
    generation++;
    if (scored == 0) {
      return;
    }
    double[] w = weights.clone();
    double muEffScored = SelectionWeights.withoutPullOfFailures(w, scored);

    double[] step = new double[n];
    double[] whitened = new double[n];
    for (int rank = 0; rank < lambda && w[rank] > 0; rank++) {
      int at = ranked[rank] * n;
      for (int i = 0; i < n; i++) {
        step[i] += w[rank] * steps[at + i];
        whitened[i] += w[rank] * normals[at + i];
      }
    }
    double[] shift = new double[n];
    for (int i = 0; i < n; i++) {
      shift[i] =
          coordinates.isWhole(i)
              ? wholeNumbers.centredMean(coordinates, i, points, ranked, w) - mean[i]
              : sigma * step[i];
    }
    double cSigma = rates.cSigma();
    double pathGain = Math.sqrt(cSigma * (2 - cSigma) * muEffScored);
    for (int i = 0; i < n; i++) {
      pathSigma[i] = (1 - cSigma) * pathSigma[i] + pathGain * whitened[i];
    }
    double norm = wholeNumbers.length(pathSigma);
    double chiN = wholeNumbers.expectedLength();
    double expected = Math.sqrt(1 - Math.pow(1 - cSigma, 2.0 * generation));
    boolean stalled = norm / expected >= (1.4 + 2.0 / (n + 1)) * chiN;
    double cC = rates.cC();
    double gain = stalled ? 0 : Math.sqrt(cC * (2 - cC) * muEffScored);
    for (int i = 0; i < n; i++) {
      pathC[i] = (1 - cC) * pathC[i] + gain * step[i];
    }
    System.arraycopy(pathC, 0, steps, n * lambda, n);

    double sumOfWeights = 0;
    for (double weight : w) {
      sumOfWeights += weight;
    }
    double decay =
        1 - rates.c1() - rates.cMu() * sumOfWeights + (stalled ? rates.c1() * cC * (2 - cC) : 0);
    double damping = rates.dSigma() / (foresees() ? 1 + DELAY_COMPENSATION * delay : 1);
    double growth = Math.exp(Math.min(1, cSigma / damping * (norm / chiN - 1)));
    sigma *= adapt(rankWeights(ranked, w), decay, whitened, shift, growth);
    for (int i = 0; i < n; i++) {
      mean[i] += shift[i];
    }
  }

  private double[] rankWeights(int[] ranked, double[] w) {
    double[] rankWeights = new double[lambda + 1];
    for (int rank = 0; rank < lambda; rank++) {
      double weight = rates.cMu() * w[rank];
      if (weight < 0) {
        int at = ranked[rank] * n;
        double length = 0;
        for (int i = 0; i < n; i++) {
          length += normals[at + i] * normals[at + i];
        }
        weight *= n / length;
      }
      rankWeights[ranked[rank]] = weight;
    }
    rankWeights[lambda] = rates.c1();
    return rankWeights;
  }

  @Override
  public final ObjectNode save(ObjectNode to) {
    to.put("population", lambda)
        .put("active", active)
        .put("sigma", sigma)
        .put("generation", generation);
    Snapshot.putBinary(to, "mean", mean);
    Snapshot.putBinary(to, "pathSigma", pathSigma);
    Snapshot.putBinary(to, "pathC", pathC);
    saveForm(to);
    return to;
  }

  /** Fills this distribution, made with the same population, with what {@link #save} wrote. */
  final void load(Snapshot.Reader from) {
    sigma = from.number("sigma");
    generation = from.integer64("generation");
    System.arraycopy(from.binary("mean", n), 0, mean, 0, n);
    System.arraycopy(from.binary("pathSigma", n), 0, pathSigma, 0, n);
    System.arraycopy(from.binary("pathC", n), 0, pathC, 0, n);
    loadForm(from);
  }
}
