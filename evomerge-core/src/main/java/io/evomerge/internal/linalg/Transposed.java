package io.evomerge.internal.linalg;

/** Another matrix with rows and columns exchanged. */
record Transposed(Matrix original) implements Matrix {

  @Override
  public int rows() {
    return original.columns();
  }

  @Override
  public int columns() {
    return original.rows();
  }

  @Override
  public void read(int row, int column, double[] target, int at, int count) {
    for (int i = 0; i < count; i++) {
      original.read(column + i, row, target, at + i, 1);
    }
  }

  @Override
  public void write(int row, int column, double[] source, int at, int count) {
    for (int i = 0; i < count; i++) {
      original.write(column + i, row, source, at + i, 1);
    }
  }

  @Override
  public Matrix transposed() {
    return original;
  }
}
