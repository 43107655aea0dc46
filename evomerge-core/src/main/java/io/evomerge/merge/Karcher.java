package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import java.util.Arrays;

/**
 * Weighted Riemannian mean of directions on the unit sphere; Karcher 1977, doi
 * 10.1002/cpa.3160300502, by the fixed-point iteration of Buss, Fillmore 2001, "Spherical
 * Averages", doi 10.1145/502122.502124.
 *
 * <p>Every point that the iteration visits is a combination of the sources: it needs their inner
 * products and no data.
 */
final class Karcher extends CombinationOperator {

  private static final int MOST_ITERATIONS = 10_000;

  /** So close to the antipode, the direction of the way there is rounding of the inputs. */
  private static final double ANTIPODE = 1e-6;

  Karcher() {
    super(
        "karcher",
        BaseModel.UNUSED,
        ParameterSpec.perSource("weight", 0, WIDE, 1, "Share of the source in the mean."),
        new ParameterSpec(
            "max_iter",
            ParameterSpec.Scope.GLOBAL,
            ParameterSpec.Kind.INTEGER,
            0,
            MOST_ITERATIONS,
            1,
            50,
            10,
            10,
            false,
            "Steps of the iteration at most."),
        new ParameterSpec(
            "tol",
            ParameterSpec.Scope.GLOBAL,
            ParameterSpec.Kind.REAL,
            0,
            1,
            1e-8,
            1e-3,
            1e-5,
            1e-5,
            false,
            "A step or a norm of at most this is none."));
  }

  @Override
  Mixture mixture(TensorMerge task) {
    double[] weights = perSource(task, "weight");
    double sum = Arrays.stream(weights).sum();
    if (sum == 0) {
      throw refusal(task, "all weights are 0 and a mean divides by their sum; change a weight");
    }
    double given = scalar(task, "max_iter");
    if (given != Math.rint(given)) {
      throw refusal(task, "parameter 'max_iter' is " + given + ", wanted a whole number");
    }
    int steps = (int) given;
    double tolerance = scalar(task, "tol");
    return (gram, factors) -> {
      int size = gram.size();
      double length = 0;
      double valid = 0;
      double[] scales = new double[size];
      double[] shares = new double[size];
      for (int i = 0; i < size; i++) {
        double norm = gram.norm(i);
        length += weights[i] / sum * norm;
        if (norm > tolerance && norm > 0) {
          scales[i] = 1 / norm;
          shares[i] = weights[i];
          valid += weights[i];
        }
      }
      Arrays.fill(factors, 0);
      if (valid == 0) {
        return;
      }
      for (int i = 0; i < size; i++) {
        shares[i] /= valid;
      }
      double[] mean = mean(gram.scaled(scales), shares, steps, tolerance);
      for (int i = 0; i < size; i++) {
        factors[i] = length * scales[i] * mean[i];
      }
    };
  }

  /** Returns the mean of unit vectors as factors of these. */
  private static double[] mean(GramMatrix units, double[] shares, int steps, double tolerance) {
    int size = shares.length;
    double[] mean = shares.clone();
    // An exact 0 is a rounded one too: inner products are good to 1e-16, their roots to 1e-8.
    if (!normalize(units, mean, Math.max(tolerance, 1e-7))) {
      Arrays.fill(mean, 0);
      mean[firstOf(shares)] = 1;
    }
    double[] tangent = new double[size];
    for (int step = 0; step < steps; step++) {
      double along = 0;
      for (int i = 0; i < size; i++) {
        tangent[i] = 0;
        if (shares[i] == 0) {
          continue;
        }
        double dot = Math.max(-1, Math.min(1, units.dotWithSum(i, mean)));
        double angle = Math.acos(dot);
        if (angle >= tolerance && angle <= Math.PI - ANTIPODE) {
          double sine = Math.sin(angle);
          tangent[i] = shares[i] * (sine == 0 ? 1 : angle / sine);
          along += tangent[i] * dot;
        }
      }
      for (int i = 0; i < size; i++) {
        tangent[i] -= along * mean[i];
      }
      double length = Math.sqrt(units.square(tangent));
      if (length < tolerance || length == 0) {
        break;
      }
      double cosine = Math.cos(length);
      double sine = Math.sin(length) / length;
      for (int i = 0; i < size; i++) {
        mean[i] = cosine * mean[i] + sine * tangent[i];
      }
      normalize(units, mean, tolerance);
    }
    return mean;
  }

  private static boolean normalize(GramMatrix units, double[] mean, double shortest) {
    double norm = Math.sqrt(units.square(mean));
    if (norm < shortest || norm == 0) {
      return false;
    }
    for (int i = 0; i < mean.length; i++) {
      mean[i] /= norm;
    }
    return true;
  }

  private static int firstOf(double[] shares) {
    int first = 0;
    while (shares[first] == 0) {
      first++;
    }
    return first;
  }
}
