package io.evomerge.internal.kernel;

/**
 * Loops that only the operators on task vectors need, over arrays from index 0 where nothing else
 * is said; without branches, as those of {@link Kernels}.
 */
public final class TaskVectorKernels {

  /** See {@link #moveInverted}. */
  static final int REACH = 7;

  private static final int MAGNITUDE = 0x7FFFFFFF;

  private TaskVectorKernels() {}

  /**
   * {@code out = factor * x} where the magnitude's bits are in [low, high), 0 elsewhere.
   *
   * @param x finite elements
   * @param low float32 bits of the smallest magnitude that is kept
   * @param high float32 bits of the smallest magnitude that is too large
   * @param factor of the elements kept
   * @param out overwritten
   * @param from first index
   * @param to index after the last
   */
  public static void keepBetween(
      float[] x, int low, int high, float factor, float[] out, int from, int to) {
    Kernels.LOOPS.keepBetween(x, low, high, factor, out, from, to);
  }

  /**
   * {@code out = factor * x} where {@code uniforms < low + slope * ranks}, 0 elsewhere.
   *
   * @param x the elements
   * @param uniforms numbers in [0, 1)
   * @param ranks numbers from 0
   * @param low probability of rank 0
   * @param slope by how much the probability rises with the rank
   * @param factor of the elements kept
   * @param out overwritten
   * @param length number of elements
   */
  public static void keepRanked(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int length) {
    Kernels.LOOPS.keepRanked(x, uniforms, ranks, low, slope, factor, out, length);
  }

  /**
   * As {@link #keepRanked}, dividing what is kept by its probability.
   *
   * @param x the elements
   * @param uniforms numbers in [0, 1)
   * @param ranks numbers from 0
   * @param low probability of rank 0
   * @param slope by how much the probability rises with the rank
   * @param factor of the elements kept
   * @param out overwritten
   * @param length number of elements
   */
  public static void keepRankedRescaled(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int length) {
    Kernels.LOOPS.keepRankedRescaled(x, uniforms, ranks, low, slope, factor, out, length);
  }

  /**
   * Counts the elements whose magnitude is above a limit.
   *
   * @param x finite elements
   * @param bits float32 bits of the limit; -1 counts all
   * @param length number of elements
   */
  public static int countAbove(float[] x, int bits, int length) {
    return Kernels.LOOPS.countAbove(x, bits, length);
  }

  /**
   * Collects the bits of the magnitudes that lie strictly between two limits, in order, and counts
   * those that are not below the upper one.
   *
   * @param x finite elements
   * @param low float32 bits of the lower limit; -1 is below all
   * @param high float32 bits of the upper limit
   * @param out takes the bits; as long as {@code x}
   * @param length number of elements
   * @return how many were collected, plus 2^32 times how many are not below the upper limit
   */
  public static long collectBetween(float[] x, int low, int high, int[] out, int length) {
    return Kernels.LOOPS.collectBetween(x, low, high, out, length);
  }

  /**
   * Sets a bit where an element is not 0.
   *
   * @param x the elements
   * @param words bits that are 0; bit {@code b} is bit {@code b mod 64} of word {@code b / 64}
   * @param from bit of the first element
   * @param length number of elements
   */
  public static void packNonzero(float[] x, long[] words, int from, int length) {
    int i = 0;
    while (i < length) {
      int bit = from + i & 63;
      int end = Math.min(length, i + 64 - bit);
      long word = 0;
      for (int j = i; j < end; j++) {
        word |= (long) (-(Float.floatToRawIntBits(x[j]) & MAGNITUDE) >>> 31) << bit + j - i;
      }
      words[from + i >>> 6] |= word;
      i = end;
    }
  }

  /**
   * {@code out = factor * x} where a bit is set, 0 elsewhere.
   *
   * @param x the elements
   * @param words as {@link #packNonzero} leaves them
   * @param from bit of the first element
   * @param factor of the elements kept
   * @param out overwritten
   * @param length number of elements
   */
  public static void keepPacked(
      float[] x, long[] words, int from, float factor, float[] out, int length) {
    int i = 0;
    while (i < length) {
      int bit = from + i & 63;
      int end = Math.min(length, i + 64 - bit);
      long word = words[from + i >>> 6] >>> bit;
      for (int j = i; j < end; j++) {
        int kept = -(int) (word & 1);
        out[j] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * x[j]) & kept);
        word >>>= 1;
      }
      i = end;
    }
  }

  /**
   * {@code out = x - y}, where {@code x} is bfloat16, and tells whether every difference is finite.
   *
   * @param packed little-endian elements
   * @param y subtracted
   * @param out overwritten; may be {@code y}
   * @param length number of elements
   */
  public static boolean subtractBf16(byte[] packed, float[] y, float[] out, int length) {
    return Kernels.LOOPS.subtractBf16(packed, y, out, length);
  }

  /**
   * Merges two weighted task vectors into the base: {@code out = base + lambda * sum} over those
   * that have the sign of {@code v0 + v1}, 0 counting as positive. Has the bits of {@link
   * Kernels#addElected(float[], float[], float[], int)} for one after the other.
   *
   * @param v0 first weighted task vector
   * @param v1 second weighted task vector
   * @param base the base model
   * @param lambda of the sum
   * @param out overwritten; may be any of the others
   * @param length number of elements
   */
  public static void electTwo(
      float[] v0, float[] v1, float[] base, float lambda, float[] out, int length) {
    Kernels.LOOPS.electTwo(v0, v1, base, lambda, out, length);
  }

  /**
   * As {@link #electTwo(float[], float[], float[], float, float[], int)}, dividing the sum by the
   * weights of what was added and is not 0; by 1 where they sum to 0.
   *
   * @param v0 first weighted task vector
   * @param weight0 its weight
   * @param v1 second weighted task vector
   * @param weight1 its weight
   * @param base the base model
   * @param lambda of the quotient
   * @param out overwritten; may be any of the others
   * @param length number of elements
   */
  public static void electTwo(
      float[] v0,
      float weight0,
      float[] v1,
      float weight1,
      float[] base,
      float lambda,
      float[] out,
      int length) {
    Kernels.LOOPS.electTwo(v0, weight0, v1, weight1, base, lambda, out, length);
  }

  /**
   * Finds the places that keys have in rising order, equal ones in the order they are in, where no
   * key is more than {@link #REACH} places away from a key that it must pass.
   *
   * @param keys numbers from 0 from index {@link #REACH} on, with as many zeros before as numbers
   *     {@code 2^31 - 1} behind
   * @param places takes the place of each key
   * @param length number of keys
   */
  static void moveInverted(int[] keys, float[] places, int length) {
    Kernels.LOOPS.moveInverted(keys, places, length);
  }

  /**
   * Returns the bits of the largest magnitude, 0 if there is none.
   *
   * @param x finite elements
   * @param from first index
   * @param length number of elements
   */
  static int largestMagnitude(float[] x, int from, int length) {
    return Kernels.LOOPS.largestMagnitude(x, from, length);
  }

  /**
   * Takes the bits of magnitudes, and numbers buckets by {@code bits - low >> shift}: what is
   * smaller than {@code low} counts as that, and all but zeros by one more.
   *
   * @param x finite elements
   * @param from their first index
   * @param low bits at least 0
   * @param shift of the bits
   * @param bits takes the bits, from index 0
   * @param buckets takes the numbers, from index 0
   * @param length number of elements
   * @return true only if elements of one bucket have the same magnitude
   */
  static boolean toBuckets(
      float[] x, int from, int low, int shift, int[] bits, int[] buckets, int length) {
    return Kernels.LOOPS.toBuckets(x, from, low, shift, bits, buckets, length);
  }
}
