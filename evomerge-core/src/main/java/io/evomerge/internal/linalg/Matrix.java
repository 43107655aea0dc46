package io.evomerge.internal.linalg;

/** A matrix whose elements are worked with in float64, however they are stored. */
public interface Matrix {

  /** Returns the number of rows. */
  int rows();

  /** Returns the number of columns. */
  int columns();

  /**
   * Reads part of a row.
   *
   * @param row its index
   * @param column first column
   * @param target where to put the elements
   * @param at first index in {@code target}
   * @param count number of elements
   */
  void read(int row, int column, double[] target, int at, int count);

  /**
   * Writes part of a row.
   *
   * @param row its index
   * @param column first column
   * @param source the elements
   * @param at first index in {@code source}
   * @param count number of elements
   */
  void write(int row, int column, double[] source, int at, int count);

  /** Returns the same elements with rows and columns exchanged, not copied. */
  default Matrix transposed() {
    return new Transposed(this);
  }
}
