package io.evomerge.examples;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The rows of the comparison: printed as they come, as CSV, and summed up over the seeds. */
final class CheapFitnessTable {

  private static final String REFERENCE = "full-cma-es";

  private final @Nullable Path folder;
  private final List<Row> rows = new ArrayList<>();

  /**
   * One search.
   *
   * @param method with the name of the optimiser
   * @param seed of the search
   * @param itemEvaluations item scores, those of full scores at the end included
   * @param trials evaluations of a candidate on some items or all
   * @param trainBest best score on all 'train' items
   * @param trainChosen that of the chosen model
   * @param finalists models that 'valid' chose among
   * @param valid accuracy of the chosen model
   * @param test its accuracy on items that nothing else saw
   */
  record Row(
      String method,
      long seed,
      long itemEvaluations,
      int trials,
      double trainBest,
      double trainChosen,
      int finalists,
      double valid,
      double test) {}

  CheapFitnessTable(@Nullable Path folder) {
    this.folder = folder;
  }

  static void header(PrintWriter print) {
    print.printf(
        Locale.ROOT,
        "%-28s %4s %10s %7s %10s %12s %9s %7s %7s%n",
        "method",
        "seed",
        "item evals",
        "trials",
        "train best",
        "train chosen",
        "finalists",
        "valid",
        "test");
    print.flush();
  }

  void add(PrintWriter print, Row row) throws IOException {
    rows.add(row);
    print.printf(
        Locale.ROOT,
        "%-28s %4d %,10d %7d %10.4f %12.4f %9d %7.3f %7.3f%n",
        row.method(),
        row.seed(),
        row.itemEvaluations(),
        row.trials(),
        row.trainBest(),
        row.trainChosen(),
        row.finalists(),
        row.valid(),
        row.test());
    print.flush();
    if (folder != null) {
      Files.createDirectories(folder);
      Files.write(folder.resolve("cheap-fitness.csv"), csv());
    }
  }

  private List<String> csv() {
    List<String> lines = new ArrayList<>();
    lines.add(
        "method,seed,item_evaluations,trials,train_best,train_chosen,finalists,valid_accuracy,"
            + "test_accuracy");
    for (Row row : rows) {
      lines.add(
          row.method()
              + ","
              + row.seed()
              + ","
              + row.itemEvaluations()
              + ","
              + row.trials()
              + ","
              + row.trainBest()
              + ","
              + row.trainChosen()
              + ","
              + row.finalists()
              + ","
              + row.valid()
              + ","
              + row.test());
    }
    return lines;
  }

  /** Prints means over the seeds, and differences to full fitness seed by seed. */
  void summary(PrintWriter print) {
    Map<String, List<Row>> byMethod =
        rows.stream()
            .collect(Collectors.groupingBy(Row::method, LinkedHashMap::new, Collectors.toList()));
    List<Row> reference = byMethod.getOrDefault(REFERENCE, List.of());
    print.println();
    print.printf(
        Locale.ROOT,
        "%-28s %10s  %-17s  %-15s  %-15s%s%n",
        "mean over seeds",
        "item evals",
        "train best",
        "valid",
        "test",
        reference.isEmpty() ? "" : "  against " + REFERENCE + ", seed by seed: train, valid");
    byMethod.forEach(
        (method, some) ->
            print.printf(
                Locale.ROOT,
                "%-28s %,10.0f  %-17s  %-15s  %-15s%s%n",
                method,
                some.stream().mapToLong(Row::itemEvaluations).average().orElseThrow(),
                mean(values(some, Row::trainBest), "%.4f ± %.4f"),
                mean(values(some, Row::valid), "%.3f ± %.3f"),
                mean(values(some, Row::test), "%.3f ± %.3f"),
                method.equals(REFERENCE) || reference.isEmpty()
                    ? ""
                    : "  "
                        + mean(paired(some, reference, Row::trainBest), "%+.4f ± %.4f")
                        + ", "
                        + mean(paired(some, reference, Row::valid), "%+.3f ± %.3f")));
    print.flush();
  }

  private static double[] values(List<Row> some, ToDoubleFunction<Row> column) {
    return some.stream().mapToDouble(column).toArray();
  }

  private static double[] paired(
      List<Row> some, List<Row> reference, ToDoubleFunction<Row> column) {
    return some.stream()
        .flatMapToDouble(
            row ->
                reference.stream()
                    .filter(other -> other.seed() == row.seed())
                    .mapToDouble(other -> column.applyAsDouble(row) - column.applyAsDouble(other)))
        .toArray();
  }

  /** Writes mean and standard error; "-" for a standard error of one value. */
  private static String mean(double[] values, String form) {
    if (values.length == 0) {
      return "-";
    }
    double mean = 0;
    for (double value : values) {
      mean += value / values.length;
    }
    double squares = 0;
    for (double value : values) {
      squares += (value - mean) * (value - mean);
    }
    double error = Math.sqrt(squares / (values.length - 1) / values.length);
    return String.format(Locale.ROOT, form, mean, error).replace("NaN", "-");
  }
}
