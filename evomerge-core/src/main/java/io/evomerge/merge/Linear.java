package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.tensor.TensorSink;
import java.util.Arrays;

/** Weighted sum or mean of the sources: {@code sum w_i x_i [/ sum w_i]}. */
final class Linear extends CheckedOperator {

  /**
   * Below this fraction of the sum of magnitudes, a sum of float32 weights has no correct digit.
   */
  private static final double CANCELLATION = 1e-6;

  Linear() {
    super(
        "linear",
        BaseModel.UNUSED,
        Parameters.weight(),
        ParameterSpec.flag("normalize", true, "Divide by the sum of the weights."));
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    WeightedSum.ofSources(task, factors(task), sink);
  }

  private float[] factors(TensorMerge task) {
    double[] weights = perSource(task, "weight");
    double divisor = 1;
    if (flag(task, "normalize")) {
      divisor = Arrays.stream(weights).sum();
      double magnitudes = Arrays.stream(weights).map(Math::abs).sum();
      if (Math.abs(divisor) <= CANCELLATION * magnitudes) {
        throw refusal(
            task,
            "the weights "
                + Arrays.toString(weights)
                + " sum to "
                + divisor
                + " and normalize would divide by that; change a weight or set normalize to false");
      }
    }
    float[] factors = new float[weights.length];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = (float) (weights[i] / divisor);
    }
    return factors;
  }
}
