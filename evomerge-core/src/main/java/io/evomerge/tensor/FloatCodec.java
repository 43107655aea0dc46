package io.evomerge.tensor;

import io.evomerge.internal.kernel.Kernels;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Converts blocks of little-endian floating-point elements to and from float32; stateless and safe
 * for concurrent use.
 *
 * <p>Widening is exact. Narrowing rounds once, to nearest, ties to even; values beyond the largest
 * finite number become infinite, values below the smallest normal number become subnormal (gradual
 * underflow), and a NaN stays a NaN of the same sign. A 16-bit element that is widened and narrowed
 * again keeps its bits, NaN payloads included (IEEE 754-2019 binary16 and binary32; bfloat16 is the
 * upper half of a binary32).
 */
public final class FloatCodec {

  /**
   * Elements encoded at a time: so few that the array for them, new at each call, costs little
   * beside the elements themselves.
   */
  private static final int BLOCK = 1024;

  private FloatCodec() {}

  /**
   * Widens (or, for F64, narrows) a block of elements to float32.
   *
   * @param type a floating-point type
   * @param source little-endian elements; position, limit and byte order are ignored and kept
   * @param byteOffset index of the first byte in {@code source}; any alignment
   * @param target where to put the values
   * @param targetOffset first index in {@code target}
   * @param length number of elements
   * @throws IndexOutOfBoundsException if a range is outside its buffer or array
   * @throws IllegalArgumentException if the type is not floating-point
   */
  public static void decode(
      DType type, ByteBuffer source, int byteOffset, float[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(targetOffset, length, target.length);
    ByteBuffer bytes = window(type, source, byteOffset, length);
    switch (type) {
      case F32 -> bytes.asFloatBuffer().get(0, target, targetOffset, length);
      case F64 -> decodeF64(bytes, target, targetOffset, length);
      case F16 -> decodeF16(bytes, target, targetOffset, length);
      case BF16 -> decodeBf16(bytes, target, targetOffset, length);
      default -> throw notFloating(type);
    }
  }

  /**
   * Widens (or, for F64, narrows) a block of elements to float32.
   *
   * @param type a floating-point type
   * @param source little-endian elements
   * @param byteOffset index of the first byte in {@code source}
   * @param target where to put the values
   * @param targetOffset first index in {@code target}
   * @param length number of elements
   * @throws IndexOutOfBoundsException if a range is outside its array
   * @throws IllegalArgumentException if the type is not floating-point
   */
  public static void decode(
      DType type, byte[] source, int byteOffset, float[] target, int targetOffset, int length) {
    decode(type, ByteBuffer.wrap(source), byteOffset, target, targetOffset, length);
  }

  /**
   * Narrows (or, for F64, widens) a block of float32 values.
   *
   * @param type a floating-point type
   * @param source the values
   * @param sourceOffset first index in {@code source}
   * @param target takes little-endian elements; position, limit and byte order are ignored and kept
   * @param byteOffset index of the first byte in {@code target}; any alignment
   * @param length number of elements
   * @throws IndexOutOfBoundsException if a range is outside its buffer or array
   * @throws IllegalArgumentException if the type is not floating-point
   */
  public static void encode(
      DType type, float[] source, int sourceOffset, ByteBuffer target, int byteOffset, int length) {
    Objects.checkFromIndexSize(sourceOffset, length, source.length);
    ByteBuffer bytes = window(type, target, byteOffset, length);
    switch (type) {
      case F32 -> bytes.asFloatBuffer().put(0, source, sourceOffset, length);
      case F64 -> encodeF64(source, sourceOffset, bytes, length);
      case F16 -> encodeF16(source, sourceOffset, bytes, length);
      case BF16 -> encodeBf16(source, sourceOffset, bytes, length);
      default -> throw notFloating(type);
    }
  }

  /**
   * Narrows (or, for F64, widens) a block of float32 values.
   *
   * @param type a floating-point type
   * @param source the values
   * @param sourceOffset first index in {@code source}
   * @param target takes little-endian elements
   * @param byteOffset index of the first byte in {@code target}
   * @param length number of elements
   * @throws IndexOutOfBoundsException if a range is outside its array
   * @throws IllegalArgumentException if the type is not floating-point
   */
  public static void encode(
      DType type, float[] source, int sourceOffset, byte[] target, int byteOffset, int length) {
    encode(type, source, sourceOffset, ByteBuffer.wrap(target), byteOffset, length);
  }

  /**
   * Widens one bfloat16.
   *
   * @param bits the element
   */
  public static float bf16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /**
   * Narrows to bfloat16.
   *
   * @param value any float
   * @return the element's bits
   */
  public static short floatToBf16(float value) {
    return Kernels.narrowBf16(value);
  }

  /**
   * Widens one binary16.
   *
   * @param bits the element
   */
  public static float f16ToFloat(short bits) {
    return Kernels.widenF16(bits);
  }

  /**
   * Narrows to binary16.
   *
   * @param value any float
   * @return the element's bits
   */
  public static short floatToF16(float value) {
    return Kernels.narrowF16(value);
  }

  /** Packed elements go to the end of the target and are widened from there in place. */
  private static int unpack(ByteBuffer bytes, float[] target, int targetOffset, int length) {
    int pairs = length / 2;
    int from = targetOffset + length - pairs;
    bytes.asFloatBuffer().get(0, target, from, pairs);
    return from;
  }

  private static void decodeBf16(ByteBuffer bytes, float[] target, int targetOffset, int length) {
    int from = unpack(bytes, target, targetOffset, length);
    Kernels.widenBf16(target, from, target, targetOffset, length / 2);
    if ((length & 1) != 0) {
      target[targetOffset + length - 1] = bf16ToFloat(bytes.getShort(2 * (length - 1)));
    }
  }

  private static void decodeF16(ByteBuffer bytes, float[] target, int targetOffset, int length) {
    int from = unpack(bytes, target, targetOffset, length);
    Kernels.widenF16(target, from, target, targetOffset, length / 2);
    if ((length & 1) != 0) {
      target[targetOffset + length - 1] = f16ToFloat(bytes.getShort(2 * (length - 1)));
    }
  }

  private static void decodeF64(ByteBuffer bytes, float[] target, int targetOffset, int length) {
    var elements = bytes.asDoubleBuffer();
    double[] block = new double[Math.min(BLOCK, length)];
    for (int done = 0; done < length; done += block.length) {
      int count = Math.min(block.length, length - done);
      elements.get(done, block, 0, count);
      int to = targetOffset + done;
      for (int i = 0; i < count; i++) {
        target[to + i] = (float) block[i];
      }
    }
  }

  private static void encodeBf16(float[] source, int sourceOffset, ByteBuffer bytes, int length) {
    var elements = bytes.asShortBuffer();
    short[] block = new short[Math.min(BLOCK, length)];
    for (int done = 0; done < length; done += block.length) {
      int count = Math.min(block.length, length - done);
      Kernels.narrowBf16(source, sourceOffset + done, block, count);
      elements.put(done, block, 0, count);
    }
  }

  private static void encodeF16(float[] source, int sourceOffset, ByteBuffer bytes, int length) {
    var elements = bytes.asShortBuffer();
    short[] block = new short[Math.min(BLOCK, length)];
    for (int done = 0; done < length; done += block.length) {
      int count = Math.min(block.length, length - done);
      Kernels.narrowF16(source, sourceOffset + done, block, count);
      elements.put(done, block, 0, count);
    }
  }

  private static void encodeF64(float[] source, int sourceOffset, ByteBuffer bytes, int length) {
    var elements = bytes.asDoubleBuffer();
    double[] block = new double[Math.min(BLOCK, length)];
    for (int done = 0; done < length; done += block.length) {
      int count = Math.min(block.length, length - done);
      int from = sourceOffset + done;
      for (int i = 0; i < count; i++) {
        block[i] = source[from + i];
      }
      elements.put(done, block, 0, count);
    }
  }

  private static ByteBuffer window(DType type, ByteBuffer buffer, int byteOffset, int length) {
    if (!type.isFloating()) {
      throw notFloating(type);
    }
    long size = (long) length * type.size();
    Objects.checkFromIndexSize(byteOffset, size, (long) buffer.capacity());
    return buffer.duplicate().clear().slice(byteOffset, (int) size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static IllegalArgumentException notFloating(DType type) {
    return new IllegalArgumentException(type + " is no floating-point type");
  }
}
