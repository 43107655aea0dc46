package io.evomerge.genome;

import java.util.List;

/** A fixed list of genes: the space in which an optimiser searches. */
public interface SearchSpace {

  /** Returns the genes, in the order of a genome's values. */
  List<Gene> genes();

  /** Returns the number of genes. */
  default int dimension() {
    return genes().size();
  }

  /** Returns the genome at which a search starts. */
  default Genome start() {
    return Genome.of(genes().stream().mapToDouble(Gene::start).toArray());
  }

  /**
   * Creates a space from genes, for searches that need no model.
   *
   * @param genes at least one, names unique
   * @throws IllegalArgumentException if there is no gene or two share a name
   */
  static SearchSpace of(List<? extends Gene> genes) {
    List<Gene> copy = List.copyOf(genes);
    if (copy.isEmpty()) {
      throw new IllegalArgumentException("a search space needs at least one gene");
    }
    if (copy.stream().map(Gene::name).distinct().count() != copy.size()) {
      throw new IllegalArgumentException("two genes share a name: " + copy);
    }
    return () -> copy;
  }

  /**
   * Creates a space from genes.
   *
   * @param genes at least one, names unique
   */
  static SearchSpace of(Gene... genes) {
    return of(List.of(genes));
  }
}
