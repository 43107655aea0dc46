package io.evomerge.merge;

import io.evomerge.internal.kernel.Kernels;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Finds the magnitude above which a source keeps the {@code floor(density N)} largest of all {@code
 * N} elements of its task vector, over all tensors; of equal ones those in the tensor whose name
 * comes first, then those with the lowest index.
 *
 * <p>Selected exactly by radix: from a histogram of the upper bits of all magnitudes, then of the
 * lower bits of those that share the threshold's upper bits, then the equals are counted. All three
 * depend on the inputs alone and are kept while there is room.
 */
final class ModelTrim {

  private static final int MAGNITUDE = 0x7FFFFFFF;

  /** A magnitude has 31 bits: the upper 16 select a bucket, the lower 15 a place in it. */
  private static final int LOW_BITS = 15;

  private static final int BUCKETS = 1 << 16;
  private static final int PLACES = 1 << LOW_BITS;

  private final List<TensorMerge> tensors;
  private final List<String> names;
  private final TensorMerge cache;
  private final long elements;

  /**
   * Starts with tasks of the same sources.
   *
   * @param tensors at least one
   */
  ModelTrim(List<? extends TensorMerge> tensors) {
    this.tensors = new ArrayList<>(tensors);
    this.tensors.sort(Comparator.comparing(task -> task.info().name()));
    this.names = this.tensors.stream().map(task -> task.info().name()).toList();
    // Any of them serves: the names of all are in the keys.
    this.cache = this.tensors.get(0);
    this.elements = this.tensors.stream().mapToLong(task -> task.info().elementCount()).sum();
  }

  /** Returns the threshold of a source. */
  Threshold threshold(int source, double density) {
    double wanted = density * elements;
    if (wanted >= elements) {
      return Threshold.ALL;
    }
    long left = (long) wanted;
    if (left == 0) {
      return Threshold.NONE;
    }
    Counts buckets = buckets(source);
    int at = buckets.find(left);
    left -= buckets.above(at);
    int bucket = buckets.value(at);
    Counts places = places(source, bucket);
    at = places.find(left);
    left -= places.above(at);
    int bits = bucket << LOW_BITS | places.value(at);
    if (bits == 0 || places.count(at) == left) {
      // Zeros add nothing whether kept or not.
      return new Threshold(bits, Threshold.LAST_NAME, Long.MAX_VALUE - 1);
    }
    long[] equals = equalsPerTensor(source, bits);
    int tensor = 0;
    while (equals[tensor] < left) {
      left -= equals[tensor++];
    }
    return new Threshold(bits, names.get(tensor), indexOf(tensors.get(tensor), source, bits, left));
  }

  private Counts buckets(int source) {
    return cache.cached(
        new BucketsKey(source, names),
        () ->
            count(
                source,
                BUCKETS,
                (delta, length, counts) -> {
                  for (int i = 0; i < length; i++) {
                    counts[(Float.floatToRawIntBits(delta[i]) & MAGNITUDE) >>> LOW_BITS]++;
                  }
                }));
  }

  private Counts places(int source, int bucket) {
    return cache.cached(
        new PlacesKey(source, bucket, names),
        () ->
            count(
                source,
                PLACES,
                (delta, length, counts) -> {
                  for (int i = 0; i < length; i++) {
                    int bits = Float.floatToRawIntBits(delta[i]) & MAGNITUDE;
                    if (bits >>> LOW_BITS == bucket) {
                      counts[bits & PLACES - 1]++;
                    }
                  }
                }));
  }

  private Counts count(int source, int size, Counter counter) {
    // Whole numbers: whoever counts them, in whatever order, their sums are the same.
    Queue<long[]> partial = new ConcurrentLinkedQueue<>();
    for (TensorMerge task : tensors) {
      Stripes.forEach(
          task,
          (in, stripe) -> {
            long[] idle = partial.poll();
            long[] counts = idle == null ? new long[size] : idle;
            for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
              counter.count(in.delta(source, block), in.length(block), counts);
            }
            partial.add(counts);
          });
    }
    long[] sum = new long[size];
    for (long[] counts : partial) {
      for (int i = 0; i < size; i++) {
        sum[i] += counts[i];
      }
    }
    return Counts.of(sum);
  }

  /** Returns how many elements of each tensor have a magnitude. */
  private long[] equalsPerTensor(int source, int bits) {
    return cache.cached(
        new EqualsKey(source, bits, names),
        () ->
            tensors.stream()
                .mapToLong(
                    task ->
                        equalsPerStripe(task, source, bits).stream()
                            .mapToLong(Long::longValue)
                            .sum())
                .toArray());
  }

  private static List<Long> equalsPerStripe(TensorMerge task, int source, int bits) {
    return Stripes.map(
        task,
        (in, stripe) -> {
          long count = 0;
          for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
            count += Kernels.countMagnitude(in.delta(source, block), bits, in.length(block));
          }
          return count;
        });
  }

  /** Returns the index of the n-th element, from 1, of a magnitude. */
  private static long indexOf(TensorMerge task, int source, int bits, long n) {
    List<Long> counts = equalsPerStripe(task, source, bits);
    long left = n;
    int stripe = 0;
    while (counts.get(stripe) < left) {
      left -= counts.get(stripe++);
    }
    BlockReader in = new BlockReader(task);
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      float[] delta = in.delta(source, block);
      for (int i = 0; i < in.length(block); i++) {
        if ((Float.floatToRawIntBits(delta[i]) & MAGNITUDE) == bits && --left == 0) {
          return in.offset(block) + i;
        }
      }
    }
    throw new IllegalStateException("a source changed while it was merged");
  }

  /**
   * What a source keeps: magnitudes above, and equal ones up to an element.
   *
   * @param bits float32 bits of the magnitude
   * @param tensor name of the last tensor in which equal magnitudes are kept
   * @param lastIndex last element of that tensor at which one is kept
   */
  record Threshold(int bits, String tensor, long lastIndex) {

    /** Not a name but what stands for one behind all others. */
    private static final String LAST_NAME = "\uFFFF";

    static final Threshold ALL = new Threshold(0, LAST_NAME, Long.MAX_VALUE - 1);
    static final Threshold NONE = new Threshold(MAGNITUDE - 1, LAST_NAME, Long.MAX_VALUE - 1);

    /** Returns up to which index of a block equal magnitudes are kept. */
    int equalsEnd(String name, long offset, int length) {
      int order = tensor.equals(LAST_NAME) ? -1 : name.compareTo(tensor);
      if (order != 0) {
        return order < 0 ? length : 0;
      }
      return (int) Math.max(0, Math.min(length, lastIndex + 1 - offset));
    }
  }

  private record BucketsKey(int source, List<String> tensors) {}

  private record PlacesKey(int source, int bucket, List<String> tensors) {}

  private record EqualsKey(int source, int bits, List<String> tensors) {}

  @FunctionalInterface
  private interface Counter {
    void count(float[] delta, int length, long[] counts);
  }

  /** The values that occur, from the largest, and how many elements are above each. */
  private static final class Counts implements MergeCache.Sized {
    private final int[] values;
    private final long[] above;

    private Counts(int[] values, long[] above) {
      this.values = values;
      this.above = above;
    }

    static Counts of(long[] counts) {
      int distinct = 0;
      for (long count : counts) {
        distinct += count == 0 ? 0 : 1;
      }
      int[] values = new int[distinct];
      long[] above = new long[distinct + 1];
      int at = 0;
      for (int value = counts.length - 1; value >= 0; value--) {
        if (counts[value] != 0) {
          values[at] = value;
          above[at + 1] = above[at] + counts[value];
          at++;
        }
      }
      return new Counts(values, above);
    }

    /** Returns where the n-th largest is, n from 1 to the number of all. */
    int find(long n) {
      int low = 0;
      int high = values.length - 1;
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (above[middle + 1] < n) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      return low;
    }

    int value(int at) {
      return values[at];
    }

    long above(int at) {
      return above[at];
    }

    long count(int at) {
      return above[at + 1] - above[at];
    }

    @Override
    public long byteSize() {
      return 4L * values.length + 8L * above.length;
    }
  }
}
