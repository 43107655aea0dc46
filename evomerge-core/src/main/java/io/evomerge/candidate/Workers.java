package io.evomerge.candidate;

import io.evomerge.internal.threads.WorkerThreads;
import io.evomerge.merge.ParallelFor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Shares loops out to threads that live as long as this; the calling thread works, too. It waits
 * only for threads that have begun to help, so that calls from within calls and from several
 * threads cannot wait for each other in a circle. Safe for concurrent use.
 */
final class Workers implements ParallelFor, AutoCloseable {

  private final int helpers;
  private final @Nullable ExecutorService pool;

  /**
   * Starts them.
   *
   * @param purpose part of the threads' names
   * @param parallelism number of threads with the calling one, at least 1
   */
  Workers(String purpose, int parallelism) {
    this.helpers = parallelism - 1;
    this.pool = helpers > 0 ? WorkerThreads.fixed(purpose, helpers) : null;
  }

  /** {@inheritDoc} What it throws is thrown here when all threads that took part have ended. */
  @Override
  public void run(int count, IntConsumer work) {
    Loop loop = new Loop(count, work);
    if (pool != null) {
      for (int i = 0; i < Math.min(helpers, count - 1); i++) {
        pool.execute(loop::help);
      }
    }
    loop.run();
    loop.finish();
  }

  /** Ends the threads; idempotent. */
  @Override
  public void close() {
    if (pool != null) {
      pool.shutdown();
    }
  }

  /** One call's indices. */
  private static final class Loop {
    private final int count;
    private final IntConsumer work;
    private final AtomicInteger next = new AtomicInteger();
    private int helping;
    private boolean finished;
    private @Nullable Throwable failure;

    Loop(int count, IntConsumer work) {
      this.count = count;
      this.work = work;
    }

    void help() {
      synchronized (this) {
        if (finished) {
          return;
        }
        helping++;
      }
      run();
      synchronized (this) {
        helping--;
        notifyAll();
      }
    }

    void run() {
      try {
        for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
          work.accept(i);
        }
      } catch (RuntimeException | Error e) {
        next.set(count);
        synchronized (this) {
          failure = failure == null ? e : failure;
        }
      }
    }

    void finish() {
      Throwable thrown;
      boolean interrupted = false;
      synchronized (this) {
        finished = true;
        while (helping > 0) {
          try {
            wait();
          } catch (InterruptedException e) {
            interrupted = true;
          }
        }
        thrown = failure;
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      if (thrown instanceof RuntimeException e) {
        throw e;
      }
      if (thrown instanceof Error e) {
        throw e;
      }
    }
  }
}
