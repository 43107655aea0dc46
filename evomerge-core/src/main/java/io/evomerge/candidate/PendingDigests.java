package io.evomerge.candidate;

import io.evomerge.internal.threads.WorkerThreads;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Computes the digests of models on threads of its own, while the same bytes are merged: they are
 * read from disk once, and a merge that waits for the disk leaves the processors free.
 */
final class PendingDigests implements AutoCloseable {

  private final ExecutorService pool;
  private final List<Future<String>> digests = new ArrayList<>();

  PendingDigests(List<Callable<String>> work, int threads) {
    this.pool = WorkerThreads.fixed("digest", Math.max(1, Math.min(threads, work.size())));
    work.forEach(digest -> digests.add(pool.submit(digest)));
    pool.shutdown();
  }

  /** Waits until all digests are known. */
  void await() throws IOException {
    try {
      for (Future<String> digest : digests) {
        digest.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted; nothing is left behind");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof UncheckedIOException io) {
        throw io.getCause();
      }
      if (e.getCause() instanceof RuntimeException problem) {
        throw problem;
      }
      throw new IllegalStateException("cannot compute a digest", e.getCause());
    }
  }

  /** Stops what is not done, and returns when no thread is left. */
  @Override
  public void close() {
    pool.shutdownNow();
    boolean interrupted = false;
    while (true) {
      try {
        if (pool.awaitTermination(1, TimeUnit.HOURS)) {
          break;
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
