package io.evomerge.merge;

/**
 * Inner products of all pairs of a few vectors, in float64. Several matrices may lie in one array.
 *
 * @param size number of vectors
 * @param products of the pairs, numbered as in {@link #pair}
 * @param first where the product of the first pair lies
 * @param step distance between the products of neighbouring pairs
 */
record GramMatrix(int size, double[] products, int first, int step) {

  /** Returns how many pairs so many vectors make, each with itself included. */
  static int pairs(int size) {
    return size * (size + 1) / 2;
  }

  /** Returns the number of a pair. */
  static int pair(int one, int other) {
    int low = Math.min(one, other);
    int high = Math.max(one, other);
    return high * (high + 1) / 2 + low;
  }

  double dot(int one, int other) {
    return products[first + step * pair(one, other)];
  }

  double norm(int vector) {
    return Math.sqrt(dot(vector, vector));
  }

  /** Returns the squared norm of {@code sum factors_i v_i}; not below 0. */
  double square(double[] factors) {
    double square = 0;
    for (int i = 0; i < size; i++) {
      square += factors[i] * dotWithSum(i, factors);
    }
    return Math.max(0, square);
  }

  /** Returns the inner product of a vector and {@code sum factors_j v_j}. */
  double dotWithSum(int vector, double[] factors) {
    double dot = 0;
    for (int j = 0; j < size; j++) {
      dot += factors[j] * dot(vector, j);
    }
    return dot;
  }

  /** Returns the matrix of {@code scales_i v_i}. */
  GramMatrix scaled(double[] scales) {
    double[] scaled = new double[pairs(size)];
    for (int i = 0; i < size; i++) {
      for (int j = 0; j <= i; j++) {
        scaled[pair(i, j)] = scales[i] * scales[j] * dot(i, j);
      }
    }
    return new GramMatrix(size, scaled, 0, 1);
  }
}
