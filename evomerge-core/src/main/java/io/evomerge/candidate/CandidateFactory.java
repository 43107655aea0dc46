package io.evomerge.candidate;

import io.evomerge.recipe.MergeRecipe;

/**
 * Makes candidates in memory of recipes, one after the other into the same store. Safe for
 * concurrent use with several stores; one store belongs to one thread at a time.
 */
public interface CandidateFactory {

  /** Allocates memory for one worker's candidates; the caller closes it. */
  WeightStore newStore();

  /**
   * Makes a candidate.
   *
   * @param recipe of the kind that this factory knows
   * @param store from {@link #newStore()}; overwritten
   * @return valid until the store is used again or closed
   */
  CandidateModel assemble(MergeRecipe recipe, WeightStore store);
}
