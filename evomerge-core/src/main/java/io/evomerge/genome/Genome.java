package io.evomerge.genome;

import java.util.Arrays;

/**
 * One point of a search space: a value per gene, in the genes' own units; immutable.
 *
 * <p>Whole-number genes hold whole numbers, choices hold the index of the option.
 */
public final class Genome {

  private final double[] values;

  private Genome(double[] values) {
    this.values = values;
  }

  /**
   * Creates a genome.
   *
   * @param values a value per gene; copied
   */
  public static Genome of(double... values) {
    return new Genome(values.clone());
  }

  /** Returns the number of genes. */
  public int size() {
    return values.length;
  }

  /**
   * Returns the value of a gene.
   *
   * @param index from 0
   */
  public double value(int index) {
    return values[index];
  }

  /** Returns a copy of all values. */
  public double[] values() {
    return values.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Genome that && Arrays.equals(values, that.values);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(values);
  }

  @Override
  public String toString() {
    return Arrays.toString(values);
  }
}
