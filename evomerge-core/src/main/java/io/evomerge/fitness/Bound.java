package io.evomerge.fitness;

/**
 * What a number must keep to; immutable.
 *
 * @param least lowest value allowed; negative infinity for none
 * @param most highest value allowed; positive infinity for none
 * @since 0.1
 */
public record Bound(double least, double most) {

  /**
   * Validates.
   *
   * @throws IllegalArgumentException if no finite number keeps to it, or every one does
   */
  public Bound {
    if (!(least <= most) || least == Double.POSITIVE_INFINITY || most == Double.NEGATIVE_INFINITY) {
      throw new IllegalArgumentException(
          "bound: no number is at least " + least + " and at most " + most);
    }
    if (Double.isInfinite(least) && Double.isInfinite(most)) {
      throw new IllegalArgumentException("bound: every number keeps to it; give a limit");
    }
  }

  /**
   * An upper limit.
   *
   * @param limit highest value allowed, finite
   */
  public static Bound atMost(double limit) {
    return new Bound(Double.NEGATIVE_INFINITY, limit);
  }

  /**
   * A lower limit.
   *
   * @param limit lowest value allowed, finite
   */
  public static Bound atLeast(double limit) {
    return new Bound(limit, Double.POSITIVE_INFINITY);
  }

  /**
   * Both limits.
   *
   * @param least lowest value allowed
   * @param most highest value allowed
   */
  public static Bound between(double least, double most) {
    return new Bound(least, most);
  }

  /**
   * Returns how far a number violates the bound: 0 where it keeps to it, else its distance from the
   * limit as a share of the limit's size (of 1 where the limit is 0), so that violations of
   * different units can be added. Always finite.
   *
   * @param value not NaN
   */
  public double violation(double value) {
    double distance = 0;
    if (value > most) {
      distance = (value - most) / size(most);
    } else if (value < least) {
      distance = (least - value) / size(least);
    }
    return Math.min(distance, Double.MAX_VALUE);
  }

  /**
   * Returns whether a number keeps to the bound.
   *
   * @param value any; NaN does not
   */
  public boolean holds(double value) {
    return value >= least && value <= most;
  }

  private static double size(double limit) {
    return limit == 0 ? 1 : Math.abs(limit);
  }

  @Override
  public String toString() {
    if (Double.isInfinite(least)) {
      return "<= " + most;
    }
    return Double.isInfinite(most) ? ">= " + least : ">= " + least + " and <= " + most;
  }
}
