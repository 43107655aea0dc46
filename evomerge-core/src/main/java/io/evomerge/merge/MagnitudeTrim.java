package io.evomerge.merge;

import io.evomerge.genome.Semantics;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.TaskVectorKernels;
import java.util.ArrayList;
import java.util.List;

/** Keeps a range of the elements ordered by magnitude. */
final class MagnitudeTrim implements Sparsification {

  private final boolean dropsLargest;

  private MagnitudeTrim(boolean dropsLargest) {
    this.dropsLargest = dropsLargest;
  }

  /** Keeps the {@code floor(density N)} largest; of equal ones those with the lowest index. */
  static MagnitudeTrim largest() {
    return new MagnitudeTrim(false);
  }

  /**
   * Drops the {@code floor(gamma N)} largest and keeps the {@code floor(density N)} largest of the
   * rest; of equal ones those with the lowest index count as larger.
   */
  static MagnitudeTrim withoutLargest() {
    return new MagnitudeTrim(true);
  }

  @Override
  public List<Filter> filters(TensorMerge task, Settings settings) {
    long elements = task.info().elementCount();
    double[] densities = settings.perSource("density");
    double[] gammas = dropsLargest ? settings.perSource("gamma") : new double[densities.length];
    List<MagnitudeBound.Query> queries = new ArrayList<>();
    for (int s = 0; s < densities.length; s++) {
      long kept = (long) (Math.min(1, densities[s]) * elements);
      long dropped = 0;
      if (dropsLargest) {
        dropped = Math.min((long) (gammas[s] * elements), elements - kept);
        // mergekit drops an empty slice from the end, which is everything.
        if (dropped == 0 && densities[s] < 1 && task.semantics() == Semantics.MERGEKIT) {
          kept = 0;
        }
      }
      queries.add(new MagnitudeBound.Query(s, kept == 0 ? 0 : dropped + kept, true));
      queries.add(new MagnitudeBound.Query(s, kept == 0 ? 0 : dropped, true));
    }
    MagnitudeBound[] bounds = MagnitudeBound.find(task, queries);
    List<Filter> filters = new ArrayList<>();
    for (int s = 0; s < densities.length; s++) {
      MagnitudeBound lower = bounds[2 * s];
      MagnitudeBound upper = bounds[2 * s + 1];
      filters.add(
          lower == MagnitudeBound.ALL && upper == MagnitudeBound.NONE
              ? Filter.ALL
              : new Range(lower, upper));
    }
    return filters;
  }

  /** Keeps what is above one bound and not above the other. */
  private record Range(MagnitudeBound lower, MagnitudeBound upper) implements Filter {

    @Override
    public void apply(Piece piece, int source, float factor, float[] out) {
      float[] delta = piece.delta(source);
      int length = piece.length();
      int from = 0;
      while (from < length) {
        long index = piece.offset() + from;
        long end = piece.offset() + length;
        end = lower.split() > index ? Math.min(end, lower.split()) : end;
        end = upper.split() > index ? Math.min(end, upper.split()) : end;
        int to = (int) (end - piece.offset());
        if (upper == MagnitudeBound.NONE) {
          Kernels.keepLarge(delta, lower.bits(index), factor, out, from, to);
        } else {
          TaskVectorKernels.keepBetween(
              delta, lower.bits(index), upper.bits(index), factor, out, from, to);
        }
        from = to;
      }
    }
  }
}
