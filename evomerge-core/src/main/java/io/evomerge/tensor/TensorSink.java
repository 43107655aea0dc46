package io.evomerge.tensor;

/**
 * Write access to one tensor, block by block.
 *
 * <p>Blocks may arrive in any order, each element exactly once, and different blocks from several
 * threads at once: a merge shares a large tensor out to its threads.
 */
public interface TensorSink {

  /** Returns name, element type and shape of what is written. */
  TensorInfo info();

  /**
   * Writes float32 values; a narrower element type rounds once, to nearest even.
   *
   * @param offset first element
   * @param source the values
   * @param sourceOffset first index in {@code source}
   * @param length number of elements
   * @throws IndexOutOfBoundsException if the range is outside the tensor or the array
   */
  void writeFloats(long offset, float[] source, int sourceOffset, int length);

  /**
   * Writes elements as their little-endian bytes.
   *
   * @param byteOffset first byte
   * @param source the bytes
   * @param sourceOffset first index in {@code source}
   * @param length number of bytes
   * @throws IndexOutOfBoundsException if the range is outside the tensor or the array
   */
  void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length);
}
