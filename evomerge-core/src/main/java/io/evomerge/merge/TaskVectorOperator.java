package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.LaneSum;
import io.evomerge.tensor.TensorSink;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The family of methods that merge differences from a base: sparsify every task vector, elect a
 * sign per element or not, add, scale, add to the base.
 */
abstract class TaskVectorOperator extends CheckedOperator {

  /** A sum of weights below this counts as 1 when it would divide, as in mergekit. */
  private static final double SMALLEST_DIVISOR = 1e-8;

  /** An L1 norm below this is not worth keeping, as in mergekit. */
  private static final double SMALLEST_NORM = 1e-7;

  private final boolean electsSigns;
  private final @Nullable Sparsification sparsification;

  TaskVectorOperator(
      String name,
      @Nullable Sparsification sparsification,
      boolean electsSigns,
      ParameterSpec... parameters) {
    super(name, BaseModel.REQUIRED, parameters);
    this.sparsification = sparsification;
    this.electsSigns = electsSigns;
  }

  /**
   * Returns by how much what is kept is scaled.
   *
   * @param semantics whose definition
   * @param density fraction that is kept, above 0 and below 1
   * @param norms the L1 norms before and after
   */
  double rescaling(Semantics semantics, double density, Norms norms) {
    double before = norms.before();
    double after = norms.after();
    return before < SMALLEST_NORM || after < SMALLEST_NORM ? 1 : before / after;
  }

  @Override
  final void mergeChecked(TensorMerge task, TensorSink sink) {
    BlockReader in = new BlockReader(task);
    double[] weights = perSource(task, "weight");
    Sparsification.Filter[] filters = new Sparsification.Filter[weights.length];
    float[] factors = new float[weights.length];
    for (int s = 0; s < weights.length; s++) {
      filters[s] = Sparsification.Filter.ALL;
      double factor = weights[s];
      if (sparsification != null) {
        double density = perSource(task, "density")[s];
        if (density < 1) {
          filters[s] = sparsification.filter(in, task, s, density);
          if (flag(task, "rescale") && density > 0) {
            factor *= rescaling(task.semantics(), density, new Norms(in, task, s, filters[s]));
          }
        }
      }
      factors[s] = (float) factor;
    }
    float lambda = (float) scalar(task, "lambda");
    boolean normalize = flag(task, "normalize");
    if (electsSigns) {
      elect(in, filters, factors, normalize ? weights : null, lambda, sink);
    } else {
      add(in, filters, factors, normalize ? divisor(weights) : 1, lambda, sink);
    }
  }

  private static float divisor(double[] weights) {
    double sum = Arrays.stream(weights).sum();
    return Math.abs(sum) < SMALLEST_DIVISOR ? 1 : (float) sum;
  }

  private static void add(
      BlockReader in,
      Sparsification.Filter[] filters,
      float[] factors,
      float divisor,
      float lambda,
      TensorSink sink) {
    float[] kept = in.newBlock();
    float[] sum = in.newBlock();
    for (long block = 0; block < in.blocks(); block++) {
      int length = in.length(block);
      Arrays.fill(sum, 0, length, 0f);
      for (int s = 0; s < filters.length; s++) {
        if (filters[s] == Sparsification.Filter.ALL) {
          Kernels.addScaled(factors[s], in.delta(s, block), sum, length);
        } else {
          filters[s].apply(in, s, block, factors[s], kept);
          Kernels.addScaled(1f, kept, sum, length);
        }
      }
      Kernels.finish(in.base(block), sum, divisor, lambda, sum, length);
      sink.writeFloats(in.offset(block), sum, 0, length);
    }
  }

  private static void elect(
      BlockReader in,
      Sparsification.Filter[] filters,
      float[] factors,
      double @Nullable [] divisors,
      float lambda,
      TensorSink sink) {
    float[][] kept = new float[filters.length][in.blockLength()];
    float[] votes = in.newBlock();
    float[] sum = in.newBlock();
    float[] weights = in.newBlock();
    for (long block = 0; block < in.blocks(); block++) {
      int length = in.length(block);
      Arrays.fill(votes, 0, length, 0f);
      Arrays.fill(sum, 0, length, 0f);
      Arrays.fill(weights, 0, length, 0f);
      for (int s = 0; s < filters.length; s++) {
        filters[s].apply(in, s, block, factors[s], kept[s]);
        Kernels.addScaled(1f, kept[s], votes, length);
      }
      for (int s = 0; s < filters.length; s++) {
        if (divisors == null) {
          Kernels.addElected(kept[s], votes, sum, length);
        } else {
          Kernels.addElected(kept[s], votes, sum, (float) divisors[s], weights, length);
        }
      }
      if (divisors == null) {
        Kernels.finish(in.base(block), sum, 1f, lambda, sum, length);
      } else {
        Kernels.finish(in.base(block), sum, weights, lambda, sum, length);
      }
      sink.writeFloats(in.offset(block), sum, 0, length);
    }
  }

  /** The L1 norms of a task vector before and after sparsification, computed when asked for. */
  static final class Norms {
    private final BlockReader in;
    private final TensorMerge task;
    private final int source;
    private final Sparsification.Filter filter;

    Norms(BlockReader in, TensorMerge task, int source, Sparsification.Filter filter) {
      this.in = in;
      this.task = task;
      this.source = source;
      this.filter = filter;
    }

    double before() {
      return task.cached(new NormKey(source), () -> sum(Sparsification.Filter.ALL));
    }

    double after() {
      return sum(filter);
    }

    private double sum(Sparsification.Filter kind) {
      LaneSum sum = new LaneSum();
      float[] kept = in.newBlock();
      for (long block = 0; block < in.blocks(); block++) {
        kind.apply(in, source, block, 1f, kept);
        sum.addMagnitudes(kept, in.length(block));
      }
      return sum.sum();
    }
  }

  private record NormKey(int source) {}
}
