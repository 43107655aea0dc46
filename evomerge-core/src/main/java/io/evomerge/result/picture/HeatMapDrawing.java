package io.evomerge.result.picture;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.result.picture.Mark.Anchor;
import io.evomerge.result.picture.ParameterTable.Column;
import io.evomerge.result.picture.ParameterTable.Panel;
import io.evomerge.result.picture.ParameterTable.Row;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Lays out a table of parameters as heat maps: panels side by side, over the same rows. */
final class HeatMapDrawing {

  private static final double WIDTH = 1200;
  private static final double LEAST_WIDTH = 480;
  private static final double MARGIN = 16;
  private static final double PANEL_GAP = 26;
  private static final double SOURCE_GAP = 5;
  private static final double PART_GAP = 5;
  private static final double CELL_WIDTH = 48;
  private static final double LEAST_PANEL = 130;
  private static final double NAME_ROOM = 104;
  private static final double CELL_HEIGHT = 18;
  private static final double TITLE = 17;
  private static final double LABEL = 11.5;
  private static final double SMALL = 10;
  private static final double LINE = 15;
  private static final double SMALL_LINE = 13;
  private static final int NAME_LINES = 3;

  private final MergeRecipe recipe;
  private final ParameterTable table;
  private final List<String> sources;
  private final Drawing drawing = new Drawing();
  private double right = LEAST_WIDTH - MARGIN;

  /** A panel with its columns laid out, and the colours of its numbers. */
  private record Block(
      Panel panel, List<String> heads, double cell, double width, boolean diverging, double most) {
    double group() {
      return cell * panel.columns().size();
    }

    double gap() {
      return panel.columns().size() > 1 ? SOURCE_GAP : 0;
    }

    int color(double value) {
      double share = most == 0 ? 0 : value / most;
      return diverging ? Palette.diverging(share) : Palette.sequential(share);
    }
  }

  private HeatMapDrawing(MergeRecipe recipe) {
    this.recipe = recipe;
    table = new ParameterTable(recipe);
    sources = recipe.sources().stream().map(CheckpointRef::name).toList();
  }

  static Picture of(MergeRecipe recipe) {
    return new HeatMapDrawing(recipe).draw();
  }

  private Picture draw() {
    List<Block> blocks = table.panels().stream().map(this::block).toList();
    double labels =
        table.rows().stream()
            .mapToDouble(row -> TextWidth.of(row.label(), LABEL, false))
            .max()
            .orElse(0);
    double left = MARGIN + labels + 8;
    List<List<Block>> lines = lines(blocks, left);
    for (List<Block> line : lines) {
      double end = left - PANEL_GAP;
      for (Block block : line) {
        end += PANEL_GAP + block.width();
      }
      right = Math.max(right, end);
    }
    String title =
        blocks.isEmpty()
            ? "Merge by " + recipe.operator()
            : recipe.operator() + by(blocks.stream().anyMatch(block -> block.panel().perSource()));
    double y = 30;
    for (String text : TextWidth.wrap(title, right - MARGIN, TITLE, true, 3)) {
      drawing.bold(MARGIN, y, text, TITLE, Palette.INK, Anchor.START);
      y += 22;
    }
    y = paragraphs(y, !blocks.isEmpty());
    for (List<Block> line : lines) {
      y = line(line, left, y) + 18;
    }
    return drawing.picture(title, description(), right + MARGIN, y);
  }

  private String by(boolean perSource) {
    if (table.rows().size() > 1) {
      return perSource ? " by layer and source" : " by layer";
    }
    return perSource ? " by source" : "";
  }

  /** What the panels do not say; returns where these may begin. */
  private double paragraphs(double top, boolean panels) {
    List<String> paragraphs = new ArrayList<>();
    recipe.base().ifPresent(base -> paragraphs.add("Base: " + base.name()));
    boolean named = table.panels().stream().anyMatch(Panel::perSource);
    if (!named && !sources.isEmpty()) {
      paragraphs.add("Sources: " + String.join(", ", sources));
    }
    List<String> constant = new ArrayList<>();
    table.everywhere().forEach((name, value) -> constant.add(name + " " + numbers(value)));
    if (!constant.isEmpty()) {
      paragraphs.add("Everywhere: " + String.join("; ", constant));
    }
    if (!panels && table.everywhere().isEmpty()) {
      paragraphs.add("The recipe gives no parameters: the operator's defaults hold.");
    }
    double y = top;
    for (String paragraph : paragraphs) {
      for (String line : TextWidth.wrap(paragraph, right - MARGIN, LABEL, false, 20)) {
        drawing.text(MARGIN, y, line, LABEL, Palette.INK, Anchor.START);
        y += LINE;
      }
    }
    if (panels && hasBlank()) {
      drawing.text(
          MARGIN,
          y,
          "\u2013 not given: the operator's default holds",
          LABEL,
          Palette.SOFT_INK,
          Anchor.START);
      y += LINE;
    }
    if (panels && hasAbsent()) {
      drawing.text(
          MARGIN,
          y,
          "\u00d7 the source takes no part in these layers",
          LABEL,
          Palette.SOFT_INK,
          Anchor.START);
      y += LINE;
    }
    return y + 6;
  }

  private String numbers(ParameterValue value) {
    if (!value.perSource()) {
      return Figures.full(value.numbers().get(0));
    }
    List<String> each = new ArrayList<>();
    for (int i = 0; i < sources.size(); i++) {
      each.add(Figures.full(value.numbers().get(i)) + " (" + sources.get(i) + ")");
    }
    return String.join(", ", each);
  }

  private Block block(Panel panel) {
    List<String> heads =
        panel.perSource() ? sources : List.of(sources.size() == 1 ? sources.get(0) : "all sources");
    double low = 0;
    double high = 0;
    double cell = CELL_WIDTH;
    for (Column column : panel.columns()) {
      cell = Math.max(cell, TextWidth.of(column.label(), SMALL, false) + 6);
      for (Row row : table.rows()) {
        ParameterValue value = table.value(panel.parameter(), row, column);
        if (value != null) {
          for (double number : value.numbers()) {
            low = Math.min(low, number);
            high = Math.max(high, number);
            cell = Math.max(cell, TextWidth.of(Figures.brief(number), LABEL, false) + 6);
          }
        }
      }
    }
    double name = 0;
    for (String head : heads) {
      name = Math.max(name, Math.min(NAME_ROOM, TextWidth.of(head, LABEL, false)));
    }
    int columns = panel.columns().size();
    double group = Math.max(cell * columns, name + 8);
    double gap = columns > 1 ? SOURCE_GAP : 0;
    double width = heads.size() * group + (heads.size() - 1) * gap;
    width =
        Math.max(Math.max(width, LEAST_PANEL), TextWidth.of(panel.parameter(), LABEL + 1.5, true));
    boolean diverging = low < 0 || panel.parameter().equals("weight");
    double most = diverging ? Math.max(-low, high) : high <= 1 ? 1 : high;
    return new Block(panel, heads, group / columns, width, diverging, most);
  }

  private static List<List<Block>> lines(List<Block> blocks, double left) {
    List<List<Block>> lines = new ArrayList<>();
    double x = Double.POSITIVE_INFINITY;
    for (Block block : blocks) {
      if (x + block.width() > WIDTH - MARGIN) {
        lines.add(new ArrayList<>());
        x = left;
      }
      lines.get(lines.size() - 1).add(block);
      x += block.width() + PANEL_GAP;
    }
    return lines;
  }

  /** Draws panels side by side; returns where they end. */
  private double line(List<Block> blocks, double left, double top) {
    int nameLines = 0;
    boolean labelled = false;
    for (Block block : blocks) {
      for (String head : block.heads()) {
        nameLines = Math.max(nameLines, head(head, block).size());
      }
      labelled |= block.panel().columns().stream().anyMatch(column -> !column.label().isEmpty());
    }
    double names = top + 14 + 17;
    double cells = names + nameLines * SMALL_LINE + (labelled ? SMALL_LINE : 0) - 7;
    double x = left;
    double end = cells;
    for (Block block : blocks) {
      drawing.bold(x, top + 14, block.panel().parameter(), LABEL + 1.5, Palette.INK, Anchor.START);
      heads(block, x, names, nameLines);
      end = cells(block, x, cells);
      legend(block, x, end + 10);
      x += block.width() + PANEL_GAP;
    }
    double y = cells;
    Row before = null;
    for (Row row : table.rows()) {
      y += gap(before, row);
      drawing.text(left - 8, y + 13, row.label(), LABEL, Palette.INK, Anchor.END);
      y += CELL_HEIGHT;
      before = row;
    }
    return end + 36;
  }

  private static List<String> head(String name, Block block) {
    return TextWidth.wrap(name, block.group() - 6, LABEL, false, NAME_LINES);
  }

  private void heads(Block block, double left, double top, int nameLines) {
    double x = left;
    for (String head : block.heads()) {
      List<String> lines = head(head, block);
      double y = top + (nameLines - lines.size()) * SMALL_LINE;
      for (String line : lines) {
        drawing.text(x + block.group() / 2, y, line, LABEL, Palette.INK, Anchor.MIDDLE);
        y += SMALL_LINE;
      }
      double middle = x + block.cell() / 2;
      for (Column column : block.panel().columns()) {
        if (!column.label().isEmpty()) {
          drawing.text(middle, y - 0.5, column.label(), SMALL, Palette.SOFT_INK, Anchor.MIDDLE);
        }
        middle += block.cell();
      }
      x += block.group() + block.gap();
    }
  }

  private static double gap(@Nullable Row before, Row row) {
    return before != null && before.isLayers() != row.isLayers() ? PART_GAP : 0;
  }

  private double cells(Block block, double left, double top) {
    double y = top;
    Row before = null;
    for (Row row : table.rows()) {
      y += gap(before, row);
      double x = left;
      for (int source = 0; source < block.heads().size(); source++) {
        cells(block, row, source, x, y);
        x += block.group() + block.gap();
      }
      y += CELL_HEIGHT;
      before = row;
    }
    return y;
  }

  /** The cells of one row and source; outside the layers, one cell for all components. */
  private void cells(Block block, Row row, int source, double left, double y) {
    List<Column> columns = block.panel().columns();
    int from = 0;
    while (from < columns.size()) {
      Column column = columns.get(from);
      int end = from + 1;
      while (!row.isLayers()
          && end < columns.size()
          && columns.get(end).text().equals(column.text())) {
        end++;
      }
      cell(block, row, column, source, left + from * block.cell(), y, (end - from) * block.cell());
      from = end;
    }
  }

  private void cell(
      Block block, Row row, Column column, int source, double x, double y, double width) {
    String name = block.panel().parameter();
    ParameterValue value = table.value(name, row, column);
    int fill = Palette.BLANK;
    String text = "\u2013";
    String tip = "";
    if (block.panel().perSource() && !table.takesPart(source, row)) {
      text = "\u00d7";
    } else if (value != null) {
      double number = value.numbers().get(value.perSource() ? source : 0);
      fill = block.color(number);
      text = Figures.brief(number);
      tip =
          name
              + " of "
              + block.heads().get(source)
              + ", "
              + row.label()
              + (column.label().isEmpty() || !row.isLayers() ? "" : ", " + column.label())
              + ": "
              + Figures.full(number);
    }
    drawing.add(
        new Mark.Rect(
            x + 0.5, y + 0.5, width - 1, CELL_HEIGHT - 1, 0, fill, Palette.PALE, 0.6, tip));
    int ink = tip.isEmpty() ? Palette.SOFT_INK : Palette.textOn(fill);
    drawing.text(x + width / 2, y + 13, text, LABEL, ink, Anchor.MIDDLE);
  }

  private void legend(Block block, double left, double top) {
    double low = lowest(block) < 0 ? -block.most() : 0;
    double span = block.most() - low;
    double width = LEAST_PANEL;
    int steps = 26;
    for (int i = 0; i < steps; i++) {
      double value = low + (i + 0.5) / steps * span;
      // Half a unit wider than its share, so that no gap shows between neighbours.
      double overlap = i + 1 < steps ? 0.5 : 0;
      drawing.rect(left + i * width / steps, top, width / steps + overlap, 9, block.color(value));
    }
    drawing.line(left, top + 9, left + width, top + 9, Palette.RULE, 0.6);
    double y = top + 21;
    drawing.text(
        left, y, low == 0 ? "0" : Figures.brief(low), SMALL, Palette.SOFT_INK, Anchor.START);
    if (low < 0) {
      drawing.text(left + width / 2, y, "0", SMALL, Palette.SOFT_INK, Anchor.MIDDLE);
    }
    if (span > 0) {
      drawing.text(
          left + width, y, Figures.brief(block.most()), SMALL, Palette.SOFT_INK, Anchor.END);
    }
  }

  private double lowest(Block block) {
    double low = 0;
    for (Row row : table.rows()) {
      for (Column column : block.panel().columns()) {
        ParameterValue value = table.value(block.panel().parameter(), row, column);
        if (value != null) {
          for (double number : value.numbers()) {
            low = Math.min(low, number);
          }
        }
      }
    }
    return low;
  }

  private boolean hasBlank() {
    return table.panels().stream()
        .anyMatch(
            panel ->
                table.rows().stream()
                    .anyMatch(
                        row ->
                            panel.columns().stream()
                                .anyMatch(
                                    column ->
                                        table.value(panel.parameter(), row, column) == null)));
  }

  private boolean hasAbsent() {
    if (table.panels().stream().noneMatch(Panel::perSource)) {
      return false;
    }
    for (int source = 0; source < sources.size(); source++) {
      for (Row row : table.rows()) {
        if (!table.takesPart(source, row)) {
          return true;
        }
      }
    }
    return false;
  }

  private String description() {
    StringBuilder text = new StringBuilder("Sources: ").append(String.join(", ", sources));
    for (Panel panel : table.panels()) {
      text.append(". ").append(panel.parameter()).append(':');
      for (Row row : table.rows()) {
        for (Column column : panel.columns()) {
          ParameterValue value = table.value(panel.parameter(), row, column);
          if (value != null && (row.isLayers() || column.equals(panel.columns().get(0)))) {
            text.append(' ')
                .append(row.label())
                .append(column.label().isEmpty() || !row.isLayers() ? "" : " " + column.label())
                .append(' ')
                .append(String.join("/", value.numbers().stream().map(Figures::full).toList()))
                .append(';');
          }
        }
      }
    }
    return text.toString();
  }
}
