package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;

/** One source as it is, or scaled: {@code scale x}. */
final class Passthrough extends CheckedOperator {

  private static final int COPY_BYTES = 1 << 16;

  Passthrough() {
    super(
        "passthrough",
        BaseModel.UNUSED,
        new ParameterSpec(
            "scale",
            ParameterSpec.Scope.PER_SOURCE,
            ParameterSpec.Kind.REAL,
            -WIDE,
            WIDE,
            0,
            2,
            1,
            1,
            false,
            "Factor of every element."));
  }

  @Override
  public int maxSources() {
    return 1;
  }

  @Override
  boolean acceptsIntegers() {
    return true;
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    float scale = (float) perSource(task, "scale")[0];
    TensorView source = task.sources().get(0);
    DType dtype = source.info().dtype();
    boolean copied = scale == 1 && sink.info().dtype() == dtype;
    if (!dtype.isFloating()) {
      if (!copied) {
        throw refusal(
            task,
            "source '"
                + task.sourceNames().get(0)
                + "' holds "
                + dtype
                + ", which can be copied but neither scaled nor converted to "
                + sink.info().dtype());
      }
      copy(source, sink);
      return;
    }
    BlockReader in = new BlockReader(task);
    float[] out = in.newBlock();
    for (long block = 0; block < in.blocks(); block++) {
      int length = in.length(block);
      float[] values = in.source(0, block);
      if (!copied) {
        Kernels.scale(scale, values, out, length);
        sink.writeFloats(in.offset(block), out, 0, length);
      }
    }
    if (copied) {
      copy(source, sink);
    }
  }

  private static void copy(TensorView source, TensorSink sink) {
    long total = source.info().byteSize();
    byte[] bytes = new byte[(int) Math.min(COPY_BYTES, total)];
    for (long offset = 0; offset < total; offset += bytes.length) {
      int length = (int) Math.min(bytes.length, total - offset);
      source.readBytes(offset, bytes, 0, length);
      sink.writeBytes(offset, bytes, 0, length);
    }
  }
}
