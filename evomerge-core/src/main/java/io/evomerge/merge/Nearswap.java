package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.TensorSink;

/** Moves every element of the base towards the source, by a threshold at most. */
final class Nearswap extends CheckedOperator {

  Nearswap() {
    super(
        "nearswap",
        BaseModel.REQUIRED,
        new ParameterSpec(
            "t",
            ParameterSpec.Scope.GLOBAL,
            ParameterSpec.Kind.REAL,
            0,
            WIDE,
            0,
            0.01,
            0.001,
            Double.NaN,
            true,
            "How far an element moves from the base at most."));
  }

  @Override
  public int maxSources() {
    return 1;
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    float t = (float) scalar(task, "t");
    if (t > 0 && PackedMerge.applies(task, sink, BlockReader.BASE, 0)) {
      PackedMerge.merge(
          task,
          sink,
          (in, offset, length, out, to) -> {
            byte[] base = in.packed(BlockReader.BASE, offset, length);
            byte[] source = in.packed(0, offset, length);
            return Kernels.moveTowardsBf16(base, source, t, out, to, length);
          },
          (in, offset, length, out) -> {
            float[] base = new float[length];
            float[] source = new float[length];
            in.readBase(offset, base, length);
            in.readSource(0, offset, source, length);
            Kernels.moveTowards(base, source, t, out, length);
          });
      return;
    }
    Stripes.forEach(
        task,
        (in, stripe) -> {
          float[] out = in.newBlock();
          for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
            int length = in.length(block);
            float[] base = in.base(block);
            float[] source = in.source(0, block);
            if (t == 0) {
              // 0 / 0 is no number.
              sink.writeFloats(in.offset(block), base, 0, length);
              continue;
            }
            Kernels.moveTowards(base, source, t, out, length);
            sink.writeFloats(in.offset(block), out, 0, length);
          }
        });
  }
}
