package io.evomerge.internal.threads;

import com.google.common.util.concurrent.ThreadFactoryBuilder;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Bounded pools of named daemon threads; whoever asks for one ends it. */
public final class WorkerThreads {

  private WorkerThreads() {}

  /**
   * Makes a pool.
   *
   * @param name threads are called {@code evomerge-<name>-<number>}
   * @param threads at least 1
   */
  public static ExecutorService fixed(String name, int threads) {
    return Executors.newFixedThreadPool(
        threads,
        new ThreadFactoryBuilder()
            .setNameFormat("evomerge-" + name + "-%d")
            .setDaemon(true)
            .build());
  }
}
