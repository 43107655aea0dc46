package io.evomerge.merge;

import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Selects exactly among float32 numbers that are at least 0 and too many to be held: counts them by
 * their upper 16 bits, then those that share the upper bits of a wanted one by their lower 15.
 * Counts are whole numbers, so no result depends on the order or the threads in which numbers come.
 */
final class OrderStatistics {

  private static final int LOW_BITS = 15;
  private static final int BUCKETS = 1 << 16;
  private static final int PLACES = 1 << LOW_BITS;

  private OrderStatistics() {}

  /** Counts all numbers by their upper bits, and behind these counts, those that are 0. */
  static long[] buckets(Numbers numbers) {
    Tally tally = new Tally(BUCKETS + 1);
    numbers.forEach(
        (values, length) -> {
          long[] counts = tally.take();
          for (int i = 0; i < length; i++) {
            int bits = Float.floatToRawIntBits(values[i]);
            counts[bits >>> LOW_BITS]++;
            counts[BUCKETS] += (bits - 1) >>> 31;
          }
          tally.give(counts);
        });
    return tally.total();
  }

  /** Returns how many of the numbers that were counted are 0. */
  static long zeros(long[] buckets) {
    return buckets[BUCKETS];
  }

  /**
   * Finds the numbers that sorting would put at some places.
   *
   * @param buckets of {@link #buckets} for the same numbers
   * @param numbers passed once
   * @param ranks places in rising order of the numbers, from 0
   */
  static Found[] find(long[] buckets, Numbers numbers, long... ranks) {
    int[] bucketOf = new int[ranks.length];
    long[] belowBucket = new long[ranks.length];
    for (int r = 0; r < ranks.length; r++) {
      while (belowBucket[r] + buckets[bucketOf[r]] <= ranks[r]) {
        belowBucket[r] += buckets[bucketOf[r]++];
      }
    }
    int[] wanted = Arrays.stream(bucketOf).distinct().toArray();
    long[] places = places(wanted, numbers);
    Found[] found = new Found[ranks.length];
    for (int r = 0; r < ranks.length; r++) {
      int start = index(wanted, bucketOf[r]) * PLACES;
      int place = 0;
      long below = belowBucket[r];
      while (below + places[start + place] <= ranks[r]) {
        below += places[start + place++];
      }
      found[r] = new Found(bucketOf[r] << LOW_BITS | place, below, places[start + place]);
    }
    return found;
  }

  private static long[] places(int[] wanted, Numbers numbers) {
    Tally tally = new Tally(wanted.length * PLACES);
    numbers.forEach(
        (values, length) -> {
          long[] counts = tally.take();
          for (int w = 0; w < wanted.length; w++) {
            int bucket = wanted[w];
            for (int i = 0; i < length; i++) {
              int bits = Float.floatToRawIntBits(values[i]);
              if (bits >>> LOW_BITS == bucket) {
                counts[w * PLACES + (bits & PLACES - 1)]++;
              }
            }
          }
          tally.give(counts);
        });
    return tally.total();
  }

  private static int index(int[] wanted, int bucket) {
    int index = 0;
    while (wanted[index] != bucket) {
      index++;
    }
    return index;
  }

  /**
   * A number and how it lies among the others.
   *
   * @param bits its float32 bits
   * @param below how many are smaller
   * @param equal how many are equal to it, itself included
   */
  record Found(int bits, long below, long equal) {
    float value() {
      return Float.intBitsToFloat(bits);
    }
  }

  /** All numbers, the same in every pass, in any order and portions. */
  interface Numbers {
    void forEach(Portion action);
  }

  /** Takes numbers; may be called from several threads at once. */
  interface Portion {
    void accept(float[] values, int length);
  }

  /** Counts of several threads, added up at the end. */
  private static final class Tally {
    private final int size;
    private final Queue<long[]> idle = new ConcurrentLinkedQueue<>();

    Tally(int size) {
      this.size = size;
    }

    long[] take() {
      long[] counts = idle.poll();
      return counts == null ? new long[size] : counts;
    }

    void give(long[] counts) {
      idle.add(counts);
    }

    long[] total() {
      long[] total = take();
      for (long[] counts : idle) {
        for (int i = 0; i < size; i++) {
          total[i] += counts[i];
        }
      }
      return total;
    }
  }
}
