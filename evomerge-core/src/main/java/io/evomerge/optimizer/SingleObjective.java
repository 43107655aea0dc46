package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import java.util.List;

/** What strategies for one objective share. */
final class SingleObjective {

  /** Costs above it belong to trials that violate constraints: 2<sup>768</sup>, about 1.6e231. */
  private static final long VIOLATING = 0x6ff0000000000000L;

  private static final double HIGHEST_FEASIBLE = Double.longBitsToDouble(VIOLATING);

  private SingleObjective() {}

  /**
   * Returns the only direction.
   *
   * @throws IllegalArgumentException if there is not exactly one
   */
  static Direction direction(OptimizerFactory factory, List<Direction> directions) {
    if (directions.size() != 1) {
      throw new IllegalArgumentException(
          factory.name()
              + " optimises one objective, got "
              + directions.size()
              + "; combine them into one number or use a multi-objective strategy");
    }
    return directions.get(0);
  }

  /**
   * Returns a cost, lower is better, or NaN if the trial has no finite score.
   *
   * <p>A trial that violates constraints costs more than any that does not, and the more the more
   * it violates, whatever its score: its violation, compressed to the numbers between 1e231 and
   * 1e266, in order. Strategies that rank need to know nothing more; those that compute with costs
   * ask {@link #isViolation} first.
   *
   * @throws IllegalArgumentException if the outcome has another number of objectives
   */
  static double cost(Evaluation evaluation, Direction direction) {
    if (!(evaluation.outcome() instanceof Outcome.Scored scored)) {
      return Double.NaN;
    }
    if (scored.fitness().size() != 1) {
      throw new IllegalArgumentException(
          "trial "
              + evaluation.id()
              + " was told "
              + scored.fitness().size()
              + " scores, the search has 1 objective");
    }
    double score = scored.fitness().get(0).score();
    double violation = scored.violation();
    if (!Double.isFinite(score) || !Double.isFinite(violation) || violation < 0) {
      return Double.NaN;
    }
    if (violation > 0) {
      // The bits of positive numbers are in the order of the numbers, with any last ones cut off.
      return Double.longBitsToDouble(VIOLATING + 1 + (Double.doubleToLongBits(violation) >>> 4));
    }
    double cost = direction == Direction.MINIMIZE ? score : -score;
    return Math.min(cost, HIGHEST_FEASIBLE);
  }

  /** Returns whether a cost says that constraints are violated, and not what a score is. */
  static boolean isViolation(double cost) {
    return cost > HIGHEST_FEASIBLE;
  }

  /**
   * Returns the costs of outcomes as {@link #cost} does.
   *
   * @param nextId the first id not yet handed out
   * @throws IllegalArgumentException if an id was never handed out, or an outcome has another
   *     number of objectives
   */
  static double[] costs(List<Evaluation> evaluations, Direction direction, long nextId) {
    double[] costs = new double[evaluations.size()];
    for (int i = 0; i < costs.length; i++) {
      requireProposed(evaluations.get(i).id(), nextId);
      costs[i] = cost(evaluations.get(i), direction);
    }
    return costs;
  }

  /**
   * Refuses an id that was never handed out.
   *
   * @param nextId the first id not yet handed out
   */
  static void requireProposed(long id, long nextId) {
    if (id < 0 || id >= nextId) {
      throw new IllegalArgumentException(
          "trial "
              + id
              + " was never proposed; "
              + (nextId == 0 ? "nothing was asked yet" : "ids so far are 0 to " + (nextId - 1)));
    }
  }
}
