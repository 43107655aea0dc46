package io.evomerge.run;

import io.evomerge.fitness.ItemSubset;
import io.evomerge.recipe.MergeRecipe;

/**
 * One evaluation to do.
 *
 * @param recipe the candidate
 * @param data which data to score it on
 * @param items which items of these data; some only in a search with an {@link
 *     io.evomerge.allocation.ItemAllocation}
 */
public record TrialTask(MergeRecipe recipe, Data data, ItemSubset items) {

  /**
   * An evaluation on all items.
   *
   * @param recipe the candidate
   * @param data which data to score it on
   */
  public TrialTask(MergeRecipe recipe, Data data) {
    this(recipe, data, ItemSubset.all());
  }

  /** Which data a candidate is scored on. */
  public enum Data {
    /** The data that the optimiser sees. */
    SEARCH,
    /** The data that chooses among finalists. */
    VALIDATION
  }
}
