package io.evomerge.internal.linalg;

import java.util.Arrays;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.decomposition.eig.SymmetricQRAlgorithmDecomposition_DDRM;
import org.ejml.dense.row.decomposition.hessenberg.TridiagonalDecomposition_DDRB_to_DDRM;

/**
 * Eigenvalues, largest first, and eigenvectors of a symmetric matrix, by EJML's QR algorithm on one
 * thread.
 *
 * @param values falling
 * @param vectors row i belongs to value i; orthonormal
 */
record SymmetricEigen(double[] values, DoubleMatrix vectors) {

  /**
   * Decomposes a matrix.
   *
   * @param matrix symmetric, finite; overwritten
   * @throws ArithmeticException if the iteration does not converge
   */
  static SymmetricEigen of(DoubleMatrix matrix) {
    int side = matrix.rows();
    // The factory of EJML would choose classes that use threads of their own.
    SymmetricQRAlgorithmDecomposition_DDRM solver =
        new SymmetricQRAlgorithmDecomposition_DDRM(
            new TridiagonalDecomposition_DDRB_to_DDRM(), true);
    if (!solver.decompose(DMatrixRMaj.wrap(side, side, matrix.values()))) {
      throw new ArithmeticException(
          "the eigenvalues of a matrix of " + side + " rows do not converge");
    }
    double[] found = new double[side];
    Integer[] order = new Integer[side];
    for (int i = 0; i < side; i++) {
      found[i] = solver.getEigenvalue(i).getReal();
      order[i] = i;
    }
    Arrays.sort(order, (i, j) -> Double.compare(found[j], found[i]));
    double[] values = new double[side];
    DoubleMatrix vectors = new DoubleMatrix(side, side);
    for (int i = 0; i < side; i++) {
      values[i] = found[order[i]];
      vectors.write(i, 0, solver.getEigenVector(order[i]).data, 0, side);
    }
    return new SymmetricEigen(values, vectors);
  }
}
