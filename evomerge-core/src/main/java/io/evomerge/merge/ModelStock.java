package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.Semantics;
import java.util.Arrays;

/**
 * Interpolates between the base and the mean of the sources, by how far their task vectors agree;
 * Jang, Yun, Han 2024, "Model Stock: All we need is just a few fine-tuned models", arXiv
 * 2403.19522.
 */
final class ModelStock extends CombinationOperator {

  /** The smallest product of norms that divides, as in mergekit. */
  private static final double SMALLEST_PRODUCT = 1e-6;

  /** Below this divisor, the task vectors cancel. */
  private static final double SMALLEST_DIVISOR = 1e-6;

  ModelStock() {
    super(
        "model_stock",
        BaseModel.REQUIRED,
        ParameterSpec.flag("filter_wise", false, "Find the ratio for every row by itself."));
  }

  @Override
  public int minSources() {
    return 2;
  }

  @Override
  Vectors vectors(TensorMerge task) {
    return flag(task, "filter_wise") ? Vectors.ROWS : Vectors.WHOLE;
  }

  @Override
  Mixture mixture(TensorMerge task) {
    boolean paper = task.semantics() == Semantics.PAPER;
    return (gram, factors) -> {
      int n = gram.size();
      double cosine = meanCosine(gram, paper ? 0 : SMALLEST_PRODUCT);
      if (paper) {
        cosine = Math.max(0, cosine);
      }
      double divisor = 1 + (n - 1) * cosine;
      double ratio = divisor < SMALLEST_DIVISOR ? 0 : n * cosine / divisor;
      Arrays.fill(factors, ratio / n);
    };
  }

  private static double meanCosine(GramMatrix gram, double smallestProduct) {
    int n = gram.size();
    double sum = 0;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < i; j++) {
        double product = Math.max(gram.norm(i) * gram.norm(j), smallestProduct);
        double cosine = product == 0 ? 0 : gram.dot(i, j) / product;
        sum += Math.max(-1, Math.min(1, cosine));
      }
    }
    return sum / (n * (n - 1) / 2.0);
  }
}
