package io.evomerge.merge;

import java.util.function.IntConsumer;

/**
 * Shares work out to threads; what {@link TensorMerge#parallel} stands on. Safe for concurrent use.
 */
@FunctionalInterface
public interface ParallelFor {

  /**
   * Does something for every index from 0 to {@code count - 1} and returns when all is done.
   *
   * @param count number of indices
   * @param work may be called from several threads at once; what it throws is thrown here, and work
   *     not yet begun is left undone
   */
  void run(int count, IntConsumer work);

  /** Returns what works in order on the calling thread. */
  static ParallelFor sequential() {
    return (count, work) -> {
      for (int i = 0; i < count; i++) {
        work.accept(i);
      }
    };
  }
}
