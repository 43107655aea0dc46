package io.evomerge.tensor;

/**
 * Read access to one tensor of any size, block by block.
 *
 * <p>Safe for concurrent reads. Valid until the owner (a checkpoint, a store) is closed; a later
 * read throws {@link IllegalStateException}.
 */
public interface TensorView {

  /** Returns name, element type and shape. */
  TensorInfo info();

  /**
   * Reads elements as float32: 16-bit floats widen exactly, F64 rounds to nearest even.
   *
   * @param offset first element
   * @param target where to put them
   * @param targetOffset first index in {@code target}
   * @param length number of elements
   * @throws IndexOutOfBoundsException if the range is outside the tensor or the array
   * @throws IllegalStateException if the elements are not floating-point or the owner is closed
   */
  void readFloats(long offset, float[] target, int targetOffset, int length);

  /**
   * Reads raw little-endian bytes.
   *
   * @param byteOffset first byte
   * @param target where to put them
   * @param targetOffset first index in {@code target}
   * @param length number of bytes
   * @throws IndexOutOfBoundsException if the range is outside the tensor or the array
   */
  void readBytes(long byteOffset, byte[] target, int targetOffset, int length);
}
