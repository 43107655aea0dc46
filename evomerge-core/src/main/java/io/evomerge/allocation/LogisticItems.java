package io.evomerge.allocation;

import java.util.List;

/**
 * Two-parameter logistic item response theory, fitted by alternating Newton steps on the joint
 * posterior; scores between 0 and 1 count as so much of a success.
 */
final class LogisticItems implements ItemModel {

  private static final int SWEEPS = 40;
  private static final int STEPS = 12;
  private static final double SLACK = 1e-9;
  private static final double SLOPE_MEAN = 1;
  private static final double SLOPE_PRECISION = 0.25;
  private static final double DIFFICULTY_PRECISION = 0.04;
  private static final double LONGEST_STEP = 1;

  /** Of a new candidate: what is looked for lies beyond those that calibrated. */
  private static final double ABILITY_PRECISION = 0.05;

  /** How gains become probabilities, and predicted probabilities gains. */
  private enum Scale {
    SCORE,
    ERROR,
    LOG
  }

  private final Scale scale;
  private final double[] weights;
  private final double[] slope;
  private final double[] difficulty;

  LogisticItems(List<double[]> rows, double[] weights, boolean maximize) {
    scale = scale(rows, maximize);
    this.weights = weights.clone();
    int items = weights.length;
    double[][] p = new double[rows.size()][items];
    for (int i = 0; i < p.length; i++) {
      for (int item = 0; item < items; item++) {
        p[i][item] = probability(rows.get(i)[item]);
      }
    }
    slope = new double[items];
    difficulty = new double[items];
    double[] ability = start(p);
    for (int item = 0; item < items; item++) {
      slope[item] = SLOPE_MEAN;
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      for (int item = 0; item < items; item++) {
        fitItem(item, p, ability);
      }
      for (int i = 0; i < p.length; i++) {
        ability[i] = ability(p[i], ability[i], 1, 1);
      }
    }
  }

  private static Scale scale(List<double[]> rows, boolean maximize) {
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (double[] row : rows) {
      for (double gain : row) {
        low = Math.min(low, gain);
        high = Math.max(high, gain);
      }
    }
    if (maximize && low >= 0 && high <= 1 + SLACK) {
      return Scale.SCORE;
    }
    if (!maximize && low >= -1 - SLACK && high <= 0) {
      return Scale.ERROR;
    }
    if (maximize && high <= SLACK) {
      return Scale.LOG;
    }
    throw new IllegalStateException(
        "item response theory takes item scores from 0 to 1, or log-likelihoods to maximise; got"
            + " scores from "
            + (maximize ? low : -high)
            + " to "
            + (maximize ? high : -low)
            + ". Use ItemAllocations.itemResponse().model(ItemResponse.Model.REGRESSION)");
  }

  private double probability(double gain) {
    double p =
        switch (scale) {
          case SCORE -> gain;
          case ERROR -> 1 + gain;
          case LOG -> StrictMath.exp(gain);
        };
    return Math.max(0, Math.min(1, p));
  }

  private double gain(double probability) {
    return switch (scale) {
      case SCORE -> probability;
      case ERROR -> probability - 1;
      case LOG -> StrictMath.log(Math.max(probability, Double.MIN_NORMAL));
    };
  }

  /** Standardised mean scores: the sign and scale that the priors expect. */
  private static double[] start(double[][] p) {
    double[] ability = new double[p.length];
    double mean = 0;
    for (int i = 0; i < p.length; i++) {
      for (double one : p[i]) {
        ability[i] += one / p[i].length;
      }
      mean += ability[i] / p.length;
    }
    double squares = 0;
    for (double one : ability) {
      squares += (one - mean) * (one - mean) / ability.length;
    }
    double deviation = Math.sqrt(squares);
    for (int i = 0; i < ability.length; i++) {
      ability[i] = deviation > 0 ? (ability[i] - mean) / deviation : 0;
    }
    return ability;
  }

  private static double logistic(double x) {
    return 1 / (1 + StrictMath.exp(-x));
  }

  private void fitItem(int item, double[][] p, double[] ability) {
    double gradientA = -SLOPE_PRECISION * (slope[item] - SLOPE_MEAN);
    double gradientB = -DIFFICULTY_PRECISION * difficulty[item];
    double aa = SLOPE_PRECISION;
    double bb = DIFFICULTY_PRECISION;
    double ab = 0;
    for (int i = 0; i < p.length; i++) {
      double predicted = logistic(slope[item] * ability[i] - difficulty[item]);
      double residual = p[i][item] - predicted;
      double variance = predicted * (1 - predicted);
      gradientA += residual * ability[i];
      gradientB -= residual;
      aa += variance * ability[i] * ability[i];
      bb += variance;
      ab -= variance * ability[i];
    }
    double determinant = aa * bb - ab * ab;
    slope[item] += limited((bb * gradientA - ab * gradientB) / determinant);
    difficulty[item] += limited((aa * gradientB - ab * gradientA) / determinant);
  }

  /** A full Newton step can leave the region where the logistic function bends. */
  private static double limited(double step) {
    return Math.max(-LONGEST_STEP, Math.min(LONGEST_STEP, step));
  }

  /** Returns the posterior mode of an ability; NaN in {@code p} is unseen. */
  private double ability(double[] p, double from, int steps, double precision) {
    double theta = from;
    for (int step = 0; step < steps; step++) {
      double gradient = -precision * theta;
      double information = precision;
      for (int item = 0; item < p.length; item++) {
        if (!Double.isNaN(p[item])) {
          double predicted = logistic(slope[item] * theta - difficulty[item]);
          gradient += slope[item] * (p[item] - predicted);
          information += slope[item] * slope[item] * predicted * (1 - predicted);
        }
      }
      theta += limited(gradient / information);
    }
    return theta;
  }

  @Override
  public double estimate(double[] gains) {
    double[] p = new double[gains.length];
    for (int item = 0; item < p.length; item++) {
      p[item] = Double.isNaN(gains[item]) ? Double.NaN : probability(gains[item]);
    }
    double theta = ability(p, 0, STEPS, ABILITY_PRECISION);
    double sum = 0;
    double total = 0;
    for (int item = 0; item < p.length; item++) {
      double gain =
          Double.isNaN(gains[item])
              ? gain(logistic(slope[item] * theta - difficulty[item]))
              : gains[item];
      sum += weights[item] * gain;
      total += weights[item];
    }
    return sum / total;
  }
}
