package io.evomerge.internal.linalg;

/**
 * Matrix products in float64, blocked for the caches and shared out to threads.
 *
 * <p>Every element is summed in the order of the inner dimension by one thread, so that the result
 * has the same bits for any number of threads.
 */
public final class Products {

  /** Columns of the result that one thread works on at a time. */
  private static final int WIDTH = 256;

  /** Part of the inner dimension that stays in the second-level cache. */
  private static final int DEPTH = 64;

  /** Rows of a symmetric result that one thread works on at a time. */
  private static final int HEIGHT = 64;

  private Products() {}

  /**
   * Computes {@code c = a b}.
   *
   * @param a [m, k]
   * @param b [k, n]
   * @param c [m, n], overwritten; none of the factors
   * @param threads who works
   */
  public static void multiply(Matrix a, Matrix b, Matrix c, Parallel threads) {
    if (a.columns() != b.rows() || c.rows() != a.rows() || c.columns() != b.columns()) {
      throw new IllegalArgumentException(
          shape(a) + " times " + shape(b) + " does not give " + shape(c));
    }
    int panels = (c.columns() + WIDTH - 1) / WIDTH;
    threads.run(
        panels,
        panel -> {
          int first = panel * WIDTH;
          multiply(a, b, c, first, Math.min(WIDTH, c.columns() - first));
        });
  }

  private static void multiply(Matrix a, Matrix b, Matrix c, int first, int width) {
    int rows = a.rows();
    double[] sums = new double[Math.multiplyExact(rows, width)];
    double[] factors = new double[DEPTH];
    double[] packed = new double[DEPTH * width];
    for (int start = 0; start < a.columns(); start += DEPTH) {
      int depth = Math.min(DEPTH, a.columns() - start);
      for (int k = 0; k < depth; k++) {
        b.read(start + k, first, packed, k * width, width);
      }
      for (int i = 0; i < rows; i++) {
        a.read(i, start, factors, 0, depth);
        addRows(factors, packed, depth, width, sums, i * width, width);
      }
    }
    for (int i = 0; i < rows; i++) {
      c.write(i, first, sums, i * width, width);
    }
  }

  /**
   * Returns {@code a a^T}, symmetric to the last bit.
   *
   * @param a [m, k]
   * @param threads who works
   */
  public static DoubleMatrix gram(Matrix a, Parallel threads) {
    DoubleMatrix result = new DoubleMatrix(a.rows(), a.rows());
    threads.run(
        (a.rows() + HEIGHT - 1) / HEIGHT,
        tile -> gram(a, result, tile * HEIGHT, Math.min(a.rows(), (tile + 1) * HEIGHT)));
    double[] values = result.values();
    for (int i = 0; i < a.rows(); i++) {
      for (int j = 0; j < i; j++) {
        values[j * a.rows() + i] = values[i * a.rows() + j];
      }
    }
    return result;
  }

  /** Computes rows up to the tile's last column. */
  private static void gram(Matrix a, DoubleMatrix result, int first, int end) {
    int side = a.rows();
    double[] factors = new double[HEIGHT * DEPTH];
    double[] row = new double[DEPTH];
    double[] packed = new double[DEPTH * 2 * WIDTH];
    for (int start = 0; start < a.columns(); start += DEPTH) {
      int depth = Math.min(DEPTH, a.columns() - start);
      for (int i = first; i < end; i++) {
        a.read(i, start, factors, (i - first) * DEPTH, depth);
      }
      for (int left = 0; left < end; left += 2 * WIDTH) {
        int width = Math.min(2 * WIDTH, end - left);
        for (int j = 0; j < width; j++) {
          a.read(left + j, start, row, 0, depth);
          for (int k = 0; k < depth; k++) {
            packed[k * width + j] = row[k];
          }
        }
        for (int i = first; i < end; i++) {
          System.arraycopy(factors, (i - first) * DEPTH, row, 0, depth);
          addRows(row, packed, depth, width, result.values(), i * side + left, width);
        }
      }
    }
  }

  /** Adds {@code factors[k] * packed[k][..]} for every k in turn. */
  private static void addRows(
      double[] factors, double[] packed, int depth, int stride, double[] sums, int at, int width) {
    int k = 0;
    for (; k + 4 <= depth; k += 4) {
      double f0 = factors[k];
      double f1 = factors[k + 1];
      double f2 = factors[k + 2];
      double f3 = factors[k + 3];
      int p0 = k * stride;
      int p1 = p0 + stride;
      int p2 = p1 + stride;
      int p3 = p2 + stride;
      for (int j = 0; j < width; j++) {
        sums[at + j] =
            sums[at + j]
                + f0 * packed[p0 + j]
                + f1 * packed[p1 + j]
                + f2 * packed[p2 + j]
                + f3 * packed[p3 + j];
      }
    }
    for (; k < depth; k++) {
      double f = factors[k];
      int p = k * stride;
      for (int j = 0; j < width; j++) {
        sums[at + j] += f * packed[p + j];
      }
    }
  }

  private static String shape(Matrix matrix) {
    return "[" + matrix.rows() + ", " + matrix.columns() + "]";
  }
}
