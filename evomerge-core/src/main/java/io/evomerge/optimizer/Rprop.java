package io.evomerge.optimizer;

import java.util.Arrays;

/**
 * Maximises a smooth function in a box by the signs of its gradient alone: iRprop- (Igel, Huesken
 * 2003, doi 10.1016/S0925-2312(01)00700-7), which needs no line search and no scale of the
 * function.
 */
final class Rprop {

  private static final double GROW = 1.2;
  private static final double SHRINK = 0.5;

  /** A function and its gradient. */
  @FunctionalInterface
  interface Function {

    /**
     * Returns the value; NaN where there is none.
     *
     * @param gradient becomes the gradient
     */
    double at(double[] x, double[] gradient);
  }

  private Rprop() {}

  /**
   * Returns the best point seen.
   *
   * @param x the first point
   * @param low bounds, equal to {@code high} where a number is held fast
   * @param high bounds
   * @param firstStep of every number
   * @param leastStep below which steps do not shrink; ends when all are there
   * @param mostStep above which steps do not grow
   */
  static double[] maximize(
      double[] x,
      double[] low,
      double[] high,
      double firstStep,
      double leastStep,
      double mostStep,
      int iterations,
      Function function) {
    int n = x.length;
    double[] at = x.clone();
    double[] best = at.clone();
    double bestValue = Double.NEGATIVE_INFINITY;
    double[] gradient = new double[n];
    double[] before = new double[n];
    double[] step = new double[n];
    Arrays.fill(step, firstStep);
    for (int k = 0; k < iterations; k++) {
      double value = function.at(at, gradient);
      if (Double.isNaN(value)) {
        break;
      }
      if (value > bestValue) {
        bestValue = value;
        System.arraycopy(at, 0, best, 0, n);
      }
      boolean moved = false;
      for (int i = 0; i < n; i++) {
        double agreement = gradient[i] * before[i];
        if (agreement < 0) {
          step[i] = Math.max(leastStep, SHRINK * step[i]);
          gradient[i] = 0;
        } else if (agreement > 0) {
          step[i] = Math.min(mostStep, GROW * step[i]);
        }
        double to = at[i] + Math.signum(gradient[i]) * step[i];
        to = Math.min(high[i], Math.max(low[i], to));
        moved |= step[i] > leastStep && low[i] < high[i];
        at[i] = to;
        before[i] = gradient[i];
      }
      if (!moved) {
        break;
      }
    }
    return best;
  }
}
