package io.evomerge.internal.kernel;

/**
 * Loops that only the operators on task vectors need, over arrays from index 0 where nothing else
 * is said; without branches, as those of {@link Kernels}.
 */
public final class TaskVectorKernels {

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
    for (int i = from; i < to; i++) {
      float value = x[i];
      int magnitude = Float.floatToRawIntBits(value) & MAGNITUDE;
      int kept = ~((magnitude - low) >> 31) & ((magnitude - high) >> 31);
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * value) & kept);
    }
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
    for (int i = 0; i < length; i++) {
      float probability = low + slope * ranks[i];
      // The sign of a difference is exact, that of equal numbers positive.
      int kept = Float.floatToRawIntBits(uniforms[i] - probability) >> 31;
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * x[i]) & kept);
    }
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
    for (int i = 0; i < length; i++) {
      float probability = low + slope * ranks[i];
      int kept = Float.floatToRawIntBits(uniforms[i] - probability) >> 31;
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * x[i] / probability) & kept);
    }
  }

  /**
   * Counts the elements whose magnitude is above a limit.
   *
   * @param x finite elements
   * @param bits float32 bits of the limit; -1 counts all
   * @param length number of elements
   */
  public static int countAbove(float[] x, int bits, int length) {
    int count = 0;
    for (int i = 0; i < length; i++) {
      count += (bits - (Float.floatToRawIntBits(x[i]) & MAGNITUDE)) >>> 31;
    }
    return count;
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
    int count = 0;
    int below = 0;
    for (int i = 0; i < length; i++) {
      int magnitude = Float.floatToRawIntBits(x[i]) & MAGNITUDE;
      int underHigh = (magnitude - high) >>> 31;
      out[count] = magnitude;
      below += underHigh;
      count += underHigh & ((low - magnitude) >>> 31);
    }
    return (long) (length - below) << 32 | count;
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
}
