package io.evomerge.internal.linalg;

import io.evomerge.internal.kernel.Philox;
import java.util.Arrays;

/**
 * Singular values, singular vectors and polar factors of matrices that have at most as many rows as
 * columns, from the eigenvectors of {@code a a^T} in float64.
 *
 * <p>Singular values of at most 2^-20 of the largest count as 0: below, the square that {@code a
 * a^T} takes leaves no digits. The same bits for any number of threads.
 */
public final class Spectra {

  /** Square of the smallest singular value that counts, relative to the largest. */
  private static final double CUT = 0x1p-40;

  /** Columns of the sketch beyond the rank; Halko et al. 2011 recommend 5 to 10. */
  private static final int OVERSAMPLING = 10;

  private static final int POWER_ITERATIONS = 3;

  /** From this number of rows on, a sketch is worth its while. */
  private static final int SKETCHED_ROWS = 384;

  private Spectra() {}

  /**
   * The largest singular values, falling, with their vectors.
   *
   * @param left row i is the left vector of value i
   * @param values above 0
   * @param right row i is the right vector of value i
   */
  public record Svd(DoubleMatrix left, double[] values, FloatMatrix right) {}

  /**
   * The orthogonal factor of a polar decomposition.
   *
   * @param factor {@code u v^T} over the singular values that count: a partial isometry
   * @param sum of the singular values that count
   */
  public record Polar(FloatMatrix factor, double sum) {}

  /**
   * Returns the orthogonal polar factor, of which all singular values are 1 or 0.
   *
   * @param a [m, n], m at most n
   * @param threads who works
   * @throws ArithmeticException if the eigenvalues do not converge
   */
  public static Polar polar(Matrix a, Parallel threads) {
    requireWide(a);
    SymmetricEigen eigen = SymmetricEigen.of(Products.gram(a, threads));
    int rank = rank(eigen.values());
    double sum = 0;
    // (a a^T)^(-1/2) = z z^T
    DoubleMatrix z = new DoubleMatrix(a.rows(), rank);
    for (int i = 0; i < rank; i++) {
      double value = Math.sqrt(eigen.values()[i]);
      sum += value;
      double root = Math.sqrt(value);
      for (int row = 0; row < a.rows(); row++) {
        z.values()[row * rank + i] = eigen.vectors().values()[i * a.rows() + row] / root;
      }
    }
    FloatMatrix factor = new FloatMatrix(a.rows(), a.columns());
    Products.multiply(Products.gram(z, threads), a, factor, threads);
    return new Polar(factor, sum);
  }

  /**
   * Returns the largest singular values and their vectors.
   *
   * @param a [m, n], m at most n
   * @param most how many at most; those that count as 0 are left out
   * @param threads who works
   * @throws ArithmeticException if the eigenvalues do not converge
   */
  public static Svd largest(Matrix a, int most, Parallel threads) {
    requireWide(a);
    SymmetricEigen eigen = SymmetricEigen.of(Products.gram(a, threads));
    int rank = Math.min(most, rank(eigen.values()));
    DoubleMatrix left = new DoubleMatrix(rank, a.rows());
    System.arraycopy(eigen.vectors().values(), 0, left.values(), 0, rank * a.rows());
    double[] values = new double[rank];
    // Rows over the singular values, so that the product has the right vectors.
    DoubleMatrix divided = new DoubleMatrix(rank, a.rows());
    for (int i = 0; i < rank; i++) {
      values[i] = Math.sqrt(eigen.values()[i]);
      for (int j = i * a.rows(); j < (i + 1) * a.rows(); j++) {
        divided.values()[j] = left.values()[j] / values[i];
      }
    }
    FloatMatrix right = new FloatMatrix(rank, a.columns());
    Products.multiply(divided, a, right, threads);
    return new Svd(left, values, right);
  }

  /**
   * Returns the largest singular values and their vectors, of large matrices from a random sketch:
   * the randomised range finder with power iterations (Halko, Martinsson, Tropp 2011, arXiv
   * 0909.4061). The error is then that of the best approximation but for a small factor.
   *
   * @param a [m, n], m at most n
   * @param most how many at most
   * @param random where the sketch comes from
   * @param threads who works
   * @throws ArithmeticException if the eigenvalues do not converge
   */
  public static Svd sketched(Matrix a, int most, Philox random, Parallel threads) {
    requireWide(a);
    int width = most + OVERSAMPLING;
    if (a.rows() < SKETCHED_ROWS || width > a.rows() / 3) {
      return largest(a, most, threads);
    }
    Matrix basis = gaussians(width, a.columns(), random);
    Matrix turned = a.transposed();
    FloatMatrix tall = new FloatMatrix(width, a.rows());
    Products.multiply(basis, turned, tall, threads);
    tall = polar(tall, threads).factor();
    FloatMatrix wide = new FloatMatrix(width, a.columns());
    for (int i = 0; i < POWER_ITERATIONS; i++) {
      Products.multiply(tall, a, wide, threads);
      Products.multiply(polar(wide, threads).factor(), turned, tall, threads);
      tall = polar(tall, threads).factor();
    }
    Products.multiply(tall, a, wide, threads);
    Svd small = largest(wide, most, threads);
    DoubleMatrix left = new DoubleMatrix(small.left().rows(), a.rows());
    Products.multiply(small.left(), tall, left, threads);
    return new Svd(left, small.values(), small.right());
  }

  /** Standard normal numbers by Box and Muller 1958, doi 10.1214/aoms/1177706645. */
  private static FloatMatrix gaussians(int rows, int columns, Philox random) {
    FloatMatrix result = new FloatMatrix(rows, columns);
    float[] uniforms = new float[2 * columns];
    for (int i = 0; i < rows; i++) {
      random.uniforms(2L * columns * i, uniforms, uniforms.length);
      for (int j = 0; j < columns; j++) {
        double radius = Math.sqrt(-2 * StrictMath.log(1 - uniforms[2 * j]));
        double angle = 2 * Math.PI * uniforms[2 * j + 1];
        result.values()[i * columns + j] = (float) (radius * StrictMath.cos(angle));
      }
    }
    return result;
  }

  private static int rank(double[] squares) {
    double cut = squares.length == 0 ? 0 : Math.max(0, squares[0] * CUT);
    return (int) Arrays.stream(squares).filter(square -> square > cut).count();
  }

  private static void requireWide(Matrix a) {
    if (a.rows() > a.columns()) {
      throw new IllegalArgumentException(
          a.rows() + " rows and " + a.columns() + " columns: transpose it first");
    }
  }
}
