package io.evomerge.candidate;

import io.evomerge.merge.ParallelFor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Lets the threads of one merge help each other: who has a large tensor shares it out, who has none
 * left takes part.
 *
 * <p>Who calls {@link #run} does the work himself and takes what helpers he gets, so that calls
 * from within calls and from many threads cannot wait for each other in a circle. Safe for
 * concurrent use.
 */
final class SharedWork implements ParallelFor {

  private final Object lock = new Object();
  private final List<Batch> open = new ArrayList<>();
  private int working;
  private volatile boolean stopped;

  /**
   * Creates it for threads that each call {@link #retire} once.
   *
   * @param threads how many
   */
  SharedWork(int threads) {
    this.working = threads;
  }

  /**
   * {@inheritDoc}
   *
   * @throws CancellationException if the work is stopped, or the calling thread is interrupted
   *     while it waits for helpers; it stays so
   */
  @Override
  public void run(int count, IntConsumer work) {
    Batch batch = new Batch(count, work);
    if (count > 1) {
      synchronized (lock) {
        open.add(batch);
        lock.notifyAll();
      }
    }
    batch.work();
    if (count > 1) {
      awaitHelpers(batch);
    }
    batch.rethrow();
  }

  private void awaitHelpers(Batch batch) {
    boolean interrupted = false;
    synchronized (lock) {
      open.remove(batch);
      while (batch.helpers > 0) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          interrupted = true;
          batch.fail(new CancellationException("the merge was interrupted"));
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Ends all work between two indices, with a {@link CancellationException}. */
  void stop() {
    stopped = true;
  }

  /** Says that the calling thread has no work of its own left; it helps until no thread has. */
  void retire() {
    synchronized (lock) {
      working--;
      lock.notifyAll();
    }
    for (Batch batch = nextToHelp(); batch != null; batch = nextToHelp()) {
      batch.work();
      synchronized (lock) {
        batch.helpers--;
        lock.notifyAll();
      }
    }
  }

  /** Waits for work of others; null when there will be none. */
  private @Nullable Batch nextToHelp() {
    synchronized (lock) {
      while (true) {
        for (Batch batch : open) {
          if (batch.hasMore()) {
            batch.helpers++;
            return batch;
          }
        }
        if (working == 0 || stopped) {
          return null;
        }
        try {
          lock.wait();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          return null;
        }
      }
    }
  }

  /** One call's indices. */
  private final class Batch {
    private final int count;
    private final IntConsumer work;
    private final AtomicInteger next = new AtomicInteger();
    private volatile @Nullable Throwable failure;

    /** Guarded by the lock. */
    private int helpers;

    Batch(int count, IntConsumer work) {
      this.count = count;
      this.work = work;
    }

    boolean hasMore() {
      return failure == null && next.get() < count;
    }

    void work() {
      try {
        for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
          if (stopped) {
            throw new CancellationException("the merge was stopped");
          }
          if (failure != null) {
            return;
          }
          work.accept(i);
        }
      } catch (RuntimeException | Error e) {
        fail(e);
      }
    }

    synchronized void fail(Throwable cause) {
      if (failure == null) {
        failure = cause;
      }
    }

    void rethrow() {
      Throwable thrown = failure;
      if (thrown instanceof RuntimeException e) {
        throw e;
      }
      if (thrown instanceof Error e) {
        throw e;
      }
    }
  }
}
