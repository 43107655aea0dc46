package io.evomerge.allocation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.allocation.Cohort.Member;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.internal.RandomStream;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which items a cohort is scored on next, and what its scores are thought to be; of one search.
 *
 * <p>Estimates follow the additive model g<sub>ij</sub> = t<sub>i</sub> + c<sub>j</sub>: with c the
 * mean gains of the cohort's foremost members on the items K that they know, and d what items gave
 * on average before,
 *
 * <pre>
 * t<sub>i</sub> = mean over K<sub>i</sub> of (g<sub>ij</sub> - c<sub>j</sub>) + mean over K of (c<sub>j</sub> - d<sub>j</sub>) + mean of all d<sub>j</sub>
 * </pre>
 *
 * so members scored on different items are compared on the items that they have in common with the
 * foremost, and cohorts by how the items were for others. It is exact for a member that knows all
 * items if the foremost do. Means are weighted as the score weighs items.
 */
abstract class Schedule {

  /** How fast the difficulties follow the population. */
  private static final double PACE = 0.3;

  final int itemCount;
  final long seed;
  final boolean stratified;
  final double[] weights;
  private final double[] difficulty;
  private int calibrated;
  private double[] errors = new double[0];

  Schedule(int itemCount, long seed, boolean stratified) {
    this.itemCount = itemCount;
    this.seed = seed;
    this.stratified = stratified;
    difficulty = new double[itemCount];
    weights = new double[itemCount];
    Arrays.fill(weights, 1);
  }

  /**
   * Returns what to score each member on, null for nothing; all null: the cohort is decided.
   *
   * @param round 0 for the first
   */
  abstract @Nullable ItemSubset[] next(Cohort cohort, int round);

  /** Returns how many candidates have been scored in full. */
  final int calibrated() {
    return calibrated;
  }

  /** Returns whether a cohort is to be scored in full although enough have been. */
  boolean recalibrates(long cohort) {
    return false;
  }

  /** Returns the estimates of a decided cohort, NaN for members without; learns from it. */
  double[] conclude(Cohort cohort) {
    double[] estimates = additive(cohort);
    learn(cohort);
    return estimates;
  }

  /** Returns the standard errors of the estimates that were made last, 0 for exact ones. */
  final double[] errors() {
    return errors.clone();
  }

  private double[] additive(Cohort cohort) {
    double[] estimates = new double[cohort.members.size()];
    errors = new double[estimates.length];
    List<Member> foremost = cohort.foremost();
    double[] common = means(foremost);
    boolean first = calibrated == 0;
    double level = first ? mean(common) : mean(difficulty) + mean(minus(common, difficulty));
    for (int i = 0; i < estimates.length; i++) {
      Member member = cohort.members.get(i);
      estimates[i] =
          member.out() || member.known == 0
              ? Double.NaN
              : member.known == itemCount
                  ? mean(member.gains)
                  : mean(minus(member.gains, common)) + level;
      if (!Double.isNaN(estimates[i]) && member.known < itemCount) {
        errors[i] = Math.sqrt(variance(minus(member.gains, difficulty)));
      }
    }
    return estimates;
  }

  /** Returns the variance of the mean of what is not NaN, drawn without replacement. */
  private double variance(double[] values) {
    double mean = mean(values);
    double squares = 0;
    int n = 0;
    for (double value : values) {
      if (!Double.isNaN(value)) {
        squares += (value - mean) * (value - mean);
        n++;
      }
    }
    return n < 2 ? Double.POSITIVE_INFINITY : squares / (n - 1) / n * (1 - n / (double) itemCount);
  }

  private void learn(Cohort cohort) {
    List<Member> foremost = cohort.foremost();
    if (foremost.isEmpty()) {
      return;
    }
    double[] common = means(foremost);
    if (calibrated == 0) {
      System.arraycopy(common, 0, difficulty, 0, itemCount);
    } else {
      double[] change = minus(common, difficulty);
      double level = mean(change);
      for (int item = 0; item < itemCount; item++) {
        if (!Double.isNaN(change[item])) {
          difficulty[item] += PACE * (change[item] - level);
        }
      }
    }
    calibrated += (int) foremost.stream().filter(member -> member.known == itemCount).count();
  }

  /** Returns the mean gain of each item over members that know the same items. */
  private double[] means(List<Member> members) {
    double[] means = new double[itemCount];
    for (int item = 0; item < itemCount; item++) {
      double sum = 0;
      for (Member member : members) {
        sum += member.gains[item];
      }
      means[item] = sum / members.size();
    }
    return means;
  }

  static double[] minus(double[] a, double[] b) {
    double[] difference = new double[a.length];
    Arrays.setAll(difference, i -> a[i] - b[i]);
    return difference;
  }

  /** Returns the weighted mean of what is not NaN. */
  final double mean(double[] values) {
    double sum = 0;
    double total = 0;
    for (int item = 0; item < itemCount; item++) {
      if (!Double.isNaN(values[item])) {
        sum += weights[item] * values[item];
        total += weights[item];
      }
    }
    return sum / total;
  }

  /** Returns what each member that is not out is to be scored on, if there is anything. */
  static @Nullable ItemSubset[] all(Cohort cohort, List<Member> members, ItemSubset items) {
    @Nullable ItemSubset[] subsets = new ItemSubset[cohort.members.size()];
    for (int i = 0; i < subsets.length; i++) {
      subsets[i] = members.contains(cohort.members.get(i)) ? items : null;
    }
    return subsets;
  }

  static @Nullable ItemSubset[] none(Cohort cohort) {
    return new ItemSubset[cohort.members.size()];
  }

  /** Draws so many items from those given; all if these are fewer. */
  final ItemSubset draw(long cohort, int round, int[] from, int count) {
    if (count >= from.length) {
      return ItemSubset.of(from);
    }
    RandomStream random = RandomStream.of(seed, "item subset", cohort, round);
    Integer[] order = Arrays.stream(from).boxed().toArray(Integer[]::new);
    if (stratified) {
      Arrays.sort(
          order,
          Comparator.comparingDouble((Integer item) -> difficulty[item])
              .thenComparingInt(Integer::intValue));
    }
    int[] drawn = new int[count];
    for (int k = 0; k < count; k++) {
      if (stratified) {
        int start = (int) ((long) k * order.length / count);
        int end = (int) ((long) (k + 1) * order.length / count);
        drawn[k] = order[start + random.nextInt(end - start)];
      } else {
        int at = k + random.nextInt(order.length - k);
        drawn[k] = order[at];
        order[at] = order[k];
      }
    }
    return ItemSubset.of(drawn);
  }

  void save(ObjectNode to) {
    to.put("calibrated", calibrated);
    putNumbers(to, "difficulty", difficulty);
    putNumbers(to, "weights", weights);
  }

  void load(JsonNode from) {
    calibrated = CohortSnapshot.field(from, "calibrated").asInt();
    System.arraycopy(numbers(from, "difficulty", itemCount), 0, difficulty, 0, itemCount);
    System.arraycopy(numbers(from, "weights", itemCount), 0, weights, 0, itemCount);
  }

  static void putNumbers(ObjectNode to, String name, double[] values) {
    ArrayNode array = to.putArray(name);
    for (double value : values) {
      array.add(value);
    }
  }

  static double[] numbers(JsonNode from, String name, int length) {
    JsonNode array = CohortSnapshot.field(from, name);
    if (array.size() != length) {
      throw new IllegalArgumentException(
          "snapshot: '" + name + "' has " + array.size() + " numbers, wanted " + length);
    }
    double[] values = new double[length];
    Arrays.setAll(values, i -> array.get(i).doubleValue());
    return values;
  }
}
