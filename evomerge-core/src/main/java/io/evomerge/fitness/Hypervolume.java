package io.evomerge.fitness;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The hypervolume indicator: how much of the space of scores a set of points dominates, up to a
 * reference point (Zitzler, Thiele 1998, doi 10.1007/BFb0056872); immutable and thread-safe.
 *
 * <p>It is in the product of the objectives' units, 0 or more, and grows whenever a point is added
 * that no other dominates and that is better than the reference point on every objective. Points
 * that are not better than the reference on every objective add nothing. The reference is usually a
 * little worse than the worst score that is still of interest on each objective, such as the scores
 * of a useless model; two sets can be compared only with the same one.
 *
 * <p>Exact up to rounding: two objectives by a sweep in O(n log n), three by a sweep over the third
 * one with the others' staircase in O(n log n), more by exclusive volumes of limited sets (WFG:
 * While, Bradstreet, Barone 2012, doi 10.1109/TEVC.2010.2077298), whose time grows exponentially
 * with the number of objectives. Equal points in any order give the same bits.
 *
 * <pre>{@code
 * Hypervolume volume = Hypervolume.of(List.of(MAXIMIZE, MINIMIZE), 0, 1e9);
 * double covered = volume.covered(List.of(new double[] {0.5, 2e8}, new double[] {0.4, 1e8}));
 * }</pre>
 *
 * @since 0.1
 */
public final class Hypervolume {

  /** Front to back, coordinate by coordinate: equal sets come in equal order. */
  private static final Comparator<double[]> ORDER = Arrays::compare;

  private final List<Direction> directions;
  private final double[] reference;

  private Hypervolume(List<Direction> directions, double[] reference) {
    this.directions = directions;
    this.reference = reference;
  }

  /**
   * Chooses a reference point.
   *
   * @param directions one per objective, at least one
   * @param reference a finite score per objective
   * @throws IllegalArgumentException if there is no objective, the numbers differ, or a score is
   *     not finite
   */
  public static Hypervolume of(List<Direction> directions, double... reference) {
    if (directions.isEmpty() || directions.size() != reference.length) {
      throw new IllegalArgumentException(
          "reference point: got "
              + reference.length
              + " scores for "
              + directions.size()
              + " objectives, wanted one each and at least one");
    }
    for (double score : reference) {
      if (!Double.isFinite(score)) {
        throw new IllegalArgumentException(
            "reference point: got " + Arrays.toString(reference) + ", wanted finite scores");
      }
    }
    return new Hypervolume(List.copyOf(directions), reference.clone());
  }

  /** Returns the reference point, a score per objective. */
  public double[] reference() {
    return reference.clone();
  }

  /** Returns the directions of the objectives. */
  public List<Direction> directions() {
    return directions;
  }

  /**
   * Returns the volume that a set of points dominates.
   *
   * @param points scores, one per objective each; not NaN; need not be a front, doubles count once
   * @throws IllegalArgumentException if a point has another number of scores or a score is NaN
   */
  public double covered(List<double[]> points) {
    List<double[]> gains = new ArrayList<>();
    for (double[] point : points) {
      double[] gain = gain(point);
      if (gain != null) {
        gains.add(gain);
      }
    }
    return volume(gains);
  }

  /**
   * Returns how much of the covered volume each point alone covers: what would be lost without it.
   *
   * @param points scores, one per objective each; not NaN; points that are there twice or dominated
   *     cover nothing alone
   * @return one number per point, 0 or more
   * @throws IllegalArgumentException if a point has another number of scores or a score is NaN
   */
  public double[] contributions(List<double[]> points) {
    List<double[]> gains = new ArrayList<>();
    int[] member = new int[points.size()];
    for (int i = 0; i < member.length; i++) {
      double[] gain = gain(points.get(i));
      member[i] = gain == null ? -1 : gains.size();
      if (gain != null) {
        gains.add(gain);
      }
    }
    double[] of = exclusive(gains);
    double[] alone = new double[points.size()];
    for (int i = 0; i < member.length; i++) {
      alone[i] = member[i] < 0 ? 0 : of[member[i]];
    }
    return alone;
  }

  /** How far a point is better than the reference on each objective; null if it is not on one. */
  private double @Nullable [] gain(double[] point) {
    if (point.length != reference.length) {
      throw new IllegalArgumentException(
          "got a point of " + point.length + " scores, wanted " + reference.length);
    }
    double[] gain = new double[point.length];
    boolean counts = true;
    for (int i = 0; i < gain.length; i++) {
      if (Double.isNaN(point[i])) {
        throw new IllegalArgumentException(
            "got the point " + Arrays.toString(point) + ", wanted numbers");
      }
      gain[i] =
          directions.get(i) == Direction.MAXIMIZE
              ? point[i] - reference[i]
              : reference[i] - point[i];
      counts &= gain[i] > 0;
    }
    return counts ? gain : null;
  }

  private static double[] exclusive(List<double[]> gains) {
    double[] alone = new double[gains.size()];
    Integer[] order = stairs(gains);
    if (order != null) {
      for (int i = 0; i < order.length; i++) {
        double[] own = gains.get(order[i]);
        double left = i == 0 ? 0 : gains.get(order[i - 1])[0];
        double below = i + 1 == order.length ? 0 : gains.get(order[i + 1])[1];
        alone[order[i]] = (own[0] - left) * (own[1] - below);
      }
      return alone;
    }
    for (int i = 0; i < alone.length; i++) {
      alone[i] = exclusive(gains, i, 0, alone.length);
    }
    return alone;
  }

  /** The order of two-dimensional points of which none covers another; null for any others. */
  private static Integer @Nullable [] stairs(List<double[]> gains) {
    if (gains.isEmpty() || gains.get(0).length != 2) {
      return null;
    }
    Integer[] order = new Integer[gains.size()];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> ORDER.compare(gains.get(a), gains.get(b)));
    for (int i = 1; i < order.length; i++) {
      double[] left = gains.get(order[i - 1]);
      double[] right = gains.get(order[i]);
      if (!(left[0] < right[0] && left[1] > right[1])) {
        return null;
      }
    }
    return order;
  }

  /** What a box from the origin adds to the boxes of others in a range of the list. */
  private static double exclusive(List<double[]> gains, int which, int from, int to) {
    double[] own = gains.get(which);
    List<double[]> limited = new ArrayList<>(to - from);
    for (int i = from; i < to; i++) {
      if (i == which) {
        continue;
      }
      double[] other = gains.get(i);
      double[] common = new double[own.length];
      boolean hidden = true;
      for (int k = 0; k < own.length; k++) {
        common[k] = Math.min(own[k], other[k]);
        hidden &= other[k] >= own[k];
      }
      if (hidden) {
        return 0;
      }
      limited.add(common);
    }
    double box = 1;
    for (double side : own) {
      box *= side;
    }
    return Math.max(0, box - volume(limited));
  }

  /** The volume of boxes that have a corner in the origin. */
  private static double volume(List<double[]> gains) {
    if (gains.isEmpty()) {
      return 0;
    }
    int objectives = gains.get(0).length;
    return switch (objectives) {
      case 1 -> gains.stream().mapToDouble(gain -> gain[0]).max().orElse(0);
      case 2 -> area(gains);
      case 3 -> volumeOfThree(gains);
      default -> volumeOfMany(gains);
    };
  }

  private static double area(List<double[]> gains) {
    double[][] sorted = gains.toArray(double[][]::new);
    Arrays.sort(sorted, ORDER.reversed());
    double area = 0;
    double height = 0;
    for (double[] gain : sorted) {
      if (gain[1] > height) {
        area += gain[0] * (gain[1] - height);
        height = gain[1];
      }
    }
    return area;
  }

  /** From the highest third coordinate down: the area of the staircase times the way to go. */
  private static double volumeOfThree(List<double[]> gains) {
    double[][] sorted = gains.toArray(double[][]::new);
    Arrays.sort(
        sorted, Comparator.comparingDouble((double[] gain) -> -gain[2]).thenComparing(ORDER));
    // Width to height, where a greater width has a smaller height.
    TreeMap<Double, Double> stairs = new TreeMap<>();
    double area = 0;
    double volume = 0;
    for (int i = 0; i < sorted.length; i++) {
      area += step(stairs, sorted[i][0], sorted[i][1]);
      double below = i + 1 < sorted.length ? sorted[i + 1][2] : 0;
      volume += area * (sorted[i][2] - below);
    }
    return volume;
  }

  /** Adds a corner to a staircase; returns the area that it adds. */
  private static double step(TreeMap<Double, Double> stairs, double width, double height) {
    Map.Entry<Double, Double> wider = stairs.ceilingEntry(width);
    double floor = wider == null ? 0 : wider.getValue();
    if (floor >= height) {
      return 0;
    }
    double added = 0;
    double right = width;
    Map.Entry<Double, Double> left = stairs.floorEntry(width);
    while (left != null && left.getValue() <= height) {
      added += (right - left.getKey()) * (height - floor);
      right = left.getKey();
      floor = left.getValue();
      stairs.remove(left.getKey());
      left = stairs.lowerEntry(right);
    }
    added += (right - (left == null ? 0 : left.getKey())) * (height - floor);
    stairs.put(width, height);
    return added;
  }

  private static double volumeOfMany(List<double[]> gains) {
    List<double[]> sorted = new ArrayList<>(front(gains));
    // Deep boxes last: the limited sets of the first, long ones then collapse early.
    sorted.sort(ORDER);
    double volume = 0;
    for (int i = 0; i < sorted.size(); i++) {
      volume += exclusive(sorted, i, i, sorted.size());
    }
    return volume;
  }

  private static List<double[]> front(List<double[]> gains) {
    double[][] sorted = gains.toArray(double[][]::new);
    Arrays.sort(sorted, ORDER.reversed());
    List<double[]> front = new ArrayList<>();
    for (double[] gain : sorted) {
      // Whoever covers it comes before it.
      if (front.stream().noneMatch(other -> covers(other, gain))) {
        front.add(gain);
      }
    }
    return front;
  }

  private static boolean covers(double[] outer, double[] inner) {
    for (int i = 0; i < outer.length; i++) {
      if (outer[i] < inner[i]) {
        return false;
      }
    }
    return true;
  }
}
