package io.evomerge.merge;

import io.evomerge.genome.Semantics;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.TaskVectorKernels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Keeps an element with a probability that rises linearly with the rank of its magnitude in its
 * row.
 */
final class RankedDrop implements Sparsification {

  private static final Filter NONE =
      (piece, source, factor, out) -> Kernels.scale(0f, piece.delta(source), out, piece.length());

  @Override
  public List<Filter> filters(TensorMerge task, Settings settings) {
    double[] densities = settings.perSource("density");
    double[] epsilons = settings.perSource("epsilon");
    boolean scaled = settings.rescale() && !keepsNorm(task.semantics());
    int rowLength = Rows.of(task).length();
    List<Filter> filters = new ArrayList<>();
    for (int s = 0; s < densities.length; s++) {
      double density = densities[s];
      if (density >= 1) {
        filters.add(Filter.ALL);
        continue;
      }
      if (density == 0) {
        filters.add(NONE);
        continue;
      }
      // A single element has the middle of the range.
      double epsilon = rowLength == 1 ? 0 : Math.min(epsilons[s], Math.min(density, 1 - density));
      filters.add(
          new Ranked(
              task,
              rowLength,
              RandomDrop.limit(density - epsilon),
              (float) (2 * epsilon / Math.max(1, rowLength - 1)),
              scaled));
    }
    return filters;
  }

  @Override
  public boolean byRows() {
    return true;
  }

  @Override
  public boolean keepsNorm(Semantics semantics) {
    return semantics == Semantics.MERGEKIT;
  }

  private record Ranked(TensorMerge task, int rowLength, float low, float slope, boolean scaled)
      implements Filter {

    @Override
    public void apply(Piece piece, int source, float factor, float[] out) {
      float[] delta = piece.delta(source);
      float[] uniforms = piece.uniforms(source);
      int length = piece.length();
      float[] ranks =
          task.cachedIfRoom(
                  new RanksKey(source, piece.offset(), length),
                  4L * length,
                  () -> Arrays.copyOf(piece.ranks(delta, rowLength), length))
              .orElseGet(() -> piece.ranks(delta, rowLength));
      if (scaled) {
        TaskVectorKernels.keepRankedRescaled(
            delta, uniforms, ranks, low, slope, factor, out, length);
      } else {
        TaskVectorKernels.keepRanked(delta, uniforms, ranks, low, slope, factor, out, length);
      }
    }

    @Override
    public boolean costly() {
      return true;
    }
  }

  private record RanksKey(int source, long offset, int length) {}
}
