package io.evomerge.run;

import io.evomerge.recipe.MergeRecipe;

/**
 * One evaluation to do.
 *
 * @param recipe the candidate
 * @param data which data to score it on
 */
public record TrialTask(MergeRecipe recipe, Data data) {

  /** Which data a candidate is scored on. */
  public enum Data {
    /** The data that the optimiser sees. */
    SEARCH,
    /** The data that chooses among finalists. */
    VALIDATION
  }
}
