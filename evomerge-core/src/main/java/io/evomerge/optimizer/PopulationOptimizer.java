package io.evomerge.optimizer;

import java.util.SortedSet;

/** An optimiser that breeds models, see {@link PopulationFactory}. */
public interface PopulationOptimizer extends Optimizer {

  /**
   * Returns the numbers of the models that are needed from here on: members of the archives, trials
   * without an outcome, and their parents. All others are gone for good.
   */
  SortedSet<Integer> living();
}
