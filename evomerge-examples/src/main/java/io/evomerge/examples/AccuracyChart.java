package io.evomerge.examples;

import io.evomerge.fitness.MeanEstimate;
import io.evomerge.onnx.language.EvaluationReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A bar chart of models as SVG: per model the share of right answers in the right language, and of
 * right answers in any, with bars of one standard error.
 */
final class AccuracyChart {

  private static final int LEFT = 250;
  private static final int WIDTH = 420;
  private static final int ROW = 40;
  private static final int TOP = 56;
  private static final int BAR = 13;

  private record Row(
      String name, boolean highlighted, MeanEstimate accuracy, MeanEstimate answerOnly) {}

  private final List<Row> rows = new ArrayList<>();

  void row(String name, EvaluationReport report, boolean highlighted) {
    rows.add(
        new Row(
            name,
            highlighted,
            MeanEstimate.of(report.itemScores()),
            MeanEstimate.of(Table.right(report))));
  }

  String svg(String title) {
    int height = TOP + rows.size() * ROW + 34;
    int bottom = TOP + rows.size() * ROW;
    StringBuilder svg = new StringBuilder();
    add(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\""
            + " font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">",
        LEFT + WIDTH + 60,
        height,
        LEFT + WIDTH + 60);
    add(svg, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>");
    add(svg, "<text x=\"12\" y=\"22\" font-size=\"15\">%s</text>", title);
    legend(svg, LEFT, "#1f6f8b", "right number, in Japanese");
    legend(svg, LEFT + 200, "#b5d2dc", "right number, any language");
    double top = Math.max(0.1, Math.ceil(highest() * 10) / 10);
    for (int i = 0; i <= Math.round(top * 10); i++) {
      double x = LEFT + WIDTH * (i / 10.0) / top;
      add(
          svg,
          "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>",
          x,
          TOP - 4,
          x,
          bottom);
      add(
          svg,
          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#666\">%.1f</text>",
          x,
          bottom + 18,
          i / 10.0);
    }
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      int y = TOP + i * ROW;
      add(
          svg,
          "<text x=\"%d\" y=\"%d\" text-anchor=\"end\"%s>%s</text>",
          LEFT - 10,
          y + 18,
          row.highlighted() ? " font-weight=\"bold\"" : "",
          row.name());
      bar(svg, y + 3, row.accuracy(), top, row.highlighted() ? "#c0562f" : "#1f6f8b");
      bar(svg, y + 3 + BAR, row.answerOnly(), top, row.highlighted() ? "#eec4b1" : "#b5d2dc");
    }
    return svg.append("</svg>\n").toString();
  }

  private double highest() {
    return rows.stream()
        .flatMap(row -> java.util.stream.Stream.of(row.accuracy(), row.answerOnly()))
        .mapToDouble(estimate -> estimate.mean() + estimate.standardError())
        .max()
        .orElse(1);
  }

  private static void legend(StringBuilder svg, int x, String colour, String text) {
    add(svg, "<rect x=\"%d\" y=\"33\" width=\"10\" height=\"10\" fill=\"%s\"/>", x, colour);
    add(svg, "<text x=\"%d\" y=\"42\" font-size=\"12\">%s</text>", x + 14, text);
  }

  private static void bar(
      StringBuilder svg, int y, MeanEstimate estimate, double top, String colour) {
    double scale = WIDTH / top;
    double end = LEFT + estimate.mean() * scale;
    double error = estimate.standardError() * scale;
    add(
        svg,
        "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>",
        LEFT,
        y,
        end - LEFT,
        BAR,
        colour);
    add(
        svg,
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#333\"/>",
        end - error,
        y + BAR / 2.0,
        end + error,
        y + BAR / 2.0);
    add(
        svg,
        "<text x=\"%.1f\" y=\"%d\" font-size=\"11\">%.3f</text>",
        end + error + 5,
        y + BAR - 3,
        estimate.mean());
  }

  private static void add(StringBuilder svg, String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
