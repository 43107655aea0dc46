package io.evomerge.optimizer;

import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;

/**
 * Looks for the point of highest expected improvement: random points and changed best points first,
 * then, from the most promising ones, reals by gradient and whole numbers value by value in turn.
 */
final class AcquisitionSearch {

  /** Of so many candidates one is refined. */
  private static final int REFINED = 64;

  private static final int ROUNDS = 2;
  private static final int STEPS = 40;

  /** How many genes of a best point are changed on average, as in TuRBO (arXiv 1910.01739). */
  private static final double CHANGED = 20;

  private record Candidate(double[] point, double value) {}

  private final UnitBox box;
  private final boolean[] unordered;
  private final ExpectedImprovement improvement;
  private final List<double[]> best;
  private final int candidates;

  AcquisitionSearch(
      UnitBox box,
      boolean[] unordered,
      ExpectedImprovement improvement,
      List<double[]> best,
      int candidates) {
    this.box = box;
    this.unordered = unordered;
    this.improvement = improvement;
    this.best = best;
    this.candidates = candidates;
  }

  /**
   * Returns the best admissible point found.
   *
   * @param admissible what may be proposed; a random point is returned if nothing found is
   */
  double[] maximize(RandomStream stream, Predicate<double[]> admissible) {
    List<Candidate> pool = new ArrayList<>();
    for (int i = 0; i < candidates; i++) {
      double[] point = i % 2 == 0 ? random(stream) : changed(best.get(i / 2 % best.size()), stream);
      pool.add(new Candidate(point, improvement.at(point)));
    }
    Comparator<Candidate> highestFirst = Comparator.comparingDouble(c -> -c.value());
    pool.sort(highestFirst);
    List<Candidate> starts = List.copyOf(pool.subList(0, Math.max(1, candidates / REFINED)));
    for (Candidate start : starts) {
      pool.add(climb(start, admissible));
    }
    pool.sort(highestFirst);
    return pool.stream()
        .map(Candidate::point)
        .filter(admissible)
        .findFirst()
        .orElseGet(() -> random(stream));
  }

  private double[] random(RandomStream stream) {
    double[] point = box.random(stream);
    for (int i = 0; i < point.length; i++) {
      if (box.isWhole(i)) {
        point[i] = box.share(i, box.value(i, point[i]));
      }
    }
    return point;
  }

  private double[] changed(double[] from, RandomStream stream) {
    double[] point = from.clone();
    int n = point.length;
    int always = stream.nextInt(n);
    for (int i = 0; i < n; i++) {
      if (i != always && stream.nextDouble() >= CHANGED / n) {
        continue;
      }
      double u = stream.nextDouble();
      double normal = stream.nextGaussian();
      if (!box.isWhole(i)) {
        // Deviations from a tenth to a thousandth of the range.
        double x = point[i] + normal * StrictMath.pow(10, -1 - 2 * u);
        point[i] = Math.min(1, Math.max(0, x));
      } else if (unordered[i]) {
        int value = (int) (u * box.values(i));
        point[i] = (value + 0.5) / box.values(i);
      } else if (u < 0.5) {
        point[i] = neighbour(i, point[i], normal < 0 ? -1 : 1);
      }
    }
    return point;
  }

  private double neighbour(int gene, double share, int by) {
    double cell = 1.0 / box.values(gene);
    double to = share + by * cell;
    return to < 0 || to > 1 ? share - by * cell : to;
  }

  private Candidate climb(Candidate start, Predicate<double[]> admissible) {
    int n = box.dimension();
    Candidate at = start;
    boolean anyReal = false;
    boolean anyWhole = false;
    for (int i = 0; i < n; i++) {
      anyWhole |= box.isWhole(i);
      anyReal |= !box.isWhole(i);
    }
    for (int round = 0; round < (anyReal && anyWhole ? ROUNDS : 1); round++) {
      if (anyReal) {
        at = climbReals(at);
      }
      if (anyWhole) {
        at = climbWholes(at, admissible);
      }
    }
    return at;
  }

  private Candidate climbReals(Candidate from) {
    double[] low = from.point().clone();
    double[] high = from.point().clone();
    for (int i = 0; i < low.length; i++) {
      if (!box.isWhole(i)) {
        low[i] = 0;
        high[i] = 1;
      }
    }
    double[] point =
        Rprop.maximize(from.point(), low, high, 0.02, 1e-7, 0.1, STEPS, improvement::at);
    return new Candidate(point, improvement.at(point));
  }

  private Candidate climbWholes(Candidate from, Predicate<double[]> admissible) {
    Candidate at = from;
    for (int i = 0; i < box.dimension(); i++) {
      if (!box.isWhole(i)) {
        continue;
      }
      for (double share : alternatives(i, at.point()[i])) {
        double[] point = at.point().clone();
        point[i] = share;
        double value = improvement.at(point);
        // A point that was tried already must not hold the climb.
        if (value > at.value() || !admissible.test(at.point())) {
          at = new Candidate(point, value);
        }
      }
    }
    return at;
  }

  private double[] alternatives(int gene, double share) {
    if (unordered[gene]) {
      double[] all = new double[box.values(gene)];
      Arrays.setAll(all, value -> (value + 0.5) / all.length);
      return Arrays.stream(all).filter(other -> other != share).toArray();
    }
    return Arrays.stream(new double[] {neighbour(gene, share, -1), neighbour(gene, share, 1)})
        .distinct()
        .toArray();
  }
}
