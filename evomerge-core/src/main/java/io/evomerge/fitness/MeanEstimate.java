package io.evomerge.fitness;

/**
 * The mean score of a sample of items and how far it may be from the mean over all such items.
 *
 * @param mean arithmetic mean of the items
 * @param standardError of the mean; for items that are all 0 or 1 the binomial {@code sqrt(p (1-p)
 *     / n)}, otherwise the sample standard deviation over {@code sqrt(n)}; NaN for a single graded
 *     item
 * @param count number of items, at least 1
 */
public record MeanEstimate(double mean, double standardError, int count) {

  /**
   * Estimates from items.
   *
   * @param items score of each item, finite
   * @throws IllegalArgumentException if there are none or one is not finite
   */
  public static MeanEstimate of(double[] items) {
    if (items.length == 0) {
      throw new IllegalArgumentException("no items: a mean needs at least one");
    }
    double sum = 0;
    boolean binary = true;
    for (int i = 0; i < items.length; i++) {
      if (!Double.isFinite(items[i])) {
        throw new IllegalArgumentException("item " + i + " is " + items[i] + ", wanted a number");
      }
      sum += items[i];
      binary &= items[i] == 0 || items[i] == 1;
    }
    int n = items.length;
    double mean = sum / n;
    if (binary) {
      return new MeanEstimate(mean, Math.sqrt(mean * (1 - mean) / n), n);
    }
    double squares = 0;
    for (double item : items) {
      squares += (item - mean) * (item - mean);
    }
    return new MeanEstimate(mean, Math.sqrt(squares / (n - 1) / n), n);
  }
}
