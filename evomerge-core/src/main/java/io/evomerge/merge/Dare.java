package io.evomerge.merge;

/**
 * Drop and rescale; Yu et al. 2024, "Language Models are Super Mario: Absorbing Abilities from
 * Homologous Models as a Free Lunch", arXiv 2311.03099.
 */
final class Dare extends TaskVectorOperator {

  private Dare(String name, boolean electsSigns) {
    super(
        name,
        new RandomDrop(),
        electsSigns,
        Parameters.weight(),
        Parameters.density(),
        Parameters.lambda(),
        Parameters.normalize(false),
        Parameters.rescale(true));
  }

  static Dare linear() {
    return new Dare("dare_linear", false);
  }

  static Dare ties() {
    return new Dare("dare_ties", true);
  }
}
