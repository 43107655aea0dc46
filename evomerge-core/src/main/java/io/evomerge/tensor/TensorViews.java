package io.evomerge.tensor;

import java.nio.ByteBuffer;
import java.util.Objects;

/** Makes {@link TensorView}s over memory. For files, see {@link MappedFile}. */
public final class TensorViews {

  private TensorViews() {}

  /**
   * Wraps little-endian bytes; the array is not copied.
   *
   * @param info name, element type and shape
   * @param bytes exactly {@link TensorInfo#byteSize()} bytes
   * @throws IllegalArgumentException if the number of bytes is another
   */
  public static TensorView of(TensorInfo info, byte[] bytes) {
    return of(info, ByteBuffer.wrap(bytes));
  }

  /**
   * Wraps little-endian bytes between the buffer's position and limit; the memory is not copied.
   *
   * @param info name, element type and shape
   * @param bytes with exactly {@link TensorInfo#byteSize()} bytes remaining; direct or not, any
   *     byte order
   * @throws IllegalArgumentException if the number of bytes is another
   */
  public static TensorView of(TensorInfo info, ByteBuffer bytes) {
    if (bytes.remaining() != info.byteSize()) {
      throw new IllegalArgumentException(
          "tensor '"
              + info.name()
              + "' "
              + info.shape()
              + " of "
              + info.dtype()
              + " takes "
              + info.byteSize()
              + " bytes, not "
              + bytes.remaining());
    }
    return new BufferView(info, bytes.slice());
  }

  /** Checks the arguments of {@link TensorView#readFloats}. */
  static void checkFloats(
      TensorInfo info, long offset, float[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(offset, length, info.elementCount());
    Objects.checkFromIndexSize(targetOffset, length, target.length);
    if (!info.dtype().isFloating()) {
      throw new IllegalStateException(
          "tensor '"
              + info.name()
              + "' holds "
              + info.dtype()
              + ", which is no floating-point type: read its bytes");
    }
  }

  /** Checks the arguments of {@link TensorView#readBytes}. */
  static void checkBytes(
      TensorInfo info, long offset, byte[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(offset, length, info.byteSize());
    Objects.checkFromIndexSize(targetOffset, length, target.length);
  }

  private record BufferView(TensorInfo info, ByteBuffer bytes) implements TensorView {

    @Override
    public void readFloats(long offset, float[] target, int targetOffset, int length) {
      checkFloats(info, offset, target, targetOffset, length);
      int at = (int) (offset * info.dtype().size());
      FloatCodec.decode(info.dtype(), bytes, at, target, targetOffset, length);
    }

    @Override
    public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
      checkBytes(info, byteOffset, target, targetOffset, length);
      bytes.get((int) byteOffset, target, targetOffset, length);
    }
  }
}
