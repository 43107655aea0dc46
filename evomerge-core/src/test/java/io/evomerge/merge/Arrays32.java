package io.evomerge.merge;

import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;

/** Tensors in arrays, for tests. */
final class Arrays32 {

  private Arrays32() {}

  static TensorInfo info(String name, long... shape) {
    return new TensorInfo(name, DType.F32, Arrays.stream(shape).boxed().toList());
  }

  static TensorView view(TensorInfo info, float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return new View(info.withDtype(DType.F32), bytes.array());
  }

  static TensorView view(float... values) {
    return view(info("t", values.length), values);
  }

  /** The values cut to their upper 16 bits. */
  static TensorView bfloat16(TensorInfo info, float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
    }
    return new View(info.withDtype(DType.BF16), bytes.array());
  }

  static TensorView raw(TensorInfo info, byte[] bytes) {
    return new View(info, bytes);
  }

  static float[] read(TensorView view) {
    float[] values = new float[(int) view.info().elementCount()];
    view.readFloats(0, values, 0, values.length);
    return values;
  }

  static float[] gaussians(long seed, int length, double deviation) {
    Random random = new Random(seed);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) (random.nextGaussian() * deviation);
    }
    return values;
  }

  /** Merges into an array; fails unless every element is written exactly once. */
  static float[] merge(MergeOperator operator, TensorMerge task) {
    Sink sink = new Sink(task.info());
    operator.merge(surveyed(operator, task), sink);
    return sink.values();
  }

  /** A task whose tensor is the whole model, where an operator wants to see that first. */
  private static TensorMerge surveyed(MergeOperator operator, TensorMerge task) {
    return operator instanceof WholeModelOperator whole && task.survey().isEmpty()
        ? new ForwardingTask(task) {
          private final WholeModelOperator.Survey survey = whole.survey(List.of(task));

          @Override
          public Optional<WholeModelOperator.Survey> survey() {
            return Optional.of(survey);
          }
        }
        : task;
  }

  /** Reads little-endian bytes. */
  private record View(TensorInfo info, byte[] bytes) implements TensorView {

    private View {
      if (bytes.length != info.byteSize()) {
        throw new IllegalArgumentException(info + " with " + bytes.length + " bytes");
      }
    }

    @Override
    public void readFloats(long offset, float[] target, int targetOffset, int length) {
      Objects.checkFromIndexSize(offset, length, info.elementCount());
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < length; i++) {
        int at = (int) (offset + i) * info.dtype().size();
        target[targetOffset + i] =
            switch (info.dtype()) {
              case F64 -> (float) buffer.getDouble(at);
              case F32 -> buffer.getFloat(at);
              case BF16 -> Float.intBitsToFloat(buffer.getShort(at) << 16);
              case F16 -> half(buffer.getShort(at));
              default -> throw new IllegalStateException("not floating-point: " + info);
            };
      }
    }

    @Override
    public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
      System.arraycopy(bytes, (int) byteOffset, target, targetOffset, length);
    }

    private static float half(int bits) {
      int exponent = bits >>> 10 & 31;
      int fraction = bits & 0x3FF;
      if (exponent == 31) {
        throw new IllegalArgumentException("no finite number");
      }
      double magnitude =
          exponent == 0 ? fraction * 0x1p-24 : (1024 + fraction) * Math.pow(2, exponent - 25);
      return (float) ((bits & 0x8000) == 0 ? magnitude : -magnitude);
    }
  }

  /** Takes float32 values or bytes and counts how often each element is written. */
  static final class Sink implements TensorSink {
    private final TensorInfo info;
    private final byte[] bytes;
    private final byte[] writes;

    Sink(TensorInfo info) {
      this.info = info;
      this.bytes = new byte[(int) info.byteSize()];
      this.writes = new byte[(int) info.byteSize()];
    }

    @Override
    public TensorInfo info() {
      return info;
    }

    @Override
    public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
      if (info.dtype() != DType.F32) {
        throw new IllegalStateException("this sink takes no floats: " + info);
      }
      ByteBuffer block = ByteBuffer.allocate(4 * length).order(ByteOrder.LITTLE_ENDIAN);
      block.asFloatBuffer().put(source, sourceOffset, length);
      writeBytes(4 * offset, block.array(), 0, 4 * length);
    }

    @Override
    public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
      System.arraycopy(source, sourceOffset, bytes, (int) byteOffset, length);
      for (int i = 0; i < length; i++) {
        writes[(int) byteOffset + i]++;
      }
    }

    byte[] bytes() {
      for (int i = 0; i < writes.length; i++) {
        if (writes[i] != 1) {
          throw new AssertionError("byte " + i + " was written " + writes[i] + " times");
        }
      }
      return bytes;
    }

    float[] values() {
      return read(raw(info, bytes()));
    }
  }
}
