package io.evomerge.merge;

import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;

/** A view that says when it is read. */
record CountedView(TensorView view, Runnable onRead) implements TensorView {

  @Override
  public TensorInfo info() {
    return view.info();
  }

  @Override
  public void readFloats(long offset, float[] target, int targetOffset, int length) {
    onRead.run();
    view.readFloats(offset, target, targetOffset, length);
  }

  @Override
  public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
    onRead.run();
    view.readBytes(byteOffset, target, targetOffset, length);
  }
}
