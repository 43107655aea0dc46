package io.evomerge.optimizer;

import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.List;

/**
 * Makes points and varies them within a space: simulated binary crossover (Deb, Agrawal 1995,
 * Complex Systems 9) and polynomial mutation (Deb, Goyal 1996), both in the forms that respect the
 * box, as in NSGA-II; differences between members, as in differential evolution; and normal steps
 * from means of members, as in evolution strategies.
 *
 * <p>Whole numbers take part with a cell of width 1 per value and are rounded; a mutation always
 * changes them. Choices, which have no order, are exchanged by crossover, and mutation draws
 * another option.
 */
final class Variation {

  private static final double CROSSOVER_PER_GENE = 0.5;
  private static final double DIFFERENT_GENES = 0.9;
  private static final double LEAST_FACTOR = 0.35;
  private static final double MOST_FACTOR = 1.05;

  private final List<Gene> genes;
  private final double crossoverProbability;
  private final double crossoverIndex;
  private final double mutationIndex;

  Variation(
      SearchSpace space, double crossoverProbability, double crossoverIndex, double mutationIndex) {
    this.genes = space.genes();
    this.crossoverProbability = crossoverProbability;
    this.crossoverIndex = crossoverIndex;
    this.mutationIndex = mutationIndex;
  }

  /**
   * Draws a point of the first population: those of even numbers near the start, where the genes'
   * steps say that good points are, the others anywhere, so that no part of a front is left out.
   */
  Genome first(long number, RandomStream random) {
    return number % 2 == 0 ? nearStart(random) : uniform(random);
  }

  /** Normal around the start with the genes' own steps; choices uniform. */
  private Genome nearStart(RandomStream random) {
    double[] values = new double[genes.size()];
    for (int i = 0; i < values.length; i++) {
      Gene gene = genes.get(i);
      if (gene instanceof Gene.Choice) {
        values[i] = random.nextInt((int) gene.max() + 1);
        continue;
      }
      double value;
      do {
        value = gene.start() + step(gene) * random.nextGaussian();
      } while (value < low(gene) || value > high(gene));
      values[i] = toGene(gene, value);
    }
    return Genome.of(values);
  }

  private static double step(Gene gene) {
    return gene instanceof Gene.Real real
        ? real.step()
        : Math.max((high(gene) - low(gene)) / 6, 0.5);
  }

  private Genome uniform(RandomStream random) {
    double[] values = new double[genes.size()];
    for (int i = 0; i < values.length; i++) {
      Gene gene = genes.get(i);
      values[i] = toGene(gene, low(gene) + random.nextDouble() * (high(gene) - low(gene)));
    }
    return Genome.of(values);
  }

  /** Makes two children of two parents, not mutated yet. */
  double[][] cross(Genome first, Genome second, RandomStream random) {
    double[] a = first.values();
    double[] b = second.values();
    if (random.nextDouble() >= crossoverProbability) {
      return new double[][] {a, b};
    }
    for (int i = 0; i < a.length; i++) {
      if (random.nextDouble() >= CROSSOVER_PER_GENE || a[i] == b[i]) {
        continue;
      }
      Gene gene = genes.get(i);
      double share = random.nextDouble();
      boolean swap = random.nextDouble() < 0.5;
      if (!(gene instanceof Gene.Choice)) {
        double low = Math.min(a[i], b[i]);
        double high = Math.max(a[i], b[i]);
        double lower = 1 + 2 * (low - low(gene)) / (high - low);
        double upper = 1 + 2 * (high(gene) - high) / (high - low);
        a[i] = toGene(gene, (low + high - spread(share, lower) * (high - low)) / 2);
        b[i] = toGene(gene, (low + high + spread(share, upper) * (high - low)) / 2);
      }
      if (swap) {
        double other = a[i];
        a[i] = b[i];
        b[i] = other;
      }
    }
    return new double[][] {a, b};
  }

  /**
   * Moves a parent by the difference between two others, times a factor from 0.35 to 1.05, in nine
   * of ten genes (Storn, Price 1997, doi 10.1023/A:1008202821328): steps are as long, and as
   * correlated, as the population is wide. Beyond the box, half way to its bound. A choice is that
   * of the second parent in half of the cases.
   */
  double[] differ(Genome base, Genome plus, Genome minus, RandomStream random) {
    double factor = LEAST_FACTOR + (MOST_FACTOR - LEAST_FACTOR) * random.nextDouble();
    double[] child = base.values();
    int always = random.nextInt(child.length);
    for (int i = 0; i < child.length; i++) {
      if (random.nextDouble() >= DIFFERENT_GENES && i != always) {
        continue;
      }
      Gene gene = genes.get(i);
      if (gene instanceof Gene.Choice) {
        child[i] = random.nextDouble() < 0.5 ? plus.value(i) : child[i];
        continue;
      }
      double moved = child[i] + factor * (plus.value(i) - minus.value(i));
      double low = low(gene);
      double high = high(gene);
      moved = moved < low ? (child[i] + low) / 2 : moved > high ? (child[i] + high) / 2 : moved;
      child[i] = toGene(gene, moved);
    }
    return child;
  }

  /**
   * Draws a point that is normal around the mean of parents (Beyer, Schwefel 2002, doi
   * 10.1023/A:1015059928466: the mean keeps what they have in common, and their errors cancel out).
   * What is beyond the box goes onto its bound. A choice is that of one of the parents. Whole
   * numbers and choices are mutated, too, as short steps never change them.
   *
   * @param scale of the steps, in the genes' own
   */
  Genome around(List<Genome> parents, double scale, RandomStream random) {
    double[] child = new double[genes.size()];
    for (int i = 0; i < child.length; i++) {
      Gene gene = genes.get(i);
      if (gene instanceof Gene.Choice) {
        child[i] = parents.get(random.nextInt(parents.size())).value(i);
      } else {
        double sum = 0;
        for (Genome parent : parents) {
          sum += parent.value(i);
        }
        double mean = sum / parents.size();
        child[i] = toGene(gene, mean + scale * step(gene) * random.nextGaussian());
      }
      if (!(gene instanceof Gene.Real) && random.nextDouble() < 1.0 / child.length) {
        child[i] = mutated(gene, child[i], random);
      }
    }
    return Genome.of(child);
  }

  /** The factor by which children lie apart, given how far they may. */
  private double spread(double share, double most) {
    double alpha = 2 - StrictMath.pow(most, -(crossoverIndex + 1));
    double beta = share <= 1 / alpha ? share * alpha : 1 / (2 - share * alpha);
    return StrictMath.pow(beta, 1 / (crossoverIndex + 1));
  }

  /** Changes each gene with a probability of one over their number. */
  Genome mutate(double[] values, RandomStream random) {
    double[] changed = values.clone();
    for (int i = 0; i < changed.length; i++) {
      if (random.nextDouble() < 1.0 / changed.length) {
        changed[i] = mutated(genes.get(i), changed[i], random);
      }
    }
    return Genome.of(changed);
  }

  private double mutated(Gene gene, double value, RandomStream random) {
    if (gene instanceof Gene.Choice) {
      int other = random.nextInt((int) gene.max());
      return other < value ? other : other + 1;
    }
    double low = low(gene);
    double range = high(gene) - low;
    double share = random.nextDouble();
    double power = mutationIndex + 1;
    double shift;
    if (share < 0.5) {
      double rest = StrictMath.pow(1 - (value - low) / range, power);
      shift = StrictMath.pow(2 * share + (1 - 2 * share) * rest, 1 / power) - 1;
    } else {
      double rest = StrictMath.pow(1 - (low + range - value) / range, power);
      shift = 1 - StrictMath.pow(2 * (1 - share) + (2 * share - 1) * rest, 1 / power);
    }
    double moved = toGene(gene, value + shift * range);
    if (gene instanceof Gene.Real || moved != value) {
      return moved;
    }
    boolean up = value == gene.min() || (value < gene.max() && share >= 0.5);
    return up ? value + 1 : value - 1;
  }

  private static double low(Gene gene) {
    return gene instanceof Gene.Real ? gene.min() : gene.min() - 0.5;
  }

  private static double high(Gene gene) {
    return gene instanceof Gene.Real ? gene.max() : gene.max() + 0.5;
  }

  private static double toGene(Gene gene, double value) {
    double whole = gene instanceof Gene.Real ? value : Math.rint(value) + 0.0;
    return Math.max(gene.min(), Math.min(gene.max(), whole));
  }
}
