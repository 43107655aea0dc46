package io.evomerge.merge;

import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Works through a tensor row by row, on as many threads as the task has. A row runs along the last
 * dimension: a tensor of shape [.., C] has rows of C elements, a tensor of one dimension is one
 * row.
 *
 * @param count number of rows
 * @param length elements of a row
 */
record Rows(long count, int length) {

  /**
   * Returns the rows of a task's tensor.
   *
   * @throws ArithmeticException if a row has more than 2^31 - 1 elements
   */
  static Rows of(TensorMerge task) {
    List<Long> shape = task.info().shape();
    long elements = task.info().elementCount();
    long length = shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
    return length == 0 ? new Rows(0, 0) : new Rows(elements / length, Math.toIntExact(length));
  }

  /** Returns how many groups of neighbouring rows the work is shared out in; fixed by the shape. */
  int groups() {
    return Math.toIntExact((count + groupSize() - 1) / groupSize());
  }

  private long groupSize() {
    return Math.max(1, Stripes.LENGTH / Math.max(1, length));
  }

  /** Works on every row; one reader and one group belong to one thread at a time. */
  void forEachGroup(TensorMerge task, Action action) {
    ConcurrentLinkedQueue<BlockReader> idle = new ConcurrentLinkedQueue<>();
    task.parallel(
        groups(),
        group -> {
          BlockReader reader = idle.poll();
          if (reader == null) {
            reader = new BlockReader(task);
          }
          long first = group * groupSize();
          action.run(reader, group, first, Math.min(count, first + groupSize()));
          idle.add(reader);
        });
  }

  /** What is done with a group of rows; may run on any thread, with a reader of its own. */
  interface Action {
    void run(BlockReader in, int group, long firstRow, long endRow);
  }
}
