package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;

/** Parameters that several operators share, named as mergekit names them. */
final class Parameters {

  private Parameters() {}

  static ParameterSpec weight() {
    return ParameterSpec.perSource(
        "weight",
        -CheckedOperator.WIDE,
        CheckedOperator.WIDE,
        Double.NaN,
        "Factor of the source or of its task vector.");
  }

  /** 1 and more keep everything: mergekit configurations with larger values exist. */
  static ParameterSpec density() {
    return ParameterSpec.perSource(
        "density",
        0,
        CheckedOperator.WIDE,
        1,
        "Fraction of the task vector that is kept; 1 and more keep all of it.");
  }

  static ParameterSpec gamma() {
    return new ParameterSpec(
        "gamma",
        ParameterSpec.Scope.PER_SOURCE,
        ParameterSpec.Kind.REAL,
        0,
        1,
        0,
        0.2,
        0.05,
        0.01,
        true,
        "Fraction of the task vector, its largest elements, that is dropped.");
  }

  static ParameterSpec epsilon() {
    return new ParameterSpec(
        "epsilon",
        ParameterSpec.Scope.PER_SOURCE,
        ParameterSpec.Kind.REAL,
        0,
        1,
        0,
        0.3,
        0.15,
        0.15,
        true,
        "By how much the probability to be kept rises above the density and falls below it.");
  }

  static ParameterSpec lambda() {
    return new ParameterSpec(
        "lambda",
        ParameterSpec.Scope.GLOBAL,
        ParameterSpec.Kind.REAL,
        -CheckedOperator.WIDE,
        CheckedOperator.WIDE,
        0,
        2,
        1,
        1,
        false,
        "Factor of the merged task vector.");
  }

  static ParameterSpec normalize(boolean byDefault) {
    return ParameterSpec.flag(
        "normalize", byDefault, "Divide by the sum of the weights that took part.");
  }

  static ParameterSpec rescale(boolean byDefault) {
    return ParameterSpec.flag(
        "rescale", byDefault, "Scale what is kept up, to make good for what is dropped.");
  }
}
