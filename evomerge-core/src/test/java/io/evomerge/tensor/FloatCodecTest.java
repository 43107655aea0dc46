package io.evomerge.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FloatCodecTest {

  /** The value of a 16-bit float by its definition, NaN excluded. */
  private static double valueOf(int bits, int fractionBits, int bias) {
    int exponentMask = (0x7fff >> fractionBits);
    int exponent = (bits & 0x7fff) >> fractionBits;
    int fraction = bits & ((1 << fractionBits) - 1);
    double sign = (bits & 0x8000) == 0 ? 1 : -1;
    if (exponent == exponentMask) {
      return fraction == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
    }
    double significand = Math.scalb((double) fraction, -fractionBits);
    return exponent == 0
        ? sign * Math.scalb(significand, 1 - bias)
        : sign * Math.scalb(1 + significand, exponent - bias);
  }

  @Test
  void everyBinary16HasTheValueOfItsDefinition() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float expected = (float) valueOf(bits, 10, 15);
      float actual = FloatCodec.f16ToFloat((short) bits);
      assertThat(Float.compare(actual, expected)).as("bits %x", bits).isZero();
    }
  }

  @Test
  void everyBfloat16HasTheValueOfItsDefinition() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float expected = (float) valueOf(bits, 7, 127);
      float actual = FloatCodec.bf16ToFloat((short) bits);
      assertThat(Float.compare(actual, expected)).as("bits %x", bits).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void every16BitElementSurvivesARoundTripWithItsBits(DType type) {
    byte[] source = new byte[2 << 16];
    ByteBuffer all = ByteBuffer.wrap(source).order(ByteOrder.LITTLE_ENDIAN);
    for (int bits = 0; bits < 1 << 16; bits++) {
      all.putShort((short) bits);
    }
    float[] values = new float[1 << 16];
    byte[] target = new byte[source.length];

    FloatCodec.decode(type, source, 0, values, 0, values.length);
    FloatCodec.encode(type, values, 0, target, 0, values.length);

    assertThat(target).isEqualTo(source);
  }

  @Test
  void narrowingToBinary16RoundsToNearestAndTiesToEven() {
    for (int bits = 0; bits < 0x7bff; bits++) {
      assertTie(bits, 10, 15);
    }
  }

  @Test
  void narrowingToBfloat16RoundsToNearestAndTiesToEven() {
    for (int bits = 0; bits < 0x7f7f; bits++) {
      assertTie(bits, 7, 127);
    }
  }

  /** Checks the point halfway between two neighbours and the floats right beside it. */
  private static void assertTie(int lower, int fractionBits, int bias) {
    int even = lower + (lower & 1);
    double middle =
        (valueOf(lower, fractionBits, bias) + valueOf(lower + 1, fractionBits, bias)) / 2;
    float tie = (float) middle;
    assertThat((double) tie).as("the middle is a float").isEqualTo(middle);
    assertThat(narrow(tie, fractionBits)).as("tie above %x", lower).isEqualTo(even);
    assertThat(narrow(Math.nextDown(tie), fractionBits)).isEqualTo(lower);
    assertThat(narrow(Math.nextUp(tie), fractionBits)).isEqualTo(lower + 1);
    assertThat(narrow(-tie, fractionBits)).isEqualTo(even | 0x8000);
    assertThat(narrow(-Math.nextDown(tie), fractionBits)).isEqualTo(lower | 0x8000);
    assertThat(narrow(-Math.nextUp(tie), fractionBits)).isEqualTo(lower + 1 | 0x8000);
  }

  private static int narrow(float value, int fractionBits) {
    return 0xffff
        & (fractionBits == 10 ? FloatCodec.floatToF16(value) : FloatCodec.floatToBf16(value));
  }

  @Test
  void overflowBecomesInfiniteFromHalfAStepBeyondTheLargestNumber() {
    assertThat(narrow(65519.996f, 10)).isEqualTo(0x7bff);
    assertThat(narrow(65520f, 10)).isEqualTo(0x7c00);
    assertThat(narrow(-65536f, 10)).isEqualTo(0xfc00);
    assertThat(narrow(Float.MAX_VALUE, 10)).isEqualTo(0x7c00);
    float bf16Limit = Float.intBitsToFloat(0x7f7f8000);
    assertThat(narrow(Math.nextDown(bf16Limit), 7)).isEqualTo(0x7f7f);
    assertThat(narrow(bf16Limit, 7)).isEqualTo(0x7f80);
    assertThat(narrow(-Float.MAX_VALUE, 7)).isEqualTo(0xff80);
  }

  @Test
  void infinityStaysInfinityAndTinyNumbersBecomeZeroOfTheirSign() {
    assertThat(narrow(Float.NEGATIVE_INFINITY, 10)).isEqualTo(0xfc00);
    assertThat(narrow(Float.POSITIVE_INFINITY, 7)).isEqualTo(0x7f80);
    assertThat(narrow(-Float.MIN_VALUE, 10)).isEqualTo(0x8000);
    assertThat(narrow(0x1p-25f, 10)).isZero();
    assertThat(narrow(Math.nextUp(0x1p-25f), 10)).isEqualTo(1);
    assertThat(narrow(-Float.MIN_VALUE, 7)).isEqualTo(0x8000);
  }

  @Test
  void aNaNWhosePayloadLiesInTheDroppedBitsStaysANaN() {
    for (int payload : new int[] {1, 0x400, 0x1fff, 0xffff, 0x40_0000, 0x7f_ffff}) {
      for (int sign : new int[] {0, 0x8000_0000}) {
        float nan = Float.intBitsToFloat(0x7f80_0000 | payload | sign);
        for (int fractionBits : new int[] {7, 10}) {
          int bits = narrow(nan, fractionBits);
          assertThat(valueOf(bits, fractionBits, 1)).as("payload %x", payload).isNaN();
          assertThat(bits >>> 15).isEqualTo(sign >>> 31);
        }
      }
    }
  }

  @Test
  void float64NarrowsOnceToNearestEvenAndWidensExactly() {
    double[] values = {1 + 0x1p-24, 1 + 0x1p-24 + 0x1p-52, 1 + 3 * 0x1p-24, 1e300, -1e-300, 0.1};
    byte[] bytes = new byte[values.length * 8];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().put(values);
    float[] floats = new float[values.length];

    FloatCodec.decode(DType.F64, bytes, 0, floats, 0, floats.length);

    assertThat(floats)
        .containsExactly(1f, 1 + 0x1p-23f, 1 + 0x1p-22f, Float.POSITIVE_INFINITY, -0f, (float) 0.1);
    byte[] back = new byte[bytes.length];
    FloatCodec.encode(DType.F64, floats, 0, back, 0, floats.length);
    assertThat(ByteBuffer.wrap(back).order(ByteOrder.LITTLE_ENDIAN).getDouble(40))
        .isEqualTo((float) 0.1);
  }

  @ParameterizedTest
  @EnumSource(names = {"F64", "F32", "F16", "BF16"})
  void blocksOfAnyLengthAndAlignmentAgreeWithElementsOneByOne(DType type) {
    long seed = 20_240_319;
    Random random = new Random(seed);
    for (int round = 0; round < 50; round++) {
      int length = random.nextInt(5000);
      int shift = random.nextInt(9);
      int size = type.size();
      for (boolean direct : new boolean[] {false, true}) {
        int capacity = shift + length * size + 3;
        ByteBuffer bytes =
            direct ? ByteBuffer.allocateDirect(capacity) : ByteBuffer.allocate(capacity);
        bytes.position(1).limit(2);
        float[] values = new float[length + 4];
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(11) - 6));
        }
        FloatCodec.encode(type, values, 3, bytes, shift, length);
        float[] back = new float[length + 2];
        FloatCodec.decode(type, bytes, shift, back, 1, length);

        assertThat(bytes.position()).isEqualTo(1);
        assertThat(bytes.limit()).isEqualTo(2);
        for (int i = 0; i < length; i++) {
          float v = values[3 + i];
          float expected =
              switch (type) {
                case F16 -> FloatCodec.f16ToFloat(FloatCodec.floatToF16(v));
                case BF16 -> FloatCodec.bf16ToFloat(FloatCodec.floatToBf16(v));
                default -> v;
              };
          assertThat(back[1 + i])
              .as("seed %d round %d index %d", seed, round, i)
              .isEqualTo(expected);
        }
        assertThat(back[0]).isZero();
        assertThat(back[length + 1]).isZero();
      }
    }
  }

  @Test
  void elementsAreLittleEndian() {
    byte[] bytes = new byte[4];
    FloatCodec.encode(DType.F32, new float[] {1f}, 0, bytes, 0, 1);
    assertThat(bytes).containsExactly(0, 0, 0x80, 0x3f);
    FloatCodec.encode(DType.BF16, new float[] {1f, -2f}, 0, bytes, 0, 2);
    assertThat(bytes).containsExactly(0x80, 0x3f, 0, 0xc0);
    FloatCodec.encode(DType.F16, new float[] {1f, -2f}, 0, bytes, 0, 2);
    assertThat(bytes).containsExactly(0, 0x3c, 0, 0xc0);
  }

  @Test
  void badRangesAndTypesAreRefused() {
    assertThatThrownBy(() -> FloatCodec.decode(DType.I32, new byte[4], 0, new float[1], 0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("I32");
    assertThatThrownBy(() -> FloatCodec.decode(DType.F16, new byte[4], 1, new float[2], 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> FloatCodec.encode(DType.F16, new float[1], 0, new byte[4], 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}
