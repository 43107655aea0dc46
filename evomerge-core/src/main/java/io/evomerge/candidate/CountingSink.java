package io.evomerge.candidate;

import io.evomerge.exception.MergeException;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.util.concurrent.atomic.LongAdder;

/** Notices operators that leave elements out or write them twice; as safe as its target. */
final class CountingSink implements TensorSink {

  private final TensorSink target;
  private final LongAdder bytes = new LongAdder();

  CountingSink(TensorSink target) {
    this.target = target;
  }

  @Override
  public TensorInfo info() {
    return target.info();
  }

  @Override
  public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
    target.writeFloats(offset, source, sourceOffset, length);
    bytes.add((long) length * info().dtype().size());
  }

  @Override
  public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
    target.writeBytes(byteOffset, source, sourceOffset, length);
    bytes.add(length);
  }

  void requireComplete(String operator) {
    long written = bytes.sum();
    if (written != info().byteSize()) {
      throw new MergeException(
          "operator '"
              + operator
              + "' wrote "
              + written
              + " of "
              + info().byteSize()
              + " bytes of tensor '"
              + info().name()
              + "': it must write every element once");
    }
  }
}
