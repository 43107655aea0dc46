package io.evomerge.candidate;

import io.evomerge.exception.MergeException;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.util.List;
import java.util.Objects;

/**
 * Writes one tensor under several names, each copy with a factor; as safe as its targets.
 *
 * <p>If all factors are 1, everything goes through untouched. Else numbers are rounded to a type,
 * which may be float32, multiplied in float32, and rounded by the target.
 */
final class CopiesSink implements TensorSink {

  /** Elements scaled at a time: so few that the array for them, new at each call, costs little. */
  private static final int BLOCK = 1024;

  private final List<TensorSink> targets;
  private final float[] factors;
  private final boolean scaled;
  private final DType before;

  /**
   * Creates it.
   *
   * @param targets of one element type and shape
   * @param factors one per target: all 1, or none
   * @param before what numbers with a factor are rounded to first: F32, BF16 or F16
   */
  CopiesSink(List<TensorSink> targets, float[] factors, DType before) {
    this.targets = List.copyOf(targets);
    this.factors = factors.clone();
    this.scaled = factors[0] != 1;
    this.before = before;
  }

  @Override
  public TensorInfo info() {
    TensorInfo first = targets.get(0).info();
    return scaled ? first.withDtype(before) : first;
  }

  @Override
  public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
    if (!scaled) {
      targets.forEach(target -> target.writeFloats(offset, source, sourceOffset, length));
      return;
    }
    Objects.checkFromIndexSize(sourceOffset, length, source.length);
    float[] values = new float[Math.min(BLOCK, length)];
    float[] block = new float[values.length];
    for (int done = 0; done < length; done += values.length) {
      int count = Math.min(values.length, length - done);
      round(source, sourceOffset + done, values, count);
      for (int i = 0; i < factors.length; i++) {
        TensorSink target = targets.get(i);
        float largest = largest(target.info().dtype());
        for (int j = 0; j < count; j++) {
          block[j] = factors[i] * values[j];
          if (Math.abs(block[j]) > largest && Float.isFinite(values[j])) {
            throw tooLarge(target.info(), values[j], factors[i]);
          }
        }
        target.writeFloats(offset + done, block, 0, count);
      }
    }
  }

  private void round(float[] source, int from, float[] target, int count) {
    switch (before) {
      case BF16 -> Kernels.roundBf16(source, from, target, count);
      case F16 -> Kernels.roundF16(source, from, target, count);
      default -> System.arraycopy(source, from, target, 0, count);
    }
  }

  /** The largest number that does not become infinite when it is rounded to a type. */
  private static float largest(DType type) {
    return switch (type) {
      case F16 -> Math.nextDown(65520f);
      case BF16 -> Math.nextDown(Float.intBitsToFloat(0x7F7F8000));
      default -> Float.MAX_VALUE;
    };
  }

  private static MergeException tooLarge(TensorInfo info, float value, float factor) {
    return new MergeException(
        "tensor '"
            + info.name()
            + "': "
            + value
            + " with the scale "
            + factor
            + " of its hop is too large for "
            + info.dtype()
            + "; set the recipe's dtype to F32 or BF16, or write the compact form");
  }

  @Override
  public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
    if (!scaled) {
      targets.forEach(target -> target.writeBytes(byteOffset, source, sourceOffset, length));
      return;
    }
    int size = before.size();
    if (byteOffset % size != 0 || length % size != 0) {
      throw new IllegalArgumentException(
          "tensor '" + info().name() + "': bytes must be written in whole elements of " + size);
    }
    float[] values = new float[length / size];
    FloatCodec.decode(before, source, sourceOffset, values, 0, values.length);
    writeFloats(byteOffset / size, values, 0, values.length);
  }
}
