package io.evomerge.optimizer;

import java.util.Arrays;

/**
 * The lower triangle of a symmetric or triangular matrix of doubles, in strips of {@value #STRIP}
 * rows; within a strip every column is an array of its own. Mutable, not thread-safe.
 *
 * <p>Inner loops run over a few of these arrays at one common index, the form that the JVM's
 * compiler vectorises: of ranges at different places of one array it cannot know whether they
 * overlap, and stays scalar. Every element is computed in one order, in groups of four columns,
 * whatever the size of strips.
 */
final class LowerTriangle {

  /** Rows of a strip, a multiple of 4: a dozen columns of one stay in the nearest cache. */
  private static final int STRIP = 128;

  /** Columns that are factored before those behind them follow; a multiple of 4. */
  private static final int BLOCK = 64;

  /** Columns whose share is taken off a block at a time; a multiple of 4. */
  private static final int CHUNK = 16;

  private final int n;

  /**
   * By strip, then column, then row from the strip's first. What lies above the diagonal is zero in
   * a factor, and arbitrary otherwise.
   */
  private final double[][][] strips;

  private LowerTriangle(int n) {
    this.n = n;
    strips = new double[(n + STRIP - 1) / STRIP][][];
    for (int s = 0; s < strips.length; s++) {
      int end = Math.min(n, (s + 1) * STRIP);
      strips[s] = new double[end][end - s * STRIP];
    }
  }

  static LowerTriangle identity(int n) {
    LowerTriangle identity = new LowerTriangle(n);
    for (int i = 0; i < n; i++) {
      identity.strips[i / STRIP][i][i % STRIP] = 1;
    }
    return identity;
  }

  /** Returns how many elements the triangle has. */
  static int length(int n) {
    return Math.toIntExact((long) n * (n + 1) / 2);
  }

  /** Returns an element on or below the diagonal. */
  double element(int i, int j) {
    return strips[i / STRIP][j][i % STRIP];
  }

  double diagonal(int i) {
    return element(i, i);
  }

  /** Returns the elements column by column. */
  double[] packed() {
    double[] packed = new double[length(n)];
    int at = 0;
    for (int j = 0; j < n; j++) {
      for (int s = j / STRIP; s < strips.length; s++) {
        double[] column = strips[s][j];
        int from = firstRow(s, j);
        System.arraycopy(column, from, packed, at, column.length - from);
        at += column.length - from;
      }
    }
    return packed;
  }

  /** Takes the elements column by column. */
  void load(double[] packed) {
    int at = 0;
    for (int j = 0; j < n; j++) {
      for (int s = j / STRIP; s < strips.length; s++) {
        double[] column = strips[s][j];
        int from = firstRow(s, j);
        System.arraycopy(packed, at, column, from, column.length - from);
        at += column.length - from;
      }
    }
  }

  /** Returns the first row of a strip, from its own first, that a column has in the triangle. */
  private static int firstRow(int s, int j) {
    return Math.max(0, j - s * STRIP);
  }

  /** Computes y = L z for {@code count} vectors that lie one after the other. */
  void multiply(double[] z, double[] y, int count) {
    double[][] sums = new double[count][Math.min(n, STRIP)];
    for (int s = 0; s < strips.length; s++) {
      double[][] columns = strips[s];
      int rows = columns[0].length;
      for (double[] sum : sums) {
        Arrays.fill(sum, 0);
      }
      int j = 0;
      for (; j + 4 <= columns.length; j += 4) {
        int from = firstRow(s, j);
        for (int k = 0; k < count; k++) {
          addFour(sums[k], columns, j, z, k * n + j, from, rows);
        }
      }
      for (; j < columns.length; j++) {
        for (int k = 0; k < count; k++) {
          addOne(sums[k], columns[j], z[k * n + j], firstRow(s, j), rows);
        }
      }
      for (int k = 0; k < count; k++) {
        System.arraycopy(sums[k], 0, y, k * n + s * STRIP, rows);
      }
    }
  }

  /**
   * Computes C = decay C + sum over k of weight[k] v_k v_k', the vectors lying one after the other.
   */
  void rankUpdate(double decay, double[] vectors, double[] weights, int count) {
    double[][] parts = new double[count][Math.min(n, STRIP)];
    double[] factors = new double[count];
    for (int s = 0; s < strips.length; s++) {
      double[][] columns = strips[s];
      int rows = columns[0].length;
      for (int k = 0; k < count; k++) {
        System.arraycopy(vectors, k * n + s * STRIP, parts[k], 0, rows);
      }
      for (int j = 0; j < columns.length; j++) {
        int from = firstRow(s, j);
        for (int k = 0; k < count; k++) {
          factors[k] = weights[k] * vectors[k * n + j];
        }
        scale(columns[j], decay, from, rows);
        int k = 0;
        for (; k + 4 <= count; k += 4) {
          addFour(columns[j], parts, k, factors, k, from, rows);
        }
        for (; k < count; k++) {
          addOne(columns[j], parts[k], factors[k], from, rows);
        }
      }
    }
  }

  /**
   * Becomes the Cholesky factor of a matrix, C = L L'; left-looking, in blocks of columns.
   *
   * @return whether C is positive definite; if not, this is left half done
   */
  boolean factorise(LowerTriangle c) {
    for (int s = 0; s < strips.length; s++) {
      for (int j = 0; j < strips[s].length; j++) {
        System.arraycopy(c.strips[s][j], 0, strips[s][j], 0, strips[s][j].length);
      }
    }
    for (int block = 0; block < n; block += BLOCK) {
      int end = Math.min(n, block + BLOCK);
      for (int s = block / STRIP; s < strips.length; s++) {
        for (int chunk = 0; chunk < block; chunk += CHUNK) {
          subtract(s, chunk, Math.min(block, chunk + CHUNK), block, end);
        }
      }
      for (int quad = block; quad < end; quad += 4) {
        for (int s = quad / STRIP; s < strips.length; s++) {
          subtract(s, block, quad, quad, Math.min(end, quad + 4));
        }
        for (int j = quad; j < Math.min(end, quad + 4); j++) {
          if (!finish(quad, j)) {
            return false;
          }
        }
      }
    }
    return true;
  }

  /** Takes the share of finished columns, a multiple of four, off later ones in a strip. */
  private void subtract(int s, int begin, int finished, int first, int end) {
    double[][] columns = strips[s];
    int rows = columns[0].length;
    double[] factors = new double[4];
    for (int j = first; j < end; j++) {
      double[][] ofRow = strips[j / STRIP];
      int from = firstRow(s, j);
      for (int k = begin; k < finished; k += 4) {
        for (int i = 0; i < 4; i++) {
          factors[i] = -ofRow[k + i][j % STRIP];
        }
        addFour(columns[j], columns, k, factors, 0, from, rows);
      }
    }
  }

  /** Takes the share of the columns from {@code quad} off column j, and divides by its pivot. */
  private boolean finish(int quad, int j) {
    for (int k = quad; k < j; k++) {
      double factor = -element(j, k);
      for (int s = j / STRIP; s < strips.length; s++) {
        addOne(strips[s][j], strips[s][k], factor, firstRow(s, j), strips[s][j].length);
      }
    }
    double pivot = diagonal(j);
    if (!(pivot > 0) || pivot == Double.POSITIVE_INFINITY) {
      return false;
    }
    double root = Math.sqrt(pivot);
    double[] top = strips[j / STRIP][j];
    for (int s = j / STRIP; s < strips.length; s++) {
      scale(strips[s][j], 1 / root, firstRow(s, j), strips[s][j].length);
    }
    Arrays.fill(top, 0, j % STRIP, 0);
    top[j % STRIP] = root;
    return true;
  }

  /** Computes y = C x for a symmetric C. */
  void multiplySymmetric(double[] x, double[] y) {
    Arrays.fill(y, 0, n, 0);
    double[] part = new double[Math.min(n, STRIP)];
    double[] sum = new double[part.length];
    for (int s = 0; s < strips.length; s++) {
      double[][] columns = strips[s];
      int rows = columns[0].length;
      int first = s * STRIP;
      System.arraycopy(x, first, part, 0, rows);
      Arrays.fill(sum, 0);
      for (int j = 0; j < columns.length; j++) {
        int from = firstRow(s, j);
        if (j >= first) {
          sum[from] += columns[j][from] * part[from];
          from++;
        }
        addOne(sum, columns[j], x[j], from, rows);
        y[j] += dot(columns[j], part, from, rows);
      }
      for (int i = 0; i < rows; i++) {
        y[first + i] += sum[i];
      }
    }
  }

  /** Solves L y = x in place, for the vector that begins at {@code from}. */
  void solveLower(double[] x, int from) {
    double[] part = new double[Math.min(n, STRIP)];
    for (int s = 0; s < strips.length; s++) {
      double[][] columns = strips[s];
      int rows = columns[0].length;
      int first = s * STRIP;
      System.arraycopy(x, from + first, part, 0, rows);
      for (int j = 0; j < first; j++) {
        addOne(part, columns[j], -x[from + j], 0, rows);
      }
      for (int i = 0; i < rows; i++) {
        part[i] /= columns[first + i][i];
        addOne(part, columns[first + i], -part[i], i + 1, rows);
      }
      System.arraycopy(part, 0, x, from + first, rows);
    }
  }

  /** Solves L L' x = x in place. */
  void solve(double[] x) {
    solveLower(x, 0);
    double[] part = new double[Math.min(n, STRIP)];
    for (int s = strips.length - 1; s >= 0; s--) {
      double[][] columns = strips[s];
      int rows = columns[0].length;
      int first = s * STRIP;
      System.arraycopy(x, first, part, 0, rows);
      for (int i = rows - 1; i >= 0; i--) {
        double[] column = columns[first + i];
        part[i] = (part[i] - dot(column, part, i + 1, rows)) / column[i];
      }
      System.arraycopy(part, 0, x, first, rows);
      for (int j = 0; j < first; j++) {
        x[j] -= dot(columns[j], part, 0, rows);
      }
    }
  }

  private static void scale(double[] a, double factor, int from, int to) {
    for (int i = from; i < to; i++) {
      a[i] *= factor;
    }
  }

  private static void addOne(double[] to, double[] v, double f, int from, int end) {
    for (int i = from; i < end; i++) {
      to[i] += f * v[i];
    }
  }

  /**
   * Adds four arrays from {@code v[at]} on with the four factors from {@code f[fAt]} on. Neither
   * two targets nor more arrays at once: those loops are too long for the compiler of Java 17.
   */
  private static void addFour(
      double[] to, double[][] v, int at, double[] f, int fAt, int from, int end) {
    double[] v0 = v[at];
    double[] v1 = v[at + 1];
    double[] v2 = v[at + 2];
    double[] v3 = v[at + 3];
    double f0 = f[fAt];
    double f1 = f[fAt + 1];
    double f2 = f[fAt + 2];
    double f3 = f[fAt + 3];
    for (int i = from; i < end; i++) {
      to[i] += (f0 * v0[i] + f1 * v1[i]) + (f2 * v2[i] + f3 * v3[i]);
    }
  }

  /** Four sums side by side: one would wait for itself at every step. */
  private static double dot(double[] a, double[] b, int from, int end) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = from;
    for (; i + 4 <= end; i += 4) {
      s0 += a[i] * b[i];
      s1 += a[i + 1] * b[i + 1];
      s2 += a[i + 2] * b[i + 2];
      s3 += a[i + 3] * b[i + 3];
    }
    for (; i < end; i++) {
      s0 += a[i] * b[i];
    }
    return (s0 + s1) + (s2 + s3);
  }
}
