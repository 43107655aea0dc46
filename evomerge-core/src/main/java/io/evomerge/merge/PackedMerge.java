package io.evomerge.merge;

import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.util.stream.IntStream;

/**
 * Merges bfloat16 inputs into a bfloat16 result without widening them in memory, in parts so small
 * that those of all inputs stay in a core's first-level cache, and that reading the next ones goes
 * on beside the arithmetic.
 *
 * <p>A loop tells when a result is NaN or infinite, which it is wherever an input is. Then the same
 * elements are merged once more from inputs that are widened and checked, with the same bits.
 */
final class PackedMerge {

  /** Elements that are read at a time. */
  static final int PART = 512;

  /** Elements that are written at a time: for a file, each write has its price. */
  private static final int WRITTEN = 4 * PART;

  private PackedMerge() {}

  /** Merges a part of packed inputs. */
  interface Loop {

    /**
     * Merges a part, and returns whether all of its results are finite.
     *
     * @param in where to read inputs, by {@link BlockReader#packed}
     * @param offset first element
     * @param length number of elements, at most {@link #PART}
     * @param out takes the elements
     * @param to first element of {@code out}
     */
    boolean run(BlockReader in, long offset, int length, byte[] out, int to);
  }

  /** Merges the same from inputs that are checked. */
  interface Checked {

    /**
     * Merges a range of elements.
     *
     * @param in where to read inputs
     * @param offset first element
     * @param length number of elements
     * @param out takes the values
     */
    void run(BlockReader in, long offset, int length, float[] out);
  }

  /** Returns whether these inputs and the result are bfloat16. */
  static boolean applies(TensorMerge task, TensorSink sink, int... inputs) {
    return sink.info().dtype() == DType.BF16 && packed(task, inputs);
  }

  /** Returns whether these inputs are bfloat16: sources, or {@link BlockReader#BASE}. */
  static boolean packed(TensorMerge task, int... inputs) {
    return IntStream.of(inputs)
        .mapToObj(input -> view(task, input))
        .allMatch(view -> view.info().dtype() == DType.BF16);
  }

  private static TensorView view(TensorMerge task, int input) {
    return input == BlockReader.BASE ? task.base().orElseThrow() : task.sources().get(input);
  }

  /** Merges a tensor. */
  static void merge(TensorMerge task, TensorSink sink, Loop loop, Checked checked) {
    Stripes.forEach(
        task,
        (in, stripe) -> {
          int longest = Math.min(in.blockLength(), WRITTEN);
          byte[] out = new byte[2 * longest];
          long end = Math.min(in.elements(), Stripes.offset(stripe + 1));
          for (long offset = Stripes.offset(stripe); offset < end; offset += longest) {
            int length = (int) Math.min(longest, end - offset);
            if (merge(in, offset, length, out, loop)) {
              sink.writeBytes(2 * offset, out, 0, 2 * length);
            } else {
              float[] values = new float[length];
              checked.run(in, offset, length, values);
              sink.writeFloats(offset, values, 0, length);
            }
          }
        });
  }

  private static boolean merge(BlockReader in, long offset, int length, byte[] out, Loop loop) {
    for (int at = 0; at < length; at += PART) {
      if (!loop.run(in, offset + at, Math.min(PART, length - at), out, at)) {
        return false;
      }
    }
    return true;
  }

  /** Works on a stripe in parts. */
  static void forEachPart(BlockReader in, int stripe, PartAction action) {
    int longest = Math.min(in.blockLength(), PART);
    long end = Math.min(in.elements(), Stripes.offset(stripe + 1));
    for (long offset = Stripes.offset(stripe); offset < end; offset += longest) {
      action.run(offset, (int) Math.min(longest, end - offset));
    }
  }

  /** What is done with a part. */
  interface PartAction {
    void run(long offset, int length);
  }
}
