package io.evomerge.merge;

/**
 * Drop by rank of magnitude; Deep, Bhardwaj, Poria 2024, "DELLA-Merging: Reducing Interference in
 * Model Merging through Magnitude-Based Sampling", arXiv 2406.11617.
 */
final class Della extends TaskVectorOperator {

  private Della(String name, boolean electsSigns) {
    super(
        name,
        new RankedDrop(),
        electsSigns,
        Parameters.weight(),
        Parameters.density(),
        Parameters.epsilon(),
        Parameters.lambda(),
        Parameters.normalize(electsSigns),
        Parameters.rescale(true));
  }

  static Della linear() {
    return new Della("della_linear", false);
  }

  static Della ties() {
    return new Della("della", true);
  }
}
