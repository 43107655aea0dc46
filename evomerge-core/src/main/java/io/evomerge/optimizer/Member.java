package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import java.util.List;

/**
 * An evaluated point of a population.
 *
 * @param id of the trial
 * @param genome the point
 * @param costs one per objective, lower is better; none if the trial has no finite scores
 * @param violation of the constraints together, 0 if there is none
 */
record Member(long id, Genome genome, double[] costs, double violation) {

  private static final double[] NONE = {};

  /**
   * Makes a member of a trial and its outcome.
   *
   * @throws IllegalArgumentException if the outcome has another number of objectives
   */
  static Member of(Genome genome, Evaluation evaluation, List<Direction> directions) {
    long id = evaluation.id();
    if (!(evaluation.outcome() instanceof Outcome.Scored scored)) {
      return new Member(id, genome, NONE, 0);
    }
    List<Fitness> fitness = scored.fitness();
    if (fitness.size() != directions.size()) {
      throw new IllegalArgumentException(
          "trial "
              + id
              + " was told "
              + fitness.size()
              + " scores, the search has "
              + directions.size()
              + " objectives");
    }
    boolean finite = scored.violation() >= 0 && Double.isFinite(scored.violation());
    double[] costs = new double[fitness.size()];
    for (int i = 0; i < costs.length; i++) {
      double score = fitness.get(i).score();
      finite &= Double.isFinite(score);
      // Adding 0 makes the zero of a negated score the usual one, so that no sign reaches a file.
      costs[i] = (directions.get(i) == Direction.MINIMIZE ? score : -score) + 0.0;
    }
    return finite
        ? new Member(id, genome, costs, scored.violation())
        : new Member(id, genome, NONE, 0);
  }

  boolean isScored() {
    return costs.length > 0;
  }

  /**
   * Returns whether this is better by constrained domination (Deb et al. 2002): any score beats
   * none, a smaller violation a greater one, and among points that violate nothing, no worse on
   * every objective and better on one.
   */
  boolean dominates(Member other) {
    if (!isScored() || !other.isScored()) {
      return isScored() && !other.isScored();
    }
    if (violation > 0 || other.violation > 0) {
      return violation < other.violation;
    }
    boolean better = false;
    for (int i = 0; i < costs.length; i++) {
      if (costs[i] > other.costs[i]) {
        return false;
      }
      better |= costs[i] < other.costs[i];
    }
    return better;
  }
}
