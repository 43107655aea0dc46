package io.evomerge.allocation;

import java.util.Arrays;
import java.util.List;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.ArrayRealVector;
import org.apache.commons.math3.linear.CholeskyDecomposition;

/**
 * Ridge regression of the mean over unseen items on the gains of the seen ones, in its dual form:
 * there are fewer calibrating candidates than items. One thread.
 */
final class RegressionItems implements ItemModel {

  private static final double RIDGE = 0.3;
  private static final double ROUNDING = 1e-24;

  private final double[][] rows;
  private final double[] weights;

  /** The model of the last set of seen items: all members of a cohort share one. */
  private boolean[] seen = new boolean[0];

  private double[] slopes = new double[0];
  private double[] means = new double[0];
  private double intercept;
  private double seenShare;

  RegressionItems(List<double[]> rows, double[] weights) {
    this.rows = rows.toArray(new double[0][]);
    this.weights = weights.clone();
  }

  @Override
  public double estimate(double[] gains) {
    boolean[] now = new boolean[gains.length];
    for (int item = 0; item < now.length; item++) {
      now[item] = !Double.isNaN(gains[item]);
    }
    if (!Arrays.equals(now, seen)) {
      fit(now);
    }
    double observed = 0;
    double total = 0;
    double predicted = intercept;
    for (int item = 0; item < gains.length; item++) {
      if (seen[item]) {
        observed += weights[item] * gains[item];
        total += weights[item];
        predicted += slopes[item] * (gains[item] - means[item]);
      }
    }
    return seenShare * observed / total + (1 - seenShare) * predicted;
  }

  private void fit(boolean[] nowSeen) {
    seen = nowSeen;
    int items = seen.length;
    int count = rows.length;
    means = new double[items];
    double all = 0;
    double some = 0;
    for (int item = 0; item < items; item++) {
      for (double[] row : rows) {
        means[item] += row[item] / count;
      }
      all += weights[item];
      some += seen[item] ? weights[item] : 0;
    }
    seenShare = some / all;
    slopes = new double[items];
    intercept = 0;
    if (some == all) {
      return;
    }
    double[] target = new double[count];
    double[][] centred = new double[count][items];
    for (int i = 0; i < count; i++) {
      for (int item = 0; item < items; item++) {
        if (seen[item]) {
          centred[i][item] = weights[item] * (rows[i][item] - means[item]);
        } else {
          target[i] += weights[item] * rows[i][item] / (all - some);
        }
      }
      intercept += target[i] / count;
    }
    double[][] gram = new double[count][count];
    double trace = 0;
    double squares = 0;
    for (int i = 0; i < count; i++) {
      for (int k = 0; k <= i; k++) {
        double sum = 0;
        for (int item = 0; item < items; item++) {
          sum += centred[i][item] * centred[k][item];
        }
        gram[i][k] = sum;
        gram[k][i] = sum;
      }
      trace += gram[i][i];
      target[i] -= intercept;
    }
    for (int item = 0; item < items; item++) {
      squares += seen[item] ? weights[item] * means[item] * weights[item] * means[item] : 0;
    }
    if (!(trace > ROUNDING * squares)) {
      // The calibrating candidates do not differ on these items.
      return;
    }
    // Scaled, as the decomposition takes small pivots for zeros.
    double scale = trace / count;
    for (int i = 0; i < count; i++) {
      for (int k = 0; k < count; k++) {
        gram[i][k] = gram[i][k] / scale + (i == k ? RIDGE : 0);
      }
    }
    double[] dual =
        new CholeskyDecomposition(new Array2DRowRealMatrix(gram, false))
            .getSolver()
            .solve(new ArrayRealVector(target, false))
            .toArray();
    for (int item = 0; item < items; item++) {
      for (int i = 0; i < count; i++) {
        slopes[item] += dual[i] * centred[i][item] * weights[item] / scale;
      }
    }
  }
}
