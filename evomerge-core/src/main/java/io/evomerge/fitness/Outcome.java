package io.evomerge.fitness;

import java.util.Comparator;
import java.util.List;

/** What became of a trial. */
public sealed interface Outcome {

  /**
   * The trial was scored on every objective.
   *
   * <p>Whoever ranks trials puts those that keep to all constraints first, by their scores; then
   * those that do not, by their violation, whatever their scores; failed ones last.
   *
   * @param fitness one per objective, in their order
   * @param violation how far the candidate violates the constraints of the search together: 0 if it
   *     keeps to all; must be finite and not negative to count
   */
  record Scored(List<Fitness> fitness, double violation) implements Outcome {
    /** Copies. */
    public Scored {
      fitness = List.copyOf(fitness);
    }

    /**
     * Scores of a candidate that violates no constraint.
     *
     * @param fitness one per objective, in their order
     */
    public Scored(List<Fitness> fitness) {
      this(fitness, 0);
    }

    /** Returns whether the candidate keeps to all constraints. */
    public boolean isFeasible() {
      return violation == 0;
    }

    /**
     * Returns the order of rank: the smaller violation first, then the better score on the first
     * objective, on the second one among equals, and so on. The first in it is dominated by none.
     *
     * @param directions of the objectives
     */
    public static Comparator<Scored> order(List<Direction> directions) {
      List<Direction> all = List.copyOf(directions);
      return (a, b) -> {
        if (a.violation != b.violation) {
          return a.violation < b.violation ? -1 : 1;
        }
        for (int i = 0; i < all.size(); i++) {
          double one = a.fitness.get(i).score();
          double other = b.fitness.get(i).score();
          if (all.get(i).isBetter(one, other)) {
            return -1;
          }
          if (all.get(i).isBetter(other, one)) {
            return 1;
          }
        }
        return 0;
      };
    }

    /**
     * Returns whether this is better than another outcome by constrained domination (Deb et al.
     * 2002, doi 10.1109/4235.996017): its violation is smaller; or neither violates a constraint,
     * and it is no worse on every objective and better on one.
     *
     * @param other of the same search
     * @param directions of the objectives
     */
    public boolean dominates(Scored other, List<Direction> directions) {
      if (violation > 0 || other.violation > 0) {
        return violation < other.violation;
      }
      boolean better = false;
      for (int i = 0; i < directions.size(); i++) {
        double mine = fitness.get(i).score();
        double theirs = other.fitness.get(i).score();
        if (directions.get(i).isBetter(theirs, mine)) {
          return false;
        }
        better |= directions.get(i).isBetter(mine, theirs);
      }
      return better;
    }

    /**
     * A score on a single objective.
     *
     * @param score the number that is optimised
     */
    public static Scored of(double score) {
      return new Scored(List.of(Fitness.of(score)));
    }
  }

  /**
   * The genome describes no model; nothing was evaluated.
   *
   * @param reason one sentence
   */
  record Infeasible(String reason) implements Outcome {}

  /**
   * Merging or evaluating threw, or the score was not finite.
   *
   * @param reason the first line of what went wrong
   */
  record Failed(String reason) implements Outcome {}
}
