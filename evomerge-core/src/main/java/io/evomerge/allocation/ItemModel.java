package io.evomerge.allocation;

/** Predicts the mean gain over all items from some; deterministic. */
interface ItemModel {

  /**
   * Returns the estimated mean gain over all items.
   *
   * @param gains NaN for unseen items; at least one is seen
   */
  double estimate(double[] gains);
}
