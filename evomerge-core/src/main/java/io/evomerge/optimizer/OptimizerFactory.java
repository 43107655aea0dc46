package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.SearchSpace;
import java.util.List;
import java.util.Map;

/** Makes optimisers of one kind; immutable. See {@link Optimizers}. */
public interface OptimizerFactory {

  /** Returns the name of the strategy, e.g. {@code "cma-es"}. */
  String name();

  /** Returns the settings that influence the search, by name, for provenance and journals. */
  Map<String, String> settings();

  /**
   * Returns the form of the strategy that waits for no generation: its {@link Optimizer#ask} has
   * points at any time until it is done, and the order in which outcomes are told may matter.
   *
   * @return default: this strategy, which is right for one that never waits; one that has no such
   *     form still works, but workers wait
   */
  default OptimizerFactory asynchronous() {
    return this;
  }

  /**
   * Returns the form of the strategy for a host that itself fixes how asks and outcomes follow each
   * other, such as a loop with one trial at a time: outcomes count as soon as they are told.
   *
   * @return default: this strategy, which is right for one with generations
   */
  default OptimizerFactory immediate() {
    return this;
  }

  /**
   * Starts a search.
   *
   * @param space the genes
   * @param directions one per objective, in the order of {@link
   *     io.evomerge.fitness.Outcome.Scored#fitness}
   * @param seed every random stream derives from it
   * @throws IllegalArgumentException if the strategy does not support the space or the number of
   *     objectives
   */
  Optimizer create(SearchSpace space, List<Direction> directions, long seed);

  /**
   * Continues a search.
   *
   * @param space as at creation
   * @param directions as at creation
   * @param snapshot from {@link Optimizer#snapshot()}
   * @throws IllegalArgumentException if the snapshot is of another strategy, version or space
   */
  Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot);
}
