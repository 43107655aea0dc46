package io.evomerge.fitness;

import io.evomerge.candidate.CandidateModel;

/**
 * A fitness that is a mean over items and can be had for some of them, at a share of the price.
 *
 * <p>What {@link io.evomerge.fitness.FitnessFunction} promises holds here too. Beyond that, the
 * score of an item does not depend on which others are scored with it, and the score is the mean of
 * the item scores, weighted by {@link Fitness#weights()}, of the kind that {@link #itemMean} says.
 */
public interface ItemFitness extends FitnessFunction {

  /** Of which kind the mean over items is. */
  enum Mean {
    /** sum w s / sum w. */
    ARITHMETIC,
    /** exp(sum w ln s / sum w), for positive item scores such as perplexities. */
    GEOMETRIC
  }

  /** Returns the number of items, at least 1; always the same. */
  int itemCount();

  /** Returns what the score is of the item scores. */
  default Mean itemMean() {
    return Mean.ARITHMETIC;
  }

  /**
   * Scores a candidate on some items.
   *
   * @param candidate valid during the call
   * @param items which ones; all of them gives what {@link #evaluate(CandidateModel)} gives
   * @return with the scores of these items in ascending order of index; {@link Fitness#subset} says
   *     which they are
   * @throws IllegalArgumentException if there is no such item
   * @throws Exception for any reason; the trial fails with it
   */
  Fitness evaluate(CandidateModel candidate, ItemSubset items) throws Exception;
}
