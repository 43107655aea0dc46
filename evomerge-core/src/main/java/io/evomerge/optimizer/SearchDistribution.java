package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The distribution that a CMA-ES draws from, in the coordinates of {@link GeneCoordinates}: what is
 * drawn, and how it moves when a generation has been ranked. Not thread-safe.
 */
interface SearchDistribution {

  /** Returns how many members a generation has. */
  int populationSize();

  /** Returns how many generations it moved by; single members make one together. */
  long generation();

  /** Returns the global step size. */
  double sigma();

  /** Returns the point around which it draws; a copy. */
  double[] mean();

  /** Returns the standard deviation along a coordinate, without the widening of whole numbers. */
  double deviation(int i);

  /** Returns a component of the evolution path, in units of {@link #sigma()}. */
  double path(int i);

  /**
   * Returns whether the evolution path tells where the mean goes next, so that {@link
   * #expectedShift} can be relied on. Paths with a long memory, and a mean that moves in part, do
   * not.
   */
  boolean foresees();

  /** Returns whether it can move by one member at a time, {@link #updateByFirst}. */
  boolean learnsFromEach();

  /** Returns how far the mean moves with the next generation if it goes on as it went. */
  double[] expectedShift();

  /** Returns an estimate of the condition number of the covariance; infinite if it is singular. */
  double condition();

  /** Returns whether a tenth of a standard deviation along some axis no longer moves the mean. */
  boolean stepsVanish();

  /**
   * Draws members {@code 0} to {@code count - 1} of a generation.
   *
   * @param count from 1 to the population size
   * @param draw fills a standard normal vector for a member
   * @return the points one after the other, overwritten by the next call
   */
  double[] sample(GeneCoordinates coordinates, int count, NormalSource draw);

  /**
   * Makes a point a member of the generation, whoever drew it: an earlier state of this
   * distribution, or somebody else. A point that would be unlikely here is taken as the nearest
   * likely one (Hansen, "Injecting external solutions into CMA-ES", arXiv 1110.4181, 2011).
   *
   * @param member its place
   * @param points holds it
   * @param from where it begins
   */
  void place(GeneCoordinates coordinates, int member, double[] points, int from);

  /**
   * Makes a point member 0, to move by it alone. The mean and its path move towards where the point
   * is, as in {@link #place}; all else learns from the step by which it was drawn.
   *
   * @param point its place
   * @param normal the standard normal vector of its step
   */
  void placeFirst(GeneCoordinates coordinates, double[] point, double[] normal);

  /**
   * Moves the distribution by the members drawn or placed last.
   *
   * @param ranked all members, best first
   * @param scored how many of them have a score; the rest failed and rank last
   * @param delay how many generations ago they were drawn, in the mean; where the form says so, the
   *     step size follows faster for it
   */
  void update(GeneCoordinates coordinates, int[] ranked, int scored, double delay);

  /**
   * Moves the distribution by the member that {@link #placeFirst} placed, as far as a generation
   * would move it for one of its members.
   *
   * @param ranked all members, best first; but for member 0 they moved it before
   * @param scored how many of them have a score; the rest failed and rank last
   * @param delay how many generations ago it was drawn
   */
  void updateByFirst(GeneCoordinates coordinates, int[] ranked, int scored, double delay);

  /** Writes the state. */
  ObjectNode save(ObjectNode to);

  /** Fills {@code to[from..from + count)} with standard normal variates of a member. */
  interface NormalSource {
    void fill(int member, double[] to, int from, int count);
  }
}
