package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.linalg.FloatMatrix;
import io.evomerge.internal.linalg.Matrix;
import io.evomerge.internal.linalg.Products;
import io.evomerge.internal.linalg.Spectra;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Isotropic merging in common and task-specific subspaces; Marczak et al. 2025, "No Task Left
 * Behind: Isotropic Model Merging with Common and Task-Specific Subspaces", arXiv 2502.04959.
 */
final class IsoCts extends WholeMatrixOperator {

  private static final String FRACTION = "common_space_fraction";

  IsoCts() {
    super(
        "iso_cts",
        weightOfOne(),
        scaling(3),
        new ParameterSpec(
            FRACTION,
            ParameterSpec.Scope.GLOBAL,
            ParameterSpec.Kind.REAL,
            0,
            1,
            0,
            1,
            0.8,
            0.8,
            false,
            "Fraction of the singular vectors that all tasks share."));
  }

  @Override
  Matrix merged(TensorMerge task, Layout layout, double[] weights) {
    int rank = layout.shorter();
    int tasks = weights.length;
    int wanted = rank - (int) (rank * scalar(task, FRACTION));
    // To nearest even, as the published code rounds.
    int own = Math.min(rank / tasks, (int) Math.rint((double) wanted / tasks));
    Spectra.Svd common =
        Spectra.largest(sum(task, layout, weights), rank - own * tasks, task::parallel);
    List<Spectra.Svd> parts = new ArrayList<>();
    for (int s = 0; s < tasks && own > 0; s++) {
      FloatMatrix rest = weighted(task, layout, weights, s);
      removeOutputs(task, layout, common, rest);
      parts.add(Spectra.largest(rest, own, task::parallel));
    }
    parts.add(common);
    Vectors vectors = orthogonalise(task, parts);
    double[] factors = new double[vectors.values().length];
    Arrays.fill(factors, Arrays.stream(vectors.values()).sum() / rank);
    return vectors.compose(task, factors);
  }

  /** Takes out of a task matrix what lies in the common space of outputs. */
  private static void removeOutputs(
      TensorMerge task, Layout layout, Spectra.Svd common, FloatMatrix matrix) {
    int count = common.values().length;
    FloatMatrix inside = new FloatMatrix(matrix.rows(), matrix.columns());
    if (layout.tall()) {
      FloatMatrix coefficients = new FloatMatrix(matrix.rows(), count);
      Products.multiply(matrix, common.right().transposed(), coefficients, task::parallel);
      Products.multiply(coefficients, common.right(), inside, task::parallel);
    } else {
      FloatMatrix coefficients = new FloatMatrix(count, matrix.columns());
      Products.multiply(common.left(), matrix, coefficients, task::parallel);
      Products.multiply(common.left().transposed(), coefficients, inside, task::parallel);
    }
    for (int i = 0; i < matrix.values().length; i++) {
      matrix.values()[i] -= inside.values()[i];
    }
  }
}
