package io.evomerge.optimizer;

import io.evomerge.genome.Genome;
import java.util.List;
import java.util.Optional;

/**
 * A search strategy as a state machine: {@link #ask} for points, {@link #tell} their outcomes; the
 * loop, threads and files stand outside.
 *
 * <p>Not thread-safe: one coordinator thread uses it. Deterministic: seed, space and told outcomes
 * fix every proposal, in whatever order and portions outcomes are told; for a strategy in its
 * {@linkplain OptimizerFactory#asynchronous() asynchronous form} the order in which asks and
 * outcomes follow each other does so. Failed and infeasible trials rank last.
 */
public interface Optimizer {

  /** Returns the name of the strategy. */
  String name();

  /**
   * Returns new points to evaluate.
   *
   * @param max at most so many, at least 1
   * @return possibly fewer; empty when not done means that outcomes must be told first
   */
  List<Proposal> ask(int max);

  /**
   * Reports outcomes of any subset of the open trials, in any order; an outcome that was told
   * before is ignored.
   *
   * @param evaluations with the ids of proposals
   * @throws IllegalArgumentException if an id was never proposed
   */
  void tell(List<Evaluation> evaluations);

  /** Returns whether the strategy has converged or spent itself: it will propose nothing more. */
  boolean isDone();

  /**
   * Returns the point that the strategy would recommend now without having evaluated it, such as
   * the mean of its distribution; empty if it has none.
   */
  Optional<Genome> recommendation();

  /**
   * Returns the whole state, open trials included, as text that {@link OptimizerFactory#restore}
   * takes; the restored optimiser behaves as this one from here on, bit for bit.
   */
  String snapshot();
}
