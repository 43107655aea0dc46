package io.evomerge.optimizer;

/**
 * Makes normal vectors orthogonal to each other, each keeping its length: alone each is as standard
 * normal as before, together they cover the directions evenly (Wang, Emmerich, Bäck, "Mirrored
 * Orthogonal Sampling for Covariance Matrix Adaptation Evolution Strategies", Evol. Comput. 27(4),
 * 2019).
 */
final class OrthogonalSteps {

  /**
   * More vectors at once cost more than they bring: in the many dimensions that they need, they are
   * nearly orthogonal anyway.
   */
  private static final int BLOCK = 64;

  private OrthogonalSteps() {}

  /**
   * Changes vectors in blocks of at most as many as there are dimensions, by Gram and Schmidt.
   *
   * @param vectors one after the other
   * @param n their dimension
   */
  static void orthogonalise(double[] vectors, int n) {
    int count = vectors.length / n;
    int block = Math.min(n, BLOCK);
    double[] squares = new double[block];
    for (int first = 0; first < count; first += block) {
      int end = Math.min(count, first + block);
      for (int k = first; k < end; k++) {
        double before = dot(vectors, k * n, k * n, n);
        for (int other = first; other < k; other++) {
          double share = dot(vectors, k * n, other * n, n) / squares[other - first];
          subtract(vectors, k * n, other * n, share, n);
        }
        double scale = Math.sqrt(before / dot(vectors, k * n, k * n, n));
        for (int i = 0; i < n; i++) {
          vectors[k * n + i] *= scale;
        }
        squares[k - first] = before;
      }
    }
  }

  /** Four sums side by side: one would wait for itself at every step. */
  private static double dot(double[] v, int a, int b, int n) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 4 <= n; i += 4) {
      s0 += v[a + i] * v[b + i];
      s1 += v[a + i + 1] * v[b + i + 1];
      s2 += v[a + i + 2] * v[b + i + 2];
      s3 += v[a + i + 3] * v[b + i + 3];
    }
    for (; i < n; i++) {
      s0 += v[a + i] * v[b + i];
    }
    return (s0 + s1) + (s2 + s3);
  }

  private static void subtract(double[] v, int from, int other, double share, int n) {
    for (int i = 0; i < n; i++) {
      v[from + i] -= share * v[other + i];
    }
  }
}
