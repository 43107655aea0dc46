package io.evomerge.examples;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/** What methods reached over seeds: means, standard deviations, and counts against one of them. */
final class Comparison {

  private final String reference;
  private final int seeds;
  private final List<String> columns;

  /** Per method and seed the value of each column. */
  private final Map<String, double[][]> rows = new LinkedHashMap<>();

  /**
   * Creates an empty comparison.
   *
   * @param reference the row that the others are counted against
   * @param seeds repetitions, numbered from 0
   * @param columns what is measured
   */
  Comparison(String reference, int seeds, String... columns) {
    this.reference = reference;
    this.seeds = seeds;
    this.columns = List.of(columns);
  }

  void put(String row, int seed, double... values) {
    rows.computeIfAbsent(row, key -> new double[seeds][])[seed] = values;
  }

  /**
   * Prints the rows in the order in which they came.
   *
   * @param title above the names of the rows
   * @param column in which the reference is compared
   */
  void print(PrintWriter print, String title, int column) {
    print.printf(Locale.ROOT, "%-46s", title);
    columns.forEach(name -> print.printf(Locale.ROOT, " %16s", name));
    print.printf(Locale.ROOT, " %8s%n", "against");
    double[][] ours = rows.get(reference);
    rows.forEach(
        (name, runs) -> {
          print.printf(Locale.ROOT, "%-46s", name);
          for (int i = 0; i < columns.size(); i++) {
            int at = i;
            double[] values = Arrays.stream(runs).mapToDouble(run -> run[at]).toArray();
            print.printf(Locale.ROOT, " %16s", text(values));
          }
          long more =
              IntStream.range(0, seeds)
                  .filter(seed -> ours[seed][column] > runs[seed][column])
                  .count();
          print.printf(Locale.ROOT, " %5d/%d%n", more, seeds);
        });
    print.printf(
        Locale.ROOT,
        "Mean and standard deviation over seeds; against: seeds in which %s has more.%n",
        reference);
    print.flush();
  }

  private static String text(double[] values) {
    double mean = Arrays.stream(values).average().orElse(0);
    double squares = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum();
    return String.format(
        Locale.ROOT, "%.3f ± %.3f", mean, Math.sqrt(squares / Math.max(1, values.length - 1)));
  }
}
