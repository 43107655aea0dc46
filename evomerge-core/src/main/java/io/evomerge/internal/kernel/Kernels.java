package io.evomerge.internal.kernel;

/**
 * Element-wise loops of the merge operators, over arrays from index 0.
 *
 * <p>Selections are done with masks of bits instead of branches: signs and magnitudes of weights
 * are as good as random, and a mispredicted branch costs more than the arithmetic.
 *
 * <p>Each loop exists twice: in plain Java, and on the module jdk.incubator.vector where the user
 * adds it. Both give the same bits.
 */
public final class Kernels {

  /** Chosen once, so that compilers can see through it. */
  static final Loops LOOPS = LoopChoice.choose();

  private Kernels() {}

  /**
   * Returns whether no element is NaN or infinite.
   *
   * @param x the elements
   * @param length number of elements
   */
  public static boolean allFinite(float[] x, int length) {
    return LOOPS.allFinite(x, length);
  }

  /**
   * {@code x -= y}.
   *
   * @param x changed
   * @param y subtracted
   * @param length number of elements
   */
  public static void subtract(float[] x, float[] y, int length) {
    LOOPS.subtract(x, y, length);
  }

  /**
   * {@code x -= y}, and returns whether no difference is NaN or infinite.
   *
   * @param x changed
   * @param y subtracted
   * @param length number of elements
   */
  public static boolean subtractFinite(float[] x, float[] y, int length) {
    return LOOPS.subtractFinite(x, y, length);
  }

  /**
   * {@code sum += factor * x}.
   *
   * @param factor of every element
   * @param x added
   * @param sum changed
   * @param length number of elements
   */
  public static void addScaled(float factor, float[] x, float[] sum, int length) {
    LOOPS.addScaled(factor, x, sum, length);
  }

  /**
   * {@code sum += factor * x}, and returns whether no element of x is NaN or infinite.
   *
   * @param factor of every element
   * @param packed bfloat16 elements, little-endian, from index 0
   * @param sum changed
   * @param length number of elements
   */
  public static boolean addScaledBf16(float factor, byte[] packed, float[] sum, int length) {
    return LOOPS.addScaledBf16(factor, packed, sum, length);
  }

  /**
   * {@code out = factor * x}.
   *
   * @param factor of every element
   * @param x the elements
   * @param out overwritten; may be {@code x}
   * @param length number of elements
   */
  public static void scale(float factor, float[] x, float[] out, int length) {
    LOOPS.scale(factor, x, out, length);
  }

  /**
   * {@code out = 0 + factor0 * x0 + factor1 * x1}, each operation rounded.
   *
   * @param factor0 of the first array
   * @param x0 first array
   * @param factor1 of the second array
   * @param x1 second array
   * @param out overwritten; may be one of the arrays
   * @param length number of elements
   */
  public static void sumOfTwo(
      float factor0, float[] x0, float factor1, float[] x1, float[] out, int length) {
    LOOPS.sumOfTwo(factor0, x0, factor1, x1, out, length);
  }

  /**
   * {@code out = base + lambda * (sum / divisor)}.
   *
   * @param base the base model
   * @param sum weighted task vectors
   * @param divisor of the sum
   * @param lambda factor of the quotient
   * @param out overwritten
   * @param length number of elements
   */
  public static void finish(
      float[] base, float[] sum, float divisor, float lambda, float[] out, int length) {
    LOOPS.finish(base, sum, divisor, lambda, out, length);
  }

  /**
   * As {@link #finish(float[], float[], float, float, float[], int)} with a divisor per element; a
   * divisor of 0 counts as 1.
   *
   * @param base the base model
   * @param sum weighted task vectors
   * @param divisors of the sums
   * @param lambda factor of the quotient
   * @param out overwritten
   * @param length number of elements
   */
  public static void finish(
      float[] base, float[] sum, float[] divisors, float lambda, float[] out, int length) {
    LOOPS.finish(base, sum, divisors, lambda, out, length);
  }

  /**
   * {@code out = factor * x} where the magnitude's bits are at least {@code bits}, 0 elsewhere.
   *
   * @param x finite elements
   * @param bits float32 bits of the smallest magnitude that is kept
   * @param factor of the elements kept
   * @param out overwritten
   * @param from first index
   * @param to index after the last
   */
  public static void keepLarge(float[] x, int bits, float factor, float[] out, int from, int to) {
    LOOPS.keepLarge(x, bits, factor, out, from, to);
  }

  /**
   * {@code out = factor * x} where {@code uniforms < limit}, 0 elsewhere.
   *
   * @param x the elements
   * @param uniforms numbers in [0, 1)
   * @param limit in [0, 1]
   * @param factor of the elements kept
   * @param out overwritten
   * @param length number of elements
   */
  public static void keepBelow(
      float[] x, float[] uniforms, float limit, float factor, float[] out, int length) {
    LOOPS.keepBelow(x, uniforms, limit, factor, out, length);
  }

  /**
   * Adds the elements whose sign is the elected one: {@code sum += v} where {@code v} is not 0 and
   * has the sign of {@code votes}, 0 counting as positive.
   *
   * @param v one source's weighted task vector
   * @param votes sum of all sources' weighted task vectors; no negative zero
   * @param sum changed
   * @param length number of elements
   */
  public static void addElected(float[] v, float[] votes, float[] sum, int length) {
    LOOPS.addElected(v, votes, sum, length);
  }

  /**
   * As {@link #addElected(float[], float[], float[], int)}, also adding the weight where an element
   * was added.
   *
   * @param v one source's weighted task vector
   * @param votes sum of all sources' weighted task vectors; no negative zero
   * @param sum changed
   * @param weight of the source
   * @param weights changed
   * @param length number of elements
   */
  public static void addElected(
      float[] v, float[] votes, float[] sum, float weight, float[] weights, int length) {
    LOOPS.addElected(v, votes, sum, weight, weights, length);
  }

  /**
   * Counts the elements of a given magnitude.
   *
   * @param x the elements
   * @param bits float32 bits of the magnitude
   * @param length number of elements
   */
  public static int countMagnitude(float[] x, int bits, int length) {
    return LOOPS.countMagnitude(x, bits, length);
  }

  /**
   * Widens bfloat16 elements, two of which lie in the bits of one float: the lower half first.
   *
   * @param packed the elements; may be {@code target} if they lie at the end of what is written
   * @param from index of the first pair
   * @param target where to put the values
   * @param to index of the first value
   * @param pairs half the number of elements
   */
  public static void widenBf16(float[] packed, int from, float[] target, int to, int pairs) {
    LOOPS.widenBf16(packed, from, target, to, pairs);
  }

  /**
   * As {@link #widenBf16}, for binary16 elements.
   *
   * @param packed the elements; may be {@code target} if they lie at the end of what is written
   * @param from index of the first pair
   * @param target where to put the values
   * @param to index of the first value
   * @param pairs half the number of elements
   */
  public static void widenF16(float[] packed, int from, float[] target, int to, int pairs) {
    LOOPS.widenF16(packed, from, target, to, pairs);
  }

  /**
   * Widens one binary16.
   *
   * @param bits the element
   */
  public static float widenF16(short bits) {
    return ScalarLoops.wideF16(bits);
  }

  /**
   * Narrows to bfloat16, to nearest, ties to even; a NaN keeps its sign and upper payload.
   *
   * @param source the values
   * @param from index of the first value
   * @param target takes the elements, from index 0
   * @param length number of elements
   */
  public static void narrowBf16(float[] source, int from, short[] target, int length) {
    LOOPS.narrowBf16(source, from, target, length);
  }

  /**
   * Narrows one value to bfloat16.
   *
   * @param value any float
   */
  public static short narrowBf16(float value) {
    return ScalarLoops.bf16(value);
  }

  /**
   * As {@link #narrowBf16(float[], int, short[], int)}, for binary16 elements.
   *
   * @param source the values
   * @param from index of the first value
   * @param target takes the elements, from index 0
   * @param length number of elements
   */
  public static void narrowF16(float[] source, int from, short[] target, int length) {
    LOOPS.narrowF16(source, from, target, length);
  }

  /**
   * Narrows one value to binary16.
   *
   * @param value any float
   */
  public static short narrowF16(float value) {
    return ScalarLoops.f16(value);
  }

  /**
   * Rounds to bfloat16 and widens again.
   *
   * @param source the values
   * @param from index of the first value
   * @param target takes the values, from index 0
   * @param length number of elements
   */
  public static void roundBf16(float[] source, int from, float[] target, int length) {
    LOOPS.roundBf16(source, from, target, length);
  }

  /**
   * Rounds to binary16 and widens again.
   *
   * @param source the values
   * @param from index of the first value
   * @param target takes the values, from index 0
   * @param length number of elements
   */
  public static void roundF16(float[] source, int from, float[] target, int length) {
    LOOPS.roundF16(source, from, target, length);
  }
}
