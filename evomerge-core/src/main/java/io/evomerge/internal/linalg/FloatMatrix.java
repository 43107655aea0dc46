package io.evomerge.internal.linalg;

/** A matrix of float32 numbers, row by row; for the big ones. */
public final class FloatMatrix implements Matrix {

  private final int rows;
  private final int columns;
  private final float[] values;

  /**
   * Makes a matrix of zeros.
   *
   * @param rows at least 0
   * @param columns at least 0
   * @throws ArithmeticException if there are more than 2^31 - 1 elements
   */
  public FloatMatrix(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
    this.values = new float[Math.multiplyExact(rows, columns)];
  }

  /** Returns the elements themselves, row by row. */
  public float[] values() {
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
    int start = row * columns + column;
    for (int i = 0; i < count; i++) {
      target[at + i] = values[start + i];
    }
  }

  @Override
  public void write(int row, int column, double[] source, int at, int count) {
    int start = row * columns + column;
    for (int i = 0; i < count; i++) {
      values[start + i] = (float) source[at + i];
    }
  }
}
