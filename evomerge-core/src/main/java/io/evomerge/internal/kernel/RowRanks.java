package io.evomerge.internal.kernel;

import java.util.Arrays;

/**
 * Ranks the elements of a row by magnitude: a radix sort by the bits that tell almost all elements
 * apart, then an insertion sort of what is nearly sorted. Not safe for concurrent use.
 *
 * <p>Buckets with a sort each cost twice as much: their sizes cannot be predicted.
 */
public final class RowRanks {

  private static final int MAGNITUDE = 0x7FFFFFFF;

  /** Magnitudes down to 2^-8 of the largest are told apart: 3 bits of exponent, 23 of fraction. */
  private static final int BITS = 26;

  private static final int MOST_UPPER_BITS = 12;
  private static final int MOST_LOWER_BITS = 11;

  /** Moves per element after which an insertion sort gives up. */
  private static final long MOST_MOVES = 16;

  private final int length;
  private final int upperShift;
  private final int lowerShift;
  private final int[] upperStarts;
  private final int[] lowerStarts;
  private final int[] bits;
  private final long[] halfSorted;
  private final long[] keys;

  /**
   * Creates working memory.
   *
   * @param length elements of a row
   */
  public RowRanks(int length) {
    this.length = length;
    int log = Math.max(1, 32 - Integer.numberOfLeadingZeros(Math.max(1, length - 1)));
    int upperBits = Math.min(MOST_UPPER_BITS, log);
    int lowerBits = Math.min(MOST_LOWER_BITS, log);
    this.upperShift = BITS - upperBits;
    this.lowerShift = upperShift - lowerBits;
    // One more for zeros, of which there may be very many.
    this.upperStarts = new int[(1 << upperBits) + 1];
    this.lowerStarts = new int[1 << lowerBits];
    this.bits = new int[length];
    this.halfSorted = new long[length];
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
    for (int i = 0; i < length; i++) {
      int magnitude = Float.floatToRawIntBits(x[from + i]) & MAGNITUDE;
      bits[i] = magnitude;
      largest = Math.max(largest, magnitude);
    }
    int low = Math.max(0, largest - (1 << BITS) + 1);
    Arrays.fill(upperStarts, 0);
    Arrays.fill(lowerStarts, 0);
    for (int i = 0; i < length; i++) {
      upperStarts[upper(bits[i], low)]++;
      lowerStarts[lower(bits[i], low)]++;
    }
    toStarts(upperStarts);
    toStarts(lowerStarts);
    for (int i = 0; i < length; i++) {
      halfSorted[lowerStarts[lower(bits[i], low)]++] = (long) bits[i] << 32 | i;
    }
    for (int i = 0; i < length; i++) {
      long key = halfSorted[i];
      keys[upperStarts[upper((int) (key >>> 32), low)]++] = key;
    }
    finish();
    for (int rank = 0; rank < length; rank++) {
      ranks[from + (int) keys[rank]] = rank;
    }
  }

  private int upper(int magnitude, int low) {
    return (Math.max(magnitude, low) - low >> upperShift) + (-magnitude >>> 31);
  }

  private int lower(int magnitude, int low) {
    return Math.max(magnitude, low) - low >> lowerShift & lowerStarts.length - 1;
  }

  private static void toStarts(int[] counts) {
    int sum = 0;
    for (int i = 0; i < counts.length; i++) {
      int count = counts[i];
      counts[i] = sum;
      sum += count;
    }
  }

  private void finish() {
    long moves = MOST_MOVES * length;
    for (int i = 1; i < length; i++) {
      long key = keys[i];
      if (keys[i - 1] > key) {
        int j = i;
        while (j > 0 && keys[j - 1] > key) {
          keys[j] = keys[j - 1];
          j--;
        }
        keys[j] = key;
        moves -= i - j;
        if (moves < 0) {
          Arrays.sort(keys);
          return;
        }
      }
    }
  }
}
