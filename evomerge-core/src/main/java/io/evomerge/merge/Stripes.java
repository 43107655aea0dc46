package io.evomerge.merge;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Works through a tensor in stripes of a fixed length, on as many threads as the task has.
 *
 * <p>Borders depend on the tensor alone. What is computed per stripe and combined in the order of
 * the stripes is therefore the same, bit for bit, for any number of threads and any block length.
 */
final class Stripes {

  /** Elements of a stripe: enough work for a thread to fetch, little enough to share out. */
  static final int LENGTH = 1 << 17;

  private Stripes() {}

  /** Returns how many stripes so many elements have. */
  static int count(long elements) {
    return Math.toIntExact((elements + LENGTH - 1) / LENGTH);
  }

  /** Returns the first element of a stripe. */
  static long offset(int stripe) {
    return (long) stripe * LENGTH;
  }

  /** Works on every stripe; the work must only touch what belongs to its stripe. */
  static void forEach(TensorMerge task, Action action) {
    ConcurrentLinkedQueue<BlockReader> idle = new ConcurrentLinkedQueue<>();
    task.parallel(
        count(task.info().elementCount()),
        stripe -> {
          BlockReader reader = idle.poll();
          if (reader == null) {
            reader = new BlockReader(task);
          }
          action.run(reader, stripe);
          idle.add(reader);
        });
  }

  /** Computes something per stripe and returns the results in the order of the stripes. */
  static <T> List<T> map(TensorMerge task, Mapping<T> mapping) {
    int count = count(task.info().elementCount());
    List<T> results =
        Collections.synchronizedList(new ArrayList<>(Collections.nCopies(count, null)));
    forEach(task, (reader, stripe) -> results.set(stripe, mapping.of(reader, stripe)));
    return results;
  }

  /** What is done with a stripe; may run on any thread, with a reader of its own. */
  interface Action {
    void run(BlockReader in, int stripe);
  }

  /** What is computed from a stripe; may run on any thread, with a reader of its own. */
  interface Mapping<T> {
    T of(BlockReader in, int stripe);
  }
}
