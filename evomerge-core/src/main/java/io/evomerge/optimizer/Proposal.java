package io.evomerge.optimizer;

import io.evomerge.fitness.ItemSubset;
import io.evomerge.genome.Genome;

/**
 * A point that an optimiser wants to have evaluated.
 *
 * @param id number of the trial, from 0, without gaps, in the order of asking
 * @param genome the point
 * @param items on which items of the task
 */
public record Proposal(long id, Genome genome, ItemSubset items) {

  /**
   * A point to evaluate on all items.
   *
   * @param id number of the trial
   * @param genome the point
   */
  public Proposal(long id, Genome genome) {
    this(id, genome, ItemSubset.all());
  }
}
