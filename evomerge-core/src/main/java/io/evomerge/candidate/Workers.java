package io.evomerge.candidate;

import io.evomerge.internal.threads.WorkerThreads;
import io.evomerge.merge.ParallelFor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/** Shares loops out to threads that live as long as this; the calling thread works, too. */
final class Workers implements ParallelFor, AutoCloseable {

  private final int helpers;
  private final ExecutorService pool;

  /**
   * Starts them.
   *
   * @param purpose part of the threads' names
   * @param parallelism number of threads with the calling one, at least 1
   */
  Workers(String purpose, int parallelism) {
    this.helpers = parallelism - 1;
    this.pool = WorkerThreads.fixed(purpose, Math.max(1, helpers));
  }

  @Override
  public void run(int count, IntConsumer work) {
    AtomicInteger next = new AtomicInteger();
    Runnable loop =
        () -> {
          try {
            for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
              work.accept(i);
            }
          } catch (RuntimeException | Error e) {
            next.set(count);
            throw e;
          }
        };
    List<CompletableFuture<Void>> running = new ArrayList<>();
    for (int i = 0; i < Math.min(helpers, count - 1); i++) {
      running.add(CompletableFuture.runAsync(loop, pool));
    }
    try {
      loop.run();
    } finally {
      running.forEach(future -> future.handle((done, failure) -> done).join());
    }
    for (CompletableFuture<Void> future : running) {
      try {
        future.join();
      } catch (CompletionException e) {
        if (e.getCause() instanceof RuntimeException cause) {
          throw cause;
        }
        if (e.getCause() instanceof Error cause) {
          throw cause;
        }
        throw e;
      }
    }
  }

  @Override
  public void close() {
    pool.shutdownNow();
  }
}
