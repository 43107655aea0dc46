package io.evomerge.checkpoint;

import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.lang.ref.SoftReference;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A tensor plus a scaled product of two thin matrices, computed when it is read.
 *
 * <p>The product is summed in float32 in the order of the inner dimension, so that an element has
 * the same bits in whatever range it is read. The factors are kept in memory as long as there is
 * enough.
 */
final class LowRankView implements TensorView {

  private final TensorView base;
  private final TensorView a;
  private final TensorView b;
  private final boolean transposed;
  private final float scale;
  private final @Nullable TensorView magnitude;
  private final long rows;
  private final int columns;
  private final int rank;
  private final Object lock = new Object();
  private volatile SoftReference<Factors> factors = new SoftReference<>(null);
  private volatile float @Nullable [] magnitudeFactors;

  /**
   * Describes the sum.
   *
   * @param base [rows, columns..]
   * @param a [rank, in]
   * @param b [out, rank]
   * @param transposed whether {@code base} is [in, out], not [out, in]
   * @param scale factor of the product
   * @param magnitude the norms that the rows (if transposed, the columns) of the sum get, if any
   */
  LowRankView(
      TensorView base,
      TensorView a,
      TensorView b,
      boolean transposed,
      double scale,
      @Nullable TensorView magnitude) {
    this.base = base;
    this.a = a;
    this.b = b;
    this.transposed = transposed;
    this.scale = (float) scale;
    this.magnitude = magnitude;
    this.rank = Math.toIntExact(a.info().shape().get(0));
    this.rows = base.info().shape().get(0);
    this.columns = rows == 0 ? 0 : Math.toIntExact(base.info().elementCount() / rows);
  }

  @Override
  public TensorInfo info() {
    return base.info();
  }

  @Override
  public void readFloats(long offset, float[] target, int targetOffset, int length) {
    base.readFloats(offset, target, targetOffset, length);
    if (length == 0) {
      return;
    }
    Factors loaded = factors();
    float[] norms = magnitude == null ? null : magnitudeFactors(loaded, magnitude);
    addProduct(loaded, offset, target, targetOffset, length);
    if (norms != null) {
      for (int i = 0; i < length; i++) {
        long element = offset + i;
        target[targetOffset + i] *=
            norms[(int) (transposed ? element % columns : element / columns)];
      }
    }
  }

  @Override
  public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
    ReplacedView.readRounded(this, byteOffset, target, targetOffset, length);
  }

  private void addProduct(
      Factors loaded, long offset, float[] target, int targetOffset, int length) {
    float[] sum = new float[Math.min(columns, length)];
    int done = 0;
    while (done < length) {
      int row = (int) ((offset + done) / columns);
      int column = (int) ((offset + done) % columns);
      int count = Math.min(length - done, columns - column);
      Arrays.fill(sum, 0, count, 0f);
      addRows(loaded, row, column, sum, count);
      int at = targetOffset + done;
      for (int j = 0; j < count; j++) {
        target[at + j] += scale * sum[j];
      }
      done += count;
    }
  }

  /** Four terms at a time, each added to the sum of those before it. */
  private void addRows(Factors loaded, int row, int column, float[] sum, int count) {
    float[] left = loaded.left();
    float[] right = loaded.right();
    int first = row * rank;
    int k = 0;
    for (; k + 4 <= rank; k += 4) {
      float f0 = left[first + k];
      float f1 = left[first + k + 1];
      float f2 = left[first + k + 2];
      float f3 = left[first + k + 3];
      int r0 = k * columns + column;
      int r1 = r0 + columns;
      int r2 = r1 + columns;
      int r3 = r2 + columns;
      for (int j = 0; j < count; j++) {
        sum[j] =
            sum[j]
                + f0 * right[r0 + j]
                + f1 * right[r1 + j]
                + f2 * right[r2 + j]
                + f3 * right[r3 + j];
      }
    }
    for (; k < rank; k++) {
      float factor = left[first + k];
      int start = k * columns + column;
      for (int j = 0; j < count; j++) {
        sum[j] += factor * right[start + j];
      }
    }
  }

  private Factors factors() {
    Factors known = factors.get();
    if (known != null) {
      return known;
    }
    synchronized (lock) {
      known = factors.get();
      if (known == null) {
        known =
            transposed
                ? new Factors(transpose(read(a), rank), transpose(read(b), (int) size(b) / rank))
                : new Factors(read(b), read(a));
        factors = new SoftReference<>(known);
      }
      return known;
    }
  }

  /** Returns by what the rows or columns are multiplied so that they have the trained norms. */
  private float[] magnitudeFactors(Factors loaded, TensorView wanted) {
    float[] known = magnitudeFactors;
    if (known != null) {
      return known;
    }
    synchronized (lock) {
      known = magnitudeFactors;
      if (known == null) {
        known = read(wanted);
        double[] squares = squares(loaded);
        for (int i = 0; i < known.length; i++) {
          // Nothing can give a vector of zeros a direction.
          known[i] = squares[i] == 0 ? 0 : (float) (known[i] / Math.sqrt(squares[i]));
        }
        magnitudeFactors = known;
      }
      return known;
    }
  }

  private double[] squares(Factors loaded) {
    double[] squares = new double[transposed ? columns : (int) rows];
    float[] row = new float[columns];
    for (int i = 0; i < rows; i++) {
      base.readFloats((long) i * columns, row, 0, columns);
      addProduct(loaded, (long) i * columns, row, 0, columns);
      for (int j = 0; j < columns; j++) {
        squares[transposed ? j : i] += (double) row[j] * row[j];
      }
    }
    return squares;
  }

  private static long size(TensorView view) {
    return view.info().elementCount();
  }

  private static float[] read(TensorView view) {
    float[] values = new float[Math.toIntExact(size(view))];
    view.readFloats(0, values, 0, values.length);
    return values;
  }

  private static float[] transpose(float[] values, int height) {
    int width = values.length / height;
    float[] turned = new float[values.length];
    for (int i = 0; i < height; i++) {
      for (int j = 0; j < width; j++) {
        turned[j * height + i] = values[i * width + j];
      }
    }
    return turned;
  }

  /**
   * The product's factors.
   *
   * @param left [rows, rank]
   * @param right [rank, columns]
   */
  private record Factors(float[] left, float[] right) {}
}
