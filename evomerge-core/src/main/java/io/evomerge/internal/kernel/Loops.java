package io.evomerge.internal.kernel;

/**
 * The loops behind {@link Kernels}, {@link LaneSum} and {@link Philox}. All implementations give
 * the same bits for numbers, and a NaN of whatever payload where the others give a NaN; only the
 * conversions of 16-bit elements keep payloads. Stateless.
 */
interface Loops {

  /** See {@link Kernels#allFinite}. */
  boolean allFinite(float[] x, int length);

  /** See {@link Kernels#subtract}. */
  void subtract(float[] x, float[] y, int length);

  /** See {@link Kernels#subtractFinite}. */
  boolean subtractFinite(float[] x, float[] y, int length);

  /** See {@link Kernels#addScaled}. */
  void addScaled(float factor, float[] x, float[] sum, int length);

  /** See {@link Kernels#addScaledBf16}. */
  boolean addScaledBf16(float factor, byte[] packed, float[] sum, int length);

  /** See {@link Kernels#scale}. */
  void scale(float factor, float[] x, float[] out, int length);

  /** See {@link Kernels#sumOfTwo}. */
  void sumOfTwo(float factor0, float[] x0, float factor1, float[] x1, float[] out, int length);

  /** See {@link Kernels#finish(float[], float[], float, float, float[], int)}. */
  void finish(float[] base, float[] sum, float divisor, float lambda, float[] out, int length);

  /** See {@link Kernels#finish(float[], float[], float[], float, float[], int)}. */
  void finish(float[] base, float[] sum, float[] divisors, float lambda, float[] out, int length);

  /** See {@link Kernels#keepLarge}. */
  void keepLarge(float[] x, int bits, float factor, float[] out, int from, int to);

  /** See {@link Kernels#keepBelow}. */
  void keepBelow(float[] x, float[] uniforms, float limit, float factor, float[] out, int length);

  /** See {@link Kernels#addElected(float[], float[], float[], int)}. */
  void addElected(float[] v, float[] votes, float[] sum, int length);

  /** See {@link Kernels#addElected(float[], float[], float[], float, float[], int)}. */
  void addElected(float[] v, float[] votes, float[] sum, float weight, float[] weights, int length);

  /** See {@link Kernels#countMagnitude}. */
  int countMagnitude(float[] x, int bits, int length);

  /** See {@link Kernels#widenBf16}. */
  void widenBf16(float[] packed, int from, float[] target, int to, int pairs);

  /** See {@link Kernels#widenF16}. */
  void widenF16(float[] packed, int from, float[] target, int to, int pairs);

  /** See {@link Kernels#narrowBf16}. */
  void narrowBf16(float[] source, int from, short[] target, int length);

  /** See {@link Kernels#narrowF16}. */
  void narrowF16(float[] source, int from, short[] target, int length);

  /** See {@link Kernels#roundBf16}. */
  void roundBf16(float[] source, int from, float[] target, int length);

  /** See {@link Kernels#roundF16}. */
  void roundF16(float[] source, int from, float[] target, int length);

  /** Adds the magnitudes from {@code from} on, a multiple of 8 elements, to 8 lanes. */
  void addMagnitudes(double[] lanes, float[] x, int from, int length);

  /** Adds the products from {@code from} on, a multiple of 8 elements, to 8 lanes. */
  void addProducts(double[] lanes, float[] x, float[] y, int from, int length);

  /** Adds x y, x x and y y from {@code from} on, a multiple of 8 elements, to 8 lanes each. */
  void addProducts(
      double[] xy, double[] xx, double[] yy, float[] x, float[] y, int from, int length);

  /**
   * Fills in four uniform numbers per counter.
   *
   * @param key of the permutation
   * @param stream upper half of the counter
   * @param counter lower half of the first counter
   * @param target where to put them
   * @param from first index
   * @param counters how many counters
   */
  void uniforms(long key, long stream, long counter, float[] target, int from, int counters);

  /** See {@link Kernels#sumOfTwoBf16}. */
  boolean sumOfTwoBf16(
      float factor0, byte[] x0, float factor1, byte[] x1, byte[] out, int to, int length);

  /** See {@link Kernels#sumOfTwoDeltasBf16}. */
  void sumOfTwoDeltasBf16(
      byte[] base, float factor0, byte[] x0, float factor1, byte[] x1, float[] out, int length);

  /** See {@link Kernels#addAndPackBf16}. */
  boolean addAndPackBf16(byte[] base, float[] sum, byte[] out, int to, int length);

  /** See {@link Kernels#addScaledDeltaBf16}. */
  void addScaledDeltaBf16(float factor, byte[] base, byte[] x, float[] sum, int length);

  /** See {@link Kernels#moveTowardsBf16}. */
  boolean moveTowardsBf16(byte[] base, byte[] x, float distance, byte[] out, int to, int length);

  /** See {@link Kernels#packBf16}. */
  boolean packBf16(float[] x, byte[] out, int to, int length);

  /**
   * Adds x y, x x and y y of packed bfloat16 elements from 0 on, a multiple of 8, to 8 lanes each.
   */
  void addProductsBf16(double[] xy, double[] xx, double[] yy, byte[] x, byte[] y, int length);

  /** As {@link #addProductsBf16}, of the differences to a base. */
  void addDeltaProductsBf16(
      double[] xy, double[] xx, double[] yy, byte[] base, byte[] x, byte[] y, int length);

  /** See {@link TaskVectorKernels#keepBetween}. */
  void keepBetween(float[] x, int low, int high, float factor, float[] out, int from, int to);

  /** See {@link TaskVectorKernels#keepRanked}. */
  void keepRanked(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int length);

  /** See {@link TaskVectorKernels#keepRankedRescaled}. */
  void keepRankedRescaled(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int length);

  /** See {@link TaskVectorKernels#countAbove}. */
  int countAbove(float[] x, int bits, int length);

  /** See {@link TaskVectorKernels#collectBetween}. */
  long collectBetween(float[] x, int low, int high, int[] out, int length);

  /** See {@link TaskVectorKernels#subtractBf16}. */
  boolean subtractBf16(byte[] packed, float[] y, float[] out, int length);

  /** See {@link TaskVectorKernels#electTwo(float[], float[], float[], float, float[], int)}. */
  void electTwo(float[] v0, float[] v1, float[] base, float lambda, float[] out, int length);

  /**
   * See {@link TaskVectorKernels#electTwo(float[], float, float[], float, float[], float, float[],
   * int)}.
   */
  void electTwo(
      float[] v0,
      float weight0,
      float[] v1,
      float weight1,
      float[] base,
      float lambda,
      float[] out,
      int length);

  /** See {@link TaskVectorKernels#moveInverted}. */
  void moveInverted(int[] keys, float[] places, int length);

  /** See {@link TaskVectorKernels#largestMagnitude}. */
  int largestMagnitude(float[] x, int from, int length);

  /** See {@link TaskVectorKernels#toBuckets}. */
  boolean toBuckets(float[] x, int from, int low, int shift, int[] bits, int[] buckets, int length);
}
