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
   * Takes an outcome in, once per id.
   *
   * @param id handed out before
   * @param cost lower is better; NaN for none
   * @return whether there is a whole generation now, so that the distribution can move
   */
  boolean tell(long id, double cost);

  /**
   * Returns how many generations, in the mean, end between the drawing of a point and its return.
   */
  double delay();

  /**
   * Ends a generation: what is back is what the distribution takes for its members, and it moves
   * right after this.
   *
   * @return the costs of the members, NaN for those without a score
   */
  double[] close();

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
