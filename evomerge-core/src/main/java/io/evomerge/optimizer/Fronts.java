package io.evomerge.optimizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** Ranks populations by domination. */
final class Fronts {

  private Fronts() {}

  /**
   * Sorts by domination: each list holds those whom only members of earlier lists dominate, in the
   * order given (the fast non-dominated sort of Deb et al. 2002, O(objectives n<sup>2</sup>)).
   */
  static List<List<Member>> of(List<Member> members) {
    int n = members.size();
    int[] above = new int[n];
    List<List<Integer>> below = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      below.add(new ArrayList<>());
    }
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        if (members.get(i).dominates(members.get(j))) {
          below.get(i).add(j);
          above[j]++;
        }
      }
    }
    List<List<Member>> fronts = new ArrayList<>();
    int[] rank = new int[n];
    int placed = 0;
    for (int level = 0; placed < n; level++) {
      List<Integer> front = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        if (above[i] == 0 && rank[i] == 0) {
          front.add(i);
        }
      }
      for (int i : front) {
        rank[i] = level + 1;
        below.get(i).forEach(j -> above[j]--);
      }
      placed += front.size();
      fronts.add(front.stream().map(members::get).toList());
    }
    return fronts;
  }

  /**
   * Returns the crowding distance of each member of a front (Deb et al. 2002): the sum over
   * objectives of the distance between its neighbours as a share of the front's range; infinite at
   * the ends.
   */
  static double[] crowding(List<Member> front) {
    double[] distance = new double[front.size()];
    if (!front.get(0).isScored()) {
      return distance;
    }
    Integer[] order = new Integer[front.size()];
    for (int k = 0; k < front.get(0).costs().length; k++) {
      int objective = k;
      Arrays.setAll(order, i -> i);
      Arrays.sort(order, Comparator.comparingDouble(i -> front.get(i).costs()[objective]));
      int last = order.length - 1;
      double range = front.get(order[last]).costs()[k] - front.get(order[0]).costs()[k];
      distance[order[0]] = Double.POSITIVE_INFINITY;
      distance[order[last]] = Double.POSITIVE_INFINITY;
      for (int i = 1; i < last && range > 0; i++) {
        distance[order[i]] +=
            (front.get(order[i + 1]).costs()[k] - front.get(order[i - 1]).costs()[k]) / range;
      }
    }
    return distance;
  }
}
