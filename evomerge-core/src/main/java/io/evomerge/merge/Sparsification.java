package io.evomerge.merge;

import io.evomerge.internal.kernel.Kernels;

/** Chooses which elements of a task vector take part in a merge. */
interface Sparsification {

  /**
   * Prepares one source's filter; may read the whole tensor, block by block.
   *
   * @param in the inputs
   * @param task its parameters and cache
   * @param source index of the source
   * @param density fraction to keep, at least 0
   */
  Filter filter(BlockReader in, TensorMerge task, int source, double density);

  /** One source's choice, applied to its blocks; confined to one thread. */
  interface Filter {

    /** Keeps every element. */
    Filter ALL =
        (in, source, block, factor, out) ->
            Kernels.scale(factor, in.delta(source, block), out, in.length(block));

    /** Writes the kept elements of a block times a factor, and 0 elsewhere. */
    void apply(BlockReader in, int source, long block, float factor, float[] out);
  }
}
