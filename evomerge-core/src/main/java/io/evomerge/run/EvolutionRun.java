package io.evomerge.run;

import com.google.common.util.concurrent.Uninterruptibles;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.result.EvolutionResult;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * A search under way.
 *
 * <p>Thread-safe. It ends by its stop condition, by {@link #cancel()}, or with an error.
 */
public final class EvolutionRun {

  private final SearchLoop loop;
  private final CompletableFuture<EvolutionResult> completion = new CompletableFuture<>();
  private final Thread coordinator;

  private EvolutionRun(SearchLoop loop) {
    this.loop = loop;
    this.coordinator =
        new Thread(
            () -> {
              try {
                completion.complete(loop.run());
              } catch (Throwable e) {
                completion.completeExceptionally(e);
              }
            },
            "evomerge-run");
  }

  /**
   * Starts a search on a thread of its own.
   *
   * @param plan what to search
   * @param evaluator scores candidates; closed when the search ends
   */
  public static EvolutionRun start(SearchPlan plan, TrialEvaluator evaluator) {
    EvolutionRun run = new EvolutionRun(new SearchLoop(plan, evaluator));
    run.coordinator.start();
    return run;
  }

  /**
   * Waits for the end.
   *
   * @return what was found
   * @throws InterruptedException if the waiting thread is interrupted; the search goes on
   * @throws EvoMergeException if the search ended with an error
   */
  public EvolutionResult await() throws InterruptedException {
    try {
      return completion.get();
    } catch (ExecutionException e) {
      throw failure(e.getCause());
    }
  }

  /**
   * Waits for the end; an interrupt cancels the search, and its result so far is returned with the
   * thread's interrupt status set.
   *
   * @throws EvoMergeException if the search ended with an error
   */
  public EvolutionResult awaitOrCancel() {
    try {
      return await();
    } catch (InterruptedException e) {
      cancel();
      try {
        return Uninterruptibles.getUninterruptibly(completion);
      } catch (ExecutionException failed) {
        throw failure(failed.getCause());
      } finally {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static RuntimeException failure(Throwable cause) {
    if (cause instanceof Error error) {
      throw error;
    }
    return cause instanceof RuntimeException known
        ? known
        : new EvoMergeException("the search failed: " + cause, cause);
  }

  /**
   * Returns a future of the end, for hosts that do not want to wait; cancelling it does nothing.
   */
  public CompletableFuture<EvolutionResult> completion() {
    return completion.copy();
  }

  /** Returns how far the search is. */
  public Progress progress() {
    return loop.progress();
  }

  /**
   * Asks the search to end: evaluations under way are finished and journalled, no more are started,
   * and the result so far is returned without validation. Idempotent.
   */
  public void cancel() {
    loop.cancel();
  }
}
