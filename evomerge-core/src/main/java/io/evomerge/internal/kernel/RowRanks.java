package io.evomerge.internal.kernel;

import java.util.Arrays;

/**
 * Ranks the elements of a row by magnitude: one counting sort by the upper bits, then insertion
 * sorts of what shares them. Not safe for concurrent use.
 */
public final class RowRanks {

  private static final int MAGNITUDE = 0x7FFFFFFF;
  private static final int INDEX = 0x7FFFFFFF;

  /** Magnitudes down to 2^-8 of the largest are told apart by their upper bits. */
  private static final int OCTAVES_LOG = 3;

  private static final int FRACTION_BITS = 23;
  private static final int MOST_BUCKETS_LOG = 13;
  private static final int LONGEST_INSERTION = 40;

  private final int length;
  private final int bucketsLog;
  private final int[] starts;
  private final long[] keys;

  /**
   * Creates working memory.
   *
   * @param length elements of a row
   */
  public RowRanks(int length) {
    this.length = length;
    int log = 32 - Integer.numberOfLeadingZeros(Math.max(1, length - 1));
    this.bucketsLog = Math.max(OCTAVES_LOG, Math.min(MOST_BUCKETS_LOG, log));
    this.starts = new int[(1 << bucketsLog) + 2];
    this.keys = new long[length];
  }

  /**
   * Ranks a row by rising magnitude, from 0; of equal magnitudes, the lower index comes first.
   *
   * @param x finite elements
   * @param from first index of the row, in {@code x} and {@code ranks}
   * @param ranks takes the ranks
   */
  public void rank(float[] x, int from, float[] ranks) {
    int largest = 0;
    for (int i = from; i < from + length; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(x[i]) & MAGNITUDE);
    }
    int shift = FRACTION_BITS + OCTAVES_LOG - bucketsLog;
    int low = Math.max(0, largest - (1 << FRACTION_BITS + OCTAVES_LOG) + 1);
    // Bucket 0 is for zeros, of which there may be very many.
    Arrays.fill(starts, 0);
    for (int i = from; i < from + length; i++) {
      starts[bucket(Float.floatToRawIntBits(x[i]) & MAGNITUDE, low, shift)]++;
    }
    int sum = 0;
    for (int b = 0; b < starts.length; b++) {
      int count = starts[b];
      starts[b] = sum;
      sum += count;
    }
    for (int i = 0; i < length; i++) {
      int magnitude = Float.floatToRawIntBits(x[from + i]) & MAGNITUDE;
      keys[starts[bucket(magnitude, low, shift)]++] = (long) magnitude << 32 | i;
    }
    // Now a bucket's start is its end.
    int start = starts[0];
    for (int b = 1; b < starts.length; b++) {
      int end = starts[b];
      if (end - start > 1) {
        sort(start, end);
      }
      start = end;
    }
    for (int rank = 0; rank < length; rank++) {
      ranks[from + ((int) keys[rank] & INDEX)] = rank;
    }
  }

  private static int bucket(int magnitude, int low, int shift) {
    return (Math.max(magnitude, low) - low >> shift) + (-magnitude >>> 31);
  }

  private void sort(int start, int end) {
    if (end - start > LONGEST_INSERTION) {
      Arrays.sort(keys, start, end);
      return;
    }
    for (int i = start + 1; i < end; i++) {
      long key = keys[i];
      int j = i;
      while (j > start && keys[j - 1] > key) {
        keys[j] = keys[j - 1];
        j--;
      }
      keys[j] = key;
    }
  }
}
