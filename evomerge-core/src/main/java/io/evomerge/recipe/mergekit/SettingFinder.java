package io.evomerge.recipe.mergekit;

import io.evomerge.recipe.mergekit.Setting.Condition;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Says the values of one parameter in a slice as mergekit would read them, exactly: one number,
 * else a gradient with a point per layer for each group of tensors with the same values, selected
 * by a part of their names; what that does not give to the last bit, by their full names.
 */
final class SettingFinder {

  private static final int TRIES = 4;

  private final List<Cell> cells;
  private final int layers;

  /**
   * A tensor and its value.
   *
   * @param name as mergekit will ask for it
   * @param offset of its layer in the slice, -1 outside the layers
   * @param value what it must be
   */
  record Cell(String name, int offset, double value) {}

  private SettingFinder(List<Cell> cells, int layers) {
    this.cells = cells;
    this.layers = layers;
  }

  static Setting find(List<Cell> cells, int layers) {
    return new SettingFinder(cells, layers).find();
  }

  private Setting find() {
    if (cells.stream().map(Cell::value).distinct().count() == 1) {
      return Setting.of(cells.get(0).value());
    }
    List<Condition> conditions = classes();
    List<Condition> exceptions = new ArrayList<>();
    while (true) {
      List<Condition> all = new ArrayList<>(exceptions);
      all.addAll(conditions);
      Setting setting = new Setting(all);
      int before = exceptions.size();
      for (Cell cell : cells) {
        if (!isRight(setting, cell)) {
          exceptions.add(new Condition(Optional.of(cell.name()), List.of(cell.value())));
        }
      }
      if (exceptions.size() == before) {
        return setting;
      }
      // The first match counts: a name that contains another one must stand before it.
      exceptions.sort(
          Comparator.comparing((Condition c) -> c.filter().orElse("").length()).reversed());
    }
  }

  private boolean isRight(Setting setting, Cell cell) {
    double t = cell.offset() < 0 ? 0 : Setting.position(cell.offset(), layers);
    double got = setting.at(cell.name(), t).orElse(Double.NaN);
    return Double.compare(got, cell.value()) == 0;
  }

  /** One condition per group of tensors that have the same values in all layers. */
  private List<Condition> classes() {
    Map<String, Double[]> rows = new LinkedHashMap<>();
    for (Cell cell : cells) {
      if (cell.offset() >= 0) {
        Double[] row =
            rows.computeIfAbsent(
                LayerNames.suffix(cell.name()),
                suffix -> {
                  Double[] empty = new Double[layers];
                  Arrays.fill(empty, Double.NaN);
                  return empty;
                });
        row[cell.offset()] = cell.value();
      }
    }
    Map<List<Double>, Set<String>> groups = new LinkedHashMap<>();
    rows.forEach(
        (suffix, row) ->
            groups.computeIfAbsent(List.of(row), r -> new LinkedHashSet<>()).add(suffix));
    List<Map.Entry<List<Double>, Set<String>>> order = new ArrayList<>(groups.entrySet());
    order.sort(Comparator.comparing(group -> group.getValue().size()));
    List<Condition> conditions = new ArrayList<>();
    for (int i = 0; i < order.size(); i++) {
      List<Double> points = points(order.get(i).getKey());
      if (i == order.size() - 1) {
        conditions.add(new Condition(Optional.empty(), points));
      } else {
        for (String text : texts(order.get(i).getValue(), rows.keySet())) {
          conditions.add(new Condition(Optional.of(text), points));
        }
      }
    }
    return conditions;
  }

  /** Few texts that are part of these names and of no other. */
  private List<String> texts(Set<String> suffixes, Collection<String> all) {
    Set<String> candidates = new LinkedHashSet<>();
    for (String suffix : suffixes) {
      String[] parts = suffix.split("\\.");
      candidates.addAll(Arrays.asList(parts));
      for (int i = 1; i < parts.length; i++) {
        candidates.add(parts[i - 1] + "." + parts[i]);
      }
    }
    suffixes.forEach(suffix -> candidates.add("." + suffix));
    candidates.remove("");
    candidates.removeIf(
        text ->
            cells.stream()
                .anyMatch(
                    cell ->
                        cell.offset() >= 0
                            && cell.name().contains(text)
                            && !suffixes.contains(LayerNames.suffix(cell.name()))));
    List<String> texts = new ArrayList<>();
    Set<String> open = new LinkedHashSet<>(suffixes);
    while (!open.isEmpty()) {
      Optional<String> best =
          candidates.stream()
              .max(Comparator.comparing(text -> open.stream().filter(s -> covers(text, s)).count()))
              .filter(text -> open.stream().anyMatch(s -> covers(text, s)));
      if (best.isEmpty()) {
        // Nothing selects them alone; the exceptions will name each.
        return texts;
      }
      texts.add(best.get());
      open.removeIf(suffix -> covers(best.get(), suffix));
    }
    return texts;
  }

  private static boolean covers(String text, String suffix) {
    return ("." + suffix).contains(text);
  }

  /** The points of a gradient that mergekit's interpolation takes to these values. */
  private static List<Double> points(List<Double> values) {
    double[] wanted = values.stream().mapToDouble(v -> v).toArray();
    for (int i = 1; i < wanted.length; i++) {
      wanted[i] = Double.isNaN(wanted[i]) ? wanted[i - 1] : wanted[i];
    }
    for (int i = wanted.length - 2; i >= 0; i--) {
      wanted[i] = Double.isNaN(wanted[i]) ? wanted[i + 1] : wanted[i];
    }
    if (Arrays.stream(wanted).distinct().count() == 1) {
      return List.of(wanted[0]);
    }
    double[] points = wanted.clone();
    // k / (n - 1) * (n - 1) is not always k: then the neighbour counts in the last digits.
    for (int i = 0; i < TRIES; i++) {
      for (int k = 0; k < points.length; k++) {
        nudge(points, k, wanted[k]);
      }
    }
    return Arrays.stream(points).boxed().toList();
  }

  private static void nudge(double[] points, int k, double wanted) {
    double plain = points[k];
    double up = wanted;
    double down = wanted;
    for (int i = 0; i <= TRIES; i++) {
      for (double candidate : new double[] {i == 0 ? plain : up, down}) {
        points[k] = candidate;
        List<Double> list = Arrays.stream(points).boxed().toList();
        double t = Setting.position(k, points.length);
        if (new Condition(Optional.empty(), list).at(t) == wanted) {
          return;
        }
      }
      up = Math.nextUp(up);
      down = Math.nextDown(down);
    }
    points[k] = plain;
  }
}
