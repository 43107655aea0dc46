package io.evomerge.merge;

/**
 * Trim, elect sign, merge; Yadav et al. 2023, "TIES-Merging: Resolving Interference When Merging
 * Models", arXiv 2306.01708.
 */
final class Ties extends TaskVectorOperator {

  Ties() {
    super(
        "ties",
        MagnitudeTrim.largest(),
        true,
        Parameters.weight(),
        Parameters.density(),
        Parameters.lambda(),
        Parameters.normalize(true),
        Parameters.rescale(false));
  }
}
