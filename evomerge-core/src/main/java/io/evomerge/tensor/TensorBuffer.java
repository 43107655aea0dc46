package io.evomerge.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Objects;

/**
 * A float32 tensor in off-heap memory that can be overwritten and read again.
 *
 * <p>The address never changes, so a native runtime can hold it across overwrites. Several threads
 * may write different elements; readers must not run beside writers. At most 2 GiB.
 */
public final class TensorBuffer implements TensorView, TensorSink {

  private final TensorInfo info;
  private final ByteBuffer bytes;
  private final FloatBuffer floats;

  private TensorBuffer(TensorInfo info, ByteBuffer bytes) {
    this.info = info;
    this.bytes = bytes;
    this.floats = bytes.asFloatBuffer();
  }

  /**
   * Allocates a zeroed buffer in the machine's byte order.
   *
   * @param tensor name and shape; the element type becomes F32
   * @throws IllegalArgumentException if it is larger than 2 GiB
   */
  public static TensorBuffer allocate(TensorInfo tensor) {
    TensorInfo info = tensor.withDtype(DType.F32);
    if (info.byteSize() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "tensor '"
              + info.name()
              + "' needs "
              + info.byteSize()
              + " bytes as float32; in-memory candidates take at most 2 GiB per tensor. Write the"
              + " recipe to files instead");
    }
    ByteBuffer bytes =
        ByteBuffer.allocateDirect((int) info.byteSize()).order(ByteOrder.nativeOrder());
    return new TensorBuffer(info, bytes);
  }

  @Override
  public TensorInfo info() {
    return info;
  }

  /** Returns the memory itself, from position 0 to its capacity; a view of its own per call. */
  public ByteBuffer bytes() {
    return bytes.duplicate().order(ByteOrder.nativeOrder()).clear();
  }

  /** Returns the memory as float32 values; a view of its own per call. */
  public FloatBuffer floats() {
    return floats.duplicate().clear();
  }

  @Override
  public void readFloats(long offset, float[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(offset, length, info.elementCount());
    floats.get((int) offset, target, targetOffset, length);
  }

  @Override
  public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(byteOffset, length, info.byteSize());
    bytes.get((int) byteOffset, target, targetOffset, length);
  }

  @Override
  public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
    Objects.checkFromIndexSize(offset, length, info.elementCount());
    floats.put((int) offset, source, sourceOffset, length);
  }

  @Override
  public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
    Objects.checkFromIndexSize(byteOffset, length, info.byteSize());
    bytes.put((int) byteOffset, source, sourceOffset, length);
  }
}
