package io.evomerge.checkpoint;

import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.Objects;

/**
 * A tensor that an adapter holds whole, as if it had the element type of the base.
 *
 * @param info name, element type and shape of the base's tensor
 * @param own the adapter's tensor, of the same shape
 */
record ReplacedView(TensorInfo info, TensorView own) implements TensorView {

  @Override
  public void readFloats(long offset, float[] target, int targetOffset, int length) {
    own.readFloats(offset, target, targetOffset, length);
  }

  @Override
  public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
    if (own.info().dtype() == info.dtype()) {
      own.readBytes(byteOffset, target, targetOffset, length);
      return;
    }
    readRounded(this, byteOffset, target, targetOffset, length);
  }

  /** Reads bytes of a view whose values have to be rounded to its element type first. */
  static void readRounded(
      TensorView view, long byteOffset, byte[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(byteOffset, length, view.info().byteSize());
    Objects.checkFromIndexSize(targetOffset, length, target.length);
    int size = view.info().dtype().size();
    int block = (int) Math.min(1 << 14, length / size + 2L);
    float[] values = new float[block];
    byte[] bytes = new byte[block * size];
    int done = 0;
    while (done < length) {
      long first = (byteOffset + done) / size;
      int skipped = (int) ((byteOffset + done) % size);
      int count = (int) Math.min(block, (skipped + (long) length - done + size - 1) / size);
      view.readFloats(first, values, 0, count);
      FloatCodec.encode(view.info().dtype(), values, 0, bytes, 0, count);
      int copied = Math.min(length - done, count * size - skipped);
      System.arraycopy(bytes, skipped, target, targetOffset + done, copied);
      done += copied;
    }
  }
}
