package io.evomerge.optimizer;

/**
 * Weights of ranks in CMA-ES: positive for the better half, summing to 1, negative for the others
 * (Hansen, arXiv 1604.00772v2, equations 49 to 53).
 */
final class SelectionWeights {

  private final double[] raw;
  private final int mu;
  private final double sumPlus;
  private final double sumMinus;
  private final double muEff;
  private final double muEffMinus;

  /**
   * Makes the weights of a population.
   *
   * @param lambda its size, 2 or more
   */
  SelectionWeights(int lambda) {
    mu = lambda / 2;
    raw = new double[lambda];
    double plus = 0;
    double squaresPlus = 0;
    double minus = 0;
    double squaresMinus = 0;
    for (int i = 0; i < lambda; i++) {
      raw[i] = Math.log((lambda + 1) / 2.0) - Math.log(i + 1.0);
      if (i < mu) {
        plus += raw[i];
        squaresPlus += raw[i] * raw[i];
      } else {
        minus -= raw[i];
        squaresMinus += raw[i] * raw[i];
      }
    }
    sumPlus = plus;
    sumMinus = minus;
    muEff = plus * plus / squaresPlus;
    muEffMinus = minus * minus / squaresMinus;
  }

  /** Returns the usual size of a population. */
  static int defaultPopulationSize(int n) {
    return 4 + (int) (3 * Math.log(n));
  }

  /** Returns the variance-effective selection mass of the positive weights. */
  double muEff() {
    return muEff;
  }

  /** Returns that of the negative ones. */
  double muEffMinus() {
    return muEffMinus;
  }

  /**
   * Returns the weights by rank.
   *
   * @param minus what the negative ones sum up to, as a positive number; 0 for none
   */
  double[] weights(double minus) {
    double[] weights = new double[raw.length];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = i < mu ? raw[i] / sumPlus : minus * raw[i] / sumMinus;
    }
    return weights;
  }

  /**
   * Takes positive weight off members without a score, so that the mean never moves towards
   * failures, and returns the variance-effective selection mass of what is left.
   *
   * @param weights by rank, changed in place
   * @param scored how many have a score, 1 or more
   */
  static double withoutPullOfFailures(double[] weights, int scored) {
    double sum = 0;
    double squares = 0;
    for (int rank = 0; rank < weights.length && weights[rank] >= 0; rank++) {
      if (rank >= scored) {
        weights[rank] = 0;
      }
      sum += weights[rank];
      squares += weights[rank] * weights[rank];
    }
    for (int rank = 0; rank < scored && weights[rank] > 0; rank++) {
      weights[rank] /= sum;
    }
    return sum * sum / squares;
  }
}
