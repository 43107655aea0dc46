package io.evomerge.merge;

import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.TensorSink;
import java.util.Arrays;
import java.util.stream.IntStream;

/** Writes {@code sum f_i x_i}, or {@code base + sum f_i (x_i - base)}, in float32. */
final class WeightedSum {

  /** Where a sum begins; any number that is added keeps its bits, the negative zero included. */
  private static final float NOTHING = -0f;

  private final TensorMerge task;
  private final int[] inputs;
  private final float[] factors;

  private WeightedSum(TensorMerge task, int[] inputs, float[] factors) {
    this.task = task;
    this.inputs = inputs;
    this.factors = factors;
  }

  /** Writes the sum of the sources by factors. */
  static void ofSources(TensorMerge task, float[] factors, TensorSink sink) {
    ofInputs(task, sources(task), factors, sink);
  }

  /**
   * Writes the sum of inputs by factors.
   *
   * @param inputs sources, or {@link BlockReader#BASE}
   */
  static void ofInputs(TensorMerge task, int[] inputs, float[] factors, TensorSink sink) {
    new WeightedSum(task, inputs, factors).writeInputs(sink);
  }

  /** Writes the base and the sum of the sources' task vectors by factors. */
  static void ofTaskVectors(TensorMerge task, float[] factors, TensorSink sink) {
    new WeightedSum(task, sources(task), factors).writeTaskVectors(sink);
  }

  private static int[] sources(TensorMerge task) {
    return IntStream.range(0, task.sources().size()).toArray();
  }

  private void writeInputs(TensorSink sink) {
    if (PackedMerge.applies(task, sink, inputs)) {
      PackedMerge.merge(task, sink, this::packedInputs, this::checkedInputs);
      return;
    }
    Stripes.forEach(
        task,
        (in, stripe) -> {
          float[] out = in.newBlock();
          for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
            int length = in.length(block);
            Arrays.fill(out, 0, length, NOTHING);
            for (int i = 0; i < inputs.length; i++) {
              if (inputs[i] == BlockReader.BASE) {
                in.addBase(block, factors[i], out);
              } else {
                in.addSource(inputs[i], block, factors[i], out);
              }
            }
            sink.writeFloats(in.offset(block), out, 0, length);
          }
        });
  }

  private boolean packedInputs(BlockReader in, long offset, int length, byte[] out, int to) {
    if (inputs.length == 2) {
      byte[] first = in.packed(inputs[0], offset, length);
      byte[] second = in.packed(inputs[1], offset, length);
      return Kernels.sumOfTwoBf16(factors[0], first, factors[1], second, out, to, length);
    }
    float[] sum = in.partSum();
    Arrays.fill(sum, 0, length, NOTHING);
    for (int i = 0; i < inputs.length; i++) {
      Kernels.addScaledBf16(factors[i], in.packed(inputs[i], offset, length), sum, length);
    }
    return Kernels.packBf16(sum, out, to, length);
  }

  private void checkedInputs(BlockReader in, long offset, int length, float[] out) {
    float[] values = new float[length];
    Arrays.fill(out, 0, length, NOTHING);
    for (int i = 0; i < inputs.length; i++) {
      if (inputs[i] == BlockReader.BASE) {
        in.readBase(offset, values, length);
      } else {
        in.readSource(inputs[i], offset, values, length);
      }
      Kernels.addScaled(factors[i], values, out, length);
    }
  }

  private void writeTaskVectors(TensorSink sink) {
    int[] all = IntStream.range(BlockReader.BASE, inputs.length).toArray();
    if (PackedMerge.applies(task, sink, all)) {
      PackedMerge.merge(task, sink, this::packedTaskVectors, this::checkedTaskVectors);
      return;
    }
    Stripes.forEach(
        task,
        (in, stripe) -> {
          float[] out = in.newBlock();
          for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
            int length = in.length(block);
            Arrays.fill(out, 0, length, NOTHING);
            for (int s = 0; s < factors.length; s++) {
              Kernels.addScaled(factors[s], in.delta(s, block), out, length);
            }
            Kernels.addScaled(1f, in.base(block), out, length);
            sink.writeFloats(in.offset(block), out, 0, length);
          }
        });
  }

  private boolean packedTaskVectors(BlockReader in, long offset, int length, byte[] out, int to) {
    byte[] base = in.packed(BlockReader.BASE, offset, length);
    float[] sum = in.partSum();
    if (inputs.length == 2) {
      byte[] first = in.packed(0, offset, length);
      byte[] second = in.packed(1, offset, length);
      Kernels.sumOfTwoDeltasBf16(base, factors[0], first, factors[1], second, sum, length);
    } else {
      Arrays.fill(sum, 0, length, NOTHING);
      for (int s = 0; s < factors.length; s++) {
        Kernels.addScaledDeltaBf16(factors[s], base, in.packed(s, offset, length), sum, length);
      }
    }
    return Kernels.addAndPackBf16(base, sum, out, to, length);
  }

  private void checkedTaskVectors(BlockReader in, long offset, int length, float[] out) {
    float[] base = new float[length];
    float[] values = new float[length];
    in.readBase(offset, base, length);
    Arrays.fill(out, 0, length, NOTHING);
    for (int s = 0; s < factors.length; s++) {
      in.readDelta(s, offset, base, values, length);
      Kernels.addScaled(factors[s], values, out, length);
    }
    Kernels.addScaled(1f, base, out, length);
  }
}
