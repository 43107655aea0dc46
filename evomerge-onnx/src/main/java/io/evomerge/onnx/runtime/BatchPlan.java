package io.evomerge.onnx.runtime;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Groups sequences of different lengths into batches that waste little on padding. */
final class BatchPlan {

  /** Work of one run besides its tokens, in tokens: measured on models of 1 M to 100 M weights. */
  private static final double RUN_COST = 40;

  private BatchPlan() {}

  /**
   * What a batch may hold; a single sequence is always allowed.
   *
   * @param rows most sequences
   * @param tokens most tokens, padding included
   * @param growth how much longer each sequence may become
   * @param grownTokens most tokens, padding and growth included
   * @param targets most targets together
   */
  record Limits(int rows, long tokens, int growth, long grownTokens, long targets) {}

  /**
   * Returns batches of indices, each from the shortest to the longest sequence, of the least total
   * cost.
   *
   * @param lengths of the sequences
   * @param targets per sequence
   * @param limits of a batch
   */
  static List<int[]> of(int[] lengths, int[] targets, Limits limits) {
    int count = lengths.length;
    int[] order =
        IntStream.range(0, count)
            .boxed()
            .sorted(Comparator.comparingInt(i -> lengths[i]))
            .mapToInt(Integer::intValue)
            .toArray();
    // Sequences sorted by length, the best batches are runs of neighbours: least cost of the first
    // n, and how many of them the last batch takes.
    double[] cost = new double[count + 1];
    int[] last = new int[count + 1];
    for (int n = 1; n <= count; n++) {
      cost[n] = Double.POSITIVE_INFINITY;
      long longest = lengths[order[n - 1]];
      long targetSum = 0;
      for (int rows = 1; rows <= Math.min(n, limits.rows()); rows++) {
        targetSum += targets[order[n - rows]];
        boolean tooMuch =
            rows * longest > limits.tokens()
                || rows * (longest + limits.growth()) > limits.grownTokens()
                || targetSum > limits.targets();
        if (rows > 1 && tooMuch) {
          break;
        }
        double total = cost[n - rows] + RUN_COST + rows * (double) longest;
        if (total < cost[n]) {
          cost[n] = total;
          last[n] = rows;
        }
      }
    }
    List<int[]> batches = new ArrayList<>();
    for (int n = count; n > 0; n -= last[n]) {
      batches.add(0, Arrays.copyOfRange(order, n - last[n], n));
    }
    return batches;
  }
}
