package io.evomerge.candidate;

import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.util.Objects;

/**
 * Writes into float32 memory what a reader would get from a file of another element type: each
 * value is rounded to that type and widened again. Several threads may write different blocks.
 */
final class RoundingSink implements TensorSink {

  /** Elements rounded at a time: so few that the array for them, new at each call, costs little. */
  private static final int BLOCK = 1024;

  private final TensorBuffer target;
  private final TensorInfo info;

  RoundingSink(TensorBuffer target, DType type) {
    this.target = target;
    this.info = target.info().withDtype(type);
  }

  @Override
  public TensorInfo info() {
    return info;
  }

  @Override
  public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
    if (info.dtype() == DType.F32 || info.dtype() == DType.F64) {
      target.writeFloats(offset, source, sourceOffset, length);
      return;
    }
    Objects.checkFromIndexSize(sourceOffset, length, source.length);
    float[] block = new float[Math.min(BLOCK, length)];
    for (int done = 0; done < length; done += block.length) {
      int count = Math.min(block.length, length - done);
      if (info.dtype() == DType.BF16) {
        Kernels.roundBf16(source, sourceOffset + done, block, count);
      } else {
        Kernels.roundF16(source, sourceOffset + done, block, count);
      }
      target.writeFloats(offset + done, block, 0, count);
    }
  }

  @Override
  public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
    int size = info.dtype().size();
    if (byteOffset % size != 0 || length % size != 0) {
      throw new IllegalArgumentException(
          "tensor '" + info.name() + "': bytes must be written in whole elements of " + size);
    }
    int elements = length / size;
    float[] block = new float[Math.min(BLOCK, elements)];
    for (int done = 0; done < elements; done += block.length) {
      int count = Math.min(block.length, elements - done);
      FloatCodec.decode(info.dtype(), source, sourceOffset + done * size, block, 0, count);
      target.writeFloats(byteOffset / size + done, block, 0, count);
    }
  }
}
