package io.evomerge.merge;

import io.evomerge.genome.Semantics;
import io.evomerge.internal.kernel.Kernels;
import java.util.Arrays;
import java.util.List;

/** Keeps an element if its uniform number is below the density. */
final class RandomDrop implements Sparsification {

  private static final double STEPS = 0x1p24;

  /**
   * Rounds a probability up to a multiple of 2^-24. The uniforms of a task are such multiples, so
   * this changes nothing for them and makes the comparison exact in float32.
   */
  static float limit(double probability) {
    return (float) (Math.ceil(probability * STEPS) / STEPS);
  }

  @Override
  public List<Filter> filters(TensorMerge task, Settings settings) {
    boolean scaled = settings.rescale() && !keepsNorm(task.semantics());
    return Arrays.stream(settings.perSource("density"))
        .mapToObj(
            density ->
                density >= 1
                    ? Filter.ALL
                    : new Below(limit(density), scaled && density > 0 ? 1 / density : 1))
        .toList();
  }

  @Override
  public boolean keepsNorm(Semantics semantics) {
    return semantics == Semantics.MERGEKIT;
  }

  private record Below(float limit, double gain) implements Filter {

    @Override
    public void apply(Piece piece, int source, float factor, float[] out) {
      Kernels.keepBelow(
          piece.delta(source), piece.uniforms(source), limit, factor, out, piece.length());
    }

    @Override
    public boolean costly() {
      return true;
    }
  }
}
