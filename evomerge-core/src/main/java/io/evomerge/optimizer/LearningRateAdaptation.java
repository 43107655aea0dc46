package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;

/**
 * A full covariance whose learning rates follow the signal-to-noise ratio of its updates: an update
 * that goes to and fro is taken in part.
 *
 * <p>Nomura, Akimoto, Ono, "CMA-ES with Learning Rate Adaptation: Can CMA-ES with Default
 * Population Size Solve Multimodal and Noisy Problems?", GECCO 2023 (arXiv 2304.03473), with its
 * constants. The moving averages live in coordinates whitened by the Cholesky factor, which is
 * renewed in every generation, O(n<sup>3</sup>); between step size and covariance, scale is shared
 * by the growth of the former to the power of the rate, where the paper uses the determinant: the
 * product is the same.
 */
final class LearningRateAdaptation extends AdaptiveGaussian {

  private static final double ALPHA = 1.4;
  private static final double GAMMA = 0.1;

  private final LowerTriangle covariance;
  private final LowerTriangle factor;
  private final LowerTriangle local;
  private final Rate ofMean;
  private final Rate ofCovariance;
  private double longest;
  private boolean singular;

  LearningRateAdaptation(int lambda, boolean active, double[] mean, double sigma) {
    super(
        lambda,
        active,
        mean,
        sigma,
        rates(mean.length, lambda),
        active ? rates(mean.length, lambda).definiteMinus(mean.length, lambda) : 0);
    longest = sigma;
    covariance = LowerTriangle.identity(n);
    factor = LowerTriangle.identity(n);
    local = LowerTriangle.identity(n);
    ofMean = new Rate(0.1, n);
    ofCovariance = new Rate(0.03, LowerTriangle.length(n));
  }

  private static Rates rates(int n, int lambda) {
    return Rates.full(n, new SelectionWeights(lambda).muEff());
  }

  /** A learning rate and the moving averages of what it scales. */
  private static final class Rate {

    private final double beta;
    private final double[] average;
    private double square;
    private double eta = 1;

    Rate(double beta, int length) {
      this.beta = beta;
      average = new double[length];
    }

    /** Follows the signal-to-noise ratio, given the last update. */
    void follow(double[] update) {
      double length = 0;
      double averaged = 0;
      for (int i = 0; i < average.length; i++) {
        length += update[i] * update[i];
        average[i] = (1 - beta) * average[i] + beta * update[i];
        averaged += average[i] * average[i];
      }
      square = (1 - beta) * square + beta * length;
      double noise = square - averaged;
      if (!(noise > 0)) {
        return;
      }
      double ratio = (averaged - beta / (2 - beta) * square) / noise;
      double excess = Math.min(Math.max(ratio / (ALPHA * eta) - 1, -1), 1);
      eta = Math.min(1, eta * StrictMath.exp(Math.min(GAMMA * eta, beta) * excess));
    }

    void save(ObjectNode to) {
      to.put("eta", eta).put("square", square);
      Snapshot.putBinary(to, "average", average);
    }

    void load(Snapshot.Reader from) {
      eta = from.number("eta");
      square = from.number("square");
      System.arraycopy(from.binary("average", average.length), 0, average, 0, average.length);
    }
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
  double variance(int i) {
    return covariance.diagonal(i);
  }

  /** A lower bound, from the pivots of the factor. */
  @Override
  public double condition() {
    if (singular) {
      return Double.POSITIVE_INFINITY;
    }
    double least = Double.POSITIVE_INFINITY;
    double most = 0;
    for (int i = 0; i < n; i++) {
      double pivot = factor.diagonal(i);
      least = Math.min(least, pivot);
      most = Math.max(most, pivot);
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
    double before = ofMean.eta;
    ofMean.follow(whitened);
    double square = growth * growth;
    ofCovariance.follow(localChange(rankWeights, decay, square));
    for (int i = 0; i < n; i++) {
      shift[i] *= ofMean.eta;
    }
    double eta = ofCovariance.eta;
    double sizeGrowth = StrictMath.pow(growth, eta);
    double share = eta * square / (sizeGrowth * sizeGrowth);
    double kept = (1 - eta) / (sizeGrowth * sizeGrowth) + share * decay;
    double[] scaled = new double[lambda + 1];
    for (int k = 0; k <= lambda; k++) {
      scaled[k] = share * rankWeights[k];
    }
    covariance.rankUpdate(kept, steps, scaled, lambda + 1);
    singular = !factor.factorise(covariance);
    return sizeGrowth * correction(before / ofMean.eta, sizeGrowth);
  }

  /**
   * A slower mean wants longer steps, so that its progress is the same. Beyond the initial ones the
   * folding of the box would make them noise, which slows the mean further.
   */
  private double correction(double wanted, double sizeGrowth) {
    double variance = 0;
    for (int i = 0; i < n; i++) {
      variance += variance(i) / n;
    }
    double room = longest / (sigma() * sizeGrowth * Math.sqrt(variance));
    return Math.min(wanted, Math.max(1, room));
  }

  /**
   * The change of sigma^2 C in whitened coordinates, divided by the root of 2; an element beside
   * the diagonal stands for two, which makes up for the divisor.
   */
  private double[] localChange(double[] rankWeights, double decay, double growth) {
    double[] vectors = Arrays.copyOf(normals, steps.length);
    System.arraycopy(steps, n * lambda, vectors, n * lambda, n);
    factor.solveLower(vectors, n * lambda);
    double[] scaled = new double[lambda + 1];
    for (int k = 0; k <= lambda; k++) {
      scaled[k] = growth * rankWeights[k];
    }
    local.rankUpdate(0, vectors, scaled, lambda + 1);
    double[] change = local.packed();
    int at = 0;
    for (int i = 0; i < n; i++) {
      change[at] = (change[at] + growth * decay - 1) / Math.sqrt(2);
      at += n - i;
    }
    return change;
  }

  @Override
  void shape(WarmStart start) {
    covariance.load(start.covariance());
    singular = !factor.factorise(covariance);
  }

  @Override
  void saveForm(ObjectNode to) {
    to.put("longest", longest).put("singular", singular);
    Snapshot.putBinary(to, "covariance", covariance.packed());
    Snapshot.putBinary(to, "factor", factor.packed());
    ofMean.save(to.putObject("rateOfMean"));
    ofCovariance.save(to.putObject("rateOfCovariance"));
  }

  @Override
  void loadForm(Snapshot.Reader from) {
    longest = from.number("longest");
    singular = from.bool("singular");
    int length = LowerTriangle.length(n);
    covariance.load(from.binary("covariance", length));
    factor.load(from.binary("factor", length));
    ofMean.load(from.child("rateOfMean"));
    ofCovariance.load(from.child("rateOfCovariance"));
  }
}
