package io.evomerge.result.picture;

import io.evomerge.result.picture.FrontChart.Axis;
import io.evomerge.result.picture.FrontChart.Dot;
import io.evomerge.result.picture.Mark.Anchor;
import io.evomerge.result.picture.Mark.Box;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Lays out two objectives against each other. */
final class FrontDrawing {

  private static final double MARGIN = 16;
  private static final double AXIS = 30;
  private static final double WIDEST_NUMBER = 130;
  private static final double WIDTH = 560;
  private static final double HEIGHT = 440;
  private static final double COLUMN = 250;
  private static final double TITLE = 17;
  private static final double LABEL = 11.5;
  private static final double SMALL = 10;
  private static final double TRIAL = 2;
  private static final double FRONT = 3.5;
  private static final double MARKER = 4.5;
  private static final double GAP = 4;
  private static final int MOST_TICKS = 6;
  private static final double[] REACH = {0, 10, 22, 36, 54};
  private static final double ENLARGED = 0.06;

  /** Directions in which a name may stand off its marker: the text's anchor, and how it moves. */
  private record Side(Anchor anchor, double across, double down) {}

  private static final List<Side> SIDES =
      List.of(
          new Side(Anchor.START, 1, 0),
          new Side(Anchor.END, -1, 0),
          new Side(Anchor.MIDDLE, 0, -1),
          new Side(Anchor.MIDDLE, 0, 1),
          new Side(Anchor.START, 0.8, -0.8),
          new Side(Anchor.START, 0.8, 0.8),
          new Side(Anchor.END, -0.8, -0.8),
          new Side(Anchor.END, -0.8, 0.8));

  private final FrontChart chart;
  private final Scale across;
  private final Scale up;
  private final Drawing drawing = new Drawing();
  private final List<Box> taken = new ArrayList<>();
  private final double left;
  private final double top;
  private final List<String> title;

  /** An axis with its numbers. */
  private record Scale(double low, double high, List<BigDecimal> ticks) {
    static Scale of(List<Double> values) {
      double low = values.stream().mapToDouble(v -> v).min().orElse(0);
      double high = values.stream().mapToDouble(v -> v).max().orElse(1);
      double range = high - low;
      // Differences that are lost beside the size of the numbers cannot be drawn.
      double least = Math.max(1e-280, 1e-13 * Math.max(Math.abs(low), Math.abs(high)));
      if (range < least) {
        range = Math.abs(low) < 1e-280 ? 1 : Math.abs(low);
      }
      double from = low - ENLARGED * range;
      double to = high + ENLARGED * range;
      // The smallest of 1, 2 and 5 times a power of ten with few enough steps.
      int exponent = (int) Math.floor(StrictMath.log10((to - from) / MOST_TICKS));
      BigDecimal step = BigDecimal.ONE.scaleByPowerOfTen(exponent);
      for (int factor : new int[] {1, 2, 5, 10}) {
        step = BigDecimal.valueOf(factor).scaleByPowerOfTen(exponent);
        if ((to - from) / step.doubleValue() <= MOST_TICKS) {
          break;
        }
      }
      List<BigDecimal> ticks = new ArrayList<>();
      BigDecimal tick = new BigDecimal(from).divide(step, 0, RoundingMode.CEILING).multiply(step);
      while (tick.doubleValue() <= to) {
        ticks.add(tick);
        tick = tick.add(step);
      }
      return new Scale(from, to, ticks);
    }

    double share(double value) {
      return (value - low) / (high - low);
    }
  }

  private FrontDrawing(FrontChart chart) {
    this.chart = chart;
    List<Dot> all = new ArrayList<>(chart.trials());
    all.addAll(chart.front());
    all.addAll(chart.markers());
    across = Scale.of(all.stream().map(Dot::x).toList());
    up = Scale.of(all.stream().map(Dot::y).toList());
    double numbers =
        up.ticks().stream().mapToDouble(t -> TextWidth.of(number(t), SMALL, false)).max().orElse(0);
    left = MARGIN + AXIS + Math.min(numbers, WIDEST_NUMBER);
    title = TextWidth.wrap(chart.title(), left + WIDTH + COLUMN - 2 * MARGIN, TITLE, true, 2);
    top = 30 + 22.0 * title.size();
  }

  static Picture of(FrontChart chart) {
    return new FrontDrawing(chart).draw();
  }

  private double x(double value) {
    return left + WIDTH * across.share(value);
  }

  private double y(double value) {
    return top + HEIGHT * (1 - up.share(value));
  }

  private Picture draw() {
    double y = 30;
    for (String line : title) {
      drawing.bold(MARGIN, y, line, TITLE, Palette.INK, Anchor.START);
      y += 22;
    }
    axes();
    for (Dot trial : chart.trials()) {
      dot(trial, TRIAL, Palette.mix(Palette.WHITE, Palette.RULE, 0.55), false);
    }
    front();
    legend();
    markers();
    double bottom = top + HEIGHT + 52;
    return drawing.picture(chart.title(), description(), left + WIDTH + COLUMN, bottom);
  }

  private void axes() {
    drawing.rect(left, top, WIDTH, HEIGHT, Palette.BLANK);
    double bottom = top + HEIGHT;
    double end = 0;
    for (BigDecimal tick : across.ticks()) {
      double at = x(tick.doubleValue());
      drawing.line(at, top, at, bottom, Palette.WHITE, 1);
      double half = TextWidth.of(number(tick), SMALL, false) / 2;
      if (at - half >= end) {
        drawing.text(at, bottom + 15, number(tick), SMALL, Palette.SOFT_INK, Anchor.MIDDLE);
        end = at + half + 6;
      }
    }
    for (BigDecimal tick : up.ticks()) {
      double at = y(tick.doubleValue());
      drawing.line(left, at, left + WIDTH, at, Palette.WHITE, 1);
      String text = TextWidth.clip(number(tick), WIDEST_NUMBER, SMALL, false);
      drawing.text(left - 6, at + 3.5, text, SMALL, Palette.SOFT_INK, Anchor.END);
    }
    drawing.text(
        left + WIDTH / 2,
        bottom + 36,
        TextWidth.clip(name(chart.across(), "\u2192", "\u2190"), WIDTH, LABEL, false),
        LABEL,
        Palette.INK,
        Anchor.MIDDLE);
    drawing.upward(
        MARGIN + 8,
        top + HEIGHT / 2,
        TextWidth.clip(name(chart.up(), "\u2192", "\u2190"), HEIGHT, LABEL, false),
        LABEL,
        Palette.INK,
        Anchor.MIDDLE);
  }

  /** The arrow points to the better end. */
  private static String name(Axis axis, String right, String left) {
    return axis.higherIsBetter() ? axis.name() + " " + right : left + " " + axis.name();
  }

  private static String number(BigDecimal tick) {
    BigDecimal plain = tick.stripTrailingZeros();
    int exponent = plain.precision() - plain.scale() - 1;
    String text = exponent >= -4 && exponent < 9 ? plain.toPlainString() : plain.toString();
    return text.replace('-', '\u2212');
  }

  /** Steps along the edge of what the front dominates, and its dots. */
  private void front() {
    List<Dot> sorted = new ArrayList<>(chart.front());
    sorted.sort(Comparator.comparingDouble(Dot::x).thenComparingDouble(Dot::y));
    int color = Palette.model(0);
    for (int i = 1; i < sorted.size(); i++) {
      Dot left = sorted.get(i - 1);
      Dot right = sorted.get(i);
      // What is dominated ends where the better end begins.
      double cornerX = chart.across().higherIsBetter() ? left.x() : right.x();
      double cornerY = chart.across().higherIsBetter() ? right.y() : left.y();
      drawing.line(x(left.x()), y(left.y()), x(cornerX), y(cornerY), color, 1);
      drawing.line(x(cornerX), y(cornerY), x(right.x()), y(right.y()), color, 1);
    }
    for (Dot dot : sorted) {
      dot(dot, FRONT, color, true);
    }
  }

  private void dot(Dot dot, double radius, int color, boolean isTaken) {
    String tip = dot.name() + ": " + Figures.full(dot.x()) + ", " + Figures.full(dot.y());
    Mark.Rect mark =
        new Mark.Rect(
            x(dot.x()) - radius,
            y(dot.y()) - radius,
            2 * radius,
            2 * radius,
            radius,
            color,
            0,
            0,
            tip);
    drawing.add(mark);
    if (isTaken) {
      taken.add(mark.box());
    }
  }

  private double legendX() {
    return left + WIDTH + 22;
  }

  private void legend() {
    double at = top + 10;
    if (!chart.trials().isEmpty()) {
      entry(
          at,
          TRIAL,
          Palette.mix(Palette.WHITE, Palette.RULE, 0.55),
          chart.trials().size() + " " + chart.trialsName());
      at += 18;
    }
    if (!chart.front().isEmpty()) {
      entry(at, FRONT, Palette.model(0), "front of " + chart.front().size());
    }
  }

  private void entry(double at, double radius, int color, String text) {
    drawing.add(
        new Mark.Rect(
            legendX() - radius, at - radius, 2 * radius, 2 * radius, radius, color, 0, 0, ""));
    String clipped = TextWidth.clip(text, COLUMN - 32 - MARGIN, LABEL, false);
    drawing.text(legendX() + 10, at + 4, clipped, LABEL, Palette.INK, Anchor.START);
  }

  /** Names stand where nothing else does; those that find no place, in the column on the right. */
  private void markers() {
    int color = Palette.model(4);
    for (Dot marker : chart.markers()) {
      double mx = x(marker.x());
      double my = y(marker.y());
      Mark.Rect square =
          new Mark.Rect(
              mx - MARKER, my - MARKER, 2 * MARKER, 2 * MARKER, 0, color, Palette.INK, 1, "");
      drawing.add(square);
      taken.add(square.box());
    }
    double column = top + 62;
    int listed = 0;
    int room = (int) ((top + HEIGHT - column) / 16);
    for (int i = 0; i < chart.markers().size(); i++) {
      Dot marker = chart.markers().get(i);
      if (beside(marker)) {
        continue;
      }
      int hidden = chart.markers().size() - i;
      if (listed == room - 1 && hidden > 1) {
        drawing.text(
            legendX(),
            column + 16.0 * listed,
            "and " + hidden + " more",
            LABEL,
            Palette.SOFT_INK,
            Anchor.START);
        return;
      }
      String text =
          marker.name() + " (" + Figures.brief(marker.x()) + ", " + Figures.brief(marker.y()) + ")";
      drawing.text(
          legendX(),
          column + 16.0 * listed,
          TextWidth.clip(text, COLUMN - 22 - MARGIN, LABEL, false),
          LABEL,
          Palette.INK,
          Anchor.START);
      listed++;
    }
  }

  private boolean beside(Dot marker) {
    double mx = x(marker.x());
    double my = y(marker.y());
    String name = TextWidth.clip(marker.name(), 180, LABEL, false);
    for (double reach : REACH) {
      for (Side side : SIDES) {
        double off = MARKER + GAP + reach;
        Mark.Text text =
            new Mark.Text(
                mx + side.across() * off,
                my + side.down() * (off + 0.3 * LABEL) + 0.3 * LABEL,
                name,
                LABEL,
                false,
                Palette.INK,
                side.anchor(),
                false);
        Box box = text.box();
        boolean inside =
            box.left() >= left
                && box.right() <= left + WIDTH
                && box.top() >= top
                && box.bottom() <= top + HEIGHT;
        if (inside && taken.stream().noneMatch(box::overlaps)) {
          if (reach > 0) {
            drawing.line(
                mx + side.across() * MARKER,
                my + side.down() * MARKER,
                mx + side.across() * (off - 2),
                my + side.down() * (off - 2),
                Palette.RULE,
                0.8);
          }
          drawing.add(text);
          taken.add(box);
          return true;
        }
      }
    }
    return false;
  }

  private String description() {
    StringBuilder text = new StringBuilder();
    text.append(chart.trials().size())
        .append(' ')
        .append(chart.trialsName())
        .append(", ")
        .append(chart.front().size())
        .append(" on the front");
    for (Dot marker : chart.markers()) {
      text.append("; ")
          .append(marker.name())
          .append(" at ")
          .append(Figures.full(marker.x()))
          .append(", ")
          .append(Figures.full(marker.y()));
    }
    return text.append('.').toString();
  }
}
