package io.evomerge.candidate;

import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * A tensor with one row per token, in the rows of another vocabulary; nothing is held but the map.
 *
 * <p>Floats are unrounded: the mean of narrow rows may lie between two elements of the type. Bytes
 * are rounded once, to nearest even; rows that are taken from a model of the same type keep their
 * bits.
 */
final class RowMappedView implements TensorView {

  private static final int BLOCK = 4096;

  private final TensorInfo info;
  private final TensorView own;
  private final int[] ownRows;
  private final RowSource[] others;
  private final Function<String, TensorView> models;
  private final long width;

  /**
   * Maps rows.
   *
   * @param own the tensor of the model
   * @param ownRows for each row of the view the model's row, or -1
   * @param others where the rows come from that the model does not have
   * @param models the same tensor of other models, by name
   */
  RowMappedView(
      TensorView own, int[] ownRows, RowSource[] others, Function<String, TensorView> models) {
    List<Long> shape = new ArrayList<>(own.info().shape());
    shape.set(0, (long) ownRows.length);
    this.info = new TensorInfo(own.info().name(), own.info().dtype(), shape);
    this.own = own;
    this.ownRows = ownRows;
    this.others = others;
    this.models = models;
    this.width = shape.subList(1, shape.size()).stream().reduce(1L, (a, b) -> a * b);
  }

  @Override
  public TensorInfo info() {
    return info;
  }

  @Override
  public void readFloats(long offset, float[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(offset, length, info.elementCount());
    Objects.checkFromIndexSize(targetOffset, length, target.length);
    int done = 0;
    while (done < length) {
      long position = offset + done;
      int row = (int) (position / width);
      long column = position % width;
      int count = (int) Math.min(runEnd(row, length - done) * width - position, length - done);
      int to = targetOffset + done;
      if (ownRows[row] >= 0) {
        own.readFloats(ownRows[row] * width + column, target, to, count);
      } else if (others[row] instanceof RowSource.Row other) {
        models.apply(other.model()).readFloats(other.row() * width + column, target, to, count);
      } else if (others[row] instanceof RowSource.Mean mean) {
        readMean(mean, column, target, to, count);
      } else {
        Arrays.fill(target, to, to + count, 0);
      }
      done += count;
    }
  }

  /** Returns the row after those that can be read at once: neighbours of the model itself. */
  private long runEnd(int first, int wanted) {
    int row = first + 1;
    // One more than is wanted seems to need, as the first row may be entered in its middle.
    while (ownRows[first] >= 0
        && row < ownRows.length
        && ownRows[row] == ownRows[row - 1] + 1
        && (row - first - 1) * width < wanted) {
      row++;
    }
    return row;
  }

  private void readMean(RowSource.Mean mean, long column, float[] target, int at, int count) {
    float[] block = new float[Math.min(BLOCK, count)];
    int models = mean.rows().size();
    for (int done = 0; done < count; done += block.length) {
      int part = Math.min(block.length, count - done);
      Arrays.fill(target, at + done, at + done + part, 0);
      for (RowSource.Row row : mean.rows()) {
        this.models
            .apply(row.model())
            .readFloats(row.row() * width + column + done, block, 0, part);
        for (int i = 0; i < part; i++) {
          target[at + done + i] += block[i];
        }
      }
      for (int i = 0; i < part; i++) {
        target[at + done + i] /= models;
      }
    }
  }

  @Override
  public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(byteOffset, length, info.byteSize());
    Objects.checkFromIndexSize(targetOffset, length, target.length);
    long rowBytes = width * info.dtype().size();
    int done = 0;
    while (done < length) {
      long position = byteOffset + done;
      int row = (int) (position / rowBytes);
      long column = position % rowBytes;
      int elements = (length - done) / info.dtype().size() + 1;
      int count = (int) Math.min(runEnd(row, elements) * rowBytes - position, length - done);
      int to = targetOffset + done;
      if (ownRows[row] >= 0) {
        own.readBytes(ownRows[row] * rowBytes + column, target, to, count);
      } else if (others[row] instanceof RowSource.Row other
          && models.apply(other.model()).info().dtype() == info.dtype()) {
        TensorView view = models.apply(other.model());
        view.readBytes(other.row() * rowBytes + column, target, to, count);
      } else {
        encode(position, target, to, count);
      }
      done += count;
    }
  }

  /** Rounds the elements that a range of bytes touches. */
  private void encode(long position, byte[] target, int at, int count) {
    DType type = info.dtype();
    float[] values = new float[Math.min(BLOCK, count / type.size() + 2)];
    byte[] bytes = new byte[values.length * type.size()];
    int done = 0;
    while (done < count) {
      long element = (position + done) / type.size();
      int skip = (int) ((position + done) % type.size());
      int part = Math.min(bytes.length - skip, count - done);
      int elements = (skip + part + type.size() - 1) / type.size();
      readFloats(element, values, 0, elements);
      FloatCodec.encode(type, values, 0, bytes, 0, elements);
      System.arraycopy(bytes, skip, target, at + done, part);
      done += part;
    }
  }
}
