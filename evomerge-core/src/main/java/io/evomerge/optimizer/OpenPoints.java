package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * The points of a search that are out, and what came back of them: a whole generation at a time
 * ({@link OpenGeneration}) or each as it comes ({@link AsynchronousPoints}). Their ids count on
 * from a first one; points of lower ids no longer matter. Not thread-safe.
 */
interface OpenPoints {

  /**
   * Hands out points.
   *
   * @param max at most so many, at least 1
   */
  List<Proposal> ask(int max);

  /** Returns the first id that was not handed out. */
  long nextId();

  /**
   * What the distribution moves by.
   *
   * @param costs of as many members as a generation has, NaN for those without a score
   * @param ranked members by cost, those without a score last
   * @param firstOnly whether it moves by member 0 alone: the others counted before
   */
  record Outcomes(double[] costs, int[] ranked, boolean firstOnly) {}

  /**
   * Takes an outcome in, once per id.
   *
   * @param id handed out before
   * @param cost lower is better; NaN for none
   * @return whether the distribution can move now
   */
  boolean tell(long id, double cost);

  /**
   * Returns how many generations, in the mean, end between the drawing of a point and its return.
   */
  double delay();

  /** Makes what is back members of the distribution, which moves right after this. */
  Outcomes close();

  /** Writes the state. */
  void save(ObjectNode to);

  /** Brings points, made anew from the state before them, to where {@link #save} left them. */
  void load(Snapshot.Reader from);

  /**
   * Refuses what cannot be asked for.
   *
   * @throws IllegalArgumentException if it is below 1
   */
  static void requireAtLeastOne(int max) {
    if (max < 1) {
      throw new IllegalArgumentException("ask for at least 1 point, got " + max);
    }
  }
}
