package io.evomerge.candidate;

import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.util.Objects;

/**
 * Writes into float32 memory what a reader would get from a file of another element type: each
 * value is rounded to that type and widened again.
 */
final class RoundingSink implements TensorSink {

  private static final int BLOCK = 4096;

  private final TensorBuffer target;
  private final TensorInfo info;
  private final float[] block = new float[BLOCK];

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
    for (int done = 0; done < length; done += BLOCK) {
      int count = Math.min(BLOCK, length - done);
      int from = sourceOffset + done;
      if (info.dtype() == DType.BF16) {
        for (int i = 0; i < count; i++) {
          block[i] = FloatCodec.bf16ToFloat(FloatCodec.floatToBf16(source[from + i]));
        }
      } else {
        for (int i = 0; i < count; i++) {
          block[i] = FloatCodec.f16ToFloat(FloatCodec.floatToF16(source[from + i]));
        }
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
    for (int done = 0; done < elements; done += BLOCK) {
      int count = Math.min(BLOCK, elements - done);
      FloatCodec.decode(info.dtype(), source, sourceOffset + done * size, block, 0, count);
      target.writeFloats(byteOffset / size + done, block, 0, count);
    }
  }
}
