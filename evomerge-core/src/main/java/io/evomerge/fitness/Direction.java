package io.evomerge.fitness;

/** Whether higher or lower scores are better. */
public enum Direction {
  /** Higher is better. */
  MAXIMIZE,
  /** Lower is better. */
  MINIMIZE;

  /**
   * Returns whether one score beats another.
   *
   * @param score the challenger
   * @param other the incumbent
   */
  public boolean isBetter(double score, double other) {
    return this == MAXIMIZE ? score > other : score < other;
  }
}
