package io.evomerge.allocation;

import io.evomerge.fitness.ItemSubset;
import io.evomerge.genome.Genome;
import io.evomerge.optimizer.Optimizer;
import java.util.List;

/**
 * An optimiser that has points scored on some of the items and holds estimates of their scores: at
 * the end of a search its leaders are scored in full before one is called best.
 */
public interface EstimatingOptimizer extends Optimizer {

  /**
   * A point and what its score on all items is thought to be.
   *
   * @param trial number of the first trial that scored it
   * @param genome the point
   * @param score estimate, in the units of the fitness
   * @param items those that it was scored on
   */
  record Estimate(long trial, Genome genome, double score, ItemSubset items) {}

  /**
   * Returns the points to be scored in full when the search ends, those first that are most surely
   * good: by their estimate less two standard errors.
   */
  List<Estimate> leaders();
}
