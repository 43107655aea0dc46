package io.evomerge.merge;

import io.evomerge.genome.Semantics;
import io.evomerge.internal.kernel.Kernels;
import java.util.Collections;
import java.util.List;

/** Chooses which elements of the task vectors take part in a merge. */
interface Sparsification {

  /** Keeps everything. */
  Sparsification NONE = (task, settings) -> Collections.nCopies(task.sources().size(), Filter.ALL);

  /**
   * Prepares one filter per source; may read the whole tensor.
   *
   * @param task inputs and cache
   * @param settings parameters of the merge
   */
  List<Filter> filters(TensorMerge task, Settings settings);

  /** Returns whether a choice is made row by row, so that pieces must be whole rows. */
  default boolean byRows() {
    return false;
  }

  /** Returns whether what is kept is scaled to the L1 norm that was there before. */
  default boolean keepsNorm(Semantics semantics) {
    return true;
  }

  /** Parameters of one merge. */
  interface Settings {

    /** Returns a parameter's value for every source. */
    double[] perSource(String parameter);

    /** Returns whether what is kept is to be scaled up. */
    boolean rescale();
  }

  /** One source's choice, applied to a piece; immutable. */
  interface Filter {

    /** Keeps every element. */
    Filter ALL =
        new Filter() {
          @Override
          public void apply(Piece piece, int source, float factor, float[] out) {
            Kernels.scale(factor, piece.delta(source), out, piece.length());
          }

          @Override
          public boolean drops() {
            return false;
          }
        };

    /** Writes the kept elements of a piece times a factor, and 0 elsewhere. */
    void apply(Piece piece, int source, float factor, float[] out);

    /** Returns by what all that is kept is to be multiplied. */
    default double gain() {
      return 1;
    }

    /** Returns whether applying it takes more time than storing what it keeps. */
    default boolean costly() {
      return false;
    }

    /** Returns whether it may drop an element. */
    default boolean drops() {
      return true;
    }
  }
}
