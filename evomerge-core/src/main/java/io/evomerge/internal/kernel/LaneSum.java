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
    xy.position += whole;
    xx.position += whole;
    yy.position += whole;
    for (int i = whole; i < length; i++) {
      xy.lanes[xy.next()] += (double) x[i] * y[i];
      xx.lanes[xx.next()] += (double) x[i] * x[i];
      yy.lanes[yy.next()] += (double) y[i] * y[i];
    }
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
