package io.evomerge.merge;

import io.evomerge.internal.kernel.Kernels;

/** Keeps an element if its uniform number is below the density. */
final class RandomDrop implements Sparsification {

  private static final double STEPS = 0x1p24;

  @Override
  public Filter filter(BlockReader in, TensorMerge task, int source, double density) {
    // The uniforms of a task are multiples of 2^-24, so rounding the limit up to one changes
    // nothing
    // for them and makes the comparison exact in float32.
    float limit = (float) (Math.ceil(density * STEPS) / STEPS);
    return (reader, s, block, factor, out) ->
        Kernels.keepBelow(
            reader.delta(s, block),
            reader.uniforms(s, block),
            limit,
            factor,
            out,
            reader.length(block));
  }
}
