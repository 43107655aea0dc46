package io.evomerge.fitness;

import org.apache.commons.math3.distribution.BinomialDistribution;
import org.apache.commons.math3.distribution.TDistribution;

/**
 * Two models compared on the same items: whether one is better, or the items just fell that way.
 *
 * <p>Items that are all 0 or 1 are compared by the exact McNemar test (Q. McNemar, 1947,
 * doi:10.1007/BF02295996): of the items on which the two differ, each is won by either with
 * probability 1/2. Graded items are compared by the paired t-test.
 *
 * @param count number of items
 * @param gained items on which the first model scores higher
 * @param lost items on which the first model scores lower
 * @param meanDifference mean of first minus second
 * @param standardError of {@code meanDifference}, from the differences: {@code sd / sqrt(n)}; NaN
 *     for a single item
 * @param z for 0/1 items {@code (gained - lost) / sqrt(gained + lost)}, for graded items {@code
 *     meanDifference / standardError}; 0 where no item differs
 * @param pValue two-sided; 1 where no item differs, NaN for a single graded item that does
 * @param binary whether all items are 0 or 1
 */
public record PairedComparison(
    int count,
    int gained,
    int lost,
    double meanDifference,
    double standardError,
    double z,
    double pValue,
    boolean binary) {

  /**
   * Compares two models.
   *
   * @param first score per item of the first model, e.g. the merged one; finite
   * @param second score per item of the second model, e.g. the best source, same items in the same
   *     order; finite
   * @throws IllegalArgumentException if the lengths differ, there are no items, or one is not
   *     finite
   */
  public static PairedComparison of(double[] first, double[] second) {
    if (first.length != second.length) {
      throw new IllegalArgumentException(
          "got "
              + first.length
              + " and "
              + second.length
              + " items, wanted the same items for both models");
    }
    int n = first.length;
    double[] differences = new double[n];
    boolean binary = true;
    int gained = 0;
    int lost = 0;
    for (int i = 0; i < n; i++) {
      double difference = first[i] - second[i];
      if (!Double.isFinite(difference)) {
        throw new IllegalArgumentException(
            "item " + i + " is " + first[i] + " and " + second[i] + ", wanted numbers");
      }
      differences[i] = difference;
      binary &= (first[i] == 0 || first[i] == 1) && (second[i] == 0 || second[i] == 1);
      gained += difference > 0 ? 1 : 0;
      lost += difference < 0 ? 1 : 0;
    }
    double mean = mean(differences);
    double standardError = standardError(differences, mean);
    double z;
    double pValue;
    if (gained + lost == 0) {
      z = 0;
      pValue = 1;
    } else if (binary) {
      z = (gained - lost) / Math.sqrt(gained + lost);
      // no generator: only the distribution function is asked for
      double tail =
          new BinomialDistribution(null, gained + lost, 0.5)
              .cumulativeProbability(Math.min(gained, lost));
      pValue = Math.min(1, 2 * tail);
    } else {
      z = mean / standardError;
      pValue =
          n == 1
              ? Double.NaN
              : 2 * new TDistribution(null, n - 1).cumulativeProbability(-Math.abs(z));
    }
    return new PairedComparison(n, gained, lost, mean, standardError, z, pValue, binary);
  }

  private static double mean(double[] values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("no items: a comparison needs at least one");
    }
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum / values.length;
  }

  private static double standardError(double[] values, double mean) {
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    return Math.sqrt(squares / (values.length - 1) / values.length);
  }
}
