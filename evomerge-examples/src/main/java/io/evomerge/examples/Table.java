package io.evomerge.examples;

import io.evomerge.fitness.MeanEstimate;
import io.evomerge.onnx.language.EvaluationReport;
import io.evomerge.onnx.language.ItemOutcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Rows of results in aligned columns. */
final class Table {

  private static final int NAME_WIDTH = 48;

  private final List<String> lines = new ArrayList<>();

  Table() {
    lines.add(
        String.format(
            Locale.ROOT, "%-" + NAME_WIDTH + "s  %-15s  %s", "", "accuracy", "answer_only"));
  }

  void row(String name, EvaluationReport report) {
    lines.add(
        String.format(
            Locale.ROOT,
            "%-" + NAME_WIDTH + "s  %-15s  %s",
            name,
            percent(report.itemScores()),
            percent(right(report))));
  }

  List<String> lines() {
    return lines;
  }

  /** Returns 1 for each item whose answer is right, in whatever language. */
  static double[] right(EvaluationReport report) {
    return report.items().stream()
        .map(ItemOutcome::right)
        .mapToDouble(right -> right ? 1 : 0)
        .toArray();
  }

  /** Returns the mean with its standard error, e.g. {@code ".486 ± .018"}. */
  static String percent(double[] items) {
    MeanEstimate estimate = MeanEstimate.of(items);
    return String.format(Locale.ROOT, "%.3f ± %.3f", estimate.mean(), estimate.standardError());
  }
}
