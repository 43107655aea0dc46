package io.evomerge.merge;

import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.List;
import java.util.Objects;

/** The upper left part of a matrix: an embedding with more rows or columns than the result. */
final class CroppedView implements TensorView {

  private final TensorView whole;
  private final TensorInfo info;
  private final long columns;
  private final long wholeColumns;

  private CroppedView(TensorView whole, List<Long> shape) {
    this.whole = whole;
    this.info = new TensorInfo(whole.info().name(), whole.info().dtype(), shape);
    this.columns = shape.get(1);
    this.wholeColumns = whole.info().shape().get(1);
  }

  /** Returns whether one shape can be cut out of the other. */
  static boolean fits(List<Long> shape, List<Long> whole) {
    return shape.size() == 2
        && whole.size() == 2
        && shape.get(0) <= whole.get(0)
        && shape.get(1) <= whole.get(1);
  }

  static TensorView of(TensorView whole, List<Long> shape) {
    return whole.info().shape().equals(shape) ? whole : new CroppedView(whole, shape);
  }

  @Override
  public TensorInfo info() {
    return info;
  }

  @Override
  public void readFloats(long offset, float[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(offset, length, info.elementCount());
    long position = offset;
    int done = 0;
    while (done < length) {
      long column = position % columns;
      int run = (int) Math.min(columns - column, length - done);
      whole.readFloats(
          position / columns * wholeColumns + column, target, targetOffset + done, run);
      position += run;
      done += run;
    }
  }

  @Override
  public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(byteOffset, length, info.byteSize());
    long rowBytes = columns * info.dtype().size();
    long wholeRowBytes = wholeColumns * info.dtype().size();
    long position = byteOffset;
    int done = 0;
    while (done < length) {
      long column = position % rowBytes;
      int run = (int) Math.min(rowBytes - column, length - done);
      whole.readBytes(
          position / rowBytes * wholeRowBytes + column, target, targetOffset + done, run);
      position += run;
      done += run;
    }
  }
}
