package io.evomerge.run;

import com.google.common.base.Preconditions;

/**
 * Which models of a search compete in the final, where a validation fitness chooses among them.
 *
 * <p>The best trial on a small search set owes part of its score to chance, the more so the longer
 * the search ran. A validation set corrects that where the field is wide enough: early leaders, the
 * best of the end, and means of the optimiser's distribution, which no single item of luck
 * selected.
 *
 * <p>With several objectives, members of the front stand in the place of leaders and best trials:
 * as many as {@code leaders}, {@code bestTrials} and {@code recommendations} together, spread over
 * the front, its ends among them.
 *
 * @param leaders so many of the latest trials that were the best so far when they were scored
 * @param bestTrials so many of the best distinct trials on the search data, at least 1
 * @param recommendations so many of the optimiser's recommendations, such as the means of CMA-ES
 *     after its generations, spread evenly over the search and with the last one among them
 * @param start whether the point at which the search started competes, too: where it is a model
 *     that is there already, the search can then only gain on the validation data
 */
public record Selection(int leaders, int bestTrials, int recommendations, boolean start) {

  /**
   * Validates.
   *
   * @throws IllegalArgumentException if there is no best trial, or a number is negative
   */
  public Selection {
    Preconditions.checkArgument(leaders >= 0, "leaders: got %s, wanted >= 0", leaders);
    Preconditions.checkArgument(bestTrials >= 1, "bestTrials: got %s, wanted >= 1", bestTrials);
    Preconditions.checkArgument(
        recommendations >= 0, "recommendations: got %s, wanted >= 0", recommendations);
  }

  /**
   * A field without the start.
   *
   * @param leaders so many of the latest leaders
   * @param bestTrials so many of the best distinct trials, at least 1
   * @param recommendations so many of the optimiser's recommendations
   */
  public Selection(int leaders, int bestTrials, int recommendations) {
    this(leaders, bestTrials, recommendations, false);
  }

  /** The default: at most 12 leaders, 12 best trials and 12 recommendations. */
  public static Selection standard() {
    return new Selection(12, 12, 12);
  }

  /** The same field, with the start. */
  public Selection withStart() {
    return new Selection(leaders, bestTrials, recommendations, true);
  }
}
