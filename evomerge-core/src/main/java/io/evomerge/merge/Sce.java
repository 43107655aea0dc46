package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.LaneSum;
import io.evomerge.tensor.TensorSink;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Selects the elements in which the task vectors differ most, weights each source by what is left
 * of it, elects a sign per element; Wan et al. 2024, "FuseChat: Knowledge Fusion of Chat Models",
 * arXiv 2408.07990.
 */
final class Sce extends CheckedOperator {

  Sce() {
    super(
        "sce",
        BaseModel.REQUIRED,
        ParameterSpec.global(
            "select_topk",
            0,
            WIDE,
            1,
            true,
            "Fraction of the elements, those of highest variance, that is merged; 1 and more merge"
                + " all."));
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    double fraction = scalar(task, "select_topk");
    Selection selection = fraction >= 1 ? Selection.ALL : select(task, fraction);
    float[] weights = weights(squares(task, selection));
    Stripes.forEach(task, (in, stripe) -> merge(task, in, stripe, selection, weights, sink));
  }

  private static float[] weights(double[] squares) {
    double sum = Arrays.stream(squares).sum();
    float[] weights = new float[squares.length];
    for (int s = 0; s < weights.length; s++) {
      weights[s] = (float) (sum == 0 ? 1.0 / squares.length : squares[s] / sum);
    }
    return weights;
  }

  private static void merge(
      TensorMerge task,
      BlockReader in,
      int stripe,
      Selection selection,
      float[] weights,
      TensorSink sink) {
    Variance variance = new Variance(task, in);
    float[] votes = in.newBlock();
    float[] sum = in.newBlock();
    float[] divisors = in.newBlock();
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      int length = in.length(block);
      Arrays.fill(votes, 0, length, 0f);
      Arrays.fill(sum, 0, length, 0f);
      Arrays.fill(divisors, 0, length, 0f);
      for (int s = 0; s < weights.length; s++) {
        Kernels.addScaled(1f, in.delta(s, block), votes, length);
      }
      for (int s = 0; s < weights.length; s++) {
        Kernels.addElectedScaled(in.delta(s, block), votes, weights[s], sum, divisors, length);
      }
      if (!selection.all()) {
        selection.keep(in, block, variance.of(block), sum, sum);
      }
      Kernels.finish(in.base(block), sum, divisors, 1f, sum, length);
      sink.writeFloats(in.offset(block), sum, 0, length);
    }
  }

  /** Returns the sum of squares of what is selected of every task vector. */
  private static double[] squares(TensorMerge task, Selection selection) {
    return selection.all()
        ? task.cached(Statistic.SQUARES, () -> sumSquares(task, selection))
        : sumSquares(task, selection);
  }

  private static double[] sumSquares(TensorMerge task, Selection selection) {
    double[] squares = new double[task.sources().size()];
    List<double[]> parts =
        Stripes.map(task, (in, stripe) -> sumSquares(task, in, stripe, selection));
    for (double[] part : parts) {
      for (int s = 0; s < squares.length; s++) {
        squares[s] += part[s];
      }
    }
    return squares;
  }

  private static double[] sumSquares(
      TensorMerge task, BlockReader in, int stripe, Selection selection) {
    Variance variance = new Variance(task, in);
    LaneSum[] sums = new LaneSum[task.sources().size()];
    Arrays.setAll(sums, s -> new LaneSum());
    float[] kept = in.newBlock();
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      int length = in.length(block);
      float[] ranks = selection.all() ? kept : variance.of(block);
      for (int s = 0; s < sums.length; s++) {
        float[] delta = in.delta(s, block);
        if (selection.all()) {
          sums[s].addProducts(delta, delta, length);
        } else {
          selection.keep(in, block, ranks, delta, kept);
          sums[s].addProducts(kept, kept, length);
        }
      }
    }
    return Arrays.stream(sums).mapToDouble(LaneSum::sum).toArray();
  }

  private static Selection select(TensorMerge task, double fraction) {
    OrderStatistics.Numbers variances =
        action ->
            Stripes.forEach(
                task,
                (in, stripe) -> {
                  Variance variance = new Variance(task, in);
                  for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
                    action.accept(variance.of(block), in.length(block));
                  }
                });
    long[] buckets = task.cached(Statistic.BUCKETS, () -> OrderStatistics.buckets(variances));
    long elements = task.info().elementCount();
    long selected =
        task.semantics() == Semantics.MERGEKIT
            ? (long) ((float) fraction * (float) (elements - OrderStatistics.zeros(buckets)))
            : (long) (fraction * elements);
    if (selected == 0) {
      return Selection.NONE;
    }
    OrderStatistics.Found least = OrderStatistics.find(buckets, variances, elements - selected)[0];
    long above = elements - least.below() - least.equal();
    long equal = selected - above;
    return new Selection(
        least.bits(),
        equal == least.equal() ? Selection.EVERYWHERE : indexOf(task, least.bits(), equal));
  }

  /** Returns the index of the n-th element, from 1, of a variance. */
  private static long indexOf(TensorMerge task, int bits, long n) {
    List<Long> counts =
        Stripes.map(
            task,
            (in, stripe) -> {
              Variance variance = new Variance(task, in);
              long count = 0;
              for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
                count += Kernels.countMagnitude(variance.of(block), bits, in.length(block));
              }
              return count;
            });
    long left = n;
    int stripe = 0;
    while (counts.get(stripe) < left) {
      left -= counts.get(stripe++);
    }
    BlockReader in = new BlockReader(task);
    Variance variance = new Variance(task, in);
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      float[] values = variance.of(block);
      for (int i = 0; i < in.length(block); i++) {
        if (Float.floatToRawIntBits(values[i]) == bits && --left == 0) {
          return in.offset(block) + i;
        }
      }
    }
    throw new IllegalStateException("a source changed while it was merged");
  }

  /** The variance of the task vectors, element by element; confined to one thread. */
  private static final class Variance {
    private final TensorMerge task;
    private final BlockReader in;
    private final int sources;
    private final double[] means;
    private final double[] sums;
    private final float[] values;
    private long loaded = -1;

    Variance(TensorMerge task, BlockReader in) {
      this.task = task;
      this.in = in;
      this.sources = task.sources().size();
      this.means = new double[in.blockLength()];
      this.sums = new double[in.blockLength()];
      this.values = in.newBlock();
    }

    /** Valid until the next call. */
    float[] of(long block) {
      if (loaded == block) {
        return values;
      }
      int length = in.length(block);
      Optional<float[]> cached =
          task.cachedIfRoom(
              new VarianceKey(block, in.blockLength()),
              4L * length,
              () -> {
                float[] kept = new float[length];
                compute(block, kept);
                return kept;
              });
      if (cached.isPresent()) {
        return cached.get();
      }
      loaded = -1;
      compute(block, values);
      loaded = block;
      return values;
    }

    private void compute(long block, float[] target) {
      int length = in.length(block);
      Arrays.fill(means, 0, length, 0);
      Arrays.fill(sums, 0, length, 0);
      // The float64 sum of equal numbers is exact, so that they have no variance at all.
      for (int s = 0; s < sources; s++) {
        Kernels.addWidened(in.delta(s, block), means, length);
      }
      Kernels.divide(means, sources, length);
      for (int s = 0; s < sources; s++) {
        Kernels.addSquaredDistances(in.delta(s, block), means, sums, length);
      }
      Kernels.divide(sums, sources, length);
      Kernels.narrow(sums, target, length);
    }
  }

  /**
   * What is selected: variances above, and equal ones up to an index.
   *
   * @param bits float32 bits of the variance
   * @param lastIndex last element at which an equal variance is selected
   */
  private record Selection(int bits, long lastIndex) {
    static final long EVERYWHERE = Long.MAX_VALUE - 1;
    static final Selection ALL = new Selection(0, EVERYWHERE);
    static final Selection NONE = new Selection(Integer.MAX_VALUE - 1, -1);

    boolean all() {
      return bits == 0 && lastIndex == EVERYWHERE;
    }

    void keep(BlockReader in, long block, float[] variance, float[] x, float[] out) {
      int length = in.length(block);
      int equalsEnd = (int) Math.max(0, Math.min(length, lastIndex + 1 - in.offset(block)));
      Kernels.keepRanked(variance, bits, x, out, 0, equalsEnd);
      Kernels.keepRanked(variance, bits + 1, x, out, equalsEnd, length);
    }
  }

  private enum Statistic {
    SQUARES,
    BUCKETS
  }

  private record VarianceKey(long block, int blockLength) {}
}
