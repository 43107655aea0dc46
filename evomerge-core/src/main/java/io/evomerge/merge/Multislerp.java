package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import java.util.Arrays;

/** Weighted mean direction of several models or task vectors, with their weighted mean norm. */
final class Multislerp extends CombinationOperator {

  /**
   * A mean direction, or a sum of weights, that is shorter than this share of the weights'
   * magnitudes is rounding of the inputs.
   */
  private static final double CANCELLATION = 1e-6;

  Multislerp() {
    super(
        "multislerp",
        BaseModel.OPTIONAL,
        Parameters.weight(),
        ParameterSpec.flag("normalize_weights", true, "Divide the weights by their sum."),
        new ParameterSpec(
            "eps",
            ParameterSpec.Scope.GLOBAL,
            ParameterSpec.Kind.REAL,
            0,
            1,
            0,
            1e-6,
            1e-8,
            1e-8,
            false,
            "Added to every norm that divides; a shorter mean has no direction."));
  }

  @Override
  Mixture mixture(TensorMerge task) {
    double[] weights = weights(task);
    double eps = scalar(task, "eps");
    double shortest = Math.max(eps, CANCELLATION * Arrays.stream(weights).map(Math::abs).sum());
    return (gram, factors) -> {
      double length = 0;
      double lengths = 0;
      for (int i = 0; i < weights.length; i++) {
        double norm = gram.norm(i);
        length += weights[i] * norm;
        lengths += Math.abs(weights[i]) * norm;
        factors[i] = norm == 0 ? 0 : weights[i] / (norm + eps);
      }
      if (lengths == 0) {
        Arrays.fill(factors, 0);
        return;
      }
      double mean = Math.sqrt(gram.square(factors));
      if (mean > shortest) {
        for (int i = 0; i < weights.length; i++) {
          factors[i] *= length / mean;
        }
      } else {
        System.arraycopy(weights, 0, factors, 0, weights.length);
      }
    };
  }

  private double[] weights(TensorMerge task) {
    double[] weights = perSource(task, "weight");
    if (!flag(task, "normalize_weights")) {
      return weights;
    }
    double sum = Arrays.stream(weights).sum();
    double magnitudes = Arrays.stream(weights).map(Math::abs).sum();
    if (Math.abs(sum) <= CANCELLATION * magnitudes) {
      throw refusal(
          task,
          "the weights "
              + Arrays.toString(weights)
              + " sum to "
              + sum
              + " and normalize_weights would divide by that; change a weight or set"
              + " normalize_weights to false");
    }
    for (int i = 0; i < weights.length; i++) {
      weights[i] /= sum;
    }
    return weights;
  }
}
