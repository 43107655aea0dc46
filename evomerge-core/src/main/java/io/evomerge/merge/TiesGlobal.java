package io.evomerge.merge;

import io.evomerge.exception.MergeException;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.TensorSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * TIES with one threshold per source over the whole model; Yadav et al. 2023, "TIES-Merging:
 * Resolving Interference When Merging Models", arXiv 2306.01708.
 */
final class TiesGlobal extends CheckedOperator implements WholeModelOperator {

  TiesGlobal() {
    super(
        "ties_global",
        BaseModel.REQUIRED,
        Parameters.weight(),
        Parameters.density(),
        Parameters.lambda(),
        Parameters.normalize(true));
  }

  @Override
  public Survey survey(List<? extends TensorMerge> tensors) {
    if (tensors.isEmpty()) {
      return new Thresholds(Set.of(), List.of(), List.of(), List.of());
    }
    TensorMerge first = tensors.get(0);
    check(first);
    List<String> sources = first.sourceNames();
    List<Double> densities = densities(first);
    Set<String> names = new HashSet<>();
    for (TensorMerge task : tensors) {
      check(task);
      if (!names.add(task.info().name())) {
        throw refusal(task, "the tensor is surveyed twice");
      }
      if (!task.sourceNames().equals(sources)) {
        throw refusal(
            task,
            "its sources are "
                + task.sourceNames()
                + ", those of tensor '"
                + first.info().name()
                + "' "
                + sources);
      }
      requireSameDensities(task, densities, "tensor '" + first.info().name() + "'");
    }
    ModelTrim trim = new ModelTrim(tensors);
    List<ModelTrim.Threshold> thresholds = new ArrayList<>();
    for (int s = 0; s < densities.size(); s++) {
      thresholds.add(trim.threshold(s, densities.get(s)));
    }
    return new Thresholds(
        Set.copyOf(names), List.copyOf(sources), densities, List.copyOf(thresholds));
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    List<ModelTrim.Threshold> thresholds = thresholds(task);
    double[] weights = perSource(task, "weight");
    float[] factors = new float[weights.length];
    for (int s = 0; s < factors.length; s++) {
      factors[s] = (float) weights[s];
    }
    float lambda = (float) scalar(task, "lambda");
    boolean normalize = flag(task, "normalize");
    Stripes.forEach(
        task,
        (in, stripe) -> elect(in, stripe, task, thresholds, factors, normalize, lambda, sink));
  }

  private static void elect(
      BlockReader in,
      int stripe,
      TensorMerge task,
      List<ModelTrim.Threshold> thresholds,
      float[] factors,
      boolean normalize,
      float lambda,
      TensorSink sink) {
    float[][] kept = new float[factors.length][in.blockLength()];
    float[] votes = in.newBlock();
    float[] sum = in.newBlock();
    float[] divisors = in.newBlock();
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      int length = in.length(block);
      Arrays.fill(votes, 0, length, 0f);
      Arrays.fill(sum, 0, length, 0f);
      Arrays.fill(divisors, 0, length, 0f);
      for (int s = 0; s < factors.length; s++) {
        ModelTrim.Threshold threshold = thresholds.get(s);
        float[] delta = in.delta(s, block);
        int equalsEnd = threshold.equalsEnd(task.info().name(), in.offset(block), length);
        Kernels.keepLarge(delta, threshold.bits(), factors[s], kept[s], 0, equalsEnd);
        Kernels.keepLarge(delta, threshold.bits() + 1, factors[s], kept[s], equalsEnd, length);
        Kernels.addScaled(1f, kept[s], votes, length);
      }
      for (int s = 0; s < factors.length; s++) {
        if (normalize) {
          Kernels.addElected(kept[s], votes, sum, factors[s], divisors, length);
        } else {
          Kernels.addElected(kept[s], votes, sum, length);
        }
      }
      // Without normalize the divisors are 0, which count as 1.
      Kernels.finish(in.base(block), sum, divisors, lambda, sum, length);
      sink.writeFloats(in.offset(block), sum, 0, length);
    }
  }

  private List<ModelTrim.Threshold> thresholds(TensorMerge task) {
    WholeModelOperator.Survey survey =
        task.survey()
            .orElseThrow(
                () ->
                    refusal(
                        task,
                        "its thresholds are those of the whole model, and the task has no survey;"
                            + " survey the tasks of all tensors first and give each the result"));
    if (!(survey instanceof Thresholds thresholds)
        || !thresholds.tensors().contains(task.info().name())
        || !thresholds.sources().equals(task.sourceNames())) {
      throw refusal(
          task,
          "the survey is not one of this operator, tensor and sources "
              + task.sourceNames()
              + "; survey the tasks that are merged");
    }
    requireSameDensities(task, thresholds.densities(), "the survey");
    return thresholds.bySource();
  }

  private List<Double> densities(TensorMerge task) {
    return Arrays.stream(perSource(task, "density")).boxed().toList();
  }

  private void requireSameDensities(TensorMerge task, List<Double> densities, String whose) {
    List<Double> own = densities(task);
    for (int s = 0; s < own.size(); s++) {
      if (!own.get(s).equals(densities.get(s))) {
        throw differentDensities(task, s, own.get(s), whose, densities.get(s));
      }
    }
  }

  private MergeException differentDensities(
      TensorMerge task, int source, double own, String whose, double other) {
    return refusal(
        task,
        "parameter 'density' of source '"
            + task.sourceNames().get(source)
            + "' is "
            + own
            + " here and "
            + other
            + " in "
            + whose
            + ", but there is one threshold over the whole model; give one density per source, or"
            + " use ties");
  }

  /**
   * One threshold per source, and of what they are the thresholds.
   *
   * @param tensors names of all tensors
   * @param sources names of the sources
   * @param densities per source
   * @param bySource the thresholds
   */
  private record Thresholds(
      Set<String> tensors,
      List<String> sources,
      List<Double> densities,
      List<ModelTrim.Threshold> bySource)
      implements Survey {}
}
