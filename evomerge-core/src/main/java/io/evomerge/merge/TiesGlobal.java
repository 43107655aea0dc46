package io.evomerge.merge;

import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.TensorSink;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

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
      return new Thresholds(Set.of(), List.of(), List.of());
    }
    TensorMerge first = tensors.get(0);
    List<String> sources = first.sourceNames();
    List<Set<Double>> densities =
        sources.stream().map(name -> (Set<Double>) new TreeSet<Double>()).toList();
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
      double[] own = perSource(task, "density");
      for (int s = 0; s < own.length; s++) {
        densities.get(s).add(own[s]);
      }
    }
    ModelTrim trim = new ModelTrim(tensors);
    List<Map<Double, ModelTrim.Threshold>> thresholds = new ArrayList<>();
    for (int s = 0; s < sources.size(); s++) {
      Map<Double, ModelTrim.Threshold> bySize = new TreeMap<>();
      for (double density : densities.get(s)) {
        bySize.put(density, trim.threshold(s, density));
      }
      thresholds.add(Collections.unmodifiableMap(bySize));
    }
    return new Thresholds(Set.copyOf(names), sources, List.copyOf(thresholds));
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
        (in, stripe) ->
            elect(in, stripe, task, thresholds, weights, factors, normalize, lambda, sink));
  }

  private static void elect(
      BlockReader in,
      int stripe,
      TensorMerge task,
      List<ModelTrim.Threshold> thresholds,
      double[] weights,
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
      for (int s = 0; s < factors.length; s++) {
        ModelTrim.Threshold threshold = thresholds.get(s);
        float[] delta = in.delta(s, block);
        int equalsEnd = threshold.equalsEnd(task.info().name(), in.offset(block), length);
        Kernels.keepLarge(delta, threshold.bits(), factors[s], kept[s], 0, equalsEnd);
        Kernels.keepLarge(delta, threshold.bits() + 1, factors[s], kept[s], equalsEnd, length);
      }
      TaskVectorOperator.elect(
          kept, normalize ? weights : null, in.base(block), lambda, sum, votes, divisors, length);
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
        || !thresholds.tensors.contains(task.info().name())
        || !thresholds.sources.equals(task.sourceNames())) {
      throw refusal(
          task,
          "the survey is not one of this operator, tensor and sources "
              + task.sourceNames()
              + "; survey the tasks that are merged");
    }
    double[] densities = perSource(task, "density");
    List<ModelTrim.Threshold> own = new ArrayList<>();
    for (int s = 0; s < densities.length; s++) {
      ModelTrim.Threshold threshold = thresholds.bySource.get(s).get(densities[s]);
      if (threshold == null) {
        throw refusal(
            task,
            "parameter 'density' of source '"
                + task.sourceNames().get(s)
                + "' is "
                + densities[s]
                + ", the survey has thresholds for "
                + thresholds.bySource.get(s).keySet()
                + "; survey the tasks that are merged");
      }
      own.add(threshold);
    }
    return own;
  }

  /** The thresholds of each source by its densities, and of what they are the thresholds. */
  private record Thresholds(
      Set<String> tensors, List<String> sources, List<Map<Double, ModelTrim.Threshold>> bySource)
      implements Survey {}
}
