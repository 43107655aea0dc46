package io.evomerge.optimizer;

import java.util.Arrays;
import org.apache.commons.math3.distribution.NormalDistribution;

/**
 * What keeps whole-number genes of a normal distribution moving.
 *
 * <p>Samples are widened along a gene so that the chance of another value stays at 1/(n lambda) or
 * more (the margin of Hamano et al., arXiv 2205.13482, here computed anew from the state in each
 * generation instead of accumulated) and their deviation at min(0.2, mu<sub>eff</sub>/n) or more;
 * and where a good sample has another value than the mean, the mean is drawn to the middle of that
 * value's cell (lower bound and centering of Marty et al., "LB+IC-CMA-ES", PPSN 2024).
 */
final class WholeNumbers {

  private final double marginQuantile;
  private final double leastDeviation;
  private final double[] widening;

  WholeNumbers(int n, int lambda, double muEff) {
    leastDeviation = Math.min(0.2, muEff / n);
    marginQuantile =
        new NormalDistribution(null, 0, 1)
            .inverseCumulativeProbability(1 - Math.min(0.25, 1.0 / ((double) n * lambda)));
    widening = new double[n];
    Arrays.fill(widening, 1);
  }

  /** Computes the widening from the state of a distribution. */
  void widen(GeneCoordinates coordinates, double[] mean, SearchDistribution distribution) {
    for (int i = 0; i < widening.length; i++) {
      if (coordinates.isWhole(i)) {
        double wanted =
            Math.max(
                coordinates.distanceToOtherValue(i, mean[i]) / marginQuantile,
                leastDeviation * coordinates.cell(i));
        widening[i] = Math.max(1, wanted / distribution.deviation(i));
      }
    }
  }

  /** Returns by what the deviation of samples along a gene is multiplied; 1 for real genes. */
  double widening(int i) {
    return widening[i];
  }

  /**
   * Returns the length of an evolution path. Genes that move by their widening are left out: there
   * the good samples are those that did not move, which says nothing about the step size of the
   * rest (Hansen, "A CMA-ES for Mixed-Integer Nonlinear Optimization", INRIA RR-7751, 2011).
   */
  double length(double[] path) {
    boolean moving = false;
    double squares = 0;
    for (int i = 0; i < path.length; i++) {
      if (widening[i] == 1) {
        moving = true;
        squares += path[i] * path[i];
      }
    }
    // With none left, nothing is learned about the step size.
    return moving ? Math.sqrt(squares) : 1;
  }

  /** Returns the {@link #length} to be expected of a path that chance alone leads. */
  double expectedLength() {
    int moving = 0;
    for (double each : widening) {
      moving += each == 1 ? 1 : 0;
    }
    return moving == 0
        ? 1
        : Math.sqrt(moving) * (1 - 1 / (4.0 * moving) + 1 / (21.0 * moving * moving));
  }

  /**
   * Returns by how much the mean of a gene moves beyond the weighted step of the good samples.
   *
   * @param points all members, one after the other
   * @param ranked members, best first
   * @param weights by rank; only positive ones count
   */
  double centring(
      GeneCoordinates coordinates,
      int i,
      double mean,
      double[] points,
      int[] ranked,
      double[] weights) {
    double value = coordinates.value(i, mean);
    double shift = 0;
    for (int rank = 0; rank < weights.length && weights[rank] > 0; rank++) {
      double point = points[ranked[rank] * widening.length + i];
      if (coordinates.value(i, point) != value) {
        shift += weights[rank] * (coordinates.centred(i, point) - point);
      }
    }
    return shift;
  }
}
