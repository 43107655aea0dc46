package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.SearchSpace;
import java.util.List;

/**
 * Makes optimisers that breed models: their genomes describe births, see {@link BirthSpace}.
 *
 * <p>They see genomes and outcomes only and need no model: a host that makes children in its own
 * way can use them like any other optimiser.
 */
public interface PopulationFactory extends OptimizerFactory {

  /**
   * Returns the space in which it searches.
   *
   * @param sources number of models to begin with, at least 2
   * @param objectives number of objectives
   * @throws IllegalArgumentException if there are too few of either
   */
  BirthSpace space(int sources, int objectives);

  /**
   * {@inheritDoc}
   *
   * @param space from {@link #space}
   */
  @Override
  PopulationOptimizer create(SearchSpace space, List<Direction> directions, long seed);

  @Override
  PopulationOptimizer restore(SearchSpace space, List<Direction> directions, String snapshot);
}
