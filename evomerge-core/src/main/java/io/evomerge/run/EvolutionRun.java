package io.evomerge.run;

import com.google.common.util.concurrent.Uninterruptibles;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.StopReason;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A search under way.
 *
 * <p>Thread-safe. It ends by its stop condition, by {@link #cancel()}, or with an error.
 */
public final class EvolutionRun {

  private static final Logger log = LoggerFactory.getLogger(EvolutionRun.class);

  private final CompletableFuture<EvolutionResult> completion = new CompletableFuture<>();
  private final Object lock = new Object();
  private SearchLoop loop;
  private boolean cancelled;

  private EvolutionRun(SearchLoop first) {
    this.loop = first;
  }

  /**
   * Starts a search on a thread of its own.
   *
   * @param plan what to search
   * @param evaluator scores candidates; closed when the search ends
   */
  public static EvolutionRun start(SearchPlan plan, TrialEvaluator evaluator) {
    SearchLoop loop = new SearchLoop(plan, evaluator);
    EvolutionRun run = new EvolutionRun(loop);
    run.startThread(loop::run);
    return run;
  }

  /**
   * Starts several searches, one after the other, on a thread of their own.
   *
   * <p>The result is the last one's; {@link EvolutionResult#stages} holds those before. When it is
   * cancelled, the stage under way ends as a single search would, and the rest is left out. Each
   * stage that is interrupted resumes from its own journal: stages that were done replay theirs.
   *
   * @param stages at least one
   */
  public static EvolutionRun startStages(List<? extends Stage> stages) {
    List<Stage> all = List.copyOf(stages);
    if (all.isEmpty()) {
      throw new IllegalArgumentException("there are no stages");
    }
    Stage.Search first = all.get(0).prepare(Map.of());
    SearchLoop loop = new SearchLoop(first.plan(), first.evaluator());
    EvolutionRun run = new EvolutionRun(loop);
    run.startThread(() -> run.search(all, first, loop));
    return run;
  }

  private void startThread(Callable<EvolutionResult> search) {
    Thread coordinator =
        new Thread(
            () -> {
              try {
                completion.complete(search.call());
              } catch (Throwable e) {
                completion.completeExceptionally(e);
              }
            },
            "evomerge-run");
    coordinator.start();
  }

  private EvolutionResult search(List<Stage> stages, Stage.Search first, SearchLoop firstLoop)
      throws InterruptedException {
    Map<String, EvolutionResult> earlier = new LinkedHashMap<>();
    Stage.Search search = first;
    SearchLoop current = firstLoop;
    for (int i = 0; ; i++) {
      String name = stages.get(i).name();
      tellListeners(search.plan(), name, i, stages.size());
      EvolutionResult result;
      try {
        result = current.run().withStages(earlier);
      } finally {
        close(name, search.resources());
      }
      if (i + 1 == stages.size() || result.stopReason() == StopReason.CANCELLED) {
        return result;
      }
      earlier.put(name, result.withStages(Map.of()));
      search = stages.get(i + 1).prepare(earlier);
      current = new SearchLoop(search.plan(), search.evaluator());
      synchronized (lock) {
        if (!cancelled) {
          loop = current;
          continue;
        }
      }
      search.evaluator().close();
      close(stages.get(i + 1).name(), search.resources());
      return result.withStop(StopReason.CANCELLED, "cancelled after the stage '" + name + "'");
    }
  }

  private static void tellListeners(SearchPlan plan, String stage, int index, int count) {
    for (RunListener listener : plan.listeners()) {
      try {
        listener.onStage(stage, index, count);
      } catch (RuntimeException e) {
        log.warn("a listener threw; the run goes on", e);
      }
    }
  }

  private static void close(String stage, AutoCloseable resources) {
    try {
      resources.close();
    } catch (Exception e) {
      log.warn("closing what the stage '{}' held failed", stage, e);
    }
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

  /** Returns how far the search, or the stage under way, is. */
  public Progress progress() {
    synchronized (lock) {
      return loop.progress();
    }
  }

  /**
   * Asks the search to end: evaluations under way are finished and journalled, no more are started,
   * and the result so far is returned without validation. Idempotent.
   */
  public void cancel() {
    synchronized (lock) {
      cancelled = true;
      loop.cancel();
    }
  }
}
