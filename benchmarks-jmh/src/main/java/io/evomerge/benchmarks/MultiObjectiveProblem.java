package io.evomerge.benchmarks;

import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.List;

/**
 * Functions of several objectives, all to be minimised, with fronts that are known: ZDT (Zitzler,
 * Deb, Thiele 2000, doi 10.1162/106365600568202) and DTLZ (Deb, Thiele, Laumanns, Zitzler 2002, doi
 * 10.1109/CEC.2002.1007032).
 */
enum MultiObjectiveProblem {
  /** A convex front: f2 = 1 - sqrt(f1). */
  ZDT1(30, 2, 1.0 / 3),
  /** A concave front: f2 = 1 - f1^2. */
  ZDT2(30, 2, 2.0 / 3),
  /** A front of five pieces; the area below it by quadrature over 2e7 points. */
  ZDT3(30, 2, -0.0444260074220278),
  /** An eighth of a sphere. */
  DTLZ2(12, 3, Math.PI / 6),
  /**
   * Two ellipsoids of one shape, rotated, with condition 100: correlated genes and optima inside
   * the box, as where models are merged. Each is 1 at the optimum of the other, so that sqrt(f1) +
   * sqrt(f2) = 1 on the front; the start has 2.6 and 1.3.
   */
  ELLIPSOIDS(24, 2, 1.0 / 6),
  /** The same with few genes. */
  ELLIPSOIDS_SMALL(6, 2, 1.0 / 6),
  /** The same with condition 1. */
  SPHERES(24, 2, 1.0 / 6),
  /** The same with condition 10,000. */
  ELLIPSOIDS_STEEP(24, 2, 1.0 / 6);

  /** The lowest value of the second objective on the front of ZDT3. */
  private static final double ZDT3_LOWEST = -0.77336901232654;

  private final int genes;
  private final int objectives;
  private final double below;

  MultiObjectiveProblem(int genes, int objectives, double below) {
    this.genes = genes;
    this.objectives = objectives;
    this.below = below;
  }

  int genes() {
    return genes;
  }

  int objectives() {
    return objectives;
  }

  /**
   * Returns the hypervolume of the whole front.
   *
   * @param reference of the reference point on every objective, at least 1
   */
  double hypervolume(double reference) {
    if (this == DTLZ2) {
      return reference * reference * reference - below;
    }
    double lowest = this == ZDT3 ? ZDT3_LOWEST : 0;
    return reference - below + (reference - 1) * (reference - lowest);
  }

  SearchSpace space() {
    List<Gene> all = new ArrayList<>();
    for (int i = 0; i < genes; i++) {
      all.add(new Gene.Real("x" + i, 0, 1, 0.5));
    }
    return SearchSpace.of(all);
  }

  double[] costs(Genome point) {
    double[] x = point.values();
    return switch (this) {
      case DTLZ2 -> dtlz2(x);
      case ELLIPSOIDS, ELLIPSOIDS_SMALL -> ellipsoids(x, 100);
      case SPHERES -> ellipsoids(x, 1);
      case ELLIPSOIDS_STEEP -> ellipsoids(x, 1e4);
      default -> zdt(x);
    };
  }

  private double[] zdt(double[] x) {
    double sum = 0;
    for (int i = 1; i < x.length; i++) {
      sum += x[i];
    }
    double g = 1 + 9 * sum / (x.length - 1);
    double share = x[0] / g;
    double h =
        switch (this) {
          case ZDT2 -> 1 - share * share;
          case ZDT3 -> 1 - Math.sqrt(share) - share * Math.sin(10 * Math.PI * x[0]);
          default -> 1 - Math.sqrt(share);
        };
    return new double[] {x[0], g * h};
  }

  private static double[] ellipsoids(double[] x, double condition) {
    double[] first = new double[x.length];
    double[] second = new double[x.length];
    double[] apart = new double[x.length];
    RandomStream random = RandomStream.of(1, "optima of two ellipsoids");
    for (int i = 0; i < x.length; i++) {
      double middle = 0.5 + (random.nextDouble() - 0.5) / 2;
      double half = (random.nextDouble() - 0.5) / 5;
      first[i] = x[i] - middle - half;
      second[i] = x[i] - middle + half;
      apart[i] = 2 * half;
    }
    double whole = TestFunctions.rotatedEllipsoid(apart, condition);
    return new double[] {
      TestFunctions.rotatedEllipsoid(first, condition) / whole,
      TestFunctions.rotatedEllipsoid(second, condition) / whole
    };
  }

  private static double[] dtlz2(double[] x) {
    double g = 1;
    for (int i = 2; i < x.length; i++) {
      g += (x[i] - 0.5) * (x[i] - 0.5);
    }
    double a = x[0] * Math.PI / 2;
    double b = x[1] * Math.PI / 2;
    return new double[] {
      g * Math.cos(a) * Math.cos(b), g * Math.cos(a) * Math.sin(b), g * Math.sin(a)
    };
  }
}
