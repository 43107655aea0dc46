package io.evomerge.merge;

import io.evomerge.internal.linalg.FloatMatrix;
import io.evomerge.internal.linalg.Matrix;
import io.evomerge.internal.linalg.Spectra;

/**
 * Isotropic merging in the common subspace; Marczak et al. 2025, "No Task Left Behind: Isotropic
 * Model Merging with Common and Task-Specific Subspaces", arXiv 2502.04959.
 */
final class IsoC extends WholeMatrixOperator {

  IsoC() {
    super("iso_c", weightOfOne(), scaling(3));
  }

  @Override
  Matrix merged(TensorMerge task, Layout layout, double[] weights) {
    Spectra.Polar polar = Spectra.polar(sum(task, layout, weights), task::parallel);
    FloatMatrix factor = polar.factor();
    float mean = (float) (polar.sum() / layout.shorter());
    for (int i = 0; i < factor.values().length; i++) {
      factor.values()[i] *= mean;
    }
    return factor;
  }
}
