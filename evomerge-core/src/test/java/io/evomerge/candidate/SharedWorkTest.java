package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.internal.threads.WorkerThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SharedWorkTest {

  @Test
  void everyIndexIsWorkedOnOnce() throws Exception {
    AtomicIntegerArray done = new AtomicIntegerArray(10_000);
    onThreads(3, 1, work -> work.run(done.length(), done::incrementAndGet));
    for (int i = 0; i < done.length(); i++) {
      assertThat(done.get(i)).isEqualTo(1);
    }
  }

  @Test
  void anIdleThreadHelps() throws Exception {
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    CountDownLatch both = new CountDownLatch(2);
    onThreads(
        2,
        1,
        work ->
            work.run(
                2,
                i -> {
                  threads.add(Thread.currentThread());
                  both.countDown();
                  await(both);
                }));
    assertThat(threads).hasSize(2);
  }

  @Test
  void callsFromWithinCallsAndFromManyThreadsEnd() throws Exception {
    AtomicInteger sum = new AtomicInteger();
    onThreads(
        4,
        4,
        work -> {
          for (int round = 0; round < 50; round++) {
            work.run(5, i -> work.run(3, j -> work.run(2, k -> sum.addAndGet(1))));
          }
        });
    assertThat(sum).hasValue(4 * 50 * 30);
  }

  @Test
  void aThreadWorksAloneWhereNobodyHelps() {
    List<Integer> order = new ArrayList<>();
    new SharedWork(1).run(4, order::add);
    assertThat(order).containsExactly(0, 1, 2, 3);
    new SharedWork(1).run(0, order::add);
    assertThat(order).hasSize(4);
  }

  @Test
  void aFailureIsThrownByTheCallAndEndsIt() {
    AtomicInteger done = new AtomicInteger();
    assertThatThrownBy(
            () ->
                onThreads(
                    3,
                    1,
                    work ->
                        work.run(
                            1_000_000,
                            i -> {
                              if (i == 7) {
                                throw new IllegalStateException("seven");
                              }
                              done.incrementAndGet();
                            })))
        .hasRootCauseMessage("seven");
    assertThat(done.get()).isLessThan(999_999);
  }

  @Test
  void stoppedWorkEndsBetweenTwoIndices() {
    SharedWork work = new SharedWork(1);
    AtomicInteger done = new AtomicInteger();
    assertThatThrownBy(
            () ->
                work.run(
                    10,
                    i -> {
                      done.incrementAndGet();
                      work.stop();
                    }))
        .isInstanceOf(CancellationException.class);
    assertThat(done).hasValue(1);
  }

  @Test
  void anInterruptEndsTheCallOnceHelpersAreOut() throws Exception {
    CountDownLatch helping = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    AtomicInteger outcome = new AtomicInteger();
    onThreads(
        2,
        1,
        work -> {
          Thread caller = Thread.currentThread();
          try {
            work.run(
                2,
                i -> {
                  if (Thread.currentThread() == caller) {
                    await(helping);
                  } else {
                    helping.countDown();
                    caller.interrupt();
                    await(release);
                  }
                  release.countDown();
                });
          } catch (CancellationException e) {
            outcome.set(Thread.interrupted() ? 1 : -1);
          }
        });
    // The helper may be out before the caller waits: then nothing was interrupted.
    assertThat(outcome.get()).isNotNegative();
  }

  /** Runs a number of callers among threads of which the rest only help. */
  private static void onThreads(int threads, int callers, Consumer<SharedWork> caller)
      throws ExecutionException, InterruptedException {
    SharedWork work = new SharedWork(threads);
    ExecutorService pool = WorkerThreads.fixed("shared-work-test", threads);
    try {
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        boolean calls = i < callers;
        futures.add(
            pool.submit(
                () -> {
                  try {
                    if (calls) {
                      caller.accept(work);
                    }
                  } finally {
                    work.retire();
                  }
                }));
      }
      for (Future<?> future : futures) {
        future.get();
      }
    } finally {
      pool.shutdownNow();
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      if (!latch.await(20, TimeUnit.SECONDS)) {
        throw new IllegalStateException("nobody came");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
