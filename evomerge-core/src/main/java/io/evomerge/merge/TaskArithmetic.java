package io.evomerge.merge;

/**
 * {@code b + lambda sum w_i d_i}; Ilharco et al. 2023, "Editing Models with Task Arithmetic", arXiv
 * 2212.04089.
 */
final class TaskArithmetic extends TaskVectorOperator {

  TaskArithmetic() {
    super(
        "task_arithmetic",
        Sparsification.NONE,
        false,
        Parameters.weight(),
        Parameters.lambda(),
        Parameters.normalize(false));
  }
}
