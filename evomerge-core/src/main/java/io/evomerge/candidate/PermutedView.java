package io.evomerge.candidate;

import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.Objects;

/** A tensor whose rows or columns come in another order; a vector is a column. */
final class PermutedView implements TensorView {

  private final TensorView whole;
  private final int[] order;
  private final boolean rows;
  private final long width;

  /**
   * Wraps a tensor.
   *
   * @param whole of one or two dimensions
   * @param order row or column {@code i} is the wrapped tensor's {@code order[i]}
   * @param rows whether rows are meant
   */
  PermutedView(TensorView whole, int[] order, boolean rows) {
    this.whole = whole;
    this.order = order;
    this.rows = rows;
    this.width = whole.info().shape().size() == 1 ? 1 : whole.info().shape().get(1);
  }

  @Override
  public TensorInfo info() {
    return whole.info();
  }

  @Override
  public void readFloats(long offset, float[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(offset, length, info().elementCount());
    Objects.checkFromIndexSize(targetOffset, length, target.length);
    float[] row = rows ? null : new float[order.length];
    for (int done = 0; done < length; ) {
      long at = (offset + done) / width;
      int column = (int) ((offset + done) % width);
      int run = (int) Math.min(width - column, length - done);
      if (row == null) {
        whole.readFloats(order[(int) at] * width + column, target, targetOffset + done, run);
      } else {
        whole.readFloats(at * width, row, 0, row.length);
        for (int i = 0; i < run; i++) {
          target[targetOffset + done + i] = row[order[column + i]];
        }
      }
      done += run;
    }
  }

  @Override
  public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(byteOffset, length, info().byteSize());
    Objects.checkFromIndexSize(targetOffset, length, target.length);
    int size = info().dtype().size();
    long rowBytes = width * size;
    byte[] row = rows ? null : new byte[(int) rowBytes];
    for (int done = 0; done < length; ) {
      long at = (byteOffset + done) / rowBytes;
      int column = (int) ((byteOffset + done) % rowBytes);
      int run = (int) Math.min(rowBytes - column, length - done);
      if (row == null) {
        whole.readBytes(order[(int) at] * rowBytes + column, target, targetOffset + done, run);
      } else {
        whole.readBytes(at * rowBytes, row, 0, row.length);
        for (int i = 0; i < run; i++) {
          int b = column + i;
          target[targetOffset + done + i] = row[order[b / size] * size + b % size];
        }
      }
      done += run;
    }
  }
}
