package io.evomerge.fitness;

import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * How good a candidate is on one objective; immutable.
 *
 * @param score the number that is optimised; must be finite to count
 * @param items scores of the single items that were scored, in their order, or an empty array
 * @param details further numbers for the report, by name, e.g. {@code answer_only}
 * @param weights what each item weighs in the score, above 0, one per item; an empty array where
 *     all weigh the same
 * @param subset which items of the task were scored
 */
public record Fitness(
    double score,
    double[] items,
    Map<String, Double> details,
    double[] weights,
    ItemSubset subset) {

  /**
   * Copies.
   *
   * @throws IllegalArgumentException if there are weights, but not one for each item
   */
  public Fitness {
    items = items.clone();
    details = Collections.unmodifiableMap(new TreeMap<>(details));
    weights = weights.clone();
    if (weights.length > 0 && weights.length != items.length) {
      throw new IllegalArgumentException(
          "got " + weights.length + " weights for " + items.length + " items, wanted one for each");
    }
  }

  /**
   * A score on all items, which weigh the same.
   *
   * @param score the number that is optimised
   * @param items scores of the single items of the task in their order, or an empty array
   * @param details further numbers for the report, by name
   */
  public Fitness(double score, double[] items, Map<String, Double> details) {
    this(score, items, details, new double[0], ItemSubset.all());
  }

  /**
   * A score without items or details.
   *
   * @param score the number that is optimised
   */
  public static Fitness of(double score) {
    return new Fitness(score, new double[0], Map.of());
  }

  /** Returns whether the score is that on all items, rather than on some or an estimate. */
  public boolean exact() {
    return subset.isAll();
  }

  /**
   * Returns the same, but for the items that it says it is of.
   *
   * @param scored which items of the task were scored
   */
  public Fitness onItems(ItemSubset scored) {
    return new Fitness(score, items, details, weights, scored);
  }

  /** Returns the same without the scores of the items: these can be many. */
  public Fitness withoutItems() {
    return new Fitness(score, new double[0], details, new double[0], subset);
  }

  @Override
  public double[] items() {
    return items.clone();
  }

  @Override
  public double[] weights() {
    return weights.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Fitness that
        && Double.compare(score, that.score) == 0
        && Arrays.equals(items, that.items)
        && Arrays.equals(weights, that.weights)
        && subset.equals(that.subset)
        && details.equals(that.details);
  }

  @Override
  public int hashCode() {
    return 31 * Double.hashCode(score) + details.hashCode();
  }

  @Override
  public String toString() {
    return "Fitness["
        + score
        + ", "
        + items.length
        + " items"
        + (exact() ? "" : ": " + subset)
        + ", "
        + details
        + "]";
  }
}
