package io.evomerge.optimizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a Gaussian process learns from: points and their costs, brought to mean 0 and variance 1.
 * Trials without a score count as bad as the worst one with a score.
 */
final class SurrogateData {

  /** How many of the best points a search for new ones starts near. */
  private static final int BEST = 5;

  private final double[][] x;
  private final double[] y;

  private SurrogateData(double[][] x, double[] y) {
    this.x = x;
    this.y = y;
  }

  /**
   * A process and what a search for new points needs to know of its data.
   *
   * @param process conditioned on the data
   * @param incumbent lowest expected value at a point of the data
   * @param best points of the data, lowest expected value first
   */
  record Surrogate(GaussianProcess process, double incumbent, List<double[]> best) {}

  /**
   * Prepares data.
   *
   * @param most above it, only the best half of so many and the latest are taken
   * @return null if there are not two different scores
   */
  static @Nullable SurrogateData of(List<double[]> points, List<Double> costs, int most) {
    double[] sorted =
        costs.stream().mapToDouble(c -> c).filter(c -> !Double.isNaN(c)).sorted().toArray();
    if (sorted.length < 2 || sorted[0] == sorted[sorted.length - 1]) {
      return null;
    }
    int[] chosen = choose(costs, most);
    double[][] x = new double[chosen.length][];
    double[] y = new double[chosen.length];
    double unit = sorted[(sorted.length - 1) / 2] - sorted[0];
    if (!(unit > 0)) {
      unit = sorted[sorted.length - 1] - sorted[0];
    }
    for (int i = 0; i < chosen.length; i++) {
      x[i] = points.get(chosen[i]);
      double cost = costs.get(chosen[i]);
      double known = Double.isNaN(cost) ? sorted[sorted.length - 1] : cost;
      y[i] = warped(known, sorted[0], unit);
    }
    double mean = Arrays.stream(y).sum() / y.length;
    double squares = 0;
    for (double value : y) {
      squares += (value - mean) * (value - mean);
    }
    double deviation = Math.sqrt(squares / y.length);
    if (!(deviation > 0) || !Double.isFinite(deviation)) {
      return null;
    }
    for (int i = 0; i < y.length; i++) {
      y[i] = (y[i] - mean) / deviation;
    }
    return new SurrogateData(x, y);
  }

  private static int[] choose(List<Double> costs, int most) {
    int count = costs.size();
    Integer[] order = new Integer[count];
    Arrays.setAll(order, i -> i);
    if (count > most) {
      int recent = count - most / 2;
      Arrays.sort(order, Comparator.comparing((Integer i) -> i < recent).thenComparing(costs::get));
    }
    return Arrays.stream(order).limit(most).mapToInt(Integer::intValue).sorted().toArray();
  }

  double[] fit(double[] parameters, boolean[] unordered, int iterations) {
    return GaussianProcess.fit(parameters, x, y, unordered, iterations);
  }

  Surrogate condition(double[] parameters, boolean[] unordered) {
    GaussianProcess process = new GaussianProcess(parameters, x, y, unordered);
    Integer[] order = new Integer[x.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, Comparator.comparingDouble(process::fitted));
    List<double[]> best = new ArrayList<>();
    for (int i = 0; i < Math.min(BEST, order.length); i++) {
      best.add(x[order[i]]);
    }
    return new Surrogate(process, process.fitted(order[0]), best);
  }

  /** Returns the cost in medians above the lowest one, from the median on by its logarithm. */
  private static double warped(double cost, double lowest, double unit) {
    double share = (cost - lowest) / unit;
    return share <= 1 ? share : 1 + StrictMath.log(share);
  }
}
