package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;

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

  /**
   * What part of a generation the distribution learns from.
   *
   * @param part of its members: 1, or that of a single one
   * @param squares of the weights that recombine it, relative to what chance alone would rank
   */
  record Portion(double part, double squares) {

    static final Portion WHOLE = new Portion(1, 1);

    /** Returns the rate of a moving average that has the rate given over a generation. */
    double rate(double perGeneration) {
      return part == 1 ? perGeneration : 1 - StrictMath.pow(1 - perGeneration, part);
    }

    /**
     * Returns the factor of a recombined step with which a path, of which it is a moving average,
     * is standard normal where chance alone ranks.
     */
    double pathGain(double rate, double muEff) {
      return Math.sqrt(rate * (2 - rate) * muEff / (part * squares));
    }
  }

  /** Generations over which the squares of weights are averaged. */
  private static final double WEIGHTS_MEMORY = 3;

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
  private final double[] placed;
  private double sigma;
  private double squares = 1;
  private long members;

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
    placed = new double[n];
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
   * @param portion what part of a generation that is
   * @return the factor of the step size
   */
  abstract double adapt(
      double[] rankWeights,
      double decay,
      double[] whitened,
      double[] shift,
      double growth,
      Portion portion);

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
    return members / lambda;
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
  public boolean learnsFromEach() {
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
  public final void placeFirst(GeneCoordinates coordinates, double[] point, double[] normal) {
    place(coordinates, 0, point, 0);
    System.arraycopy(steps, 0, placed, 0, n);
    System.arraycopy(normal, 0, normals, 0, n);
    correlate(1);
  }

  @Override
  public final void update(GeneCoordinates coordinates, int[] ranked, int scored, double delay) {
    members += lambda;
    if (scored == 0) {
      return;
    }
    double[] w = weights.clone();
    double muEffScored = SelectionWeights.withoutPullOfFailures(w, scored);
    learn(coordinates, ranked, w, muEffScored, steps, delay, Portion.WHOLE);
  }

  @Override
  public final void updateByFirst(
      GeneCoordinates coordinates, int[] ranked, int scored, double delay) {
    members++;
    if (scored == 0) {
      return;
    }
    double[] w = weights.clone();
    double muEffScored = SelectionWeights.withoutPullOfFailures(w, scored);
    int rank = 0;
    while (ranked[rank] != 0) {
      rank++;
    }
    double weight = w[rank];
    // While the search advances, the latest rank high among earlier ones. Paths would take the
    // larger weights for steps that agree.
    double square = weight > 0 ? weight * weight * muEffScored * lambda : 0;
    squares += (square - squares) / (WEIGHTS_MEMORY * lambda);
    Portion portion = new Portion(1.0 / lambda, squares);
    learn(coordinates, new int[1], new double[] {weight}, muEffScored, placed, delay, portion);
  }

  /**
   * Learns from members.
   *
   * @param ranked those to learn from, best first
   * @param w their weights
   * @param moves steps of all members by which the mean moves, and its path
   */
  private void learn(
      GeneCoordinates coordinates,
      int[] ranked,
      double[] w,
      double muEffScored,
      double[] moves,
      double delay,
      Portion portion) {
    double[] step = new double[n];
    double[] whitened = new double[n];
    for (int rank = 0; rank < w.length && w[rank] > 0; rank++) {
      int at = ranked[rank] * n;
      for (int i = 0; i < n; i++) {
        step[i] += w[rank] * moves[at + i];
        whitened[i] += w[rank] * normals[at + i];
      }
    }
    double recombined = portion.part() == 1 ? 1 : Arrays.stream(w).filter(x -> x > 0).sum();
    double[] shift = new double[n];
    for (int i = 0; i < n; i++) {
      shift[i] =
          coordinates.isWhole(i)
              ? wholeNumbers.centred(coordinates, i, points, ranked, w) - recombined * mean[i]
              : sigma * step[i];
    }
    double cSigma = portion.rate(rates.cSigma());
    double pathGain = portion.pathGain(cSigma, muEffScored);
    for (int i = 0; i < n; i++) {
      pathSigma[i] = (1 - cSigma) * pathSigma[i] + pathGain * whitened[i];
    }
    double norm = wholeNumbers.length(pathSigma);
    double chiN = wholeNumbers.expectedLength();
    double expected = Math.sqrt(1 - Math.pow(1 - rates.cSigma(), 2.0 * members / lambda));
    boolean stalled = norm / expected >= (1.4 + 2.0 / (n + 1)) * chiN;
    double cC = portion.rate(rates.cC());
    double gain = stalled ? 0 : portion.pathGain(cC, muEffScored);
    for (int i = 0; i < n; i++) {
      pathC[i] = (1 - cC) * pathC[i] + gain * step[i];
    }
    System.arraycopy(pathC, 0, steps, n * lambda, n);

    double sumOfWeights = 0;
    for (double weight : w) {
      sumOfWeights += weight;
    }
    double c1 = portion.part() * rates.c1();
    double missing = stalled ? c1 * rates.cC() * (2 - rates.cC()) : 0;
    double decay = 1 - c1 - rates.cMu() * sumOfWeights + missing;
    boolean compensates = foresees() || learnsFromEach();
    double damping = rates.dSigma() / (compensates ? 1 + DELAY_COMPENSATION * delay : 1);
    double rate = portion.part() * rates.cSigma() / damping;
    double growth = Math.exp(Math.min(1, rate * (norm / chiN - 1)));
    sigma *= adapt(rankWeights(ranked, w, c1), decay, whitened, shift, growth, portion);
    for (int i = 0; i < n; i++) {
      mean[i] += shift[i];
    }
  }

  private double[] rankWeights(int[] ranked, double[] w, double c1) {
    double[] rankWeights = new double[lambda + 1];
    for (int rank = 0; rank < w.length; rank++) {
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
    rankWeights[lambda] = c1;
    return rankWeights;
  }

  @Override
  public final ObjectNode save(ObjectNode to) {
    to.put("population", lambda)
        .put("active", active)
        .put("sigma", sigma)
        .put("squares", squares)
        .put("members", members);
    Snapshot.putBinary(to, "mean", mean);
    Snapshot.putBinary(to, "pathSigma", pathSigma);
    Snapshot.putBinary(to, "pathC", pathC);
    saveForm(to);
    return to;
  }

  /** Fills this distribution, made with the same population, with what {@link #save} wrote. */
  final void load(Snapshot.Reader from) {
    sigma = from.number("sigma");
    squares = from.number("squares");
    members = from.integer64("members");
    System.arraycopy(from.binary("mean", n), 0, mean, 0, n);
    System.arraycopy(from.binary("pathSigma", n), 0, pathSigma, 0, n);
    System.arraycopy(from.binary("pathC", n), 0, pathC, 0, n);
    loadForm(from);
  }
}
