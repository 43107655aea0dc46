package io.evomerge.genome;

import java.util.List;

/** Refuses genomes that are not points of a space. */
final class GenomeCheck {

  private GenomeCheck() {}

  /**
   * Checks length and ranges.
   *
   * @throws IllegalArgumentException naming the first gene whose value is not one of its own
   */
  static void require(Genome genome, List<Gene> genes) {
    requireLength(genome, genes.size());
    for (int i = 0; i < genes.size(); i++) {
      Gene gene = genes.get(i);
      double value = genome.value(i);
      boolean whole = gene instanceof Gene.Real || value == Math.rint(value);
      if (!(value >= gene.min() && value <= gene.max()) || !whole) {
        throw new IllegalArgumentException(
            "gene '"
                + gene.name()
                + "' is "
                + value
                + ", wanted "
                + (gene instanceof Gene.Real ? "a number" : "a whole number")
                + " in ["
                + gene.min()
                + ", "
                + gene.max()
                + "]");
      }
    }
  }

  static void requireLength(Genome genome, int wanted) {
    if (genome.size() != wanted) {
      throw new IllegalArgumentException(
          "the genome has " + genome.size() + " values, the space " + wanted + " genes");
    }
  }
}
