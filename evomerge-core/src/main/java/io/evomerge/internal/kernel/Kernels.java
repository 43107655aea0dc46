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

  private static final int MAGNITUDE = 0x7FFFFFFF;

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

  /**
   * Adds the elements whose magnitude is above a limit, and counts them: {@code sum += x}, {@code
   * counts += 1}.
   *
   * @param x the elements, finite
   * @param limit finite, at least 0
   * @param sum changed
   * @param counts changed
   * @param length number of elements
   */
  public static void addAbove(float[] x, float limit, float[] sum, float[] counts, int length) {
    int limitBits = Float.floatToRawIntBits(limit) & MAGNITUDE;
    int one = Float.floatToRawIntBits(1f);
    for (int i = 0; i < length; i++) {
      int bits = Float.floatToRawIntBits(x[i]);
      int above = (limitBits - (bits & MAGNITUDE)) >> 31;
      sum[i] += Float.intBitsToFloat(bits & above);
      counts[i] += Float.intBitsToFloat(one & above);
    }
  }

  /**
   * {@code sum += factor * x} where the magnitude of {@code x} is above a limit.
   *
   * @param x the elements, finite
   * @param limit finite, at least 0
   * @param factor of every element
   * @param sum changed
   * @param length number of elements
   */
  public static void addScaledAbove(float[] x, float limit, float factor, float[] sum, int length) {
    int limitBits = Float.floatToRawIntBits(limit) & MAGNITUDE;
    for (int i = 0; i < length; i++) {
      int bits = Float.floatToRawIntBits(x[i]);
      int above = (limitBits - (bits & MAGNITUDE)) >> 31;
      sum[i] += Float.intBitsToFloat(Float.floatToRawIntBits(factor * x[i]) & above);
    }
  }

  /**
   * Counts the elements whose magnitude is above a limit and whose count is not too large.
   *
   * @param x the elements, finite
   * @param limit finite, at least 0
   * @param counts whole numbers as {@link #addAbove} leaves them
   * @param largest count up to which an element is counted, e.g. 1
   * @param length number of elements
   */
  public static int countAbove(float[] x, float limit, float[] counts, float largest, int length) {
    int limitBits = Float.floatToRawIntBits(limit) & MAGNITUDE;
    int largestBits = Float.floatToRawIntBits(largest);
    int count = 0;
    for (int i = 0; i < length; i++) {
      int above = (limitBits - (Float.floatToRawIntBits(x[i]) & MAGNITUDE)) >> 31;
      int tooMany = (largestBits - Float.floatToRawIntBits(counts[i])) >> 31;
      count += above & ~tooMany & 1;
    }
    return count;
  }

  /**
   * {@code out = base + sum / max(count, 1)}.
   *
   * @param base the base model
   * @param sum of what is averaged
   * @param counts whole numbers, at least 0
   * @param out overwritten; may be {@code sum}
   * @param length number of elements
   */
  public static void addMean(float[] base, float[] sum, float[] counts, float[] out, int length) {
    int one = Float.floatToRawIntBits(1f);
    for (int i = 0; i < length; i++) {
      float divisor = Float.intBitsToFloat(Math.max(one, Float.floatToRawIntBits(counts[i])));
      out[i] = base[i] + sum[i] / divisor;
    }
  }

  /**
   * {@code out = base + sum / count} where the count is above 1, {@code base + single} elsewhere.
   *
   * @param base the base model
   * @param sum of what is averaged
   * @param counts whole numbers, at least 0
   * @param single what is added where nothing is averaged
   * @param out overwritten; may be {@code sum}
   * @param length number of elements
   */
  public static void addMeanOrSingle(
      float[] base, float[] sum, float[] counts, float[] single, float[] out, int length) {
    int one = Float.floatToRawIntBits(1f);
    for (int i = 0; i < length; i++) {
      int count = Float.floatToRawIntBits(counts[i]);
      float mean = sum[i] / Float.intBitsToFloat(Math.max(one, count));
      int several = (one - count) >> 31;
      int bits =
          (Float.floatToRawIntBits(mean) & several)
              | (Float.floatToRawIntBits(single[i]) & ~several);
      out[i] = base[i] + Float.intBitsToFloat(bits);
    }
  }

  /**
   * {@code sum += x}, in float64.
   *
   * @param x added
   * @param sum changed
   * @param length number of elements
   */
  public static void addWidened(float[] x, double[] sum, int length) {
    for (int i = 0; i < length; i++) {
      sum[i] += x[i];
    }
  }

  /**
   * {@code x /= divisor}.
   *
   * @param x changed
   * @param divisor of every element
   * @param length number of elements
   */
  public static void divide(double[] x, double divisor, int length) {
    for (int i = 0; i < length; i++) {
      x[i] /= divisor;
    }
  }

  /**
   * {@code sum += (x - mean)^2}, in float64.
   *
   * @param x the elements
   * @param means subtracted
   * @param sum changed
   * @param length number of elements
   */
  public static void addSquaredDistances(float[] x, double[] means, double[] sum, int length) {
    for (int i = 0; i < length; i++) {
      double distance = x[i] - means[i];
      sum[i] += distance * distance;
    }
  }

  /**
   * {@code out = x}, rounded to float32.
   *
   * @param x the elements
   * @param out overwritten
   * @param length number of elements
   */
  public static void narrow(double[] x, float[] out, int length) {
    for (int i = 0; i < length; i++) {
      out[i] = (float) x[i];
    }
  }

  /**
   * {@code out = x} where the bits of {@code ranks} are at least {@code bits}, 0 elsewhere.
   *
   * @param ranks what decides, at least 0
   * @param bits float32 bits of the smallest rank that is kept
   * @param x the elements
   * @param out overwritten; may be {@code x}
   * @param from first index
   * @param to index after the last
   */
  public static void keepRanked(float[] ranks, int bits, float[] x, float[] out, int from, int to) {
    for (int i = from; i < to; i++) {
      int dropped = (Float.floatToRawIntBits(ranks[i]) - bits) >> 31;
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(x[i]) & ~dropped);
    }
  }

  /**
   * Where {@code x} is not 0 and has the sign of {@code votes}, 0 counting as positive: {@code sum
   * += weight * x}, {@code weights += weight}.
   *
   * @param x one source's task vector
   * @param votes sum of all sources' task vectors; no negative zero
   * @param weight of the source
   * @param sum changed
   * @param weights changed
   * @param length number of elements
   */
  public static void addElectedScaled(
      float[] x, float[] votes, float weight, float[] sum, float[] weights, int length) {
    int weightBits = Float.floatToRawIntBits(weight);
    for (int i = 0; i < length; i++) {
      int bits = Float.floatToRawIntBits(x[i]);
      int opposed = (bits ^ Float.floatToRawIntBits(votes[i])) >> 31;
      int elected = ~opposed & (-(bits & MAGNITUDE) >> 31);
      sum[i] += weight * Float.intBitsToFloat(bits & elected);
      weights[i] += Float.intBitsToFloat(weightBits & elected);
    }
  }

  /**
   * {@code out = factor * abs(x - y)}, at most the largest finite number.
   *
   * @param x first numbers
   * @param y second numbers, which differ from the first by what float32 can hold
   * @param factor finite, at least 0
   * @param out overwritten
   * @param from first index in all three
   * @param to index after the last
   */
  public static void scaledDistances(
      float[] x, float[] y, float factor, float[] out, int from, int to) {
    for (int i = from; i < to; i++) {
      out[i] = Math.min(Float.MAX_VALUE, factor * Math.abs(x[i] - y[i]));
    }
  }

  /**
   * {@code out = x} where {@code ranks} is at least {@code limit}, {@code y} elsewhere.
   *
   * @param ranks what decides, at least 0
   * @param limit at least 0
   * @param x chosen where the rank is large
   * @param y chosen elsewhere
   * @param out overwritten; may be any of the others
   * @param length number of elements
   */
  public static void choose(
      float[] ranks, float limit, float[] x, float[] y, float[] out, int length) {
    int limitBits = Float.floatToRawIntBits(limit);
    for (int i = 0; i < length; i++) {
      int below = (Float.floatToRawIntBits(ranks[i]) - limitBits) >> 31;
      int bits = (Float.floatToRawIntBits(x[i]) & ~below) | (Float.floatToRawIntBits(y[i]) & below);
      out[i] = Float.intBitsToFloat(bits);
    }
  }

  /**
   * Returns the inner product of a range in float64; its order depends on the length alone.
   *
   * @param x first factors
   * @param y second factors
   * @param from first index
   * @param to index after the last
   */
  public static double dot(float[] x, float[] y, int from, int to) {
    double l0 = 0;
    double l1 = 0;
    double l2 = 0;
    double l3 = 0;
    int i = from;
    for (; i + 4 <= to; i += 4) {
      l0 += (double) x[i] * y[i];
      l1 += (double) x[i + 1] * y[i + 1];
      l2 += (double) x[i + 2] * y[i + 2];
      l3 += (double) x[i + 3] * y[i + 3];
    }
    for (; i < to; i++) {
      l0 += (double) x[i] * y[i];
    }
    return (l0 + l1) + (l2 + l3);
  }

  /**
   * {@code sum += factor * x} in a range.
   *
   * @param factor of every element
   * @param x added
   * @param sum changed
   * @param from first index
   * @param to index after the last
   */
  public static void addScaled(float factor, float[] x, float[] sum, int from, int to) {
    for (int i = from; i < to; i++) {
      sum[i] += factor * x[i];
    }
  }

  /**
   * {@code sum[from + i] += factors[i] * x[from + i]}.
   *
   * @param factors from index 0
   * @param x added
   * @param sum changed
   * @param from first index of {@code x} and {@code sum}
   * @param length number of elements
   */
  public static void addProducts(float[] factors, float[] x, float[] sum, int from, int length) {
    for (int i = 0; i < length; i++) {
      sum[from + i] += factors[i] * x[from + i];
    }
  }

  /**
   * {@code sums[at + i] += x[from + i] * y[from + i]}, in float64.
   *
   * @param x first factors
   * @param y second factors
   * @param from first index of the factors
   * @param sums changed
   * @param at first index of the sums
   * @param length number of elements
   */
  public static void addProducts(
      float[] x, float[] y, int from, double[] sums, int at, int length) {
    for (int i = 0; i < length; i++) {
      sums[at + i] += (double) x[from + i] * y[from + i];
    }
  }

  /**
   * Moves the base towards {@code x}: {@code out = w * x + (1 - w) * base} with {@code w = min(1,
   * distance / |x - base|)}.
   *
   * @param base finite elements
   * @param x finite elements
   * @param distance finite, above 0
   * @param out overwritten
   * @param length number of elements
   */
  public static void moveTowards(float[] base, float[] x, float distance, float[] out, int length) {
    for (int i = 0; i < length; i++) {
      float share = Math.min(1f, distance / Math.abs(x[i] - base[i]));
      out[i] = share * x[i] + (1f - share) * base[i];
    }
  }

  /**
   * {@code out = factor0 * x0 + factor1 * x1}, rounded to bfloat16, and returns whether no sum is
   * NaN or infinite before it is rounded; if one is, so may be an input, and what {@code out} holds
   * is not defined. The arrays hold bfloat16 elements, little-endian, here and below.
   *
   * @param factor0 of every element of {@code x0}
   * @param x0 first elements, from index 0
   * @param factor1 of every element of {@code x1}
   * @param x1 second elements, from index 0
   * @param out overwritten
   * @param to first element of {@code out}
   * @param length number of elements
   */
  public static boolean sumOfTwoBf16(
      float factor0, byte[] x0, float factor1, byte[] x1, byte[] out, int to, int length) {
    return LOOPS.sumOfTwoBf16(factor0, x0, factor1, x1, out, to, length);
  }

  /**
   * {@code out = factor0 * (x0 - base) + factor1 * (x1 - base)}, of bfloat16 elements.
   *
   * @param base subtracted, from index 0
   * @param factor0 of every first difference
   * @param x0 first elements, from index 0
   * @param factor1 of every second difference
   * @param x1 second elements, from index 0
   * @param out overwritten
   * @param length number of elements
   */
  public static void sumOfTwoDeltasBf16(
      byte[] base, float factor0, byte[] x0, float factor1, byte[] x1, float[] out, int length) {
    LOOPS.sumOfTwoDeltasBf16(base, factor0, x0, factor1, x1, out, length);
  }

  /**
   * {@code out = sum + base}, rounded to bfloat16; returns what {@link #sumOfTwoBf16} does.
   *
   * @param base bfloat16 elements, from index 0
   * @param sum added
   * @param out overwritten
   * @param to first element of {@code out}
   * @param length number of elements
   */
  public static boolean addAndPackBf16(byte[] base, float[] sum, byte[] out, int to, int length) {
    return LOOPS.addAndPackBf16(base, sum, out, to, length);
  }

  /**
   * {@code sum += factor * (x - base)}.
   *
   * @param factor of every difference
   * @param base bfloat16 elements, little-endian, from index 0
   * @param x bfloat16 elements, little-endian, from index 0
   * @param sum changed
   * @param length number of elements
   */
  public static void addScaledDeltaBf16(
      float factor, byte[] base, byte[] x, float[] sum, int length) {
    LOOPS.addScaledDeltaBf16(factor, base, x, sum, length);
  }

  /**
   * As {@link #moveTowards}, for bfloat16 elements; returns what {@link #sumOfTwoBf16} does.
   *
   * @param base from index 0
   * @param x from index 0
   * @param distance finite, above 0
   * @param out overwritten
   * @param to first element of {@code out}
   * @param length number of elements
   */
  public static boolean moveTowardsBf16(
      byte[] base, byte[] x, float distance, byte[] out, int to, int length) {
    return LOOPS.moveTowardsBf16(base, x, distance, out, to, length);
  }

  /**
   * {@code out = x}, rounded to bfloat16; returns what {@link #sumOfTwoBf16} does.
   *
   * @param x the values
   * @param out overwritten
   * @param to first element of {@code out}
   * @param length number of elements
   */
  public static boolean packBf16(float[] x, byte[] out, int to, int length) {
    return LOOPS.packBf16(x, out, to, length);
  }
}
