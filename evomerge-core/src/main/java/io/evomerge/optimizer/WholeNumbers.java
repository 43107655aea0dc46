package io.evomerge.optimizer;

import java.util.Arrays;
import org.apache.commons.math3.distribution.NormalDistribution;

/**
 * What keeps whole-number genes of a normal distribution moving, and still where they are settled
 * (after Marty et al., "LB+IC-CMA-ES", PPSN 2024: a lower bound and centring).
 *
 * <p>Lower bound: samples are widened along a gene so that from the middle of a value's cell the
 * chance of another value is {@link #CHANCE} or, with many whole-number genes, their share of
 * {@link #CHANCE_OF_ANY}. As in CatCMA with margin (Hamano et al., arXiv 2504.07884, 2025) it is a
 * share of the samples that tries other values, however many genes and samples there are.
 *
 * <p>Centring: to the mean, every good sample counts at the middle of its value's cell, as its
 * place within the cell has no influence on its score. Would it count where it lies, the mean would
 * walk through the cell at random, mostly near an edge, where up to half of all samples have
 * another value: these rank by it alone, and the real genes learn little. Marty et al. centre only
 * samples of another value than the mean's.
 */
final class WholeNumbers {

  private static final double CHANCE = 0.02;
  private static final double CHANCE_OF_ANY = 0.2;

  private final double[] widening;

  WholeNumbers(int n) {
    widening = new double[n];
    Arrays.fill(widening, 1);
  }

  /** Computes the widening from the state of a distribution. */
  void widen(GeneCoordinates coordinates, SearchDistribution distribution) {
    if (coordinates.wholeGenes() == 0) {
      return;
    }
    double chance = Math.min(CHANCE, CHANCE_OF_ANY / coordinates.wholeGenes());
    double ofTwo = leastDeviation(chance);
    double ofMore = leastDeviation(chance / 2);
    for (int i = 0; i < widening.length; i++) {
      if (coordinates.isWhole(i)) {
        double least = coordinates.isBinary(i) ? ofTwo : ofMore;
        widening[i] = Math.max(1, least * coordinates.cell(i) / distribution.deviation(i));
      }
    }
  }

  /**
   * Returns the deviation, as a share of a cell, at which a point around the middle of the cell is
   * beyond one of its edges with the given chance.
   */
  private static double leastDeviation(double chance) {
    return 0.5 / new NormalDistribution(null, 0, 1).inverseCumulativeProbability(1 - chance);
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
   * Returns the weighted sum of the middles of the good samples' values: where the mean of a gene
   * moves, if the weights sum to 1.
   *
   * @param points all members, one after the other
   * @param ranked members, best first
   * @param weights by rank; only positive ones count
   */
  double centred(
      GeneCoordinates coordinates, int i, double[] points, int[] ranked, double[] weights) {
    double mean = 0;
    for (int rank = 0; rank < weights.length && weights[rank] > 0; rank++) {
      double point = points[ranked[rank] * widening.length + i];
      mean += weights[rank] * coordinates.centred(i, point);
    }
    return mean;
  }
}
