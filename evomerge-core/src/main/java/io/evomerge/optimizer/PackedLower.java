package io.evomerge.optimizer;

/**
 * Kernels on the lower triangle of a symmetric or triangular matrix, packed by columns: element (i,
 * j), i &gt;= j, lies at {@code column(n, j) + i - j}.
 *
 * <p>Inner loops run down a column with a handful of columns or vectors at once, a form that the
 * compiler vectorises; sums are formed in a fixed order.
 */
final class PackedLower {
  private PackedLower() {}

  static int length(int n) {
    return Math.toIntExact((long) n * (n + 1) / 2);
  }

  static int column(int n, int j) {
    return (int) ((long) j * (2L * n - j + 1) / 2);
  }

  static double[] identity(int n) {
    double[] a = new double[length(n)];
    for (int j = 0; j < n; j++) {
      a[column(n, j)] = 1;
    }
    return a;
  }

  /** Computes y = L z for {@code count} vectors that lie one after the other. */
  static void multiply(double[] l, int n, double[] z, double[] y, int count) {
    java.util.Arrays.fill(y, 0, n * count, 0);
    int j = 0;
    for (; j + 4 <= n; j += 4) {
      int c0 = column(n, j);
      int c1 = column(n, j + 1);
      int c2 = column(n, j + 2);
      int c3 = column(n, j + 3);
      for (int k = 0; k < count; k++) {
        int at = k * n + j;
        double z0 = z[at];
        double z1 = z[at + 1];
        double z2 = z[at + 2];
        double z3 = z[at + 3];
        y[at] += z0 * l[c0];
        y[at + 1] += z0 * l[c0 + 1] + z1 * l[c1];
        y[at + 2] += z0 * l[c0 + 2] + z1 * l[c1 + 1] + z2 * l[c2];
        addFour(y, at + 3, l, c0 + 3, c1 + 2, c2 + 1, c3, z0, z1, z2, z3, n - j - 3);
      }
    }
    for (; j < n; j++) {
      int c = column(n, j);
      for (int k = 0; k < count; k++) {
        addOne(y, k * n + j, l, c, z[k * n + j], n - j);
      }
    }
  }

  /**
   * Computes C = decay C + sum over k of weight[k] v_k v_k', the vectors lying one after the other.
   */
  static void rankUpdate(
      double[] c, int n, double decay, double[] vectors, double[] weights, int count) {
    for (int j = 0; j < n; j++) {
      int at = column(n, j);
      int length = n - j;
      scale(c, at, decay, length);
      int k = 0;
      for (; k + 4 <= count; k += 4) {
        int v0 = k * n + j;
        int v1 = v0 + n;
        int v2 = v1 + n;
        int v3 = v2 + n;
        addFour(
            c,
            at,
            vectors,
            v0,
            v1,
            v2,
            v3,
            weights[k] * vectors[v0],
            weights[k + 1] * vectors[v1],
            weights[k + 2] * vectors[v2],
            weights[k + 3] * vectors[v3],
            length);
      }
      for (; k < count; k++) {
        int v = k * n + j;
        addOne(c, at, vectors, v, weights[k] * vectors[v], length);
      }
    }
  }

  /**
   * Factorises C = L L' (Cholesky, left-looking).
   *
   * @return whether C is positive definite; if not, {@code l} is left half done
   */
  static boolean cholesky(double[] c, int n, double[] l) {
    System.arraycopy(c, 0, l, 0, length(n));
    for (int j = 0; j < n; j++) {
      int at = column(n, j);
      int length = n - j;
      int k = 0;
      for (; k + 4 <= j; k += 4) {
        int c0 = column(n, k) + j - k;
        int c1 = column(n, k + 1) + j - k - 1;
        int c2 = column(n, k + 2) + j - k - 2;
        int c3 = column(n, k + 3) + j - k - 3;
        addFour(l, at, l, c0, c1, c2, c3, -l[c0], -l[c1], -l[c2], -l[c3], length);
      }
      for (; k < j; k++) {
        int ck = column(n, k) + j - k;
        addOne(l, at, l, ck, -l[ck], length);
      }
      double pivot = l[at];
      if (!(pivot > 0) || pivot == Double.POSITIVE_INFINITY) {
        return false;
      }
      double root = Math.sqrt(pivot);
      l[at] = root;
      scale(l, at + 1, 1 / root, length - 1);
    }
    return true;
  }

  /** Computes y = C x for a symmetric C. */
  static void multiplySymmetric(double[] c, int n, double[] x, double[] y) {
    java.util.Arrays.fill(y, 0, n, 0);
    for (int j = 0; j < n; j++) {
      int at = column(n, j) - j;
      double sum = c[at + j] * x[j];
      double xj = x[j];
      for (int i = j + 1; i < n; i++) {
        sum += c[at + i] * x[i];
        y[i] += c[at + i] * xj;
      }
      y[j] += sum;
    }
  }

  /** Solves L y = x in place, for the vector that begins at {@code from}. */
  static void solveLower(double[] l, int n, double[] x, int from) {
    for (int j = 0; j < n; j++) {
      int at = column(n, j) - j;
      double xj = x[from + j] / l[at + j];
      x[from + j] = xj;
      for (int i = j + 1; i < n; i++) {
        x[from + i] -= l[at + i] * xj;
      }
    }
  }

  /** Solves L L' x = x in place. */
  static void solve(double[] l, int n, double[] x) {
    solveLower(l, n, x, 0);
    for (int j = n - 1; j >= 0; j--) {
      int at = column(n, j) - j;
      double sum = x[j];
      for (int i = j + 1; i < n; i++) {
        sum -= l[at + i] * x[i];
      }
      x[j] = sum / l[at + j];
    }
  }

  private static void scale(double[] a, int at, double factor, int length) {
    for (int i = 0; i < length; i++) {
      a[at + i] *= factor;
    }
  }

  private static void addOne(double[] to, int at, double[] v, int v0, double f, int length) {
    for (int i = 0; i < length; i++) {
      to[at + i] += f * v[v0 + i];
    }
  }

  private static void addFour(
      double[] to,
      int at,
      double[] v,
      int v0,
      int v1,
      int v2,
      int v3,
      double f0,
      double f1,
      double f2,
      double f3,
      int length) {
    for (int i = 0; i < length; i++) {
      to[at + i] += (f0 * v[v0 + i] + f1 * v[v1 + i]) + (f2 * v[v2 + i] + f3 * v[v3 + i]);
    }
  }
}
