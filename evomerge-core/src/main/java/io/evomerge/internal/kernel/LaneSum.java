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
    for (; i < length && (position & 7) != 0; i++) {
      lanes[(int) (position++ & 7)] += Math.abs(x[i]);
    }
    double l0 = lanes[0];
    double l1 = lanes[1];
    double l2 = lanes[2];
    double l3 = lanes[3];
    double l4 = lanes[4];
    double l5 = lanes[5];
    double l6 = lanes[6];
    double l7 = lanes[7];
    int start = i;
    for (; i + LANES <= length; i += LANES) {
      l0 += Math.abs(x[i]);
      l1 += Math.abs(x[i + 1]);
      l2 += Math.abs(x[i + 2]);
      l3 += Math.abs(x[i + 3]);
      l4 += Math.abs(x[i + 4]);
      l5 += Math.abs(x[i + 5]);
      l6 += Math.abs(x[i + 6]);
      l7 += Math.abs(x[i + 7]);
    }
    position += i - start;
    put(l0, l1, l2, l3, l4, l5, l6, l7);
    for (; i < length; i++) {
      lanes[(int) (position++ & 7)] += Math.abs(x[i]);
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
    for (; i < length && (position & 7) != 0; i++) {
      lanes[(int) (position++ & 7)] += (double) x[i] * y[i];
    }
    double l0 = lanes[0];
    double l1 = lanes[1];
    double l2 = lanes[2];
    double l3 = lanes[3];
    double l4 = lanes[4];
    double l5 = lanes[5];
    double l6 = lanes[6];
    double l7 = lanes[7];
    int start = i;
    for (; i + LANES <= length; i += LANES) {
      l0 += (double) x[i] * y[i];
      l1 += (double) x[i + 1] * y[i + 1];
      l2 += (double) x[i + 2] * y[i + 2];
      l3 += (double) x[i + 3] * y[i + 3];
      l4 += (double) x[i + 4] * y[i + 4];
      l5 += (double) x[i + 5] * y[i + 5];
      l6 += (double) x[i + 6] * y[i + 6];
      l7 += (double) x[i + 7] * y[i + 7];
    }
    position += i - start;
    put(l0, l1, l2, l3, l4, l5, l6, l7);
    for (; i < length; i++) {
      lanes[(int) (position++ & 7)] += (double) x[i] * y[i];
    }
  }

  /** Returns the sum so far. */
  public double sum() {
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }

  private void put(
      double l0, double l1, double l2, double l3, double l4, double l5, double l6, double l7) {
    lanes[0] = l0;
    lanes[1] = l1;
    lanes[2] = l2;
    lanes[3] = l3;
    lanes[4] = l4;
    lanes[5] = l5;
    lanes[6] = l6;
    lanes[7] = l7;
  }
}
