package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.SearchSpace;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * CMA-ES as Apache Commons Math 3 implements it ({@code CMAESOptimizer}), behind ask and tell;
 * immutable and thread-safe. For comparison, and for hosts that trust that implementation; {@link
 * Optimizers#cmaEs()} is the default.
 *
 * <p>Commons Math calls for one score at a time and cannot be paused. But within a generation its
 * points do not depend on the scores, so this class needs no thread: it runs the optimiser from its
 * start on the scores told so far, then feeds it blanks for one generation and notes the points. A
 * search of g generations therefore costs about g<sup>2</sup>/2 of Commons Math's generations, each
 * with an eigendecomposition: some 6 seconds over 1000 trials of 24 genes, 40 seconds over 1000
 * trials of 96 genes, and more with the cube of the number of genes.
 *
 * <p>The first batch is the start point and the first generation. Box: Commons Math moves points
 * onto the bounds and ranks them with a penalty. Whole numbers and choices are rounded, without a
 * floor on their deviation. Failed, infeasible and not finite outcomes count as worse than the
 * worst score of their generation by its range; a generation without any score ranks by id. Done
 * when Commons Math stops by its built-in tolerances. The snapshot is the seed and the scores told,
 * in order; restoring runs the optimiser again on them.
 */
public final class CommonsMathCmaEs implements OptimizerFactory {

  static final CommonsMathCmaEs DEFAULT = new CommonsMathCmaEs(0, true);

  private final int populationSize;
  private final boolean active;

  private CommonsMathCmaEs(int populationSize, boolean active) {
    this.populationSize = populationSize;
    this.active = active;
  }

  /**
   * Sets how many points a generation has.
   *
   * @param populationSize at least 4; default 4 + floor(3 ln n) for n genes
   * @throws IllegalArgumentException if it is below 4
   */
  public CommonsMathCmaEs populationSize(int populationSize) {
    if (populationSize < 4) {
      throw new IllegalArgumentException(
          "populationSize " + populationSize + " must be at least 4");
    }
    return new CommonsMathCmaEs(populationSize, active);
  }

  /**
   * Sets whether the covariance is updated with negative weights too.
   *
   * @param active default true
   */
  public CommonsMathCmaEs active(boolean active) {
    return new CommonsMathCmaEs(populationSize, active);
  }

  /** Returns the population size; empty stands for the default, which depends on the space. */
  public OptionalInt populationSize() {
    return populationSize == 0 ? OptionalInt.empty() : OptionalInt.of(populationSize);
  }

  /** Returns whether negative weights are used. */
  public boolean active() {
    return active;
  }

  @Override
  public String name() {
    return "commons-math-cma-es";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of(
        "populationSize",
        populationSize == 0 ? "default" : Integer.toString(populationSize),
        "active",
        Boolean.toString(active));
  }

  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    return new CommonsMathCmaEsOptimizer(this, space, directions, seed);
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    return CommonsMathCmaEsOptimizer.restore(this, space, directions, snapshot);
  }

  @Override
  public String toString() {
    return name() + new java.util.TreeMap<>(settings());
  }
}
