package io.evomerge.internal.linalg;

/**
 * Inner loops over panels: matrices of few columns, row-major, whose columns are worked on side by
 * side.
 */
public final class Panels {

  private Panels() {}

  /** {@code y[yAt + c] += factor * x[xAt + c]} for every column. */
  static void addScaled(double factor, double[] x, int xAt, double[] y, int yAt, int columns) {
    for (int c = 0; c < columns; c++) {
      y[yAt + c] += factor * x[xAt + c];
    }
  }

  /**
   * Adds a row vector times a panel: {@code sum[c] += sign * factors[from + i] * panel[i][c]}.
   *
   * @param factors the vector
   * @param from first index in it
   * @param to index after the last
   * @param sign 1 or -1
   * @param panel {@code [to - from][columns]}, row-major
   * @param at first index in the panel
   * @param columns of the panel
   * @param sum changed
   */
  public static void addProduct(
      double[] factors,
      int from,
      int to,
      double sign,
      double[] panel,
      int at,
      int columns,
      double[] sum) {
    int row = at;
    int i = from;
    for (; i + 4 <= to; i += 4) {
      double f0 = sign * factors[i];
      double f1 = sign * factors[i + 1];
      double f2 = sign * factors[i + 2];
      double f3 = sign * factors[i + 3];
      int r1 = row + columns;
      int r2 = r1 + columns;
      int r3 = r2 + columns;
      for (int c = 0; c < columns; c++) {
        sum[c] +=
            f0 * panel[row + c] + f1 * panel[r1 + c] + (f2 * panel[r2 + c] + f3 * panel[r3 + c]);
      }
      row = r3 + columns;
    }
    for (; i < to; i++) {
      addScaled(sign * factors[i], panel, row, sum, 0, columns);
      row += columns;
    }
  }
}
