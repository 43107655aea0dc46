package io.evomerge.genome;

import java.util.List;

/** One number that evolution can change. */
public sealed interface Gene {

  /** Returns the name, unique within its search space. */
  String name();

  /** Returns the lowest value (the index 0 for a choice). */
  double min();

  /** Returns the highest value (the last index for a choice). */
  double max();

  /** Returns the value at which a search starts. */
  double start();

  /**
   * A real number in a closed interval.
   *
   * @param name unique name
   * @param min lowest value
   * @param max highest value, above {@code min}
   * @param start first value, within the interval
   * @param step initial standard deviation of a search, above 0, in the gene's own unit
   */
  record Real(String name, double min, double max, double start, double step) implements Gene {
    /**
     * Validates.
     *
     * @throws IllegalArgumentException if the interval is empty or not finite, the start is outside
     *     it, or the step is not positive
     */
    public Real {
      if (!(min < max) || !Double.isFinite(min) || !Double.isFinite(max)) {
        throw new IllegalArgumentException(
            "gene '" + name + "': range [" + min + ", " + max + "] must be finite and not empty");
      }
      if (!(start >= min && start <= max)) {
        throw new IllegalArgumentException(
            "gene '" + name + "': start " + start + " is outside [" + min + ", " + max + "]");
      }
      if (!(step > 0) || !Double.isFinite(step)) {
        throw new IllegalArgumentException(
            "gene '" + name + "': step " + step + " must be above 0");
      }
    }

    /**
     * A gene with the published initial standard deviation of a sixth of its range (Akiba et al.
     * 2024, arXiv 2403.13187).
     *
     * @param name unique name
     * @param min lowest value
     * @param max highest value
     * @param start first value
     */
    public Real(String name, double min, double max, double start) {
      this(name, min, max, start, (max - min) / 6);
    }
  }

  /**
   * A whole number in a closed interval.
   *
   * @param name unique name
   * @param low lowest value
   * @param high highest value, above {@code low}
   * @param first value at which a search starts
   */
  record Int(String name, int low, int high, int first) implements Gene {
    /**
     * Validates.
     *
     * @throws IllegalArgumentException if the interval has fewer than two values or does not hold
     *     the start
     */
    public Int {
      if (low >= high || first < low || first > high) {
        throw new IllegalArgumentException(
            "gene '"
                + name
                + "': ["
                + low
                + ", "
                + high
                + "] with start "
                + first
                + " is no range");
      }
    }

    @Override
    public double min() {
      return low;
    }

    @Override
    public double max() {
      return high;
    }

    @Override
    public double start() {
      return first;
    }
  }

  /**
   * One of several named options without an order.
   *
   * @param name unique name
   * @param options at least two
   * @param first index of the option at which a search starts
   */
  record Choice(String name, List<String> options, int first) implements Gene {
    /**
     * Validates and copies.
     *
     * @throws IllegalArgumentException if there are fewer than two options or the start is none of
     *     them
     */
    public Choice {
      options = List.copyOf(options);
      if (options.size() < 2 || first < 0 || first >= options.size()) {
        throw new IllegalArgumentException(
            "gene '" + name + "': options " + options + " with start " + first + " are no choice");
      }
    }

    @Override
    public double min() {
      return 0;
    }

    @Override
    public double max() {
      return options.size() - 1;
    }

    @Override
    public double start() {
      return first;
    }
  }
}
