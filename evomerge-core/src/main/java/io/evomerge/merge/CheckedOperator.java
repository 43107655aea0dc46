package io.evomerge.merge;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.util.List;

/** What the operators of this library share: names, and the refusal of what they cannot merge. */
abstract class CheckedOperator implements MergeOperator {

  static final double WIDE = 1e6;

  private final String name;
  private final BaseModel baseModel;
  private final List<ParameterSpec> parameters;

  CheckedOperator(String name, BaseModel baseModel, ParameterSpec... parameters) {
    this.name = name;
    this.baseModel = baseModel;
    this.parameters = List.of(parameters);
  }

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final List<ParameterSpec> parameters() {
    return parameters;
  }

  @Override
  public final BaseModel baseModel() {
    return baseModel;
  }

  @Override
  public final void merge(TensorMerge task, TensorSink sink) {
    check(task);
    if (!sink.info().shape().equals(task.info().shape())) {
      throw refusal(
          task,
          "the sink has shape " + sink.info().shape() + ", the inputs " + task.info().shape());
    }
    mergeChecked(task, sink);
  }

  /** Refuses inputs and parameters that the operator does not take. */
  final void check(TensorMerge task) {
    checkInputs(task);
    checkParameters(task);
  }

  /** Merges; inputs and parameters are checked, the numbers in the tensors are not. */
  abstract void mergeChecked(TensorMerge task, TensorSink sink);

  /** Returns whether tensors of integers can be merged, too. */
  boolean acceptsIntegers() {
    return false;
  }

  /** Returns a single parameter's value or its default. */
  final double scalar(TensorMerge task, String parameter) {
    ParameterValues values = task.parameters();
    return values.has(parameter) ? values.scalar(parameter) : spec(parameter).defaultValue();
  }

  /** Returns a switch's value or its default. */
  final boolean flag(TensorMerge task, String parameter) {
    return scalar(task, parameter) != 0;
  }

  /** Returns a parameter's value or its default for every source. */
  final double[] perSource(TensorMerge task, String parameter) {
    ParameterValues values = task.parameters();
    double[] result = new double[task.sources().size()];
    for (int i = 0; i < result.length; i++) {
      result[i] =
          values.has(parameter) ? values.perSource(parameter, i) : spec(parameter).defaultValue();
    }
    return result;
  }

  final MergeException refusal(TensorMerge task, String reason) {
    return new MergeException("tensor '" + task.info().name() + "', " + name + ": " + reason);
  }

  private ParameterSpec spec(String parameter) {
    return parameters.stream()
        .filter(spec -> spec.name().equals(parameter))
        .findAny()
        .orElseThrow();
  }

  private void checkInputs(TensorMerge task) {
    int sources = task.sources().size();
    if (sources < minSources() || sources > maxSources()) {
      String wanted =
          minSources() == maxSources()
              ? "exactly " + minSources()
              : maxSources() == Integer.MAX_VALUE
                  ? "at least " + minSources()
                  : minSources() + " to " + maxSources();
      throw refusal(
          task, "got " + sources + " sources " + task.sourceNames() + ", wanted " + wanted + ".");
    }
    if (baseModel == BaseModel.REQUIRED && task.base().isEmpty()) {
      throw refusal(task, "it merges differences from a base model and got none; add a base");
    }
    for (int i = 0; i < sources; i++) {
      checkView(task, "source '" + task.sourceNames().get(i) + "'", task.sources().get(i));
    }
    if (baseModel != BaseModel.UNUSED) {
      task.base().ifPresent(view -> checkView(task, "the base", view));
    }
  }

  private void checkView(TensorMerge task, String whose, TensorView view) {
    if (!view.info().shape().equals(task.info().shape())) {
      throw refusal(
          task, whose + " has shape " + view.info().shape() + ", wanted " + task.info().shape());
    }
    if (!acceptsIntegers() && !view.info().dtype().isFloating()) {
      throw refusal(
          task,
          whose
              + " holds "
              + view.info().dtype()
              + "; only floating-point tensors can be averaged. Copy it with passthrough");
    }
  }

  private void checkParameters(TensorMerge task) {
    for (ParameterSpec spec : parameters) {
      boolean given = task.parameters().has(spec.name());
      if (!given && Double.isNaN(spec.defaultValue())) {
        throw refusal(task, "parameter '" + spec.name() + "' has no value and no default");
      }
      if (!given) {
        continue;
      }
      double[] values = task.parameters().asMap().get(spec.name());
      int sources = task.sources().size();
      boolean perSource = spec.scope() == ParameterSpec.Scope.PER_SOURCE;
      if (values.length != 1 && !(perSource && values.length == sources)) {
        throw refusal(
            task,
            "parameter '"
                + spec.name()
                + "' has "
                + values.length
                + " values, wanted one"
                + (perSource ? " or " + sources : ""));
      }
      for (int i = 0; i < values.length; i++) {
        if (!(values[i] >= spec.min() && values[i] <= spec.max())) {
          throw refusal(
              task,
              "parameter '"
                  + spec.name()
                  + "'"
                  + (perSource && values.length == sources
                      ? " of source '" + task.sourceNames().get(i) + "'"
                      : "")
                  + " is "
                  + values[i]
                  + ", wanted "
                  + spec.min()
                  + " to "
                  + spec.max());
        }
      }
    }
  }
}
