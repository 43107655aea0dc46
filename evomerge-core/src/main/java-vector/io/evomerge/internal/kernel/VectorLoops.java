package io.evomerge.internal.kernel;

import java.util.function.LongUnaryOperator;
import java.util.stream.LongStream;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops on the module jdk.incubator.vector; the rest of each array is left to {@link
 * ScalarLoops}. Compiled apart, since that module is there only where it is asked for.
 *
 * <p>Vectors never pass through a method of ours: where the compiler does not inline it, it makes
 * each vector an object. And a vector that a loop carries is an argument, not the receiver, of an
 * operation: its exact class is known too late.
 */
final class VectorLoops implements Loops {

  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Long> L = LongVector.SPECIES_PREFERRED;

  /** Half as wide: a vector of packed 16-bit elements that fills a whole one when widened. */
  private static final VectorSpecies<Float> F_HALF =
      VectorSpecies.of(float.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  private static final VectorSpecies<Byte> B_HALF =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  private static final VectorSpecies<Short> S_HALF =
      VectorSpecies.of(short.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  /** A second one would slow down both: compilers would no longer know which one is meant. */
  private static final VectorSpecies<Double> D = DoubleVector.SPECIES_PREFERRED;

  /** Half as wide: fills a vector of doubles when widened. */
  private static final VectorSpecies<Integer> I_HALF =
      VectorSpecies.of(int.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  /** A quarter as wide: packed 16-bit elements that fill a vector of doubles when widened. */
  private static final VectorSpecies<Byte> B_QUARTER =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(F.vectorBitSize() / 4));

  private static final int STEP = F.length();
  private static final int LANES = 8;
  private static final int MAGNITUDE = 0x7FFFFFFF;
  private static final int INFINITY = 0x7F800000;
  private static final int TO_SIGN = 0x00800000;

  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long LOW = 0xFFFFFFFFL;
  private static final int ROUNDS = 10;
  private static final float TO_UNIT = 0x1p-24f;

  private static final int COUNTERS = L.length();
  private static final LongVector STEPS = vector(i -> i);
  private static final LongVector WEYL_VECTOR_0 = vector(i -> WEYL_0 & LOW);
  private static final LongVector WEYL_VECTOR_1 = vector(i -> WEYL_1 & LOW);
  private static final VectorShuffle<Long> LOWER = VectorShuffle.fromOp(L, i -> i / 2);
  private static final VectorShuffle<Long> UPPER =
      VectorShuffle.fromOp(L, i -> (i + L.length()) / 2);
  private static final VectorMask<Long> ODD = STEPS.and(1).compare(VectorOperators.NE, 0);

  private static final IntVector INDEX = IntVector.broadcast(I, 0).addIndex(1);

  private final Loops rest = new ScalarLoops();

  /** Returns the width of a vector. */
  static int bits() {
    return F.vectorBitSize();
  }

  @Override
  public boolean allFinite(float[] x, int length) {
    int end = F.loopBound(length);
    IntVector flags = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits = FloatVector.fromArray(F, x, i).reinterpretAsInts();
      flags = bits.and(MAGNITUDE).add(TO_SIGN).or(flags);
    }
    int all = flags.reduceLanes(VectorOperators.OR);
    for (int i = end; i < length; i++) {
      all |= (Float.floatToRawIntBits(x[i]) & MAGNITUDE) + TO_SIGN;
    }
    return all >= 0;
  }

  @Override
  public void subtract(float[] x, float[] y, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector.fromArray(F, x, i).sub(FloatVector.fromArray(F, y, i)).intoArray(x, i);
    }
    for (int i = end; i < length; i++) {
      x[i] -= y[i];
    }
  }

  @Override
  public boolean subtractFinite(float[] x, float[] y, int length) {
    int end = F.loopBound(length);
    IntVector flags = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      FloatVector difference = FloatVector.fromArray(F, x, i).sub(FloatVector.fromArray(F, y, i));
      difference.intoArray(x, i);
      flags = difference.reinterpretAsInts().and(MAGNITUDE).add(TO_SIGN).or(flags);
    }
    int all = flags.reduceLanes(VectorOperators.OR);
    for (int i = end; i < length; i++) {
      x[i] -= y[i];
      all |= (Float.floatToRawIntBits(x[i]) & MAGNITUDE) + TO_SIGN;
    }
    return all >= 0;
  }

  @Override
  public void addScaled(float factor, float[] x, float[] sum, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector product = FloatVector.fromArray(F, x, i).mul(factor);
      FloatVector.fromArray(F, sum, i).add(product).intoArray(sum, i);
    }
    for (int i = end; i < length; i++) {
      sum[i] += factor * x[i];
    }
  }

  @Override
  public boolean addScaledBf16(float factor, byte[] packed, float[] sum, int length) {
    int end = F.loopBound(length);
    IntVector flags = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits =
          ByteVector.fromArray(B_HALF, packed, 2 * i)
              .reinterpretAsShorts()
              .convertShape(VectorOperators.S2I, I, 0)
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, 16);
      flags = bits.and(MAGNITUDE).add(TO_SIGN).or(flags);
      FloatVector product = bits.reinterpretAsFloats().mul(factor);
      FloatVector.fromArray(F, sum, i).add(product).intoArray(sum, i);
    }
    boolean finite = ScalarLoops.addScaledBf16(factor, packed, sum, end, length);
    return finite & flags.reduceLanes(VectorOperators.OR) >= 0;
  }

  @Override
  public void scale(float factor, float[] x, float[] out, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector.fromArray(F, x, i).mul(factor).intoArray(out, i);
    }
    for (int i = end; i < length; i++) {
      out[i] = factor * x[i];
    }
  }

  @Override
  public void sumOfTwo(
      float factor0, float[] x0, float factor1, float[] x1, float[] out, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector first = FloatVector.fromArray(F, x0, i).mul(factor0).add(0f);
      FloatVector second = FloatVector.fromArray(F, x1, i).mul(factor1);
      first.add(second).intoArray(out, i);
    }
    for (int i = end; i < length; i++) {
      out[i] = 0f + factor0 * x0[i] + factor1 * x1[i];
    }
  }

  @Override
  public void finish(
      float[] base, float[] sum, float divisor, float lambda, float[] out, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector change = FloatVector.fromArray(F, sum, i).div(divisor).mul(lambda);
      FloatVector.fromArray(F, base, i).add(change).intoArray(out, i);
    }
    for (int i = end; i < length; i++) {
      out[i] = base[i] + lambda * (sum[i] / divisor);
    }
  }

  @Override
  public void finish(
      float[] base, float[] sum, float[] divisors, float lambda, float[] out, int length) {
    FloatVector one = FloatVector.broadcast(F, 1f);
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector divisor = FloatVector.fromArray(F, divisors, i);
      FloatVector safe = divisor.blend(one, divisor.compare(VectorOperators.EQ, 0f));
      FloatVector change = FloatVector.fromArray(F, sum, i).div(safe).mul(lambda);
      FloatVector.fromArray(F, base, i).add(change).intoArray(out, i);
    }
    for (int i = end; i < length; i++) {
      float safe = divisors[i] == 0 ? 1f : divisors[i];
      out[i] = base[i] + lambda * (sum[i] / safe);
    }
  }

  @Override
  public void keepLarge(float[] x, int bits, float factor, float[] out, int from, int to) {
    int i = from;
    for (; i <= to - STEP; i += STEP) {
      FloatVector value = FloatVector.fromArray(F, x, i);
      IntVector dropped =
          value.reinterpretAsInts().and(MAGNITUDE).sub(bits).lanewise(VectorOperators.ASHR, 31);
      value
          .mul(factor)
          .reinterpretAsInts()
          .and(dropped.not())
          .reinterpretAsFloats()
          .intoArray(out, i);
    }
    rest.keepLarge(x, bits, factor, out, i, to);
  }

  @Override
  public void keepBelow(
      float[] x, float[] uniforms, float limit, float factor, float[] out, int length) {
    int bits = Float.floatToRawIntBits(limit);
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      IntVector kept =
          FloatVector.fromArray(F, uniforms, i)
              .reinterpretAsInts()
              .sub(bits)
              .lanewise(VectorOperators.ASHR, 31);
      FloatVector.fromArray(F, x, i)
          .mul(factor)
          .reinterpretAsInts()
          .and(kept)
          .reinterpretAsFloats()
          .intoArray(out, i);
    }
    for (int i = end; i < length; i++) {
      int kept = (Float.floatToRawIntBits(uniforms[i]) - bits) >> 31;
      out[i] = Float.intBitsToFloat(Float.floatToRawIntBits(factor * x[i]) & kept);
    }
  }

  @Override
  public void addElected(float[] v, float[] votes, float[] sum, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits = FloatVector.fromArray(F, v, i).reinterpretAsInts();
      IntVector agreed =
          FloatVector.fromArray(F, votes, i)
              .reinterpretAsInts()
              .lanewise(VectorOperators.XOR, bits)
              .lanewise(VectorOperators.ASHR, 31)
              .not();
      FloatVector.fromArray(F, sum, i)
          .add(bits.and(agreed).reinterpretAsFloats())
          .intoArray(sum, i);
    }
    for (int i = end; i < length; i++) {
      int bits = Float.floatToRawIntBits(v[i]);
      int opposed = (bits ^ Float.floatToRawIntBits(votes[i])) >> 31;
      sum[i] += Float.intBitsToFloat(bits & ~opposed);
    }
  }

  @Override
  public void addElected(
      float[] v, float[] votes, float[] sum, float weight, float[] weights, int length) {
    int weightBits = Float.floatToRawIntBits(weight);
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits = FloatVector.fromArray(F, v, i).reinterpretAsInts();
      IntVector agreed =
          FloatVector.fromArray(F, votes, i)
              .reinterpretAsInts()
              .lanewise(VectorOperators.XOR, bits)
              .lanewise(VectorOperators.ASHR, 31)
              .not();
      IntVector nonzero = bits.and(MAGNITUDE).neg().lanewise(VectorOperators.ASHR, 31);
      FloatVector.fromArray(F, sum, i)
          .add(bits.and(agreed).reinterpretAsFloats())
          .intoArray(sum, i);
      FloatVector.fromArray(F, weights, i)
          .add(agreed.and(nonzero).and(weightBits).reinterpretAsFloats())
          .intoArray(weights, i);
    }
    for (int i = end; i < length; i++) {
      int bits = Float.floatToRawIntBits(v[i]);
      int opposed = (bits ^ Float.floatToRawIntBits(votes[i])) >> 31;
      int nonzero = -(bits & MAGNITUDE) >> 31;
      sum[i] += Float.intBitsToFloat(bits & ~opposed);
      weights[i] += Float.intBitsToFloat(weightBits & ~opposed & nonzero);
    }
  }

  @Override
  public int countMagnitude(float[] x, int bits, int length) {
    int end = F.loopBound(length);
    int count = 0;
    for (int i = 0; i < end; i += STEP) {
      count +=
          FloatVector.fromArray(F, x, i)
              .reinterpretAsInts()
              .and(MAGNITUDE)
              .compare(VectorOperators.EQ, bits)
              .trueCount();
    }
    for (int i = end; i < length; i++) {
      if ((Float.floatToRawIntBits(x[i]) & MAGNITUDE) == bits) {
        count++;
      }
    }
    return count;
  }

  // Packed elements may lie in the upper part of the target itself: a vector is read before it is
  // written, and what is written never reaches what is still to be read.

  @Override
  public void widenBf16(float[] packed, int from, float[] target, int to, int pairs) {
    int i = 0;
    for (; i <= pairs - STEP / 2; i += STEP / 2) {
      FloatVector.fromArray(F_HALF, packed, from + i)
          .reinterpretAsShorts()
          .convertShape(VectorOperators.S2I, I, 0)
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(target, to + 2 * i);
    }
    rest.widenBf16(packed, from + i, target, to + 2 * i, pairs - i);
  }

  @Override
  public void widenF16(float[] packed, int from, float[] target, int to, int pairs) {
    int i = 0;
    for (; i <= pairs - STEP / 2; i += STEP / 2) {
      IntVector bits =
          FloatVector.fromArray(F_HALF, packed, from + i)
              .reinterpretAsShorts()
              .convertShape(VectorOperators.S2I, I, 0)
              .reinterpretAsInts();
      IntVector magnitude = bits.and(0x7FFF).lanewise(VectorOperators.LSHL, 13);
      // Read the fraction as that of a number of the smallest exponent, then take its leading 1.
      IntVector subnormal =
          magnitude.add(0x38800000).reinterpretAsFloats().sub(0x1p-14f).reinterpretAsInts();
      IntVector infinite = magnitude.add(0x70000000);
      magnitude
          .add(0x38000000)
          .blend(subnormal, magnitude.compare(VectorOperators.LT, 0x00800000))
          .blend(infinite, magnitude.compare(VectorOperators.GE, 0x0F800000))
          .or(bits.and(0x8000).lanewise(VectorOperators.LSHL, 16))
          .reinterpretAsFloats()
          .intoArray(target, to + 2 * i);
    }
    rest.widenF16(packed, from + i, target, to + 2 * i, pairs - i);
  }

  @Override
  public void narrowBf16(float[] source, int from, short[] target, int length) {
    int end = F.loopBound(length);
    IntVector flags = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits = FloatVector.fromArray(F, source, from + i).reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      IntVector rounded = bits.add(odd).add(0x7FFF).lanewise(VectorOperators.LSHR, 16);
      ((ShortVector) rounded.convertShape(VectorOperators.I2S, S_HALF, 0)).intoArray(target, i);
      flags = bits.and(MAGNITUDE).add(TO_SIGN).or(flags);
    }
    // A NaN is not rounded: once more, one by one.
    int done = flags.reduceLanes(VectorOperators.OR) < 0 ? 0 : end;
    for (int i = done; i < length; i++) {
      target[i] = ScalarLoops.bf16(source[from + i]);
    }
  }

  @Override
  public void narrowF16(float[] source, int from, short[] target, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits = FloatVector.fromArray(F, source, from + i).reinterpretAsInts();
      IntVector magnitude = bits.and(MAGNITUDE);
      IntVector shifted = magnitude.lanewise(VectorOperators.LSHR, 13);
      // Rebias the exponent from 127 to 15; a carry out of the fraction rounds up to infinity.
      IntVector normal =
          magnitude.add(shifted.and(1)).add(0xFFF - 0x38000000).lanewise(VectorOperators.LSHR, 13);
      // One unit in the last place of 0.5f is the smallest subnormal: the addition rounds.
      IntVector subnormal =
          magnitude.reinterpretAsFloats().add(0.5f).reinterpretAsInts().sub(0x3F000000);
      IntVector payload = shifted.and(0x3FF);
      IntVector nan = payload.blend(0x200, payload.compare(VectorOperators.EQ, 0)).or(0x7C00);
      IntVector half =
          normal
              .blend(subnormal, magnitude.compare(VectorOperators.LT, 0x38800000))
              .blend(0x7C00, magnitude.compare(VectorOperators.GE, 0x47800000))
              .blend(nan, magnitude.compare(VectorOperators.GT, INFINITY))
              .or(bits.lanewise(VectorOperators.LSHR, 16).and(0x8000));
      ((ShortVector) half.convertShape(VectorOperators.I2S, S_HALF, 0)).intoArray(target, i);
    }
    for (int i = end; i < length; i++) {
      target[i] = ScalarLoops.f16(source[from + i]);
    }
  }

  @Override
  public void roundBf16(float[] source, int from, float[] target, int length) {
    int end = F.loopBound(length);
    IntVector flags = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits = FloatVector.fromArray(F, source, from + i).reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      bits.add(odd).add(0x7FFF).and(0xFFFF0000).reinterpretAsFloats().intoArray(target, i);
      flags = bits.and(MAGNITUDE).add(TO_SIGN).or(flags);
    }
    int done = flags.reduceLanes(VectorOperators.OR) < 0 ? 0 : end;
    for (int i = done; i < length; i++) {
      target[i] = Float.intBitsToFloat(ScalarLoops.bf16(source[from + i]) << 16);
    }
  }

  @Override
  public void roundF16(float[] source, int from, float[] target, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits = FloatVector.fromArray(F, source, from + i).reinterpretAsInts();
      IntVector magnitude = bits.and(MAGNITUDE);
      IntVector odd = magnitude.lanewise(VectorOperators.LSHR, 13).and(1);
      IntVector normal = magnitude.add(odd).add(0xFFF).and(~0x1FFF);
      // One unit in the last place of 0.5f is the smallest subnormal: the addition rounds.
      IntVector subnormal = magnitude.reinterpretAsFloats().add(0.5f).sub(0.5f).reinterpretAsInts();
      IntVector payload = magnitude.and(0x7FE000);
      IntVector nan = payload.blend(0x400000, payload.compare(VectorOperators.EQ, 0)).or(INFINITY);
      normal
          .blend(INFINITY, normal.compare(VectorOperators.GE, 0x47800000))
          .blend(subnormal, magnitude.compare(VectorOperators.LT, 0x38800000))
          .blend(nan, magnitude.compare(VectorOperators.GT, INFINITY))
          .or(bits.and(~MAGNITUDE))
          .reinterpretAsFloats()
          .intoArray(target, i);
    }
    for (int i = end; i < length; i++) {
      target[i] = ScalarLoops.wideF16(ScalarLoops.f16(source[from + i]));
    }
  }

  // Eight lanes are one vector of doubles, or two. A product of two floats is exact as a double, so
  // that fma rounds as often as a multiplication and an addition do: once.

  @Override
  public void addMagnitudes(double[] lanes, float[] x, int from, int length) {
    for (int lane = 0; lane < LANES; lane += D.length()) {
      addMagnitudes(lanes, x, from + lane, from + length, lane);
    }
  }

  private static void addMagnitudes(double[] lanes, float[] x, int from, int end, int lane) {
    DoubleVector sum = DoubleVector.fromArray(D, lanes, lane);
    for (int i = from; i < end; i += LANES) {
      FloatVector a = FloatVector.fromArray(F_HALF, x, i).abs();
      sum = ((DoubleVector) a.convertShape(VectorOperators.F2D, D, 0)).add(sum);
    }
    sum.intoArray(lanes, lane);
  }

  @Override
  public void addProducts(double[] lanes, float[] x, float[] y, int from, int length) {
    for (int lane = 0; lane < LANES; lane += D.length()) {
      addProducts(lanes, x, y, from + lane, from + length, lane);
    }
  }

  private static void addProducts(
      double[] lanes, float[] x, float[] y, int from, int end, int lane) {
    DoubleVector sum = DoubleVector.fromArray(D, lanes, lane);
    for (int i = from; i < end; i += LANES) {
      FloatVector a = FloatVector.fromArray(F_HALF, x, i);
      FloatVector b = FloatVector.fromArray(F_HALF, y, i);
      DoubleVector c = (DoubleVector) a.convertShape(VectorOperators.F2D, D, 0);
      DoubleVector d = (DoubleVector) b.convertShape(VectorOperators.F2D, D, 0);
      sum = c.fma(d, sum);
    }
    sum.intoArray(lanes, lane);
  }

  @Override
  public void addProducts(
      double[] xy, double[] xx, double[] yy, float[] x, float[] y, int from, int length) {
    for (int lane = 0; lane < LANES; lane += D.length()) {
      addProducts(xy, xx, yy, x, y, from + lane, from + length, lane);
    }
  }

  private static void addProducts(
      double[] xy, double[] xx, double[] yy, float[] x, float[] y, int from, int end, int lane) {
    DoubleVector sumXy = DoubleVector.fromArray(D, xy, lane);
    DoubleVector sumXx = DoubleVector.fromArray(D, xx, lane);
    DoubleVector sumYy = DoubleVector.fromArray(D, yy, lane);
    for (int i = from; i < end; i += LANES) {
      FloatVector a = FloatVector.fromArray(F_HALF, x, i);
      FloatVector b = FloatVector.fromArray(F_HALF, y, i);
      DoubleVector c = (DoubleVector) a.convertShape(VectorOperators.F2D, D, 0);
      DoubleVector d = (DoubleVector) b.convertShape(VectorOperators.F2D, D, 0);
      sumXy = c.fma(d, sumXy);
      sumXx = c.fma(c, sumXx);
      sumYy = d.fma(d, sumYy);
    }
    sumXy.intoArray(xy, lane);
    sumXx.intoArray(xx, lane);
    sumYy.intoArray(yy, lane);
  }

  // Each counter takes a lane of 64 bits in four vectors, one for each of its words: so no word
  // moves before the last round. Products are exact; what is left in the upper halves is masked
  // away before it is multiplied.

  @Override
  public void uniforms(
      long key, long stream, long counter, float[] target, int from, int counters) {
    int whole = L.loopBound(counters);
    LongVector low = LongVector.broadcast(L, LOW);
    LongVector stream0 = LongVector.broadcast(L, stream & LOW);
    LongVector stream1 = LongVector.broadcast(L, stream >>> 32);
    LongVector firstKey0 = LongVector.broadcast(L, key & LOW);
    LongVector firstKey1 = LongVector.broadcast(L, key >>> 32);
    for (int i = 0; i < whole; i += COUNTERS) {
      LongVector a = STEPS.add(counter + i);
      LongVector b = a.lanewise(VectorOperators.LSHR, 32);
      LongVector c = stream0;
      LongVector d = stream1;
      LongVector key0 = firstKey0;
      LongVector key1 = firstKey1;
      for (int round = 0; round < ROUNDS; round++) {
        LongVector product0 = low.and(a).mul(MULTIPLIER_0);
        LongVector product1 = low.and(c).mul(MULTIPLIER_1);
        a =
            product1
                .lanewise(VectorOperators.LSHR, 32)
                .lanewise(VectorOperators.XOR, b)
                .lanewise(VectorOperators.XOR, key0);
        c =
            product0
                .lanewise(VectorOperators.LSHR, 32)
                .lanewise(VectorOperators.XOR, d)
                .lanewise(VectorOperators.XOR, key1);
        b = product1;
        d = product0;
        key0 = WEYL_VECTOR_0.add(key0);
        key1 = WEYL_VECTOR_1.add(key1);
      }
      LongVector words01 = low.and(a).or(b.lanewise(VectorOperators.LSHL, 32));
      LongVector words23 = low.and(c).or(d.lanewise(VectorOperators.LSHL, 32));
      LongVector first = words01.rearrange(LOWER).blend(words23.rearrange(LOWER), ODD);
      LongVector second = words01.rearrange(UPPER).blend(words23.rearrange(UPPER), ODD);
      int at = from + 4 * i;
      IntVector bits = first.reinterpretAsInts().lanewise(VectorOperators.LSHR, 8);
      ((FloatVector) bits.convertShape(VectorOperators.I2F, F, 0))
          .mul(TO_UNIT)
          .intoArray(target, at);
      IntVector more = second.reinterpretAsInts().lanewise(VectorOperators.LSHR, 8);
      ((FloatVector) more.convertShape(VectorOperators.I2F, F, 0))
          .mul(TO_UNIT)
          .intoArray(target, at + STEP);
    }
    rest.uniforms(key, stream, counter + whole, target, from + 4 * whole, counters - whole);
  }

  private static LongVector vector(LongUnaryOperator value) {
    long[] lanes = LongStream.range(0, L.length()).map(value).toArray();
    return LongVector.fromArray(L, lanes, 0);
  }

  // Packed elements of 16 bits are widened, worked on and narrowed in registers. A loop of
  // three inputs and a narrow result would be longer than what compilers inline in whole. What
  // tells of numbers that are not finite is reduced before anything else is called.

  @Override
  public boolean sumOfTwoBf16(
      float factor0, byte[] x0, float factor1, byte[] x1, byte[] out, int to, int length) {
    int end = F.loopBound(length);
    IntVector largest = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      FloatVector a =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, x0, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector b =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, x1, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      IntVector bits = a.mul(factor0).add(b.mul(factor1)).reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      IntVector rounded = bits.add(odd).add(0x7FFF).lanewise(VectorOperators.LSHR, 16);
      ((ShortVector) rounded.convertShape(VectorOperators.I2S, S_HALF, 0))
          .reinterpretAsBytes()
          .intoArray(out, 2 * (to + i));
      largest = bits.and(MAGNITUDE).max(largest);
    }
    boolean finite = largest.reduceLanes(VectorOperators.MAX) < INFINITY;
    return finite & ScalarLoops.sumOfTwoBf16(factor0, x0, factor1, x1, out, to, end, length);
  }

  @Override
  public void sumOfTwoDeltasBf16(
      byte[] base, float factor0, byte[] x0, float factor1, byte[] x1, float[] out, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector origin =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, base, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector a =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, x0, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector b =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, x1, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      a.sub(origin).mul(factor0).add(b.sub(origin).mul(factor1)).intoArray(out, i);
    }
    ScalarLoops.sumOfTwoDeltasBf16(base, factor0, x0, factor1, x1, out, end, length);
  }

  @Override
  public boolean addAndPackBf16(byte[] base, float[] sum, byte[] out, int to, int length) {
    int end = F.loopBound(length);
    IntVector largest = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      FloatVector origin =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, base, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      IntVector bits = FloatVector.fromArray(F, sum, i).add(origin).reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      IntVector rounded = bits.add(odd).add(0x7FFF).lanewise(VectorOperators.LSHR, 16);
      ((ShortVector) rounded.convertShape(VectorOperators.I2S, S_HALF, 0))
          .reinterpretAsBytes()
          .intoArray(out, 2 * (to + i));
      largest = bits.and(MAGNITUDE).max(largest);
    }
    boolean finite = largest.reduceLanes(VectorOperators.MAX) < INFINITY;
    return finite & ScalarLoops.addAndPackBf16(base, sum, out, to, end, length);
  }

  @Override
  public void addScaledDeltaBf16(float factor, byte[] base, byte[] x, float[] sum, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector origin =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, base, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector a =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, x, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector.fromArray(F, sum, i).add(a.sub(origin).mul(factor)).intoArray(sum, i);
    }
    ScalarLoops.addScaledDeltaBf16(factor, base, x, sum, end, length);
  }

  @Override
  public boolean moveTowardsBf16(
      byte[] base, byte[] x, float distance, byte[] out, int to, int length) {
    int end = F.loopBound(length);
    int one = Float.floatToRawIntBits(1f);
    IntVector largest = IntVector.zero(I);
    FloatVector distances = FloatVector.broadcast(F, distance);
    FloatVector ones = FloatVector.broadcast(F, 1f);
    for (int i = 0; i < end; i += STEP) {
      FloatVector origin =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, base, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector target =
          ((IntVector)
                  ByteVector.fromArray(B_HALF, x, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      // Where a share is no number, neither is the sum: its bits are compared as any other's.
      FloatVector share =
          distances
              .div(target.sub(origin).abs())
              .reinterpretAsInts()
              .min(one)
              .reinterpretAsFloats();
      IntVector bits = share.mul(target).add(ones.sub(share).mul(origin)).reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      IntVector rounded = bits.add(odd).add(0x7FFF).lanewise(VectorOperators.LSHR, 16);
      ((ShortVector) rounded.convertShape(VectorOperators.I2S, S_HALF, 0))
          .reinterpretAsBytes()
          .intoArray(out, 2 * (to + i));
      largest = bits.and(MAGNITUDE).max(largest);
    }
    boolean finite = largest.reduceLanes(VectorOperators.MAX) < INFINITY;
    return finite & ScalarLoops.moveTowardsBf16(base, x, distance, out, to, end, length);
  }

  @Override
  public boolean packBf16(float[] x, byte[] out, int to, int length) {
    int end = F.loopBound(length);
    IntVector largest = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      IntVector bits = FloatVector.fromArray(F, x, i).reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      IntVector rounded = bits.add(odd).add(0x7FFF).lanewise(VectorOperators.LSHR, 16);
      ((ShortVector) rounded.convertShape(VectorOperators.I2S, S_HALF, 0))
          .reinterpretAsBytes()
          .intoArray(out, 2 * (to + i));
      largest = bits.and(MAGNITUDE).max(largest);
    }
    boolean finite = largest.reduceLanes(VectorOperators.MAX) < INFINITY;
    return finite & ScalarLoops.packBf16(x, out, to, end, length);
  }

  @Override
  public void addProductsBf16(
      double[] xy, double[] xx, double[] yy, byte[] x, byte[] y, int length) {
    for (int lane = 0; lane < LANES; lane += D.length()) {
      addProductsBf16(xy, xx, yy, x, y, length, lane);
    }
  }

  private static void addProductsBf16(
      double[] xy, double[] xx, double[] yy, byte[] x, byte[] y, int length, int lane) {
    DoubleVector sumXy = DoubleVector.fromArray(D, xy, lane);
    DoubleVector sumXx = DoubleVector.fromArray(D, xx, lane);
    DoubleVector sumYy = DoubleVector.fromArray(D, yy, lane);
    for (int i = lane; i < length; i += LANES) {
      FloatVector a =
          ((IntVector)
                  ByteVector.fromArray(B_QUARTER, x, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I_HALF, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector b =
          ((IntVector)
                  ByteVector.fromArray(B_QUARTER, y, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I_HALF, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      DoubleVector c = (DoubleVector) a.convertShape(VectorOperators.F2D, D, 0);
      DoubleVector d = (DoubleVector) b.convertShape(VectorOperators.F2D, D, 0);
      sumXy = c.fma(d, sumXy);
      sumXx = c.fma(c, sumXx);
      sumYy = d.fma(d, sumYy);
    }
    sumXy.intoArray(xy, lane);
    sumXx.intoArray(xx, lane);
    sumYy.intoArray(yy, lane);
  }

  @Override
  public void addDeltaProductsBf16(
      double[] xy, double[] xx, double[] yy, byte[] base, byte[] x, byte[] y, int length) {
    for (int lane = 0; lane < LANES; lane += D.length()) {
      addDeltaProductsBf16(xy, xx, yy, base, x, y, length, lane);
    }
  }

  private static void addDeltaProductsBf16(
      double[] xy,
      double[] xx,
      double[] yy,
      byte[] base,
      byte[] x,
      byte[] y,
      int length,
      int lane) {
    DoubleVector sumXy = DoubleVector.fromArray(D, xy, lane);
    DoubleVector sumXx = DoubleVector.fromArray(D, xx, lane);
    DoubleVector sumYy = DoubleVector.fromArray(D, yy, lane);
    for (int i = lane; i < length; i += LANES) {
      FloatVector origin =
          ((IntVector)
                  ByteVector.fromArray(B_QUARTER, base, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I_HALF, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector a =
          ((IntVector)
                  ByteVector.fromArray(B_QUARTER, x, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I_HALF, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector b =
          ((IntVector)
                  ByteVector.fromArray(B_QUARTER, y, 2 * i)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, I_HALF, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      DoubleVector c = (DoubleVector) a.sub(origin).convertShape(VectorOperators.F2D, D, 0);
      DoubleVector d = (DoubleVector) b.sub(origin).convertShape(VectorOperators.F2D, D, 0);
      sumXy = c.fma(d, sumXy);
      sumXx = c.fma(c, sumXx);
      sumYy = d.fma(d, sumYy);
    }
    sumXy.intoArray(xy, lane);
    sumXx.intoArray(xx, lane);
    sumYy.intoArray(yy, lane);
  }

  @Override
  public void keepBetween(
      float[] x, int low, int high, float factor, float[] out, int from, int to) {
    int i = from;
    for (; i <= to - STEP; i += STEP) {
      FloatVector value = FloatVector.fromArray(F, x, i);
      IntVector magnitude = value.reinterpretAsInts().and(MAGNITUDE);
      IntVector small = magnitude.sub(low).lanewise(VectorOperators.ASHR, 31);
      IntVector notLarge = magnitude.sub(high).lanewise(VectorOperators.ASHR, 31);
      value
          .mul(factor)
          .reinterpretAsInts()
          .and(notLarge)
          .and(small.not())
          .reinterpretAsFloats()
          .intoArray(out, i);
    }
    rest.keepBetween(x, low, high, factor, out, i, to);
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
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector probability = FloatVector.fromArray(F, ranks, i).mul(slope).add(low);
      IntVector kept =
          FloatVector.fromArray(F, uniforms, i)
              .sub(probability)
              .reinterpretAsInts()
              .lanewise(VectorOperators.ASHR, 31);
      FloatVector.fromArray(F, x, i)
          .mul(factor)
          .reinterpretAsInts()
          .and(kept)
          .reinterpretAsFloats()
          .intoArray(out, i);
    }
    ScalarLoops.keepRanked(x, uniforms, ranks, low, slope, factor, out, end, length);
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
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector probability = FloatVector.fromArray(F, ranks, i).mul(slope).add(low);
      IntVector kept =
          FloatVector.fromArray(F, uniforms, i)
              .sub(probability)
              .reinterpretAsInts()
              .lanewise(VectorOperators.ASHR, 31);
      FloatVector.fromArray(F, x, i)
          .mul(factor)
          .div(probability)
          .reinterpretAsInts()
          .and(kept)
          .reinterpretAsFloats()
          .intoArray(out, i);
    }
    ScalarLoops.keepRankedRescaled(x, uniforms, ranks, low, slope, factor, out, end, length);
  }

  @Override
  public int countAbove(float[] x, int bits, int length) {
    int end = F.loopBound(length);
    IntVector limit = IntVector.broadcast(I, bits);
    IntVector counts = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      IntVector magnitude = FloatVector.fromArray(F, x, i).reinterpretAsInts().and(MAGNITUDE);
      counts = limit.sub(magnitude).lanewise(VectorOperators.LSHR, 31).add(counts);
    }
    return counts.reduceLanes(VectorOperators.ADD) + ScalarLoops.countAbove(x, bits, end, length);
  }

  // Most vectors hold nothing that lies between; of the others, element after element is looked at.

  @Override
  public long collectBetween(float[] x, int low, int high, int[] out, int length) {
    int end = F.loopBound(length);
    IntVector lower = IntVector.broadcast(I, low);
    IntVector below = IntVector.zero(I);
    int count = 0;
    for (int i = 0; i < end; i += STEP) {
      IntVector magnitude = FloatVector.fromArray(F, x, i).reinterpretAsInts().and(MAGNITUDE);
      IntVector underHigh = magnitude.sub(high).lanewise(VectorOperators.LSHR, 31);
      below = underHigh.add(below);
      IntVector between = lower.sub(magnitude).lanewise(VectorOperators.LSHR, 31).and(underHigh);
      if (between.compare(VectorOperators.NE, 0).anyTrue()) {
        count = ScalarLoops.collectBetween(x, low, high, out, count, i, i + STEP);
      }
    }
    count = ScalarLoops.collectBetween(x, low, high, out, count, end, length);
    int fromHigh =
        end
            - below.reduceLanes(VectorOperators.ADD)
            + ScalarLoops.countAbove(x, high - 1, end, length);
    return (long) fromHigh << 32 | count;
  }

  @Override
  public boolean subtractBf16(byte[] packed, float[] y, float[] out, int length) {
    int end = F.loopBound(length);
    IntVector flags = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      FloatVector difference =
          ByteVector.fromArray(B_HALF, packed, 2 * i)
              .reinterpretAsShorts()
              .convertShape(VectorOperators.S2I, I, 0)
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .sub(FloatVector.fromArray(F, y, i));
      difference.intoArray(out, i);
      flags = difference.reinterpretAsInts().and(MAGNITUDE).add(TO_SIGN).or(flags);
    }
    boolean finite = ScalarLoops.subtractBf16(packed, y, out, end, length);
    return finite & flags.reduceLanes(VectorOperators.OR) >= 0;
  }

  @Override
  public void electTwo(
      float[] v0, float[] v1, float[] base, float lambda, float[] out, int length) {
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector first = FloatVector.fromArray(F, v0, i);
      FloatVector second = FloatVector.fromArray(F, v1, i);
      IntVector bits0 = first.reinterpretAsInts();
      IntVector bits1 = second.reinterpretAsInts();
      IntVector votes = first.add(0f).add(second).reinterpretAsInts();
      IntVector agreed0 =
          votes.lanewise(VectorOperators.XOR, bits0).lanewise(VectorOperators.ASHR, 31).not();
      IntVector agreed1 =
          votes.lanewise(VectorOperators.XOR, bits1).lanewise(VectorOperators.ASHR, 31).not();
      FloatVector sum =
          bits0
              .and(agreed0)
              .reinterpretAsFloats()
              .add(0f)
              .add(bits1.and(agreed1).reinterpretAsFloats());
      FloatVector.fromArray(F, base, i).add(sum.mul(lambda)).intoArray(out, i);
    }
    ScalarLoops.electTwo(v0, v1, base, lambda, out, end, length);
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
    int weightBits0 = Float.floatToRawIntBits(weight0);
    int weightBits1 = Float.floatToRawIntBits(weight1);
    FloatVector one = FloatVector.broadcast(F, 1f);
    int end = F.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      FloatVector first = FloatVector.fromArray(F, v0, i);
      FloatVector second = FloatVector.fromArray(F, v1, i);
      IntVector bits0 = first.reinterpretAsInts();
      IntVector bits1 = second.reinterpretAsInts();
      IntVector votes = first.add(0f).add(second).reinterpretAsInts();
      IntVector agreed0 =
          votes.lanewise(VectorOperators.XOR, bits0).lanewise(VectorOperators.ASHR, 31).not();
      IntVector agreed1 =
          votes.lanewise(VectorOperators.XOR, bits1).lanewise(VectorOperators.ASHR, 31).not();
      FloatVector sum =
          bits0
              .and(agreed0)
              .reinterpretAsFloats()
              .add(0f)
              .add(bits1.and(agreed1).reinterpretAsFloats());
      IntVector counted0 =
          bits0.and(MAGNITUDE).neg().lanewise(VectorOperators.ASHR, 31).and(agreed0);
      IntVector counted1 =
          bits1.and(MAGNITUDE).neg().lanewise(VectorOperators.ASHR, 31).and(agreed1);
      FloatVector divisor =
          counted0
              .and(weightBits0)
              .reinterpretAsFloats()
              .add(counted1.and(weightBits1).reinterpretAsFloats());
      FloatVector safe = divisor.blend(one, divisor.compare(VectorOperators.EQ, 0f));
      FloatVector change = sum.div(safe).mul(lambda);
      FloatVector.fromArray(F, base, i).add(change).intoArray(out, i);
    }
    ScalarLoops.electTwo(v0, weight0, v1, weight1, base, lambda, out, end, length);
  }

  @Override
  public void moveInverted(int[] keys, float[] places, int length) {
    int reach = TaskVectorKernels.REACH;
    int end = I.loopBound(length);
    for (int i = 0; i < end; i += STEP) {
      IntVector key = IntVector.fromArray(I, keys, reach + i);
      IntVector move = IntVector.zero(I);
      for (int d = 1; d <= TaskVectorKernels.REACH; d++) {
        IntVector before = IntVector.fromArray(I, keys, reach + i - d);
        IntVector after = IntVector.fromArray(I, keys, reach + i + d);
        move = key.sub(before).lanewise(VectorOperators.ASHR, 31).add(move);
        move = after.sub(key).lanewise(VectorOperators.LSHR, 31).add(move);
      }
      ((FloatVector) INDEX.add(i).add(move).convertShape(VectorOperators.I2F, F, 0))
          .intoArray(places, i);
    }
    ScalarLoops.moveInverted(keys, places, end, length);
  }

  @Override
  public int largestMagnitude(float[] x, int from, int length) {
    int end = F.loopBound(length);
    IntVector largest = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      IntVector magnitude =
          FloatVector.fromArray(F, x, from + i).reinterpretAsInts().and(MAGNITUDE);
      largest = magnitude.max(largest);
    }
    return Math.max(
        largest.reduceLanes(VectorOperators.MAX),
        rest.largestMagnitude(x, from + end, length - end));
  }

  @Override
  public boolean toBuckets(
      float[] x, int from, int low, int shift, int[] bits, int[] buckets, int length) {
    int end = F.loopBound(length);
    int apart = (1 << shift) - 1;
    IntVector together = IntVector.zero(I);
    for (int i = 0; i < end; i += STEP) {
      IntVector magnitude =
          FloatVector.fromArray(F, x, from + i).reinterpretAsInts().and(MAGNITUDE);
      magnitude.intoArray(bits, i);
      IntVector small = magnitude.sub(low).lanewise(VectorOperators.ASHR, 31);
      together = small.or(apart).and(magnitude).or(together);
      IntVector nonzero = magnitude.neg().lanewise(VectorOperators.LSHR, 31);
      magnitude
          .max(low)
          .sub(low)
          .lanewise(VectorOperators.ASHR, shift)
          .add(nonzero)
          .intoArray(buckets, i);
    }
    boolean others = ScalarLoops.toBuckets(x, from, low, shift, bits, buckets, end, length);
    return others & together.reduceLanes(VectorOperators.OR) == 0;
  }
}
