package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The normal distribution nearest to where the best tenth of earlier trials lie.
 *
 * <p>Nomura, Watanabe, Akimoto, Ozaki, Onishi, "Warm Starting CMA-ES for Hyperparameter
 * Optimization", AAAI 2021 (arXiv 2012.06932): a mixture of normal distributions around the best
 * gamma = 0.1 of the trials, each with a deviation of alpha = 0.1 of the range, and the normal
 * distribution with the same mean and covariance. Here alpha is at most a gene's own step, and at
 * least half a cell of a whole number.
 */
final class WarmStart {

  private static final double GAMMA = 0.1;
  private static final double ALPHA = 0.1;

  private final int n;
  private final List<double[]> best = new ArrayList<>();
  private final double[] mean;
  private final double[] prior;
  private final double scale;

  /**
   * Fits.
   *
   * @param trials at least one with a finite score
   * @throws IllegalArgumentException if there is none, or the trials are of other genes
   */
  WarmStart(
      SearchSpace space,
      GeneCoordinates coordinates,
      Direction direction,
      List<EarlierTrial> trials) {
    n = coordinates.dimension();
    for (EarlierTrial trial : trials) {
      requireSameGenes(space, trial.genome());
    }
    List<EarlierTrial> scored =
        trials.stream()
            .filter(trial -> score(trial).isPresent())
            .sorted(
                Comparator.comparingDouble(
                    trial ->
                        direction == Direction.MINIMIZE
                            ? score(trial).getAsDouble()
                            : -score(trial).getAsDouble()))
            .toList();
    if (scored.isEmpty()) {
      throw new IllegalArgumentException(
          "warmStart: none of " + trials.size() + " trials has a score; begin without them");
    }
    mean = new double[n];
    int count = Math.max(1, (int) (GAMMA * scored.size()));
    for (EarlierTrial trial : scored.subList(0, count)) {
      double[] point = coordinates.coordinates(trial.genome());
      best.add(point);
      for (int i = 0; i < n; i++) {
        mean[i] += point[i] / count;
      }
    }
    prior = new double[n];
    double logarithms = 0;
    for (int i = 0; i < n; i++) {
      double deviation = Math.min(1, ALPHA * coordinates.range(i));
      if (coordinates.isWhole(i)) {
        deviation = Math.max(deviation, 0.5 * coordinates.cell(i));
      }
      prior[i] = deviation * deviation;
      logarithms += StrictMath.log(unscaledVariance(i));
    }
    scale = StrictMath.exp(logarithms / n);
  }

  private static OptionalDouble score(EarlierTrial trial) {
    if (trial.outcome() instanceof Outcome.Scored scored && !scored.fitness().isEmpty()) {
      double score = scored.fitness().get(0).score();
      return Double.isFinite(score) ? OptionalDouble.of(score) : OptionalDouble.empty();
    }
    return OptionalDouble.empty();
  }

  private static void requireSameGenes(SearchSpace space, Genome genome) {
    List<Gene> genes = space.genes();
    if (genome.size() != genes.size()) {
      throw new IllegalArgumentException(
          "warmStart: an earlier trial has "
              + genome.size()
              + " genes, this search has "
              + genes.size()
              + "; give trials of a search of the same genes");
    }
    for (int i = 0; i < genes.size(); i++) {
      Gene gene = genes.get(i);
      if (!(genome.value(i) >= gene.min() && genome.value(i) <= gene.max())) {
        throw new IllegalArgumentException(
            "warmStart: an earlier trial has "
                + genome.value(i)
                + " for gene '"
                + gene.name()
                + "', which is from "
                + gene.min()
                + " to "
                + gene.max()
                + " here; give trials of a search of the same genes");
      }
    }
  }

  private double unscaledVariance(int i) {
    double sum = 0;
    for (double[] point : best) {
      sum += (point[i] - mean[i]) * (point[i] - mean[i]);
    }
    return prior[i] + sum / best.size();
  }

  /** Returns the mean in coordinates. */
  double[] mean() {
    return mean.clone();
  }

  /** Returns the step size: the geometric mean of the deviations. */
  double sigma() {
    return Math.sqrt(scale);
  }

  /** Returns the variance along a coordinate, without the step size. */
  double variance(int i) {
    return unscaledVariance(i) / scale;
  }

  /** Returns the covariance without the step size, its lower triangle column by column. */
  double[] covariance() {
    double[] covariance = new double[LowerTriangle.length(n)];
    int at = 0;
    for (int j = 0; j < n; j++) {
      covariance[at] = prior[j] / scale;
      for (double[] point : best) {
        double along = (point[j] - mean[j]) / (best.size() * scale);
        for (int i = j; i < n; i++) {
          covariance[at + i - j] += along * (point[i] - mean[i]);
        }
      }
      at += n - j;
    }
    return covariance;
  }
}
