package io.evomerge.result.picture;

import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a recipe gives to which tensors, as a table: rows are parts of the model and groups of
 * layers, columns are components and texts in names, both as far as the recipe's selectors tell
 * them apart. Within a cell all tensors have the same values, so one of them stands for all.
 */
final class ParameterTable {

  /** Selectors written by hand may end at "any number"; no model has so many layers. */
  private static final int ENDLESS = 10_000;

  private static final String FIRST_PARAMETER = "weight";

  /**
   * A part of the model, or consecutive layers of it.
   *
   * @param last layer, inclusive; {@link #ENDLESS} if the recipe does not say; -1 outside the
   *     layers
   */
  record Row(String label, Part part, int first, int last) {
    boolean isLayers() {
      return part == Part.LAYER;
    }
  }

  /**
   * Tensors of a row.
   *
   * @param components what they are, in layers; outside of them it does not count
   * @param text what their names contain; empty for names with none of the texts of selectors
   * @param label empty if it is all of a row
   */
  record Column(Set<Component> components, String text, String label) {}

  /**
   * One parameter.
   *
   * @param columns at least one
   * @param perSource whether some row has a number of its own for each source
   */
  record Panel(String parameter, List<Column> columns, boolean perSource) {}

  private final MergeRecipe recipe;
  private final List<TensorSelector> selectors;
  private final List<Column> columns;
  private List<Row> rows;
  private final List<Panel> panels = new ArrayList<>();
  private final Map<String, ParameterValue> everywhere = new LinkedHashMap<>();

  ParameterTable(MergeRecipe recipe) {
    this.recipe = recipe;
    selectors = recipe.groups().stream().map(MergeRecipe.Group::select).toList();
    columns = columns();
    rows = joined(filled(rowsTold()));
    Set<String> names = names();
    for (String name : names) {
      Optional<ParameterValue> only = only(name);
      if (only.isPresent()) {
        everywhere.put(name, only.get());
      } else {
        panel(name);
      }
    }
    if (panels.isEmpty()) {
      // Nothing varies: what differs between the sources, or else everything, is worth a picture.
      boolean some = everywhere.values().stream().anyMatch(ParameterValue::perSource);
      for (String name : names) {
        ParameterValue value = everywhere.get(name);
        if (value != null && (!some || value.perSource())) {
          panel(name);
          everywhere.remove(name);
        }
      }
    }
    rows = rows.stream().filter(row -> row.isLayers() || isShown(row)).toList();
  }

  /** A model with tied embeddings has no head: a row without numbers would only raise questions. */
  private boolean isShown(Row row) {
    return panels.stream()
        .anyMatch(
            panel ->
                panel.columns().stream()
                    .anyMatch(column -> value(panel.parameter(), row, column) != null));
  }

  List<Row> rows() {
    return rows;
  }

  /** Parameters that differ between tensors (or, if none does, between sources). */
  List<Panel> panels() {
    return List.copyOf(panels);
  }

  /** Parameters with the same value for all tensors. */
  Map<String, ParameterValue> everywhere() {
    return everywhere;
  }

  /** What the recipe gives to the tensors of a cell; null if it gives nothing. */
  @Nullable ParameterValue value(String parameter, Row row, Column column) {
    Component component = row.isLayers() ? column.components().iterator().next() : Component.OTHER;
    TensorRole role = new TensorRole(row.part(), row.isLayers() ? row.first() : -1, component);
    ParameterValue value = recipe.parameters().get(parameter);
    for (MergeRecipe.Group group : recipe.groups()) {
      ParameterValue given = group.parameters().get(parameter);
      if (given != null && group.select().matches(column.text(), role)) {
        value = given;
      }
    }
    return value;
  }

  /** Whether a source takes part in the layers of a row, or in the slice that embeddings take. */
  boolean takesPart(int source, Row row) {
    List<LayerSlice> slices = recipe.slices();
    if (slices.isEmpty()) {
      return true;
    }
    LayerSlice slice = slices.get(row.part() == Part.EMBEDDINGS ? 0 : slices.size() - 1);
    if (row.isLayers()) {
      int end = 0;
      for (LayerSlice next : slices) {
        end += next.length();
        if (row.first() < end) {
          slice = next;
          break;
        }
      }
    }
    String name = recipe.sources().get(source).name();
    return slice.ranges().stream().anyMatch(range -> range.model().equals(name));
  }

  private Set<String> names() {
    Set<String> sorted = new TreeSet<>(recipe.parameters().keySet());
    recipe.groups().forEach(group -> sorted.addAll(group.parameters().keySet()));
    Set<String> names = new LinkedHashSet<>();
    if (sorted.contains(FIRST_PARAMETER)) {
      names.add(FIRST_PARAMETER);
    }
    names.addAll(sorted);
    return names;
  }

  private List<Column> columns() {
    EnumSet<Component> named = EnumSet.noneOf(Component.class);
    selectors.forEach(select -> select.component().ifPresent(named::add));
    Set<String> texts = new LinkedHashSet<>(List.of(""));
    selectors.forEach(select -> select.nameContains().ifPresent(texts::add));
    EnumSet<Component> rest = EnumSet.complementOf(named);
    List<Column> all = new ArrayList<>();
    for (String text : texts) {
      for (Component component : named) {
        all.add(new Column(EnumSet.of(component), text, label(name(component), text)));
      }
      if (!rest.isEmpty()) {
        all.add(new Column(rest, text, label(named.isEmpty() ? "" : "rest", text)));
      }
    }
    return List.copyOf(all);
  }

  private static String name(Component component) {
    return component.name().toLowerCase(Locale.ROOT);
  }

  private static String label(String component, String text) {
    return text.isEmpty() ? component : (component + " *" + text + "*").strip();
  }

  private List<Row> rowsTold() {
    Set<Part> parts = EnumSet.noneOf(Part.class);
    selectors.forEach(select -> select.part().ifPresent(parts::add));
    if (parts.isEmpty() && recipe.slices().isEmpty()) {
      return List.of(new Row("whole model", Part.LAYER, 0, ENDLESS));
    }
    List<Row> told = new ArrayList<>();
    told.add(new Row("embeddings", Part.EMBEDDINGS, -1, -1));
    told.addAll(layerRows());
    told.add(new Row("final norm", Part.FINAL_NORM, -1, -1));
    told.add(new Row("head", Part.HEAD, -1, -1));
    if (parts.contains(Part.OTHER)) {
      told.add(new Row("other", Part.OTHER, -1, -1));
    }
    return told;
  }

  private List<Row> layerRows() {
    TreeSet<Integer> cuts = new TreeSet<>(List.of(0));
    for (TensorSelector select : selectors) {
      if (select.part().filter(part -> part == Part.LAYER).isPresent()) {
        cuts.add(select.firstLayer());
        cuts.add(select.lastLayer() + 1);
      }
    }
    int end = 0;
    for (LayerSlice slice : recipe.slices()) {
      cuts.add(end);
      end += slice.length();
    }
    if (end > 0) {
      cuts.add(end);
      cuts.tailSet(end, false).clear();
    } else {
      cuts.tailSet(ENDLESS).clear();
      cuts.add(ENDLESS + 1);
    }
    List<Integer> starts = List.copyOf(cuts);
    List<Row> layers = new ArrayList<>();
    for (int i = 0; i + 1 < starts.size(); i++) {
      int first = starts.get(i);
      int last = starts.get(i + 1) - 1;
      layers.add(new Row(label(first, last), Part.LAYER, first, last));
    }
    return layers;
  }

  private static String label(int first, int last) {
    if (last >= ENDLESS) {
      return first == 0 ? "layers" : "layers from " + first;
    }
    return first == last ? "layer " + first : "layers " + first + "\u2013" + last;
  }

  /** Leaves out what the recipe gives nothing to, and further layers that there may not be. */
  private List<Row> filled(List<Row> told) {
    Set<String> names = names();
    List<Row> filled = new ArrayList<>();
    for (Row row : told) {
      boolean further = row.isLayers() && row.last() >= ENDLESS && row.first() > 0;
      long given =
          names.stream()
              .filter(name -> columns.stream().anyMatch(column -> value(name, row, column) != null))
              .count();
      if (further ? given == names.size() && given > 0 : given > 0) {
        filled.add(row);
      }
    }
    return filled;
  }

  /** One row for neighbours outside the layers that have the same values and the same sources. */
  private List<Row> joined(List<Row> told) {
    List<Row> joined = new ArrayList<>();
    for (Row row : told) {
      Row before = joined.isEmpty() ? null : joined.get(joined.size() - 1);
      if (before != null && !before.isLayers() && !row.isLayers() && same(before, row)) {
        joined.set(
            joined.size() - 1, new Row(before.label() + ", " + row.label(), before.part(), -1, -1));
      } else {
        joined.add(row);
      }
    }
    return List.copyOf(joined);
  }

  private boolean same(Row one, Row other) {
    for (int source = 0; source < recipe.sources().size(); source++) {
      if (takesPart(source, one) != takesPart(source, other)) {
        return false;
      }
    }
    return names().stream()
        .allMatch(
            name ->
                columns.stream()
                    .allMatch(
                        column ->
                            Objects.equals(value(name, one, column), value(name, other, column))));
  }

  /** The value that all tensors have, if there is one. */
  private Optional<ParameterValue> only(String name) {
    Set<Optional<ParameterValue>> values = new LinkedHashSet<>();
    for (Row row : rows) {
      columns.forEach(column -> values.add(Optional.ofNullable(value(name, row, column))));
    }
    return values.size() == 1 ? values.iterator().next() : Optional.empty();
  }

  private void panel(String name) {
    List<Column> shown = new ArrayList<>();
    for (Column column : columns) {
      boolean given =
          rows.stream()
              .filter(row -> row.isLayers() || !column.text().isEmpty())
              .anyMatch(row -> value(name, row, column) != null);
      if (given && tells(name, column.text())) {
        shown.add(column);
      }
    }
    if (shown.isEmpty()) {
      shown.add(columns.get(0));
    }
    boolean one =
        shown.stream()
            .allMatch(
                column -> column.text().isEmpty() && sameEverywhere(name, column, shown.get(0)));
    if (one) {
      Column whole = oneOf(shown);
      shown.clear();
      shown.add(whole);
    }
    boolean perSource =
        rows.stream()
            .anyMatch(
                row ->
                    shown.stream()
                        .map(column -> value(name, row, column))
                        .anyMatch(value -> value != null && value.perSource()));
    panels.add(new Panel(name, List.copyOf(shown), perSource));
  }

  /** Whether a text in names makes a difference for some component. */
  private boolean tells(String name, String text) {
    return text.isEmpty()
        || columns.stream()
            .filter(column -> column.text().equals(text))
            .anyMatch(
                column -> !sameEverywhere(name, column, new Column(column.components(), "", "")));
  }

  private static Column oneOf(List<Column> same) {
    EnumSet<Component> all = EnumSet.noneOf(Component.class);
    same.forEach(column -> all.addAll(column.components()));
    // Few architectures have a component that is none of the others: its absence is no news.
    boolean whole = all.containsAll(EnumSet.complementOf(EnumSet.of(Component.OTHER)));
    String label = whole ? "" : String.join(", ", all.stream().map(ParameterTable::name).toList());
    return new Column(all, "", label);
  }

  private boolean sameEverywhere(String name, Column one, Column other) {
    return rows.stream()
        .allMatch(row -> Objects.equals(value(name, row, one), value(name, row, other)));
  }
}
