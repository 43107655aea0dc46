package io.evomerge.internal.kernel;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Plain Java, as any machine runs it. */
final class ScalarLoops implements Loops {

  private static final int MAGNITUDE = 0x7FFFFFFF;
  private static final int INFINITY = 0x7F800000;

  /** Added to the bits of a magnitude, it reaches the sign bit from infinity on. */
  private static final int TO_SIGN = 0x00800000;

  private static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

  private static final int ONE = 0x3F800000;
  private static final int LANES = 8;

  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long LOW = 0xFFFFFFFFL;
  private static final int ROUNDS = 10;
  private static final float TO_UNIT = 0x1p-24f;

  @Override
  public boolean allFinite(float[] x, int length) {
    int flags = 0;
    for (int i = 0; i < length; i++) {
      flags |= (Float.floatToRawIntBits(x[i]) & MAGNITUDE) + TO_SIGN;
    }
    return flags >= 0;
  }

  @Override
  public void subtract(float[] x, float[] y, int length) {
    for (int i = 0; i < length; i++) {
      x[i] -= y[i];
    }
  }

  @Override
  public boolean subtractFinite(float[] x, float[] y, int length) {
    subtract(x, y, length);
    return allFinite(x, length);
  }

  @Override
  public void addScaled(float factor, float[] x, float[] sum, int length) {
    for (int i = 0; i < length; i++) {
      sum[i] += factor * x[i];
    }
  }

  @Override
  public boolean addScaledBf16(float factor, byte[] packed, float[] sum, int length) {
    return addScaledBf16(factor, packed, sum, 0, length);
  }

  static boolean addScaledBf16(float factor, byte[] packed, float[] sum, int from, int length) {
    int flags = 0;
    for (int i = from; i < length; i++) {
      int bits = (short) SHORTS.get(packed, 2 * i) << 16;
      flags |= (bits & MAGNITUDE) + TO_SIGN;
      sum[i] += factor * Float.intBitsToFloat(bits);
    }
    return flags >= 0;
  }

  @Override
  public void scale(float factor, float[] x, float[] out, int length) {
    for (int i = 0; i < length; i++) {
      out[i] = factor * x[i];
    }
  }

  @Override
  public void sumOfTwo(
      float factor0, float[] x0, float factor1, float[] x1, float[] out, int length) {
    for (int i = 0; i < length; i++) {
      out[i] = 0f + factor0 * x0[i] + factor1 * x1[i];
    }
  }

  @Override
  public void finish(
      float[] base, float[] sum, float divisor, float lambda, float[] out, int length) {
    for (int i = 0; i < length; i++) {
      out[i] = base[i] + lambda * (sum[i] / divisor);
    }
  }

  @Override
  public void finish(
      float[] base, float[] sum, float[] divisors, float lambda, float[] out, int length) {
    for (int i = 0; i < length; i++) {
      int bits = Float.floatToRawIntBits(divisors[i]);
      int zero = ((bits & MAGNITUDE) - 1) >> 31;
      // An all-ones mask turns 0 into the bits of 1.
      float safe = Float.intBitsToFloat((bits & ~zero) | (ONE & zero));
      out[i] = base[i] + lambda * (sum[i] / safe);
    }
  }

  @Override
  public void keepLarge(float[] x, int bits, float factor, float[] out, int from, int to) {
    for (int i = from; i < to; i++) {
      float value = x[i];
      int dropped = ((Float.floatToRawIntBits(value) & MAGNITUDE) - bits) >> 31;
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * value) & ~dropped);
    }
  }

  @Override
  public void keepBelow(
      float[] x, float[] uniforms, float limit, float factor, float[] out, int length) {
    int bits = Float.floatToRawIntBits(limit);
    for (int i = 0; i < length; i++) {
      int kept = (Float.floatToRawIntBits(uniforms[i]) - bits) >> 31;
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * x[i]) & kept);
    }
  }

  @Override
  public void addElected(float[] v, float[] votes, float[] sum, int length) {
    for (int i = 0; i < length; i++) {
      int bits = Float.floatToRawIntBits(v[i]);
      int opposed = (bits ^ Float.floatToRawIntBits(votes[i])) >> 31;
      sum[i] += Float.intBitsToFloat(bits & ~opposed);
    }
  }

  @Override
  public void addElected(
      float[] v, float[] votes, float[] sum, float weight, float[] weights, int length) {
    int weightBits = Float.floatToRawIntBits(weight);
    for (int i = 0; i < length; i++) {
      int bits = Float.floatToRawIntBits(v[i]);
      int opposed = (bits ^ Float.floatToRawIntBits(votes[i])) >> 31;
      int nonzero = -(bits & MAGNITUDE) >> 31;
      sum[i] += Float.intBitsToFloat(bits & ~opposed);
      weights[i] += Float.intBitsToFloat(weightBits & ~opposed & nonzero);
    }
  }

  @Override
  public int countMagnitude(float[] x, int bits, int length) {
    int count = 0;
    for (int i = 0; i < length; i++) {
      if ((Float.floatToRawIntBits(x[i]) & MAGNITUDE) == bits) {
        count++;
      }
    }
    return count;
  }

  @Override
  public void widenBf16(float[] packed, int from, float[] target, int to, int pairs) {
    for (int i = 0; i < pairs; i++) {
      int pair = Float.floatToRawIntBits(packed[from + i]);
      target[to + 2 * i] = Float.intBitsToFloat(pair << 16);
      target[to + 2 * i + 1] = Float.intBitsToFloat(pair & 0xFFFF0000);
    }
  }

  @Override
  public void widenF16(float[] packed, int from, float[] target, int to, int pairs) {
    float[] table = HalfTable.VALUES;
    for (int i = 0; i < pairs; i++) {
      int pair = Float.floatToRawIntBits(packed[from + i]);
      target[to + 2 * i] = table[pair & 0xFFFF];
      target[to + 2 * i + 1] = table[pair >>> 16];
    }
  }

  @Override
  public void narrowBf16(float[] source, int from, short[] target, int length) {
    for (int i = 0; i < length; i++) {
      target[i] = bf16(source[from + i]);
    }
  }

  @Override
  public void narrowF16(float[] source, int from, short[] target, int length) {
    for (int i = 0; i < length; i++) {
      target[i] = f16(source[from + i]);
    }
  }

  @Override
  public void roundBf16(float[] source, int from, float[] target, int length) {
    for (int i = 0; i < length; i++) {
      target[i] = Float.intBitsToFloat(bf16(source[from + i]) << 16);
    }
  }

  @Override
  public void roundF16(float[] source, int from, float[] target, int length) {
    float[] table = HalfTable.VALUES;
    for (int i = 0; i < length; i++) {
      target[i] = table[f16(source[from + i]) & 0xFFFF];
    }
  }

  static float wideF16(short bits) {
    return HalfTable.VALUES[bits & 0xFFFF];
  }

  static short bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & MAGNITUDE) > INFINITY) {
      int upper = bits >>> 16;
      // A payload that lies in the lower half alone would leave an infinity.
      return (short) ((upper & 0x7F) == 0 ? upper | 0x40 : upper);
    }
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  static short f16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int magnitude = bits & MAGNITUDE;
    int half;
    if (magnitude > INFINITY) {
      int payload = (magnitude >>> 13) & 0x3FF;
      half = 0x7C00 | (payload == 0 ? 0x200 : payload);
    } else if (magnitude >= 0x47800000) {
      half = 0x7C00;
    } else if (magnitude >= 0x38800000) {
      // Rebias the exponent from 127 to 15; a carry out of the fraction rounds up to infinity.
      half = (magnitude - 0x38000000 + 0xFFF + ((magnitude >>> 13) & 1)) >>> 13;
    } else {
      // One unit in the last place of 0.5f is the smallest subnormal: the addition rounds.
      half = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) + 0.5f) - 0x3F000000;
    }
    return (short) ((bits >>> 16) & 0x8000 | half);
  }

  @Override
  public void addMagnitudes(double[] lanes, float[] x, int from, int length) {
    double l0 = lanes[0];
    double l1 = lanes[1];
    double l2 = lanes[2];
    double l3 = lanes[3];
    double l4 = lanes[4];
    double l5 = lanes[5];
    double l6 = lanes[6];
    double l7 = lanes[7];
    for (int i = from; i < from + length; i += LANES) {
      l0 += Math.abs(x[i]);
      l1 += Math.abs(x[i + 1]);
      l2 += Math.abs(x[i + 2]);
      l3 += Math.abs(x[i + 3]);
      l4 += Math.abs(x[i + 4]);
      l5 += Math.abs(x[i + 5]);
      l6 += Math.abs(x[i + 6]);
      l7 += Math.abs(x[i + 7]);
    }
    put(lanes, l0, l1, l2, l3, l4, l5, l6, l7);
  }

  @Override
  public void addProducts(double[] lanes, float[] x, float[] y, int from, int length) {
    double l0 = lanes[0];
    double l1 = lanes[1];
    double l2 = lanes[2];
    double l3 = lanes[3];
    double l4 = lanes[4];
    double l5 = lanes[5];
    double l6 = lanes[6];
    double l7 = lanes[7];
    for (int i = from; i < from + length; i += LANES) {
      l0 += (double) x[i] * y[i];
      l1 += (double) x[i + 1] * y[i + 1];
      l2 += (double) x[i + 2] * y[i + 2];
      l3 += (double) x[i + 3] * y[i + 3];
      l4 += (double) x[i + 4] * y[i + 4];
      l5 += (double) x[i + 5] * y[i + 5];
      l6 += (double) x[i + 6] * y[i + 6];
      l7 += (double) x[i + 7] * y[i + 7];
    }
    put(lanes, l0, l1, l2, l3, l4, l5, l6, l7);
  }

  @Override
  public void addProducts(
      double[] xy, double[] xx, double[] yy, float[] x, float[] y, int from, int length) {
    // 24 sums do not fit into the registers; the elements stay in the first-level cache.
    addProducts(xy, x, y, from, length);
    addProducts(xx, x, x, from, length);
    addProducts(yy, y, y, from, length);
  }

  private static void put(
      double[] lanes,
      double l0,
      double l1,
      double l2,
      double l3,
      double l4,
      double l5,
      double l6,
      double l7) {
    lanes[0] = l0;
    lanes[1] = l1;
    lanes[2] = l2;
    lanes[3] = l3;
    lanes[4] = l4;
    lanes[5] = l5;
    lanes[6] = l6;
    lanes[7] = l7;
  }

  @Override
  public void uniforms(
      long key, long stream, long counter, float[] target, int from, int counters) {
    for (int i = 0; i < counters; i++) {
      long position = counter + i;
      int c0 = (int) position;
      int c1 = (int) (position >>> 32);
      int c2 = (int) stream;
      int c3 = (int) (stream >>> 32);
      int k0 = (int) key;
      int k1 = (int) (key >>> 32);
      for (int round = 0; round < ROUNDS; round++) {
        long product0 = MULTIPLIER_0 * (c0 & LOW);
        long product1 = MULTIPLIER_1 * (c2 & LOW);
        c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
        c1 = (int) product1;
        c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
        c3 = (int) product0;
        k0 += WEYL_0;
        k1 += WEYL_1;
      }
      int at = from + 4 * i;
      target[at] = unit(c0);
      target[at + 1] = unit(c1);
      target[at + 2] = unit(c2);
      target[at + 3] = unit(c3);
    }
  }

  private static float unit(int word) {
    return (word >>> 8) * TO_UNIT;
  }

  @Override
  public void keepBetween(
      float[] x, int low, int high, float factor, float[] out, int from, int to) {
    for (int i = from; i < to; i++) {
      float value = x[i];
      int magnitude = Float.floatToRawIntBits(value) & MAGNITUDE;
      int kept = ~((magnitude - low) >> 31) & ((magnitude - high) >> 31);
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * value) & kept);
    }
  }

  @Override
  public void keepRanked(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int length) {
    keepRanked(x, uniforms, ranks, low, slope, factor, out, 0, length);
  }

  static void keepRanked(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int from,
      int to) {
    for (int i = from; i < to; i++) {
      float probability = low + slope * ranks[i];
      // The sign of a difference is exact, that of equal numbers positive.
      int kept = Float.floatToRawIntBits(uniforms[i] - probability) >> 31;
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * x[i]) & kept);
    }
  }

  @Override
  public void keepRankedRescaled(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int length) {
    keepRankedRescaled(x, uniforms, ranks, low, slope, factor, out, 0, length);
  }

  static void keepRankedRescaled(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int from,
      int to) {
    for (int i = from; i < to; i++) {
      float probability = low + slope * ranks[i];
      int kept = Float.floatToRawIntBits(uniforms[i] - probability) >> 31;
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * x[i] / probability) & kept);
    }
  }

  @Override
  public int countAbove(float[] x, int bits, int length) {
    return countAbove(x, bits, 0, length);
  }

  static int countAbove(float[] x, int bits, int from, int to) {
    int count = 0;
    for (int i = from; i < to; i++) {
      count += (bits - (Float.floatToRawIntBits(x[i]) & MAGNITUDE)) >>> 31;
    }
    return count;
  }

  @Override
  public long collectBetween(float[] x, int low, int high, int[] out, int length) {
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

  /** Collects what lies between from index {@code count} on, and returns the index behind. */
  static int collectBetween(float[] x, int low, int high, int[] out, int count, int from, int to) {
    int end = count;
    for (int i = from; i < to; i++) {
      int magnitude = Float.floatToRawIntBits(x[i]) & MAGNITUDE;
      out[end] = magnitude;
      end += (magnitude - high) >>> 31 & (low - magnitude) >>> 31;
    }
    return end;
  }

  @Override
  public boolean subtractBf16(byte[] packed, float[] y, float[] out, int length) {
    return subtractBf16(packed, y, out, 0, length);
  }

  static boolean subtractBf16(byte[] packed, float[] y, float[] out, int from, int to) {
    int flags = 0;
    for (int i = from; i < to; i++) {
      float difference = Float.intBitsToFloat((short) SHORTS.get(packed, 2 * i) << 16) - y[i];
      flags |= (Float.floatToRawIntBits(difference) & MAGNITUDE) + TO_SIGN;
      out[i] = difference;
    }
    return flags >= 0;
  }

  @Override
  public void electTwo(
      float[] v0, float[] v1, float[] base, float lambda, float[] out, int length) {
    electTwo(v0, v1, base, lambda, out, 0, length);
  }

  static void electTwo(
      float[] v0, float[] v1, float[] base, float lambda, float[] out, int from, int to) {
    for (int i = from; i < to; i++) {
      int bits0 = Float.floatToRawIntBits(v0[i]);
      int bits1 = Float.floatToRawIntBits(v1[i]);
      int votes = Float.floatToRawIntBits(0f + v0[i] + v1[i]);
      float sum = 0f + Float.intBitsToFloat(bits0 & ~((bits0 ^ votes) >> 31));
      sum += Float.intBitsToFloat(bits1 & ~((bits1 ^ votes) >> 31));
      out[i] = base[i] + lambda * sum;
    }
  }

  @Override
  public void electTwo(
      float[] v0,
      float weight0,
      float[] v1,
      float weight1,
      float[] base,
      float lambda,
      float[] out,
      int length) {
    electTwo(v0, weight0, v1, weight1, base, lambda, out, 0, length);
  }

  static void electTwo(
      float[] v0,
      float weight0,
      float[] v1,
      float weight1,
      float[] base,
      float lambda,
      float[] out,
      int from,
      int to) {
    int weightBits0 = Float.floatToRawIntBits(weight0);
    int weightBits1 = Float.floatToRawIntBits(weight1);
    for (int i = from; i < to; i++) {
      int bits0 = Float.floatToRawIntBits(v0[i]);
      int bits1 = Float.floatToRawIntBits(v1[i]);
      int votes = Float.floatToRawIntBits(0f + v0[i] + v1[i]);
      int agreed0 = ~((bits0 ^ votes) >> 31);
      int agreed1 = ~((bits1 ^ votes) >> 31);
      float sum = 0f + Float.intBitsToFloat(bits0 & agreed0);
      sum += Float.intBitsToFloat(bits1 & agreed1);
      int nonzero0 = -(bits0 & MAGNITUDE) >> 31;
      int nonzero1 = -(bits1 & MAGNITUDE) >> 31;
      float divisor =
          Float.intBitsToFloat(weightBits0 & agreed0 & nonzero0)
              + Float.intBitsToFloat(weightBits1 & agreed1 & nonzero1);
      int divisorBits = Float.floatToRawIntBits(divisor);
      int zero = ((divisorBits & MAGNITUDE) - 1) >> 31;
      float safe = Float.intBitsToFloat((divisorBits & ~zero) | (ONE & zero));
      out[i] = base[i] + lambda * (sum / safe);
    }
  }

  @Override
  public void moveInverted(int[] keys, float[] places, int length) {
    moveInverted(keys, places, 0, length);
  }

  static void moveInverted(int[] keys, float[] places, int from, int to) {
    int reach = TaskVectorKernels.REACH;
    for (int i = from; i < to; i++) {
      int key = keys[reach + i];
      int place = i;
      for (int d = 1; d <= reach; d++) {
        place += (key - keys[reach + i - d]) >> 31;
        place -= (keys[reach + i + d] - key) >> 31;
      }
      places[i] = place;
    }
  }

  @Override
  public int largestMagnitude(float[] x, int from, int length) {
    int largest = 0;
    for (int i = from; i < from + length; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(x[i]) & MAGNITUDE);
    }
    return largest;
  }

  @Override
  public boolean toBuckets(
      float[] x, int from, int low, int shift, int[] bits, int[] buckets, int length) {
    return toBuckets(x, from, low, shift, bits, buckets, 0, length);
  }

  static boolean toBuckets(
      float[] x, int from, int low, int shift, int[] bits, int[] buckets, int begin, int end) {
    int apart = (1 << shift) - 1;
    int together = 0;
    for (int i = begin; i < end; i++) {
      int magnitude = Float.floatToRawIntBits(x[from + i]) & MAGNITUDE;
      bits[i] = magnitude;
      together |= magnitude & (apart | (magnitude - low) >> 31);
      buckets[i] = (Math.max(magnitude, low) - low >> shift) + (-magnitude >>> 31);
    }
    return together == 0;
  }

  /** Every binary16 value: 256 KiB, faster than arithmetic and made when first needed. */
  private static final class HalfTable {
    static final float[] VALUES = new float[1 << 16];

    static {
      for (int bits = 0; bits < VALUES.length; bits++) {
        VALUES[bits] = widen(bits);
      }
    }

    private static float widen(int bits) {
      int magnitude = (bits & 0x7FFF) << 13;
      int exponent = magnitude & 0x0F800000;
      int wide = magnitude + 0x38000000;
      if (exponent == 0) {
        // Read the fraction as that of a number of the smallest exponent, then take its leading 1.
        float subnormal = Float.intBitsToFloat(magnitude + 0x38800000) - 0x1p-14f;
        wide = Float.floatToRawIntBits(subnormal);
      } else if (exponent == 0x0F800000) {
        wide += 0x38000000;
      }
      return Float.intBitsToFloat(wide | (bits & 0x8000) << 16);
    }
  }

  static float wideBf16(byte[] packed, int element) {
    return Float.intBitsToFloat((short) SHORTS.get(packed, 2 * element) << 16);
  }

  @Override
  public boolean sumOfTwoBf16(
      float factor0, byte[] x0, float factor1, byte[] x1, byte[] out, int to, int length) {
    return sumOfTwoBf16(factor0, x0, factor1, x1, out, to, 0, length);
  }

  static boolean sumOfTwoBf16(
      float factor0, byte[] x0, float factor1, byte[] x1, byte[] out, int to, int from, int end) {
    int flags = 0;
    for (int i = from; i < end; i++) {
      int bits = Float.floatToRawIntBits(factor0 * wideBf16(x0, i) + factor1 * wideBf16(x1, i));
      SHORTS.set(out, 2 * (to + i), rounded(bits));
      flags |= (bits & MAGNITUDE) + TO_SIGN;
    }
    return flags >= 0;
  }

  @Override
  public void sumOfTwoDeltasBf16(
      byte[] base, float factor0, byte[] x0, float factor1, byte[] x1, float[] out, int length) {
    sumOfTwoDeltasBf16(base, factor0, x0, factor1, x1, out, 0, length);
  }

  static void sumOfTwoDeltasBf16(
      byte[] base,
      float factor0,
      byte[] x0,
      float factor1,
      byte[] x1,
      float[] out,
      int from,
      int end) {
    for (int i = from; i < end; i++) {
      float origin = wideBf16(base, i);
      out[i] = factor0 * (wideBf16(x0, i) - origin) + factor1 * (wideBf16(x1, i) - origin);
    }
  }

  @Override
  public boolean addAndPackBf16(byte[] base, float[] sum, byte[] out, int to, int length) {
    return addAndPackBf16(base, sum, out, to, 0, length);
  }

  static boolean addAndPackBf16(byte[] base, float[] sum, byte[] out, int to, int from, int end) {
    int flags = 0;
    for (int i = from; i < end; i++) {
      int bits = Float.floatToRawIntBits(sum[i] + wideBf16(base, i));
      SHORTS.set(out, 2 * (to + i), rounded(bits));
      flags |= (bits & MAGNITUDE) + TO_SIGN;
    }
    return flags >= 0;
  }

  @Override
  public void addScaledDeltaBf16(float factor, byte[] base, byte[] x, float[] sum, int length) {
    addScaledDeltaBf16(factor, base, x, sum, 0, length);
  }

  static void addScaledDeltaBf16(
      float factor, byte[] base, byte[] x, float[] sum, int from, int end) {
    for (int i = from; i < end; i++) {
      sum[i] += factor * (wideBf16(x, i) - wideBf16(base, i));
    }
  }

  @Override
  public boolean moveTowardsBf16(
      byte[] base, byte[] x, float distance, byte[] out, int to, int length) {
    return moveTowardsBf16(base, x, distance, out, to, 0, length);
  }

  static boolean moveTowardsBf16(
      byte[] base, byte[] x, float distance, byte[] out, int to, int from, int end) {
    int flags = 0;
    for (int i = from; i < end; i++) {
      float origin = wideBf16(base, i);
      float target = wideBf16(x, i);
      float share = Math.min(1f, distance / Math.abs(target - origin));
      int bits = Float.floatToRawIntBits(share * target + (1f - share) * origin);
      SHORTS.set(out, 2 * (to + i), rounded(bits));
      flags |= (bits & MAGNITUDE) + TO_SIGN;
    }
    return flags >= 0;
  }

  @Override
  public boolean packBf16(float[] x, byte[] out, int to, int length) {
    return packBf16(x, out, to, 0, length);
  }

  static boolean packBf16(float[] x, byte[] out, int to, int from, int end) {
    int flags = 0;
    for (int i = from; i < end; i++) {
      int bits = Float.floatToRawIntBits(x[i]);
      SHORTS.set(out, 2 * (to + i), rounded(bits));
      flags |= (bits & MAGNITUDE) + TO_SIGN;
    }
    return flags >= 0;
  }

  /** As {@link #bf16}, for numbers. */
  private static short rounded(int bits) {
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  @Override
  public void addProductsBf16(
      double[] xy, double[] xx, double[] yy, byte[] x, byte[] y, int length) {
    // Two lanes at a time, so that all sums stay in registers.
    for (int lane = 0; lane < LANES; lane += 2) {
      double xy0 = xy[lane];
      double xx0 = xx[lane];
      double yy0 = yy[lane];
      double xy1 = xy[lane + 1];
      double xx1 = xx[lane + 1];
      double yy1 = yy[lane + 1];
      for (int i = lane; i < length; i += LANES) {
        double a = wideBf16(x, i);
        double b = wideBf16(y, i);
        double c = wideBf16(x, i + 1);
        double d = wideBf16(y, i + 1);
        xy0 += a * b;
        xx0 += a * a;
        yy0 += b * b;
        xy1 += c * d;
        xx1 += c * c;
        yy1 += d * d;
      }
      xy[lane] = xy0;
      xx[lane] = xx0;
      yy[lane] = yy0;
      xy[lane + 1] = xy1;
      xx[lane + 1] = xx1;
      yy[lane + 1] = yy1;
    }
  }

  @Override
  public void addDeltaProductsBf16(
      double[] xy, double[] xx, double[] yy, byte[] base, byte[] x, byte[] y, int length) {
    for (int lane = 0; lane < LANES; lane += 2) {
      double xy0 = xy[lane];
      double xx0 = xx[lane];
      double yy0 = yy[lane];
      double xy1 = xy[lane + 1];
      double xx1 = xx[lane + 1];
      double yy1 = yy[lane + 1];
      for (int i = lane; i < length; i += LANES) {
        float origin0 = wideBf16(base, i);
        float origin1 = wideBf16(base, i + 1);
        double a = wideBf16(x, i) - origin0;
        double b = wideBf16(y, i) - origin0;
        double c = wideBf16(x, i + 1) - origin1;
        double d = wideBf16(y, i + 1) - origin1;
        xy0 += a * b;
        xx0 += a * a;
        yy0 += b * b;
        xy1 += c * d;
        xx1 += c * c;
        yy1 += d * d;
      }
      xy[lane] = xy0;
      xx[lane] = xx0;
      yy[lane] = yy0;
      xy[lane + 1] = xy1;
      xx[lane + 1] = xx1;
      yy[lane + 1] = yy1;
    }
  }
}
