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
   * Collects the bits of the magnitudes that lie strictly between two limits, in order.
   *
   * @param x finite elements
   * @param low float32 bits of the lower limit
   * @param high float32 bits of the upper limit
   * @param out takes the bits; as long as {@code x}
   * @param length number of elements
   * @return how many there are
   */
  public static int collectBetween(float[] x, int low, int high, int[] out, int length) {
    int count = 0;
    for (int i = 0; i < length; i++) {
      int magnitude = Float.floatToRawIntBits(x[i]) & MAGNITUDE;
      out[count] = magnitude;
      count += ((low - magnitude) & (magnitude - high)) >>> 31;
    }
    return count;
  }
}
