package io.evomerge.tensor;

import java.util.List;

/**
 * Name, element type and shape of a tensor.
 *
 * @param name the tensor's name in its checkpoint
 * @param dtype element type
 * @param shape row-major dimensions, each at least 0; an empty list is a scalar
 */
public record TensorInfo(String name, DType dtype, List<Long> shape) {

  /**
   * Validates and copies.
   *
   * @throws IllegalArgumentException if a dimension is negative or the size in bytes exceeds a
   *     signed 64-bit number
   */
  public TensorInfo {
    shape = List.copyOf(shape);
    try {
      long elements = 1;
      for (long dimension : shape) {
        if (dimension < 0) {
          throw new IllegalArgumentException(
              "tensor '" + name + "': shape " + shape + " has a negative dimension");
        }
        elements = Math.multiplyExact(elements, dimension);
      }
      Math.multiplyExact(elements, dtype.size());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "tensor '" + name + "': shape " + shape + " of " + dtype + " overflows 64 bits", e);
    }
  }

  /** Returns the number of elements. */
  public long elementCount() {
    long elements = 1;
    for (long dimension : shape) {
      elements *= dimension;
    }
    return elements;
  }

  /** Returns the size in bytes. */
  public long byteSize() {
    return elementCount() * dtype.size();
  }

  /**
   * Returns the same tensor with another element type.
   *
   * @param other the new element type
   */
  public TensorInfo withDtype(DType other) {
    return new TensorInfo(name, other, shape);
  }

  /**
   * Returns the same tensor under another name.
   *
   * @param other the new name
   */
  public TensorInfo withName(String other) {
    return new TensorInfo(other, dtype, shape);
  }
}
