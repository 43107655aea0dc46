package io.evomerge.internal.kernel;

import java.util.Arrays;

/**
 * Ranks the elements of a row by magnitude: puts them into about as many buckets as elements, then
 * counts for each the neighbours that it must pass. Not safe for concurrent use.
 *
 * <p>A sort of each bucket takes twice as long: their sizes cannot be predicted. Only buckets of
 * many different magnitudes are sorted. Where a task vector has few different magnitudes, as
 * between models of 16 bits, a bucket has many elements of one, and if all have, there is nothing
 * to sort.
 */
public final class RowRanks {

  private static final int MAGNITUDE = 0x7FFFFFFF;

  /** Magnitudes down to 2^-8 of the largest are told apart: 3 bits of exponent, 23 of fraction. */
  private static final int BITS = 26;

  private static final int LEAST_BUCKET_BITS = 4;
  private static final int MOST_BUCKET_BITS = 16;

  /** Up to so many elements, whatever must pass another is within reach. */
  private static final int SMALL = TaskVectorKernels.REACH + 1;

  private final int length;
  private final int shift;
  private final int[] ends;
  private final int[] bits;
  private final int[] places;
  private final int[] keys;
  private final float[] ranksByPlace;
  private final int[] large;
  private long[] sorted = {};

  /**
   * Creates working memory.
   *
   * @param length elements of a row
   */
  public RowRanks(int length) {
    this.length = length;
    int log = 32 - Integer.numberOfLeadingZeros(Math.max(1, length - 1));
    int bucketBits = Math.max(LEAST_BUCKET_BITS, Math.min(MOST_BUCKET_BITS, log));
    this.shift = BITS - bucketBits;
    // One more for zeros, of which there may be very many.
    this.ends = new int[(1 << bucketBits) + 1];
    this.bits = new int[length];
    this.places = new int[length];
    this.keys = new int[length + 2 * TaskVectorKernels.REACH];
    Arrays.fill(keys, length + TaskVectorKernels.REACH, keys.length, MAGNITUDE);
    this.ranksByPlace = new float[length];
    this.large = new int[length / SMALL + 1];
  }

  /**
   * Ranks a row by rising magnitude, from 0; of equal magnitudes, the lower index comes first.
   *
   * @param x finite elements
   * @param from first index of the row, in {@code x} and {@code ranks}
   * @param ranks takes the ranks
   */
  public void rank(float[] x, int from, float[] ranks) {
    int largest = TaskVectorKernels.largestMagnitude(x, from, length);
    int low = Math.max(0, largest - (1 << BITS) + 1);
    boolean ranked = TaskVectorKernels.toBuckets(x, from, low, shift, bits, places, length);
    Arrays.fill(ends, 0);
    for (int i = 0; i < length; i++) {
      ends[places[i]]++;
    }
    int largeBuckets = toStarts();
    if (ranked) {
      for (int i = 0; i < length; i++) {
        ranks[from + i] = ends[places[i]]++;
      }
      return;
    }
    for (int i = 0; i < length; i++) {
      int place = ends[places[i]]++;
      keys[TaskVectorKernels.REACH + place] = bits[i];
      places[i] = place;
    }
    TaskVectorKernels.moveInverted(keys, ranksByPlace, length);
    for (int i = 0; i < largeBuckets; i++) {
      int bucket = large[i];
      sort(bucket == 0 ? 0 : ends[bucket - 1], ends[bucket]);
    }
    for (int i = 0; i < length; i++) {
      ranks[from + i] = ranksByPlace[places[i]];
    }
  }

  /** Turns sizes into starts, and returns how many buckets are large. */
  private int toStarts() {
    int sum = 0;
    int found = 0;
    for (int i = 0; i < ends.length; i++) {
      int size = ends[i];
      ends[i] = sum;
      sum += size;
      if (size > SMALL) {
        large[found++] = i;
      }
    }
    return found;
  }

  /** Ranks a bucket in which too many elements may have to pass each other. */
  private void sort(int start, int end) {
    int first = keys[TaskVectorKernels.REACH + start];
    int differences = 0;
    for (int place = start; place < end; place++) {
      differences |= keys[TaskVectorKernels.REACH + place] ^ first;
    }
    if (differences == 0) {
      return;
    }
    int size = end - start;
    if (sorted.length < size) {
      sorted = new long[size];
    }
    for (int i = 0; i < size; i++) {
      sorted[i] = (long) keys[TaskVectorKernels.REACH + start + i] << 32 | start + i;
    }
    Arrays.sort(sorted, 0, size);
    for (int i = 0; i < size; i++) {
      ranksByPlace[(int) sorted[i]] = start + i;
    }
  }
}
