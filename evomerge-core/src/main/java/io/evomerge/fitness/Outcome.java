package io.evomerge.fitness;

import java.util.List;

/** What became of a trial. */
public sealed interface Outcome {

  /**
   * The trial was scored on every objective.
   *
   * @param fitness one per objective, in their order
   */
  record Scored(List<Fitness> fitness) implements Outcome {
    /** Copies. */
    public Scored {
      fitness = List.copyOf(fitness);
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
