package io.evomerge.genome;

import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The values of an operator's parameters for one tensor: one number, or one per source; immutable.
 *
 * <p>Flags are 0 or 1. Two values are equal if every parameter has the same numbers.
 */
public final class ParameterValues {

  private final Map<String, double[]> values;

  private ParameterValues(Map<String, double[]> values) {
    this.values = values;
  }

  /**
   * Creates values.
   *
   * @param values by parameter name; arrays of length 1 for one value, of the number of sources
   *     otherwise; copied
   */
  public static ParameterValues of(Map<String, double[]> values) {
    Map<String, double[]> copy = new TreeMap<>();
    values.forEach((name, numbers) -> copy.put(name, numbers.clone()));
    return new ParameterValues(copy);
  }

  /**
   * Returns whether a parameter has a value.
   *
   * @param name of the parameter
   */
  public boolean has(String name) {
    return values.containsKey(name);
  }

  /**
   * Returns a single value.
   *
   * @param name of the parameter
   * @throws IllegalArgumentException if there is none, or one per source
   */
  public double scalar(String name) {
    double[] numbers = numbers(name);
    if (numbers.length != 1) {
      throw new IllegalArgumentException(
          "parameter '" + name + "' has " + numbers.length + " values, wanted one");
    }
    return numbers[0];
  }

  /**
   * Returns a switch.
   *
   * @param name of the parameter
   */
  public boolean flag(String name) {
    return scalar(name) != 0;
  }

  /**
   * Returns the value for one source; a single value counts for every source.
   *
   * @param name of the parameter
   * @param source index from 0
   */
  public double perSource(String name, int source) {
    double[] numbers = numbers(name);
    return numbers.length == 1 ? numbers[0] : numbers[source];
  }

  /** Returns a copy of everything, by parameter name. */
  public Map<String, double[]> asMap() {
    Map<String, double[]> copy = new TreeMap<>();
    values.forEach((name, numbers) -> copy.put(name, numbers.clone()));
    return Collections.unmodifiableMap(copy);
  }

  private double[] numbers(String name) {
    double[] numbers = values.get(name);
    if (numbers == null) {
      throw new IllegalArgumentException(
          "parameter '" + name + "' has no value; there are " + values.keySet());
    }
    return numbers;
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof ParameterValues that) || !values.keySet().equals(that.values.keySet())) {
      return false;
    }
    return values.entrySet().stream()
        .allMatch(entry -> Arrays.equals(entry.getValue(), that.values.get(entry.getKey())));
  }

  @Override
  public int hashCode() {
    int hash = 0;
    for (Map.Entry<String, double[]> entry : values.entrySet()) {
      hash = 31 * hash + entry.getKey().hashCode() * 17 + Arrays.hashCode(entry.getValue());
    }
    return hash;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("{");
    values.forEach(
        (name, numbers) ->
            text.append(text.length() > 1 ? ", " : "")
                .append(name)
                .append('=')
                .append(numbers.length == 1 ? "" + numbers[0] : Arrays.toString(numbers)));
    return text.append('}').toString();
  }
}
