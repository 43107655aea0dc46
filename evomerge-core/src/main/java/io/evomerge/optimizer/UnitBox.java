package io.evomerge.optimizer;

import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.List;

/**
 * The map between genomes and the cube from 0 to 1 in every gene, with equal chances for equal
 * stretches of a real gene and for every value of a whole-number gene or choice.
 */
final class UnitBox {

  private final int dimension;
  private final boolean[] whole;
  private final double[] low;
  private final double[] high;

  UnitBox(SearchSpace space) {
    List<Gene> genes = space.genes();
    dimension = genes.size();
    whole = new boolean[dimension];
    low = new double[dimension];
    high = new double[dimension];
    for (int i = 0; i < dimension; i++) {
      whole[i] = !(genes.get(i) instanceof Gene.Real);
      low[i] = genes.get(i).min();
      high[i] = genes.get(i).max();
    }
  }

  int dimension() {
    return dimension;
  }

  boolean isWhole(int gene) {
    return whole[gene];
  }

  /** Returns how many values a whole-number gene or choice has. */
  int values(int gene) {
    return (int) (high[gene] - low[gene]) + 1;
  }

  /**
   * Returns a gene's value.
   *
   * @param share from 0 to 1, of the way through the gene's range
   */
  double value(int gene, double share) {
    double value =
        whole[gene]
            ? low[gene] + Math.floor(share * (high[gene] - low[gene] + 1))
            : low[gene] + share * (high[gene] - low[gene]);
    return Math.min(value, high[gene]);
  }

  /** Returns where a value lies: the middle of its stretch for a whole number. */
  double share(int gene, double value) {
    return whole[gene]
        ? (value - low[gene] + 0.5) / (high[gene] - low[gene] + 1)
        : Math.min(1, Math.max(0, (value - low[gene]) / (high[gene] - low[gene])));
  }

  Genome genome(double[] shares) {
    double[] values = new double[dimension];
    for (int i = 0; i < dimension; i++) {
      values[i] = value(i, shares[i]);
    }
    return Genome.of(values);
  }

  double[] shares(Genome genome) {
    double[] shares = new double[dimension];
    for (int i = 0; i < dimension; i++) {
      shares[i] = share(i, genome.value(i));
    }
    return shares;
  }

  /** Returns a uniform point. */
  double[] random(RandomStream stream) {
    double[] shares = new double[dimension];
    for (int i = 0; i < dimension; i++) {
      shares[i] = stream.nextDouble();
    }
    return shares;
  }
}
