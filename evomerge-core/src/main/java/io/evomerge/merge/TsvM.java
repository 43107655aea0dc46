package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.linalg.Matrix;
import io.evomerge.internal.linalg.Spectra;
import java.util.ArrayList;
import java.util.List;

/**
 * Merging of task singular vectors; Gargiulo et al. 2025, "Task Singular Vectors: Reducing Task
 * Interference in Model Merging", arXiv 2412.00081.
 */
final class TsvM extends WholeMatrixOperator {

  private static final String FRACTION = "rank_fraction";

  TsvM() {
    super(
        "tsv_m",
        weightOfOne(),
        scaling(2),
        new ParameterSpec(
            FRACTION,
            ParameterSpec.Scope.GLOBAL,
            ParameterSpec.Kind.REAL,
            0,
            1,
            0,
            1,
            1,
            1,
            false,
            "Fraction of each task's equal share of the singular vectors that is used."));
  }

  @Override
  boolean suits(TensorMerge task, Layout layout) {
    return task.sources().size() <= layout.shorter();
  }

  @Override
  Matrix merged(TensorMerge task, Layout layout, double[] weights) {
    int share = layout.shorter() / weights.length;
    int kept = (int) (share * scalar(task, FRACTION));
    // The vectors do not depend on the weights, so a search computes them once.
    Vectors vectors = task.cached(new Kept(kept), () -> vectors(task, layout, kept));
    double[] factors = vectors.values().clone();
    for (int i = 0; i < factors.length; i++) {
      factors[i] *= weights[vectors.owner()[i]];
    }
    return vectors.compose(task, factors);
  }

  private Vectors vectors(TensorMerge task, Layout layout, int kept) {
    List<Spectra.Svd> parts = new ArrayList<>();
    for (int s = 0; s < task.sources().size(); s++) {
      parts.add(Spectra.largest(delta(task, layout, s), kept, task::parallel));
    }
    return orthogonalise(task, parts);
  }

  private record Kept(int count) {}
}
