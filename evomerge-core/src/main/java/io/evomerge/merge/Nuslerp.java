package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;

/** Spherical interpolation of two models or task vectors; whole, per row or per column. */
final class Nuslerp extends CombinationOperator {

  /** A sum of weights below this puts the result halfway, as in mergekit. */
  private static final double SMALLEST_SUM = 1e-6;

  /** Vectors shorter than this count as this long where a cosine divides by it, as in mergekit. */
  private static final double SMALLEST_NORM = 1e-7;

  /**
   * Below this sine, an arc is a line to float32 precision if the vectors are parallel, and its
   * plane is noise of the inputs if they are antiparallel.
   */
  private static final double LINEAR_SINE = 1e-4;

  Nuslerp() {
    super(
        "nuslerp",
        BaseModel.OPTIONAL,
        Parameters.weight(),
        ParameterSpec.flag(
            "nuslerp_flatten", true, "Take the whole tensor as one vector, not its rows."),
        ParameterSpec.flag(
            "nuslerp_row_wise",
            false,
            "Without nuslerp_flatten, take the vectors along the first dimension, not the last."));
  }

  @Override
  public int minSources() {
    return 2;
  }

  @Override
  public int maxSources() {
    return 2;
  }

  @Override
  Vectors vectors(TensorMerge task) {
    if (flag(task, "nuslerp_flatten")) {
      return Vectors.WHOLE;
    }
    return flag(task, "nuslerp_row_wise") ? Vectors.COLUMNS : Vectors.ROWS;
  }

  @Override
  Mixture mixture(TensorMerge task) {
    double[] weights = perSource(task, "weight");
    double sum = weights[0] + weights[1];
    double t = Math.abs(sum) < SMALLEST_SUM ? 0.5 : weights[1] / sum;
    return (gram, factors) -> {
      double norms = Math.max(gram.norm(0), SMALLEST_NORM) * Math.max(gram.norm(1), SMALLEST_NORM);
      double cosine = Math.max(-1, Math.min(1, gram.dot(0, 1) / norms));
      double angle = Math.acos(cosine);
      double sine = Math.sin(angle);
      boolean linear = sine < LINEAR_SINE;
      factors[0] = linear ? 1 - t : Math.sin((1 - t) * angle) / sine;
      factors[1] = linear ? t : Math.sin(t * angle) / sine;
    };
  }
}
