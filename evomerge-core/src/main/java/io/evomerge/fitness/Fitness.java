package io.evomerge.fitness;

import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * How good a candidate is on one objective; immutable.
 *
 * @param score the number that is optimised; must be finite to count
 * @param items scores of the single items of the task in their order, or an empty array
 * @param details further numbers for the report, by name, e.g. {@code answer_only}
 */
public record Fitness(double score, double[] items, Map<String, Double> details) {

  /** Copies. */
  public Fitness {
    items = items.clone();
    details = Collections.unmodifiableMap(new TreeMap<>(details));
  }

  /**
   * A score without items or details.
   *
   * @param score the number that is optimised
   */
  public static Fitness of(double score) {
    return new Fitness(score, new double[0], Map.of());
  }

  @Override
  public double[] items() {
    return items.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Fitness that
        && Double.compare(score, that.score) == 0
        && Arrays.equals(items, that.items)
        && details.equals(that.details);
  }

  @Override
  public int hashCode() {
    return 31 * Double.hashCode(score) + details.hashCode();
  }

  @Override
  public String toString() {
    return "Fitness[" + score + ", " + items.length + " items, " + details + "]";
  }
}
