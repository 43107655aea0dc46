package io.evomerge.merge;

import io.evomerge.internal.kernel.Kernels;
import java.util.Arrays;
import java.util.Optional;

/**
 * Keeps the {@code floor(density N)} elements of largest magnitude; of equal ones those with the
 * lowest index.
 *
 * <p>While the cache has room, the elements are ranked once and every threshold is one lookup. Else
 * the threshold is selected exactly by radix, from a histogram of the upper bits of the magnitudes,
 * then of the lower bits of those that share the threshold's upper bits.
 */
final class MagnitudeTrim implements Sparsification {

  private static final int MAGNITUDE = 0x7FFFFFFF;

  /** A magnitude has 31 bits: the upper 16 select a bucket, the lower 15 a place in it. */
  private static final int LOW_BITS = 15;

  private static final int BUCKETS = 1 << 16;
  private static final int PLACES = 1 << LOW_BITS;

  /** Ranking needs 8 bytes per element for a moment. */
  private static final int LARGEST_RANKED = 1 << 22;

  @Override
  public Filter filter(BlockReader in, TensorMerge task, int source, double density) {
    long kept = (long) (density * in.elements());
    if (kept >= in.elements()) {
      return Filter.ALL;
    }
    Threshold threshold = kept == 0 ? Threshold.NONE : threshold(in, task, source, kept);
    return (reader, s, block, factor, out) -> {
      int length = reader.length(block);
      // Up to the last index, equal magnitudes are kept; behind it, only larger ones.
      int equalsEnd =
          (int) Math.max(0, Math.min(length, threshold.lastIndex() + 1 - reader.offset(block)));
      float[] delta = reader.delta(s, block);
      Kernels.keepLarge(delta, threshold.bits(), factor, out, 0, equalsEnd);
      Kernels.keepLarge(delta, threshold.bits() + 1, factor, out, equalsEnd, length);
    };
  }

  private static Threshold threshold(BlockReader in, TensorMerge task, int source, long kept) {
    if (in.elements() <= LARGEST_RANKED) {
      int elements = (int) in.elements();
      Optional<int[]> ranks =
          task.cachedIfRoom(new RankKey(source), 4L * elements, () -> rank(in, source, elements));
      if (ranks.isPresent()) {
        int last = ranks.get()[(int) kept - 1];
        long block = in.blockOf(last);
        float value = in.delta(source, block)[(int) (last - in.offset(block))];
        return new Threshold(Float.floatToRawIntBits(value) & MAGNITUDE, last);
      }
    }
    return select(in, task, source, kept);
  }

  /** Returns the indices by falling magnitude, equal ones by rising index. */
  private static int[] rank(BlockReader in, int source, int elements) {
    long[] keys = new long[elements];
    for (long block = 0; block < in.blocks(); block++) {
      float[] delta = in.delta(source, block);
      int offset = (int) in.offset(block);
      for (int i = 0; i < in.length(block); i++) {
        int bits = Float.floatToRawIntBits(delta[i]) & MAGNITUDE;
        keys[offset + i] = (long) (MAGNITUDE - bits) << 32 | offset + i;
      }
    }
    Arrays.sort(keys);
    int[] ranks = new int[elements];
    for (int i = 0; i < elements; i++) {
      ranks[i] = (int) keys[i];
    }
    return ranks;
  }

  private static Threshold select(BlockReader in, TensorMerge task, int source, long kept) {
    // For a smaller tensor, a histogram takes more of the cache than ranks would.
    Histogram buckets =
        in.elements() <= LARGEST_RANKED
            ? buckets(in, source)
            : task.cached(new HistogramKey(source), () -> buckets(in, source));
    long wanted = kept;
    int bucket = BUCKETS - 1;
    while (buckets.count(bucket) < wanted) {
      wanted -= buckets.count(bucket--);
    }
    Histogram places = places(in, source, bucket);
    int place = PLACES - 1;
    while (places.count(place) < wanted) {
      wanted -= places.count(place--);
    }
    int bits = bucket << LOW_BITS | place;
    boolean allEquals = places.count(place) == wanted;
    return new Threshold(bits, allEquals ? Long.MAX_VALUE - 1 : indexOf(in, source, bits, wanted));
  }

  private static Histogram buckets(BlockReader in, int source) {
    long[] counts = new long[BUCKETS];
    for (long block = 0; block < in.blocks(); block++) {
      float[] delta = in.delta(source, block);
      for (int i = 0; i < in.length(block); i++) {
        counts[(Float.floatToRawIntBits(delta[i]) & MAGNITUDE) >>> LOW_BITS]++;
      }
    }
    return new Histogram(counts);
  }

  private static Histogram places(BlockReader in, int source, int bucket) {
    long[] counts = new long[PLACES];
    for (long block = 0; block < in.blocks(); block++) {
      float[] delta = in.delta(source, block);
      for (int i = 0; i < in.length(block); i++) {
        int bits = Float.floatToRawIntBits(delta[i]) & MAGNITUDE;
        if (bits >>> LOW_BITS == bucket) {
          counts[bits & PLACES - 1]++;
        }
      }
    }
    return new Histogram(counts);
  }

  /** Returns the index of the n-th element, from 1, of a magnitude. */
  private static long indexOf(BlockReader in, int source, int bits, long n) {
    long left = n;
    for (long block = 0; block < in.blocks(); block++) {
      float[] delta = in.delta(source, block);
      int length = in.length(block);
      int count = Kernels.countMagnitude(delta, bits, length);
      if (count < left) {
        left -= count;
        continue;
      }
      for (int i = 0; i < length; i++) {
        if ((Float.floatToRawIntBits(delta[i]) & MAGNITUDE) == bits && --left == 0) {
          return in.offset(block) + i;
        }
      }
    }
    throw new IllegalStateException("a source changed while it was merged");
  }

  /**
   * What is kept: magnitudes above, and equal ones up to an index.
   *
   * @param bits float32 bits of the magnitude
   * @param lastIndex last element at which an equal magnitude is kept
   */
  private record Threshold(int bits, long lastIndex) {
    static final Threshold NONE = new Threshold(MAGNITUDE - 1, -1);
  }

  private record RankKey(int source) {}

  private record HistogramKey(int source) {}

  /** Counts; kept while there is room. */
  private static final class Histogram implements MergeCache.Sized {
    private final long[] counts;

    Histogram(long[] counts) {
      this.counts = counts;
    }

    long count(int index) {
      return counts[index];
    }

    @Override
    public long byteSize() {
      return 8L * counts.length;
    }
  }
}
