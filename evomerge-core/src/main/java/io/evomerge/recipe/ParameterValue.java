package io.evomerge.recipe;

import java.util.List;

/**
 * A parameter in a recipe: one number for all sources, or one per source in their order; immutable.
 *
 * @param numbers one, or one per source; flags are 0 or 1
 * @param perSource whether the numbers are one per source
 */
public record ParameterValue(List<Double> numbers, boolean perSource) {

  /**
   * Copies and validates.
   *
   * @throws IllegalArgumentException if there is no number, a number is not finite, or there are
   *     several without being per source
   */
  public ParameterValue {
    numbers = List.copyOf(numbers);
    if (numbers.isEmpty() || (!perSource && numbers.size() != 1)) {
      throw new IllegalArgumentException(numbers + " is no parameter value");
    }
    for (double number : numbers) {
      if (!Double.isFinite(number)) {
        throw new IllegalArgumentException("parameter value " + number + " is not finite");
      }
    }
  }

  /**
   * One number for all.
   *
   * @param number finite
   */
  public static ParameterValue of(double number) {
    return new ParameterValue(List.of(number), false);
  }

  /**
   * A switch.
   *
   * @param on whether it is on
   */
  public static ParameterValue of(boolean on) {
    return of(on ? 1 : 0);
  }

  /**
   * One number per source.
   *
   * @param numbers finite, in the order of the sources
   */
  public static ParameterValue perSource(List<Double> numbers) {
    return new ParameterValue(numbers, true);
  }
}
