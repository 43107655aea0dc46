package io.evomerge.internal.linalg;

import java.util.function.IntConsumer;

/** Shares work out to threads. */
@FunctionalInterface
public interface Parallel {

  /**
   * Does something for every index from 0 to {@code count - 1} and returns when all is done.
   *
   * @param count number of indices
   * @param work may be called from several threads at once
   */
  void run(int count, IntConsumer work);
}
