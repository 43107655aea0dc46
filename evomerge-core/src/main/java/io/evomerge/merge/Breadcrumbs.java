package io.evomerge.merge;

/**
 * Sparse masks without outliers; Davari, Belilovsky 2024, "Model Breadcrumbs: Scaling Multi-Task
 * Model Merging with Sparse Masks", arXiv 2312.06795.
 */
final class Breadcrumbs extends TaskVectorOperator {

  private Breadcrumbs(String name, boolean electsSigns) {
    super(
        name,
        MagnitudeTrim.withoutLargest(),
        electsSigns,
        Parameters.weight(),
        Parameters.density(),
        Parameters.gamma(),
        Parameters.lambda(),
        Parameters.normalize(false),
        Parameters.rescale(false));
  }

  static Breadcrumbs linear() {
    return new Breadcrumbs("breadcrumbs", false);
  }

  static Breadcrumbs ties() {
    return new Breadcrumbs("breadcrumbs_ties", true);
  }
}
