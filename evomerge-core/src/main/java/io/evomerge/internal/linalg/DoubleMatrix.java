package io.evomerge.internal.linalg;

/** A matrix of float64 numbers, row by row; for the small ones. */
public final class DoubleMatrix implements Matrix {

  private final int rows;
  private final int columns;
  private final double[] values;

  /**
   * Makes a matrix of zeros.
   *
   * @param rows at least 0
   * @param columns at least 0
   * @throws ArithmeticException if there are more than 2^31 - 1 elements
   */
  public DoubleMatrix(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
    this.values = new double[Math.multiplyExact(rows, columns)];
  }

  /** Returns the elements themselves, row by row. */
  public double[] values() {
    return values;
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public void read(int row, int column, double[] target, int at, int count) {
    System.arraycopy(values, row * columns + column, target, at, count);
  }

  @Override
  public void write(int row, int column, double[] source, int at, int count) {
    System.arraycopy(source, at, values, row * columns + column, count);
  }
}
