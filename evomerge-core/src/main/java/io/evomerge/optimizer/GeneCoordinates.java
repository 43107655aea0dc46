package io.evomerge.optimizer;

import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.List;

/**
 * The map between genomes and the unbounded coordinates in which a normal distribution searches: 0
 * is the start of a gene, 1 one initial step above it.
 *
 * <p>Box: the identity but for a margin of a twentieth of the range at either end, where a parabola
 * reaches the bound with slope 0 at one margin beyond it; further out the axis runs back and forth
 * (the transformation of Hansen's pycma, {@code BoundTransform}). Every coordinate means a point
 * inside, no sample is moved onto the bound or thrown away, and an optimum on the bound is an
 * ordinary smooth optimum of the coordinate.
 *
 * <p>Whole numbers and choices: a cell of width 1 per value, rounded to the nearest.
 */
final class GeneCoordinates {

  private final int dimension;
  private final boolean[] whole;
  private final double[] low;
  private final double[] high;
  private final double[] margin;
  private final double[] origin;
  private final double[] unit;
  private final int wholeGenes;

  GeneCoordinates(SearchSpace space) {
    List<Gene> genes = space.genes();
    dimension = genes.size();
    whole = new boolean[dimension];
    low = new double[dimension];
    high = new double[dimension];
    margin = new double[dimension];
    origin = new double[dimension];
    unit = new double[dimension];
    int wholes = 0;
    for (int i = 0; i < dimension; i++) {
      Gene gene = genes.get(i);
      whole[i] = !(gene instanceof Gene.Real);
      wholes += whole[i] ? 1 : 0;
      double halfCell = whole[i] ? 0.5 : 0;
      low[i] = gene.min() - halfCell;
      high[i] = gene.max() + halfCell;
      double range = high[i] - low[i];
      if (gene instanceof Gene.Real real) {
        unit[i] = real.step();
        // A start on a bound would else spread far less than the step that was asked for.
        margin[i] = Math.min(range / 20, real.step());
      } else {
        // At least half a cell, so that two values are told apart from the first generation on.
        unit[i] = Math.max(range / 6, 0.5);
        margin[i] = Math.min(range / 20, 0.5);
      }
      origin[i] = unbounded(i, gene.start());
    }
    wholeGenes = wholes;
  }

  int dimension() {
    return dimension;
  }

  /** Returns how many genes are whole numbers or choices. */
  int wholeGenes() {
    return wholeGenes;
  }

  boolean isWhole(int gene) {
    return whole[gene];
  }

  /** Returns whether a gene has two values. */
  boolean isBinary(int gene) {
    return whole[gene] && high[gene] - low[gene] == 2;
  }

  /** Returns the gene's value at a coordinate. */
  double value(int gene, double coordinate) {
    double x = bounded(gene, origin[gene] + unit[gene] * coordinate);
    // Adding 0 turns the -0 of rounding into 0.
    return whole[gene]
        ? Math.min(Math.max(Math.rint(x) + 0.0, low[gene] + 0.5), high[gene] - 0.5)
        : x;
  }

  /** Returns the point at {@code coordinates[from..]}. */
  Genome genome(double[] coordinates, int from) {
    double[] values = new double[dimension];
    for (int i = 0; i < dimension; i++) {
      values[i] = value(i, coordinates[from + i]);
    }
    return Genome.of(values);
  }

  /** Returns a point's coordinates, each in the first stretch of its axis. */
  double[] coordinates(Genome genome) {
    double[] coordinates = new double[dimension];
    for (int i = 0; i < dimension; i++) {
      coordinates[i] = coordinate(i, genome.value(i));
    }
    return coordinates;
  }

  private double coordinate(int gene, double value) {
    return (unbounded(gene, value) - origin[gene]) / unit[gene];
  }

  /**
   * Returns the coordinate of a point of the box, with equal chances for equal stretches and for
   * every value of a whole-number gene.
   *
   * @param share from 0 to 1, of the way through the gene's range
   */
  double coordinateAt(int gene, double share) {
    return coordinate(gene, low[gene] + share * (high[gene] - low[gene]));
  }

  /** Returns the coordinate, next to a given one, at the middle of the cell of its value. */
  double centred(int gene, double coordinate) {
    double p = origin[gene] + unit[gene] * coordinate;
    double offset = (value(gene, coordinate) - fold(gene, p)) / unit[gene];
    return runsBack(gene, p) ? coordinate - offset : coordinate + offset;
  }

  /** Returns the width of a gene's range in coordinates. */
  double range(int gene) {
    return (high[gene] - low[gene]) / unit[gene];
  }

  /** Returns the width of a whole number's cell in coordinates. */
  double cell(int gene) {
    return 1 / unit[gene];
  }

  private double bounded(int i, double p) {
    double q = fold(i, p);
    double x;
    if (q < low[i] + margin[i]) {
      double beyond = q - (low[i] - margin[i]);
      x = low[i] + beyond * beyond / (4 * margin[i]);
    } else if (q > high[i] - margin[i]) {
      double beyond = high[i] + margin[i] - q;
      x = high[i] - beyond * beyond / (4 * margin[i]);
    } else {
      x = q;
    }
    return Math.min(Math.max(x, low[i]), high[i]);
  }

  private double unbounded(int i, double x) {
    if (x < low[i] + margin[i]) {
      return low[i] - margin[i] + 2 * Math.sqrt(margin[i] * (x - low[i]));
    }
    if (x > high[i] - margin[i]) {
      return high[i] + margin[i] - 2 * Math.sqrt(margin[i] * (high[i] - x));
    }
    return x;
  }

  /** Brings a point into the first stretch of the axis, which runs one margin beyond the box. */
  private double fold(int i, double p) {
    double from = low[i] - margin[i];
    double to = high[i] + margin[i];
    if (p >= from && p <= to) {
      return p;
    }
    double stretch = to - from;
    double t = (p - from) % (2 * stretch);
    if (t < 0) {
      t += 2 * stretch;
    }
    return from + (t > stretch ? 2 * stretch - t : t);
  }

  private boolean runsBack(int i, double p) {
    double from = low[i] - margin[i];
    double stretch = high[i] + margin[i] - from;
    return Math.floorMod((long) Math.floor((p - from) / stretch), 2L) == 1;
  }
}
