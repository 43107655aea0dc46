package io.evomerge.allocation;

import io.evomerge.fitness.ItemFitness;
import io.evomerge.optimizer.OptimizerFactory;
import java.util.Map;

/**
 * Decides which candidates are scored on which items, so that fewer items are scored than every
 * candidate on every item takes; immutable and thread-safe. See {@link ItemAllocations}.
 *
 * <p>It stands between optimiser and run: the run evaluates what it proposes, a point on a subset
 * of the items at a time, and the optimiser within is told estimates of full scores. Decisions are
 * made when all of a round is told, in the order of trials, so that neither the number of workers
 * nor their pace matters. No candidate is scored on an item twice, until the search ends and its
 * leaders are scored in full.
 */
public interface ItemAllocation {

  /** Returns the name of the method, e.g. {@code "racing"}. */
  String name();

  /** Returns the settings that influence the search, by name, for provenance and journals. */
  Map<String, String> settings();

  /**
   * Wraps an optimiser.
   *
   * @param inner a strategy for one objective
   * @param itemCount number of items of the task, at least 1
   * @param mean what the score is of the item scores
   * @return makes optimisers that propose subsets of the items; each is an {@link
   *     EstimatingOptimizer}
   * @throws IllegalArgumentException if the settings ask for more items than there are
   */
  OptimizerFactory over(OptimizerFactory inner, int itemCount, ItemFitness.Mean mean);
}
