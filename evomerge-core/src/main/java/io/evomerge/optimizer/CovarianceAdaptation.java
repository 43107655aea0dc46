package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The full covariance.
 *
 * <p>Formulas and constants: Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772v2
 * (2023), figure 6 and table 1; the learning rates of the covariance are those of Akimoto, Hansen,
 * "Diagonal Acceleration for CMA-ES", Evol. Comput. 28(3), 2020, doi 10.1162/evco_a_00260, where
 * they are higher, which is from some 20 genes on. The square root of the covariance is its
 * Cholesky factor, not the symmetric root of an eigendecomposition (as in Krause, Arbones, Igel,
 * NIPS 2016): samples have the same distribution, and lazily renewed it costs a fraction of the
 * rest of a generation even at a thousand genes, where an eigendecomposition costs a hundred times
 * as much.
 */
final class CovarianceAdaptation extends AdaptiveGaussian {

  /** Steps of each power iteration that estimates an end of the spectrum. */
  private static final int POWER_STEPS = 8;

  private final int lazyGap;
  private final LowerTriangle covariance;
  private final LowerTriangle factor;
  private long factorised;
  private double condition = 1;

  CovarianceAdaptation(int lambda, boolean active, double[] mean, double sigma) {
    super(
        lambda,
        active,
        mean,
        sigma,
        rates(mean.length, lambda),
        active ? rates(mean.length, lambda).definiteMinus(mean.length, lambda) : 0);
    covariance = LowerTriangle.identity(n);
    factor = LowerTriangle.identity(n);
    lazyGap = Math.max(1, (int) (0.5 / (n * (rates.c1() + rates.cMu()))));
  }

  private static Rates rates(int n, int lambda) {
    double muEff = new SelectionWeights(lambda).muEff();
    Rates tutorial = Rates.full(n, muEff);
    double manyGenes = 1 / ((n + 3) * Math.pow(n + 1, 0.75) + muEff / 2);
    double massOfMany = muEff + 1 / muEff - 2 + lambda / (2.0 * (lambda + 5));
    double c1 = Math.max(tutorial.c1(), manyGenes);
    double cMu = Math.min(1 - c1, Math.max(tutorial.cMu(), massOfMany * manyGenes));
    return new Rates(c1, cMu, tutorial.cC(), tutorial.cSigma(), tutorial.dSigma());
  }

  @Override
  void correlate(int count) {
    factor.multiply(normals, steps, count);
  }

  @Override
  void whiten(int member) {
    int at = member * n;
    System.arraycopy(steps, at, normals, at, n);
    factor.solveLower(normals, at);
  }

  @Override
  public boolean foresees() {
    return true;
  }

  @Override
  double variance(int i) {
    return covariance.diagonal(i);
  }

  @Override
  public double condition() {
    return condition;
  }

  @Override
  public boolean stepsVanish() {
    int axis = (int) (generation() % n);
    for (int i = axis; i < n; i++) {
      if (moves(i, 0.1 * sigma(), factor.element(i, axis))) {
        return super.stepsVanish();
      }
    }
    return true;
  }

  @Override
  double adapt(
      double[] rankWeights,
      double decay,
      double[] whitened,
      double[] shift,
      double growth,
      Portion portion) {
    covariance.rankUpdate(decay, steps, rankWeights, lambda + 1);
    if (generation() - factorised >= lazyGap) {
      factorise();
    }
    return growth;
  }

  private void factorise() {
    factorised = generation();
    if (!factor.factorise(covariance)) {
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
      largest = Math.max(largest, covariance.diagonal(i));
    }
    for (int step = 0; step < POWER_STEPS; step++) {
      double norm = normalise(x);
      if (step > 0) {
        largest = Math.max(largest, norm);
      }
      covariance.multiplySymmetric(x, y);
      System.arraycopy(y, 0, x, 0, n);
    }
    for (int i = 0; i < n; i++) {
      double pivot = factor.diagonal(i);
      smallest = Math.min(smallest, pivot * pivot);
      x[i] = 1 - (i % 5) * 0.1;
    }
    for (int step = 0; step < POWER_STEPS; step++) {
      double norm = normalise(x);
      if (step > 0) {
        smallest = Math.min(smallest, 1 / norm);
      }
      factor.solve(x);
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

  @Override
  void shape(WarmStart start) {
    covariance.load(start.covariance());
    factorise();
  }

  @Override
  void saveForm(ObjectNode to) {
    to.put("factorised", factorised).put("condition", Double.toString(condition));
    Snapshot.putBinary(to, "covariance", covariance.packed());
    Snapshot.putBinary(to, "factor", factor.packed());
  }

  @Override
  void loadForm(Snapshot.Reader from) {
    factorised = from.integer64("factorised");
    condition = Double.parseDouble(from.text("condition"));
    int length = LowerTriangle.length(n);
    covariance.load(from.binary("covariance", length));
    factor.load(from.binary("factor", length));
  }
}
