package io.evomerge.recipe.mergekit;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The value of a parameter: by the first condition whose filter is part of the tensor's name, one
 * number or a gradient over the layers.
 */
record Setting(List<Condition> conditions) {

  Setting {
    conditions = List.copyOf(conditions);
  }

  /** A filter, empty for any tensor, and one number or the points of a gradient. */
  record Condition(Optional<String> filter, List<Double> values) {
    Condition {
      values = List.copyOf(values);
    }

    boolean matches(String tensor) {
      return filter.map(tensor::contains).orElse(true);
    }

    /** Kept in mergekit's order of operations, so that the bits agree. */
    double at(double t) {
      if (values.size() == 1) {
        return values.get(0);
      }
      double position = t * (values.size() - 1);
      int left = (int) position;
      int right = Math.min(values.size() - 1, left + 1);
      double fraction = position - left;
      return (1 - fraction) * values.get(left) + fraction * values.get(right);
    }
  }

  static Setting of(double value) {
    return new Setting(List.of(new Condition(Optional.empty(), List.of(value))));
  }

  /**
   * Evaluates.
   *
   * @param tensor its name
   * @param t from 0, the first layer of a slice, to 1, its last layer; 0 outside the layers
   * @return empty if no condition matches, so that the next level counts
   */
  OptionalDouble at(String tensor, double t) {
    for (Condition condition : conditions) {
      if (condition.matches(tensor)) {
        return OptionalDouble.of(condition.at(t));
      }
    }
    return OptionalDouble.empty();
  }

  /** Where a layer of a slice stands between 0 and 1; that of a slice of one layer is 1. */
  static double position(int layer, int layers) {
    return layers > 1 ? (double) layer / (layers - 1) : 1;
  }
}
