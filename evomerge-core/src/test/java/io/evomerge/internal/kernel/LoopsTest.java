package io.evomerge.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.testing.TestSeeds;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;

class LoopsTest {

  private static final int ROUNDS = 150;

  private static final float[] SPECIAL = {
    0f,
    -0f,
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    Float.MIN_NORMAL,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    65504f,
    65519.996f,
    65520f,
    0x1p-24f,
    0x1p-25f,
    0x1.8p-25f,
    0x1.ffcp-15f,
    1f,
    1.00390625f,
    1.01171875f,
    Float.intBitsToFloat(0x7F800001),
    Float.intBitsToFloat(0xFF80FFFF),
    Float.intBitsToFloat(0x7FC12345),
  };

  private int count;
  private final Loops plain = new ScalarLoops();
  private final Loops vector = LoopChoice.vector().orElse(plain);

  @Test
  void testsRunWithTheVectorModule() {
    assertThat(ModuleLayer.boot().findModule("jdk.incubator.vector")).isPresent();
  }

  @Test
  void finiteArraysAreTold() {
    compare((loops, in) -> loops.allFinite(in.x, in.length));
    compare((loops, in) -> loops.allFinite(in.numbers, in.length));
    float[] x = new float[70];
    for (float special : SPECIAL) {
      for (int i = 0; i < x.length; i++) {
        x[i] = special;
        assertThat(vector.allFinite(x, x.length)).isEqualTo(Float.isFinite(special));
        assertThat(plain.allFinite(x, x.length)).isEqualTo(Float.isFinite(special));
        x[i] = 0;
      }
    }
  }

  @Test
  void arithmeticHasTheSameBits() {
    compare(
        (loops, in) -> {
          loops.subtract(in.x, in.y, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          in.flag = loops.subtractFinite(in.x, in.y, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          in.flag = loops.subtractFinite(in.numbers, in.u, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.addScaled(in.factor, in.x, in.z, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.scale(in.factor, in.x, in.z, in.length);
          loops.scale(in.factor, in.y, in.y, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.sumOfTwo(in.factor, in.x, in.limit, in.y, in.z, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.finish(in.x, in.y, in.factor, in.limit, in.z, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.finish(in.x, in.numbers, in.y, in.limit, in.z, in.length);
          return in;
        });
  }

  @Test
  void packedElementsAreAddedWithTheSameBits() {
    compare(
        (loops, in) -> {
          byte[] packed = new byte[2 * in.length];
          ByteBuffer bytes = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
          float[] values = in.key % 2 == 0 ? in.x : in.numbers;
          for (int i = 0; i < in.length; i++) {
            bytes.putShort(2 * i, ScalarLoops.bf16(values[i]));
          }
          in.flag = loops.addScaledBf16(in.factor, packed, in.z, in.length);
          return in;
        });
  }

  @Test
  void packedElementsAreMergedWithTheSameBits() {
    compare(
        (loops, in) -> {
          in.flag =
              loops.sumOfTwoBf16(
                  in.factor, in.packedX, in.limit, in.packedY, in.packedOut, in.from, in.length);
          return in.resultIfFinite();
        });
    compare(
        (loops, in) -> {
          loops.sumOfTwoDeltasBf16(
              in.packedBase, in.factor, in.packedX, in.limit, in.packedY, in.z, in.length);
          in.flag = loops.addAndPackBf16(in.packedBase, in.z, in.packedOut, in.from, in.length);
          return in.resultIfFinite();
        });
    compare(
        (loops, in) -> {
          loops.addScaledDeltaBf16(in.factor, in.packedBase, in.packedX, in.z, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          in.flag =
              loops.moveTowardsBf16(
                  in.packedBase, in.packedX, in.limit, in.packedOut, in.from, in.length);
          return in.resultIfFinite();
        });
    compare(
        (loops, in) -> {
          float[] values = in.key % 2 == 0 ? in.x : in.numbers;
          in.flag = loops.packBf16(values, in.packedOut, in.from, in.length);
          return in.resultIfFinite();
        });
  }

  @Test
  void packedProductsHaveTheBitsOfWideOnes() {
    compare(
        (loops, in) -> {
          int whole = in.length & -8;
          loops.addProductsBf16(in.lanes0, in.lanes1, in.lanes2, in.packedX, in.packedY, whole);
          return in;
        });
    compare(
        (loops, in) -> {
          int whole = in.length & -8;
          loops.addDeltaProductsBf16(
              in.lanes0, in.lanes1, in.lanes2, in.packedBase, in.packedX, in.packedY, whole);
          return in;
        });
    SplittableRandom random = new SplittableRandom(TestSeeds.seed("loops", count++));
    for (int round = 0; round < ROUNDS; round++) {
      Input in = new Input(random.nextLong());
      int whole = in.length & -8;
      float[] x = wide(in.packedX, in.length);
      float[] y = wide(in.packedY, in.length);
      double[][] packed = new double[3][8];
      double[][] wide = new double[3][8];
      vector.addProductsBf16(packed[0], packed[1], packed[2], in.packedX, in.packedY, whole);
      plain.addProducts(wide[0], wide[1], wide[2], x, y, 0, whole);
      float[] base = wide(in.packedBase, in.length);
      plain.subtract(x, base, in.length);
      plain.subtract(y, base, in.length);
      vector.addDeltaProductsBf16(
          packed[0], packed[1], packed[2], in.packedBase, in.packedX, in.packedY, whole);
      plain.addProducts(wide[0], wide[1], wide[2], x, y, 0, whole);
      assertThat(Arrays.deepToString(packed)).isEqualTo(Arrays.deepToString(wide));
    }
  }

  private static float[] wide(byte[] packed, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = ScalarLoops.wideBf16(packed, i);
    }
    return values;
  }

  @Test
  void selectionsHaveTheSameBits() {
    compare(
        (loops, in) -> {
          int bits = Float.floatToRawIntBits(in.limit);
          loops.keepLarge(in.numbers, bits, in.factor, in.z, in.from, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.keepBelow(in.x, in.u, in.limit, in.factor, in.z, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.addElected(in.x, in.y, in.z, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.addElected(in.x, in.y, in.z, in.factor, in.u, in.length);
          return in;
        });
    compare((loops, in) -> loops.countMagnitude(in.x, 0, in.length));
    compare((loops, in) -> loops.countMagnitude(in.x, 0x7F800000, in.length));
  }

  @Test
  void selectionsOfTaskVectorsHaveTheSameBits() {
    compare(
        (loops, in) -> {
          int low = Float.floatToRawIntBits(Math.min(in.limit, in.u1()));
          int high = Float.floatToRawIntBits(Math.max(in.limit, in.u1()));
          loops.keepBetween(in.numbers, low, high, in.factor, in.z, in.from, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.keepRanked(in.x, in.u, in.numbers, in.limit, in.u1(), in.factor, in.z, in.length);
          loops.keepRankedRescaled(
              in.y, in.u, in.numbers, in.limit, in.u1(), in.factor, in.y, in.length);
          return in;
        });
    compare(
        (loops, in) -> {
          int bits = Float.floatToRawIntBits(in.limit);
          return List.of(
              loops.countAbove(in.numbers, bits, in.length),
              loops.countAbove(in.numbers, 0, in.length),
              loops.countAbove(in.numbers, -1, in.length) == in.length);
        });
    for (int shift : new int[] {31, 22, 20, 10}) {
      compare(
          (loops, in) -> {
            int low = Float.floatToRawIntBits(in.limit) - (in.from == 0 ? 1 << 29 : 0);
            int[] out = new int[in.length];
            long both =
                loops.collectBetween(
                    in.numbers,
                    in.from == 1 ? -1 : low,
                    (int) Math.min(Integer.MAX_VALUE, low + (1L << shift)),
                    out,
                    in.length);
            return both + Arrays.toString(Arrays.copyOf(out, (int) both));
          });
    }
  }

  @Test
  void electionsOfTwoHaveTheBitsOfOneAfterTheOther() {
    for (boolean special : new boolean[] {false, true}) {
      compare(
          (loops, in) -> {
            float[] v = special ? in.x : in.numbers;
            loops.electTwo(v, in.y, in.u, in.limit, in.z, in.length);
            return in;
          });
      compare(
          (loops, in) -> {
            float[] v = special ? in.x : in.numbers;
            float other = in.from == 0 ? -in.factor : in.u1();
            loops.electTwo(v, in.factor, in.z, other, in.u, in.limit, in.z, in.length);
            return in;
          });
    }
    compare(
        (loops, in) -> {
          float[] weights = new float[in.length];
          float[] sum = new float[in.length];
          float[] votes = new float[in.length];
          float[] out = new float[in.length];
          if (loops == vector) {
            loops.electTwo(in.numbers, in.z, in.u, in.limit, in.x, in.length);
            loops.electTwo(in.numbers, in.factor, in.z, 1f, in.u, in.limit, in.y, in.length);
            return in;
          }
          loops.addScaled(1f, in.numbers, votes, in.length);
          loops.addScaled(1f, in.z, votes, in.length);
          loops.addElected(in.numbers, votes, sum, in.length);
          loops.addElected(in.z, votes, sum, in.length);
          loops.finish(in.u, sum, 1f, in.limit, in.x, in.length);
          Arrays.fill(sum, 0f);
          loops.addElected(in.numbers, votes, sum, in.factor, weights, in.length);
          loops.addElected(in.z, votes, sum, 1f, weights, in.length);
          loops.finish(in.u, sum, weights, in.limit, in.y, in.length);
          return in;
        });
  }

  @Test
  void packedElementsAreSubtractedFromWithTheSameBits() {
    compare(
        (loops, in) -> {
          byte[] packed = new byte[2 * in.length];
          ByteBuffer bytes = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
          float[] values = in.key % 2 == 0 ? in.x : in.numbers;
          for (int i = 0; i < in.length; i++) {
            bytes.putShort(2 * i, ScalarLoops.bf16(values[i]));
          }
          in.flag = loops.subtractBf16(packed, in.u, in.z, in.length);
          return in;
        });
  }

  @Test
  void keysMoveToTheirPlaces() {
    int reach = TaskVectorKernels.REACH;
    compare(
        (loops, in) -> {
          int[] keys = new int[in.length + 2 * reach];
          Arrays.fill(keys, in.length + reach, keys.length, Integer.MAX_VALUE);
          for (int i = 0; i < in.length; i++) {
            keys[reach + i] = i / (reach + 1) * 1000 + (int) (7 * in.u[i]);
          }
          float[] places = new float[in.length];
          loops.moveInverted(keys, places, in.length);
          int[] sorted = new int[in.length];
          for (int i = 0; i < in.length; i++) {
            sorted[(int) places[i]] = keys[reach + i];
          }
          int[] expected = Arrays.copyOfRange(keys, reach, reach + in.length);
          Arrays.sort(expected);
          assertThat(sorted).isEqualTo(expected);
          return Arrays.toString(places);
        });
  }

  @Test
  void magnitudesAreBucketedAlike() {
    compare((loops, in) -> loops.largestMagnitude(in.numbers, in.from, in.length - in.from));
    compare(
        (loops, in) -> {
          int[] bits = new int[in.length];
          int[] buckets = new int[in.length];
          int low = Math.max(0, Float.floatToRawIntBits(in.limit) - (in.from << 20));
          int shift = 10 + in.from % 10;
          float[] rounded = new float[in.length];
          loops.roundBf16(in.numbers, 0, rounded, in.length);
          boolean apart =
              loops.toBuckets(
                  in.key % 2 == 0 ? in.numbers : rounded,
                  in.from,
                  low,
                  shift,
                  bits,
                  buckets,
                  in.length - in.from);
          return apart + Arrays.toString(bits) + Arrays.toString(buckets);
        });
  }

  @Test
  void conversionsHaveTheSameBits() {
    compare(
        (loops, in) -> {
          loops.narrowBf16(in.x, in.from, in.elements, in.length - in.from);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.narrowF16(in.x, in.from, in.elements, in.length - in.from);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.roundBf16(in.x, in.from, in.z, in.length - in.from);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.roundF16(in.x, in.from, in.z, in.length - in.from);
          return in;
        });
    compare(
        (loops, in) -> {
          int pairs = (in.length - in.from) / 2;
          loops.widenBf16(in.x, in.from, in.z, in.from, pairs);
          return in;
        });
    compare(
        (loops, in) -> {
          int pairs = (in.length - in.from) / 2;
          loops.widenF16(in.x, in.from, in.z, in.from, pairs);
          return in;
        });
  }

  @Test
  void elementsAreWidenedInPlace() {
    compare(
        (loops, in) -> {
          int pairs = (in.length - in.from) / 2;
          loops.widenBf16(in.x, in.length - pairs, in.x, in.from, pairs);
          loops.widenF16(in.y, in.length - pairs, in.y, in.from, pairs);
          return in;
        });
  }

  @Test
  void allElementsOf16BitsAreWidenedAndNarrowedAlike() {
    float[] packed = new float[1 << 15];
    for (int i = 0; i < packed.length; i++) {
      packed[i] = Float.intBitsToFloat(2 * i | (2 * i + 1) << 16);
    }
    for (Loops loops : List.of(plain, vector)) {
      float[] wide = new float[1 << 16];
      short[] narrow = new short[1 << 16];
      loops.widenBf16(packed, 0, wide, 0, packed.length);
      loops.narrowBf16(wide, 0, narrow, wide.length);
      for (int i = 0; i < narrow.length; i++) {
        assertThat(narrow[i]).isEqualTo((short) i);
      }
      loops.widenF16(packed, 0, wide, 0, packed.length);
      loops.narrowF16(wide, 0, narrow, wide.length);
      for (int i = 0; i < narrow.length; i++) {
        assertThat(narrow[i]).isEqualTo((short) i);
      }
    }
  }

  @Test
  void sumsHaveTheSameBits() {
    compare(
        (loops, in) -> {
          int whole = in.length - in.from & -8;
          loops.addMagnitudes(in.lanes0, in.x, in.from, whole);
          loops.addProducts(in.lanes1, in.x, in.y, in.from, whole);
          loops.addMagnitudes(in.lanes2, in.numbers, in.from, whole);
          return in;
        });
    compare(
        (loops, in) -> {
          int whole = in.length - in.from & -8;
          loops.addProducts(in.lanes0, in.lanes1, in.lanes2, in.numbers, in.u, in.from, whole);
          return in;
        });
  }

  @Test
  void randomNumbersHaveTheSameBits() {
    compare(
        (loops, in) -> {
          loops.uniforms(
              in.key, ~in.key * 31, in.key >>> 5, in.z, in.from, (in.length - in.from) / 4);
          return in;
        });
    compare(
        (loops, in) -> {
          loops.uniforms(in.key, in.key, 0xFFFFFFFDL, in.z, in.from, (in.length - in.from) / 4);
          return in;
        });
  }

  private void compare(BiFunction<Loops, Input, Object> action) {
    long seed = TestSeeds.seed("loops", count++);
    SplittableRandom random = new SplittableRandom(seed);
    for (int round = 0; round < ROUNDS; round++) {
      long state = random.nextLong();
      Object expected = bits(action.apply(plain, new Input(state)));
      Object actual = bits(action.apply(vector, new Input(state)));
      assertThat(actual).as("seed %d, round %d", seed, round).isEqualTo(expected);
    }
  }

  private static Object bits(Object result) {
    return result instanceof Input in ? in.bits() : result;
  }

  /** Arrays of a random length, most of them with special numbers in between. */
  private static final class Input {
    final int length;
    final int from;
    final long key;
    final float factor;
    final float limit;
    final float[] x;
    final float[] y;
    final float[] z;
    final float[] u;
    final float[] numbers;
    final short[] elements;
    final byte[] packedBase;
    final byte[] packedX;
    final byte[] packedY;
    final byte[] packedOut;
    final double[] lanes0 = new double[8];
    final double[] lanes1 = {-0.0, 1, 2, 3, 4, 5, 6, 7};
    final double[] lanes2 = new double[8];
    boolean flag;

    Input(long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      length = random.nextInt(8) == 0 ? random.nextInt(4) : random.nextInt(300);
      from = length == 0 ? 0 : random.nextInt(Math.min(length, 40));
      key = random.nextLong();
      factor = (float) (4 * random.nextDouble() - 2);
      limit = (float) random.nextDouble();
      x = values(random, true);
      y = values(random, true);
      z = values(random, false);
      numbers = values(random, false);
      u = values(random, false);
      for (int i = 0; i < length; i++) {
        u[i] = Math.abs(u[i]) % 1f;
      }
      elements = new short[length];
      boolean finite = random.nextInt(3) > 0;
      packedBase = packed(values(random, false));
      packedX = packed(finite ? numbers : x);
      packedY = packed(finite ? values(random, false) : y);
      packedOut = new byte[2 * (from + length)];
    }

    private static byte[] packed(float[] values) {
      byte[] packed = new byte[2 * values.length];
      ByteBuffer bytes = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
      for (float value : values) {
        bytes.putShort(ScalarLoops.bf16(value));
      }
      return packed;
    }

    /** Nobody looks at a result that is flagged. */
    Input resultIfFinite() {
      if (!flag) {
        Arrays.fill(packedOut, (byte) 0);
      }
      return this;
    }

    private float[] values(SplittableRandom random, boolean special) {
      float[] values = new float[length];
      for (int i = 0; i < length; i++) {
        values[i] =
            switch (random.nextInt(special ? 6 : 5)) {
              case 0 -> Math.scalb((float) random.nextDouble(), random.nextInt(-30, 30));
              case 1 -> 0f;
              case 5 -> SPECIAL[random.nextInt(SPECIAL.length)];
              default -> (float) (2 * random.nextDouble() - 1);
            };
      }
      return values;
    }

    /** One of the uniform numbers. */
    float u1() {
      return length == 0 ? 0.5f : u[length / 2];
    }

    /** All numbers as bits, any NaN as one; elements of 16 bits as they are. */
    List<Object> bits() {
      List<Object> bits = new ArrayList<>();
      for (float[] values : List.of(x, y, z, u, numbers)) {
        int[] raw = new int[values.length];
        Arrays.setAll(raw, i -> Float.floatToIntBits(values[i]));
        bits.add(Arrays.toString(raw));
      }
      for (double[] values : List.of(lanes0, lanes1, lanes2)) {
        bits.add(Arrays.toString(values));
      }
      bits.add(Arrays.toString(elements));
      bits.add(Arrays.toString(packedOut));
      bits.add(flag);
      return bits;
    }
  }
}
