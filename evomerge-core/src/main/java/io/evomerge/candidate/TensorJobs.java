package io.evomerge.candidate;

import io.evomerge.internal.threads.WorkerThreads;
import io.evomerge.merge.ParallelFor;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Works off a queue of tensors with several threads, the largest tensors first and equal ones in
 * the order given; a thread that finds the queue empty helps the others. The first failure stops
 * all of them.
 */
final class TensorJobs {

  /**
   * Tensors that are written together.
   *
   * @param written what they are in the output
   * @param work fills the sinks, one per tensor; may share its work out
   */
  record Job(List<TensorInfo> written, BiConsumer<List<TensorSink>, ParallelFor> work) {

    private long bytes() {
      return written.stream().mapToLong(TensorInfo::byteSize).sum();
    }
  }

  private final List<Job> jobs;
  private final Function<String, TensorSink> sinks;
  private final int parallelism;
  private final int atOnce;
  private final SharedWork shared;
  private final Consumer<MergeProgress> progress;
  private final AtomicInteger next = new AtomicInteger();
  private final Object progressLock = new Object();
  private final int tensors;
  private final long bytes;
  private int done;
  private long bytesDone;
  private volatile boolean stopped;
  private @Nullable Throwable failure;

  /**
   * Prepares them.
   *
   * @param parallelism number of threads
   * @param atOnce number of tensors that are worked on at a time; other threads help
   */
  TensorJobs(
      List<Job> jobs,
      Function<String, TensorSink> sinks,
      int parallelism,
      int atOnce,
      Consumer<MergeProgress> progress) {
    this.jobs = jobs.stream().sorted(Comparator.comparingLong(Job::bytes).reversed()).toList();
    this.sinks = sinks;
    this.parallelism = parallelism;
    this.atOnce = atOnce;
    this.shared = new SharedWork(parallelism);
    this.progress = progress;
    this.tensors = jobs.stream().mapToInt(job -> job.written().size()).sum();
    this.bytes = jobs.stream().mapToLong(Job::bytes).sum();
  }

  /**
   * Runs all jobs; no thread is left when it returns.
   *
   * @throws InterruptedIOException if the calling thread is interrupted
   */
  void run() throws IOException {
    ExecutorService pool = WorkerThreads.fixed("merge", parallelism);
    List<Future<?>> workers = new ArrayList<>();
    for (int i = 0; i < parallelism; i++) {
      Runnable own = i < atOnce ? this::work : () -> {};
      workers.add(pool.submit(() -> workAndHelp(own)));
    }
    pool.shutdown();
    boolean interrupted = false;
    for (Future<?> worker : workers) {
      interrupted |= await(worker);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (failure instanceof UncheckedIOException e && e.getCause() != null) {
      throw e.getCause();
    }
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
    if (stopped) {
      throw new InterruptedIOException(
          "interrupted after " + done + " of " + tensors + " tensors; nothing is left behind");
    }
  }

  /** Waits until a worker has ended, even if interrupted: then it stops all, and says so. */
  private boolean await(Future<?> worker) {
    boolean interrupted = false;
    while (true) {
      try {
        worker.get();
        return interrupted;
      } catch (InterruptedException e) {
        interrupted = true;
        stop();
      } catch (ExecutionException e) {
        fail(e.getCause());
        return interrupted;
      }
    }
  }

  private void workAndHelp(Runnable own) {
    try {
      own.run();
    } finally {
      shared.retire();
    }
  }

  private void work() {
    try {
      for (int i = next.getAndIncrement(); i < jobs.size(); i = next.getAndIncrement()) {
        if (stopped) {
          return;
        }
        Job job = jobs.get(i);
        List<TensorSink> targets = new ArrayList<>();
        job.written().forEach(info -> targets.add(new StoppableSink(sinks.apply(info.name()))));
        job.work().accept(targets, shared);
        job.written().forEach(this::report);
      }
    } catch (CancellationException e) {
      if (!stopped) {
        fail(e);
      }
    } catch (RuntimeException | Error e) {
      fail(e);
    }
  }

  private synchronized void fail(Throwable cause) {
    if (failure == null) {
      failure = cause;
    }
    stop();
  }

  private void stop() {
    stopped = true;
    shared.stop();
  }

  private void report(TensorInfo info) {
    synchronized (progressLock) {
      done++;
      bytesDone += info.byteSize();
      progress.accept(new MergeProgress(done, tensors, bytesDone, bytes, info.name()));
    }
  }

  /** Ends a merge between two blocks. */
  private final class StoppableSink implements TensorSink {
    private final TensorSink target;

    StoppableSink(TensorSink target) {
      this.target = target;
    }

    @Override
    public TensorInfo info() {
      return target.info();
    }

    @Override
    public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
      requireRunning();
      target.writeFloats(offset, source, sourceOffset, length);
    }

    @Override
    public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
      requireRunning();
      target.writeBytes(byteOffset, source, sourceOffset, length);
    }

    private void requireRunning() {
      if (stopped) {
        throw new CancellationException("the merge was stopped");
      }
    }
  }
}
