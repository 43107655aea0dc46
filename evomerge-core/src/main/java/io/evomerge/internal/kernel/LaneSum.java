package io.evomerge.internal.kernel;

/**
 * Sums in float64 whose order depends only on the elements' positions: element {@code e} goes to
 * lane {@code e mod 8}, the lanes are added pairwise at the end. So the blocks in which elements
 * arrive cannot change a bit, and the lanes are independent of each other. Not safe for concurrent
 * use.
 */
public final class LaneSum {

  private static final int LANES = 8;

  private final double[] lanes = new double[LANES];
  private long position;

  /**
   * Adds the magnitudes of the next elements.
   *
   * @param x the elements
   * @param length number of elements, from index 0
   */
  public void addMagnitudes(float[] x, int length) {
    int i = 0;
    for (; i < length && !aligned(); i++) {
      lanes[next()] += Math.abs(x[i]);
    }
    int whole = length - i & -LANES;
    Kernels.LOOPS.addMagnitudes(lanes, x, i, whole);
    position += whole;
    for (i += whole; i < length; i++) {
      lanes[next()] += Math.abs(x[i]);
    }
  }

  /**
   * Adds the products of the next elements.
   *
   * @param x first factors
   * @param y second factors
   * @param length number of elements, from index 0
   */
  public void addProducts(float[] x, float[] y, int length) {
    int i = 0;
    for (; i < length && !aligned(); i++) {
      lanes[next()] += (double) x[i] * y[i];
    }
    int whole = length - i & -LANES;
    Kernels.LOOPS.addProducts(lanes, x, y, i, whole);
    position += whole;
    for (i += whole; i < length; i++) {
      lanes[next()] += (double) x[i] * y[i];
    }
  }

  /**
   * Adds the products of the next elements, and both factors' squares, to three sums at the same
   * position; faster than one after the other.
   *
   * @param xy takes the products
   * @param xx takes the squares of the first factors
   * @param yy takes the squares of the second factors
   * @param x first factors
   * @param y second factors
   * @param length number of elements, from index 0
   */
  public static void addProductsAndSquares(
      LaneSum xy, LaneSum xx, LaneSum yy, float[] x, float[] y, int length) {
    if (!xy.aligned() || !xx.aligned() || !yy.aligned()) {
      xy.addProducts(x, y, length);
      xx.addProducts(x, x, length);
      yy.addProducts(y, y, length);
      return;
    }
    int whole = length & -LANES;
    Kernels.LOOPS.addProducts(xy.lanes, xx.lanes, yy.lanes, x, y, 0, whole);
    skip(xy, xx, yy, whole);
    for (int i = whole; i < length; i++) {
      add(xy, xx, yy, x[i], y[i]);
    }
  }

  /**
   * As {@link #addProductsAndSquares(LaneSum, LaneSum, LaneSum, float[], float[], int)}, with the
   * same bits, of bfloat16 elements. An element that is NaN or infinite leaves a sum of squares
   * that is so too.
   *
   * @param xy takes the products
   * @param xx takes the squares of the first factors
   * @param yy takes the squares of the second factors
   * @param x first factors, bfloat16, little-endian
   * @param y second factors, bfloat16, little-endian
   * @param length number of elements, from index 0
   */
  public static void addProductsAndSquares(
      LaneSum xy, LaneSum xx, LaneSum yy, byte[] x, byte[] y, int length) {
    int whole = wholeOf(xy, xx, yy, length);
    Kernels.LOOPS.addProductsBf16(xy.lanes, xx.lanes, yy.lanes, x, y, whole);
    skip(xy, xx, yy, whole);
    for (int i = whole; i < length; i++) {
      add(xy, xx, yy, ScalarLoops.wideBf16(x, i), ScalarLoops.wideBf16(y, i));
    }
  }

  /**
   * As {@link #addProductsAndSquares(LaneSum, LaneSum, LaneSum, byte[], byte[], int)}, of the
   * differences to a base in float32.
   *
   * @param xy takes the products
   * @param xx takes the squares of the first differences
   * @param yy takes the squares of the second differences
   * @param base subtracted, bfloat16, little-endian
   * @param x bfloat16, little-endian
   * @param y bfloat16, little-endian
   * @param length number of elements, from index 0
   */
  public static void addDeltaProductsAndSquares(
      LaneSum xy, LaneSum xx, LaneSum yy, byte[] base, byte[] x, byte[] y, int length) {
    int whole = wholeOf(xy, xx, yy, length);
    Kernels.LOOPS.addDeltaProductsBf16(xy.lanes, xx.lanes, yy.lanes, base, x, y, whole);
    skip(xy, xx, yy, whole);
    for (int i = whole; i < length; i++) {
      float origin = ScalarLoops.wideBf16(base, i);
      add(xy, xx, yy, ScalarLoops.wideBf16(x, i) - origin, ScalarLoops.wideBf16(y, i) - origin);
    }
  }

  /** Returns how many elements can be added eight at a time. */
  private static int wholeOf(LaneSum xy, LaneSum xx, LaneSum yy, int length) {
    return xy.aligned() && xx.aligned() && yy.aligned() ? length & -LANES : 0;
  }

  private static void skip(LaneSum xy, LaneSum xx, LaneSum yy, int elements) {
    xy.position += elements;
    xx.position += elements;
    yy.position += elements;
  }

  private static void add(LaneSum xy, LaneSum xx, LaneSum yy, double x, double y) {
    xy.lanes[xy.next()] += x * y;
    xx.lanes[xx.next()] += x * x;
    yy.lanes[yy.next()] += y * y;
  }

  private boolean aligned() {
    return (position & LANES - 1) == 0;
  }

  private int next() {
    return (int) (position++ & LANES - 1);
  }

  /** Returns the sum so far. */
  public double sum() {
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
}
