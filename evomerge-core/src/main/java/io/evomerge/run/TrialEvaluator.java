package io.evomerge.run;

import io.evomerge.fitness.Outcome;
import java.util.concurrent.CompletableFuture;

/**
 * Evaluates candidates: on this machine by default, or wherever a host's own implementation sends
 * them.
 *
 * <p>{@link #submit} is called by one thread. The outcome must be a function of the task alone:
 * then a search has the same result for any capacity.
 */
public interface TrialEvaluator extends AutoCloseable {

  /** Returns how many tasks at once keep it busy, at least 1. */
  int capacity();

  /**
   * Starts an evaluation.
   *
   * @param task what to evaluate
   * @return completes with the outcome; a failed evaluation is an {@link Outcome.Failed}, and a
   *     future that completes with an exception counts as one
   */
  CompletableFuture<Outcome> submit(TrialTask task);

  /** Waits for evaluations that are under way and releases memory and threads; idempotent. */
  @Override
  void close();
}
