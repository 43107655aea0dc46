package io.evomerge.internal.linalg;

import java.util.Arrays;

/**
 * The linear assignment problem, by shortest augmenting paths over a dense matrix; Jonker,
 * Volgenant 1987, "A Shortest Augmenting Path Algorithm for Dense and Sparse Linear Assignment
 * Problems", doi 10.1007/BF02278710. Takes {@code O(n^3)} steps at worst.
 */
public final class Assignment {

  private Assignment() {}

  /**
   * Gives every row a column of its own so that the sum of the chosen elements is as large as can
   * be; which of several best choices is returned is fixed by the matrix.
   *
   * @param profit square, finite
   * @return per row its column
   */
  public static int[] maximize(float[][] profit) {
    int n = profit.length;
    double[] rowPrice = new double[n];
    double[] columnPrice = new double[n + 1];
    // Column n is where each search starts: it holds the row that has no column yet.
    int[] rowOf = new int[n + 1];
    Arrays.fill(rowOf, -1);
    int[] previous = new int[n + 1];
    double[] distance = new double[n + 1];
    boolean[] reached = new boolean[n + 1];
    for (int start = 0; start < n; start++) {
      rowOf[n] = start;
      Arrays.fill(distance, Double.POSITIVE_INFINITY);
      Arrays.fill(reached, false);
      int column = n;
      while (rowOf[column] >= 0) {
        reached[column] = true;
        int row = rowOf[column];
        float[] profits = profit[row];
        double nearest = Double.POSITIVE_INFINITY;
        int next = -1;
        for (int j = 0; j < n; j++) {
          if (reached[j]) {
            continue;
          }
          double slack = -profits[j] - rowPrice[row] - columnPrice[j];
          if (slack < distance[j]) {
            distance[j] = slack;
            previous[j] = column;
          }
          if (distance[j] < nearest) {
            nearest = distance[j];
            next = j;
          }
        }
        for (int j = 0; j <= n; j++) {
          if (reached[j]) {
            rowPrice[rowOf[j]] += nearest;
            columnPrice[j] -= nearest;
          } else {
            distance[j] -= nearest;
          }
        }
        column = next;
      }
      while (column != n) {
        rowOf[column] = rowOf[previous[column]];
        column = previous[column];
      }
    }
    int[] columnOf = new int[n];
    for (int j = 0; j < n; j++) {
      columnOf[rowOf[j]] = j;
    }
    return columnOf;
  }
}
