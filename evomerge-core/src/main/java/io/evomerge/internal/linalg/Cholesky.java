package io.evomerge.internal.linalg;

import java.util.Optional;
import java.util.function.IntConsumer;

/**
 * Factor {@code U} of a symmetric positive definite matrix {@code U^T U}, in float64.
 *
 * <p>Right-looking, in panels of fixed width; every element is computed in one fixed order, so the
 * result is the same, bit for bit, for any number of threads. Takes {@code 4 n (n + 1)} bytes.
 * Immutable and safe for concurrent solving.
 */
public final class Cholesky {

  /** Rows that are factored before the rest is updated: few enough to stay in a cache. */
  private static final int PANEL = 32;

  /** Columns that are updated at a time. */
  private static final int TILE = 1024;

  /** Shares independent work out to threads. */
  @FunctionalInterface
  public interface Parallel {

    /**
     * Does something for every index from 0 to {@code count - 1} and returns when all is done.
     *
     * @param count number of indices
     * @param work independent of each other
     */
    void run(int count, IntConsumer work);
  }

  private final double[][] rows;

  private Cholesky(double[][] rows) {
    this.rows = rows;
  }

  /**
   * Factors a matrix.
   *
   * @param upper its upper triangle: row {@code i} holds the columns from {@code i}; overwritten
   * @param parallel who shares out the work
   * @return the factor, or empty if a pivot is not a positive finite number
   */
  public static Optional<Cholesky> of(double[][] upper, Parallel parallel) {
    int n = upper.length;
    for (int from = 0; from < n; from += PANEL) {
      int first = from;
      int end = Math.min(n, from + PANEL);
      for (int k = first; k < end; k++) {
        double pivot = upper[k][0];
        if (!(pivot > 0) || pivot == Double.POSITIVE_INFINITY) {
          return Optional.empty();
        }
        divide(upper[k], Math.sqrt(pivot));
        for (int i = k + 1; i < end; i++) {
          subtract(upper[i], 0, upper[i].length, upper[k], i - k);
        }
      }
      int left = n - end;
      // Rows become shorter: pair a long one with a short one, so that all work is alike.
      parallel.run(
          (left + 1) / 2,
          index -> {
            update(upper, first, end, end + index);
            int other = n - 1 - index;
            if (other != end + index) {
              update(upper, first, end, other);
            }
          });
    }
    return Optional.of(new Cholesky(upper));
  }

  private static void divide(double[] row, double divisor) {
    for (int j = 0; j < row.length; j++) {
      row[j] /= divisor;
    }
  }

  /** Subtracts what a panel of rows contributes to a row behind it. */
  private static void update(double[][] rows, int from, int to, int i) {
    double[] row = rows[i];
    for (int start = 0; start < row.length; start += TILE) {
      int end = Math.min(row.length, start + TILE);
      int k = from;
      for (; k + 4 <= to; k += 4) {
        subtract(row, start, end, rows[k], rows[k + 1], rows[k + 2], rows[k + 3], i - k);
      }
      for (; k < to; k++) {
        subtract(row, start, end, rows[k], i - k);
      }
    }
  }

  private static void subtract(double[] row, int start, int end, double[] pivot, int shift) {
    double factor = pivot[shift];
    for (int j = start; j < end; j++) {
      row[j] -= factor * pivot[j + shift];
    }
  }

  private static void subtract(
      double[] row,
      int start,
      int end,
      double[] p0,
      double[] p1,
      double[] p2,
      double[] p3,
      int at) {
    double f0 = p0[at];
    double f1 = p1[at - 1];
    double f2 = p2[at - 2];
    double f3 = p3[at - 3];
    for (int j = start; j < end; j++) {
      row[j] -= f0 * p0[j + at] + f1 * p1[j + at - 1] + (f2 * p2[j + at - 2] + f3 * p3[j + at - 3]);
    }
  }

  /** Returns the order of the matrix. */
  public int size() {
    return rows.length;
  }

  /**
   * Solves for several right sides at once.
   *
   * @param x the right sides, {@code [size][columns]} row-major; becomes the solutions
   * @param columns number of right sides
   */
  public void solve(double[] x, int columns) {
    int n = rows.length;
    double[] solved = new double[columns];
    for (int k = 0; k < n; k++) {
      double[] row = rows[k];
      for (int c = 0; c < columns; c++) {
        solved[c] = x[k * columns + c] / row[0];
        x[k * columns + c] = solved[c];
      }
      for (int j = 1; j < row.length; j++) {
        Panels.addScaled(-row[j], solved, 0, x, (k + j) * columns, columns);
      }
    }
    for (int k = n - 1; k >= 0; k--) {
      double[] row = rows[k];
      System.arraycopy(x, k * columns, solved, 0, columns);
      Panels.addProduct(row, 1, row.length, -1, x, (k + 1) * columns, columns, solved);
      for (int c = 0; c < columns; c++) {
        x[k * columns + c] = solved[c] / row[0];
      }
    }
  }
}
