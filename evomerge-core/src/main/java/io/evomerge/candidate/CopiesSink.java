package io.evomerge.candidate;

import io.evomerge.exception.MergeException;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.util.List;

/**
 * Writes one tensor under several names, each copy with a factor; as safe as its targets.
 *
 * <p>If all factors are 1, everything goes through untouched. Else it takes float32, which is
 * multiplied and then rounded once by the target.
 */
final class CopiesSink implements TensorSink {

  /** Elements scaled at a time: so few that the array for them, new at each call, costs little. */
  private static final int BLOCK = 1024;

  private final List<TensorSink> targets;
  private final float[] factors;
  private final boolean scaled;

  /**
   * Creates it.
   *
   * @param targets of one element type and shape
   * @param factors one per target: all 1, or none
   */
  CopiesSink(List<TensorSink> targets, float[] factors) {
    this.targets = List.copyOf(targets);
    this.factors = factors.clone();
    this.scaled = factors[0] != 1;
  }

  @Override
  public TensorInfo info() {
    TensorInfo first = targets.get(0).info();
    return scaled ? first.withDtype(DType.F32) : first;
  }

  @Override
  public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
    if (!scaled) {
      targets.forEach(target -> target.writeFloats(offset, source, sourceOffset, length));
      return;
    }
    float[] block = new float[Math.min(BLOCK, length)];
    for (int i = 0; i < factors.length; i++) {
      TensorSink target = targets.get(i);
      float largest = largest(target.info().dtype());
      for (int done = 0; done < length; done += block.length) {
        int count = Math.min(block.length, length - done);
        for (int j = 0; j < count; j++) {
          float value = source[sourceOffset + done + j];
          block[j] = factors[i] * value;
          if (Math.abs(block[j]) > largest && Float.isFinite(value)) {
            throw tooLarge(target.info(), value, factors[i]);
          }
        }
        target.writeFloats(offset + done, block, 0, count);
      }
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
    int size = DType.F32.size();
    if (byteOffset % size != 0 || length % size != 0) {
      throw new IllegalArgumentException(
          "tensor '" + info().name() + "': bytes must be written in whole elements of " + size);
    }
    float[] values = new float[length / size];
    FloatCodec.decode(DType.F32, source, sourceOffset, values, 0, values.length);
    writeFloats(byteOffset / size, values, 0, values.length);
  }
}
