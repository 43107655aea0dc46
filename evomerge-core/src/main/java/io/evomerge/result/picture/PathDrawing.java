package io.evomerge.result.picture;

import io.evomerge.genome.HopScaling;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.result.picture.Mark.Anchor;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Lays out a path: hops from left to right, a lane per model, layers upwards in a lane. A column
 * holds one box, so boxes never meet, however close the layers of a lane stand.
 */
final class PathDrawing {

  private static final double WIDTH = 1200;
  private static final double LEAST_WIDTH = 640;
  private static final double MARGIN = 16;
  private static final double GUTTER = 140;
  private static final double TICKS = 24;
  private static final double PLOT = MARGIN + GUTTER + TICKS;
  private static final double WIDEST_COLUMN = 46;
  private static final double LANE_GAP = 8;
  private static final double LANE_PAD = 4;
  private static final double BARS = 44;
  private static final double TITLE = 17;
  private static final double LABEL = 11.5;
  private static final double SMALL = 10;
  private static final double SMALL_LINE = 13;
  private static final double LABEL_LINE = 14.5;
  private static final int[] STEPS = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

  private final DataFlow flow;
  private final List<Hop> hops;
  private final Map<String, Lane> lanes = new LinkedHashMap<>();
  private final boolean[] again;
  private final int stored;
  private final int perRow;
  private final int rows;
  private final double column;
  private final double boxHeight;
  private final double perLayer;
  private final double lowScale;
  private final double highScale;
  private final double scaleTextWidth;
  private final Drawing drawing = new Drawing();

  /** What the hops use of one model, and where it stands in the row that is being drawn. */
  private static final class Lane {
    final int index;
    int hops;
    final Set<Integer> layers = new HashSet<>();
    int low = Integer.MAX_VALUE;
    int high = Integer.MIN_VALUE;
    double top;
    double height;

    Lane(int index) {
      this.index = index;
    }

    int span() {
      return hops == 0 ? 0 : high - low;
    }
  }

  private PathDrawing(DataFlow flow) {
    this.flow = flow;
    this.hops = flow.hops();
    again = new boolean[hops.size()];
    flow.modelNames().forEach(name -> lanes.put(name, new Lane(lanes.size())));
    double low = 1;
    double high = 1;
    double textWidth = 0;
    int longest = 0;
    for (int i = 0; i < hops.size(); i++) {
      Hop hop = hops.get(i);
      Lane lane = lane(hop);
      lane.hops++;
      again[i] = !lane.layers.add(hop.layer());
      lane.low = Math.min(lane.low, hop.layer());
      lane.high = Math.max(lane.high, hop.layer());
      low = Math.min(low, hop.scale());
      high = Math.max(high, hop.scale());
      textWidth = Math.max(textWidth, TextWidth.of(Figures.brief(hop.scale()), SMALL, false));
      longest = Math.max(longest, Integer.toString(hop.layer()).length());
    }
    lowScale = low;
    highScale = high;
    scaleTextWidth = textWidth;
    stored = lanes.values().stream().mapToInt(lane -> lane.layers.size()).sum();

    double room = WIDTH - MARGIN - PLOT;
    double leastColumn = Math.max(15.2, TextWidth.of("0".repeat(longest), SMALL, false) + 2.4);
    int most = Math.max(1, (int) (room / leastColumn));
    rows = (hops.size() + most - 1) / most;
    perRow = (hops.size() + rows - 1) / rows;
    column = Math.min(WIDEST_COLUMN, room / perRow);
    boxHeight = isWide() ? 20 : 15;
    int spans = Math.max(1, lanes.values().stream().mapToInt(Lane::span).sum());
    double wanted = (rows == 1 ? 440.0 : 280.0) / spans;
    perLayer = Math.max(2.5, Math.min(isWide() ? 16 : 10, wanted));
  }

  static Picture of(DataFlow flow) {
    return new PathDrawing(flow).draw();
  }

  private Lane lane(Hop hop) {
    Lane lane = lanes.get(hop.model());
    if (lane == null) {
      throw new IllegalArgumentException(
          "a hop uses '" + hop.model() + "', the path has " + lanes.keySet());
    }
    return lane;
  }

  private boolean isWide() {
    return column >= 28;
  }

  private Picture draw() {
    double width = Math.max(LEAST_WIDTH, PLOT + perRow * column + MARGIN);
    String title =
        count(hops.size(), "hop")
            + " through "
            + count(stored, "layer")
            + " of "
            + count((int) lanes.values().stream().filter(lane -> lane.hops > 0).count(), "model");
    drawing.bold(MARGIN, 30, title, TITLE, Palette.INK, Anchor.START);
    double y = key(48);
    for (int row = 0; row < rows; row++) {
      y = row(row, y) + 22;
    }
    return drawing.picture(title, description(), width, y - 22 + 12);
  }

  /** Explains the boxes; returns where the rows may begin. */
  private double key(double top) {
    int grey = Palette.model(6);
    double side = 15;
    double x = MARGIN;
    box(x, top, side, side, grey, false, "");
    drawing.text(x + side / 2, top + 11.2, "n", SMALL, Palette.textOn(grey), Anchor.MIDDLE);
    x += side + 6;
    String first = "layer n";
    drawing.text(x, top + 11.2, first, LABEL, Palette.INK, Anchor.START);
    if (stored < hops.size()) {
      x += TextWidth.of(first, LABEL, false) + 18;
      box(x, top, side, side, grey, true, "");
      drawing.text(x + side / 2, top + 11.2, "n", SMALL, 0, Anchor.MIDDLE);
      drawing.text(
          x + side + 6,
          top + 11.2,
          "layer n again: weights used before, keys and values of its own",
          LABEL,
          Palette.INK,
          Anchor.START);
    }
    return top + side + 14;
  }

  /** Draws one row of hops; returns where it ends. */
  private double row(int row, double top) {
    int first = row * perRow;
    int end = Math.min(hops.size(), first + perRow);
    double right = PLOT + (end - first) * column;
    double y = top;
    for (Map.Entry<String, Lane> entry : lanes.entrySet()) {
      Lane lane = entry.getValue();
      lane.top = y;
      double labels = label(entry.getKey(), lane, row == 0);
      lane.height = Math.max(labels, lane.span() * perLayer + boxHeight + 2 * LANE_PAD);
      y += lane.height + LANE_GAP;
    }
    double bottom = y - LANE_GAP;
    lanes.values().forEach(lane -> background(lane, right));
    int step = hopStep();
    if (step > 1) {
      for (int i = first; i < end; i++) {
        if (i % step == 0) {
          drawing.line(x(i, first), top, x(i, first), bottom, Palette.WHITE, 1);
        }
      }
    }
    connect(first, end, right);
    for (int i = first; i < end; i++) {
      hop(i, first);
    }
    y = bottom + 15;
    drawing.text(PLOT - 6, y, "hop", SMALL, Palette.SOFT_INK, Anchor.END);
    for (int i = first; i < end; i++) {
      if (i % step == 0) {
        drawing.text(x(i, first), y, Integer.toString(i), SMALL, Palette.SOFT_INK, Anchor.MIDDLE);
      }
    }
    return scales(first, end, right, y + 12);
  }

  /** The middle of a hop's column. */
  private double x(int hop, int first) {
    return PLOT + (hop - first + 0.5) * column;
  }

  private double y(Hop hop) {
    Lane lane = lane(hop);
    return y(lane, hop.layer());
  }

  private double y(Lane lane, int layer) {
    double middle = lane.top + lane.height / 2;
    return middle + (lane.span() / 2.0 - (layer - lane.low)) * perLayer;
  }

  private double label(String name, Lane lane, boolean withCounts) {
    double y = lane.top + 12;
    drawing.rect(MARGIN, lane.top + 2.5, 10, 10, Palette.model(lane.index));
    double indent = MARGIN + 15;
    double room = GUTTER - 15;
    for (String line : TextWidth.wrap(name, room, LABEL, true, 4)) {
      drawing.bold(indent, y, line, LABEL, Palette.INK, Anchor.START);
      y += LABEL_LINE;
    }
    if (withCounts) {
      List<String> lines = new ArrayList<>();
      lines.add(count(lane.hops, "hop") + ", " + count(lane.layers.size(), "layer"));
      if (lane.index == 0) {
        lines.add("embeddings, head");
      }
      for (String text : lines) {
        for (String line : TextWidth.wrap(text, room, SMALL, false, 2)) {
          drawing.text(indent, y, line, SMALL, Palette.SOFT_INK, Anchor.START);
          y += SMALL_LINE;
        }
      }
    }
    return y - lane.top - 4;
  }

  private void background(Lane lane, double right) {
    int tint = Palette.mix(Palette.WHITE, Palette.model(lane.index), 0.16);
    drawing.rect(PLOT, lane.top, right - PLOT, lane.height, tint);
    if (lane.hops == 0) {
      return;
    }
    int step = step(13 / perLayer);
    boolean none = true;
    for (int layer = (lane.low + step - 1) / step * step; layer <= lane.high; layer += step) {
      tick(lane, layer, right);
      none = false;
    }
    if (none) {
      tick(lane, lane.low, right);
    }
  }

  private void tick(Lane lane, int layer, double right) {
    double y = y(lane, layer);
    drawing.line(PLOT, y, right, y, Palette.WHITE, 1);
    drawing.text(PLOT - 6, y + 3.6, Integer.toString(layer), SMALL, Palette.SOFT_INK, Anchor.END);
  }

  /** Lines in the order of the hops, to the row before and the row after too. */
  private void connect(int first, int end, double right) {
    if (first > 0) {
      double y = y(hops.get(first));
      drawing.line(PLOT - 4, y, x(first, first), y, Palette.RULE, 1.4);
    }
    for (int i = first + 1; i < end; i++) {
      drawing.line(
          x(i - 1, first), y(hops.get(i - 1)), x(i, first), y(hops.get(i)), Palette.RULE, 1.4);
    }
    if (end < hops.size()) {
      double y = y(hops.get(end - 1));
      drawing.line(x(end - 1, first), y, right + 4, y, Palette.RULE, 1.4);
    }
  }

  private void hop(int index, int first) {
    Hop hop = hops.get(index);
    int color = Palette.model(lane(hop).index);
    double width = Math.min(column - 1.2, 34);
    double x = x(index, first);
    double y = y(hop);
    box(
        x - width / 2,
        y - boxHeight / 2,
        width,
        boxHeight,
        color,
        again[index],
        "hop "
            + index
            + ": layer "
            + hop.layer()
            + " of "
            + hop.model()
            + (again[index] ? ", again" : "")
            + ", scale "
            + Figures.full(hop.scale()));
    double size = isWide() ? 12 : SMALL;
    drawing.text(
        x,
        y + 0.36 * size,
        Integer.toString(hop.layer()),
        size,
        again[index] ? 0 : Palette.textOn(color),
        Anchor.MIDDLE);
  }

  private void box(
      double x, double y, double width, double height, int color, boolean outlined, String tip) {
    drawing.add(
        outlined
            ? new Mark.Rect(
                x + 0.8,
                y + 0.8,
                width - 1.6,
                height - 1.6,
                2,
                Palette.WHITE,
                Palette.darker(color),
                1.6,
                tip)
            : new Mark.Rect(x, y, width, height, 2.5, color, 0, 0, tip));
  }

  /** Bars from the line at 1, and the numbers beneath; returns where they end. */
  private double scales(int first, int end, double right, double top) {
    double y = top + 10;
    drawing.bold(MARGIN + 15, y, "scale", LABEL, Palette.INK, Anchor.START);
    y += LABEL_LINE;
    double ticksRoom =
        Math.max(
            TextWidth.of(Figures.brief(highScale), SMALL, false),
            TextWidth.of(Figures.brief(lowScale), SMALL, false));
    double room = PLOT - 6 - ticksRoom - 8 - (MARGIN + 15);
    for (String line : TextWidth.wrap("of " + scaled(), room, SMALL, false, 8)) {
      drawing.text(MARGIN + 15, y, line, SMALL, Palette.SOFT_INK, Anchor.START);
      y += SMALL_LINE;
    }
    drawing.rect(PLOT, top, right - PLOT, BARS, Palette.BLANK);
    double one = bar(1, top);
    List<Double> ticks = new ArrayList<>(List.of(1.0));
    for (double extreme : new double[] {highScale, lowScale}) {
      if (ticks.stream().allMatch(tick -> Math.abs(bar(tick, top) - bar(extreme, top)) >= 12)) {
        ticks.add(extreme);
      }
    }
    for (double tick : ticks) {
      String text = tick == 1 ? "1" : Figures.brief(tick);
      drawing.text(PLOT - 6, bar(tick, top) + 3.6, text, SMALL, Palette.SOFT_INK, Anchor.END);
    }
    double width = Math.min(column - 3, 22);
    for (int i = first; i < end; i++) {
      double value = bar(hops.get(i).scale(), top);
      drawing.rect(
          x(i, first) - width / 2,
          Math.min(one, value),
          width,
          Math.abs(value - one),
          Palette.RULE);
    }
    drawing.line(PLOT, one, right, one, Palette.INK, 1);
    boolean level = scaleTextWidth + 4 <= column;
    for (int i = first; i < end; i++) {
      String text = Figures.brief(hops.get(i).scale());
      if (level) {
        drawing.text(x(i, first), top + BARS + 13, text, SMALL, Palette.INK, Anchor.MIDDLE);
      } else {
        drawing.upward(x(i, first), top + BARS + 5, text, SMALL, Palette.INK, Anchor.END);
      }
    }
    return Math.max(y - SMALL_LINE + 4, top + BARS + 5 + (level ? 11 : scaleTextWidth));
  }

  private double bar(double scale, double top) {
    double room = BARS - 8;
    return highScale == lowScale
        ? top + BARS / 2
        : top + 4 + (highScale - scale) / (highScale - lowScale) * room;
  }

  /** Every how many hops there is room for a number. */
  private int hopStep() {
    double width = TextWidth.of(Integer.toString(hops.size()), SMALL, false) + 4;
    for (int step : new int[] {1, 5, 10, 20, 50}) {
      if (step * column >= width) {
        return step;
      }
    }
    return 100;
  }

  private static int step(double least) {
    for (int step : STEPS) {
      if (step >= least) {
        return step;
      }
    }
    return STEPS[STEPS.length - 1];
  }

  private String description() {
    StringBuilder text =
        new StringBuilder("Embeddings, final norm and head: ").append(flow.merged());
    text.append(". Models: ").append(String.join(", ", flow.modelNames()));
    text.append(". Layers in the order of the hops:");
    String before = "";
    for (Hop hop : hops) {
      if (!hop.model().equals(before)) {
        text.append(before.isEmpty() ? " " : "; ").append(hop.model()).append(':');
        before = hop.model();
      }
      text.append(' ').append(hop.layer());
    }
    text.append(". Scales, of ").append(scaled()).append(':');
    hops.forEach(hop -> text.append(' ').append(Figures.brief(hop.scale())));
    return text.append('.').toString();
  }

  private String scaled() {
    return flow.scaling() == HopScaling.BRANCH
        ? "the feed-forward output before (hop 0: the embeddings)"
        : "the residual stream that enters";
  }

  private static String count(int number, String what) {
    return number + " " + what + (number == 1 ? "" : "s");
  }
}
