package io.evomerge.recipe.mergekit;

import io.evomerge.recipe.mergekit.Setting.Condition;
import java.util.ArrayList;
import java.util.Arrays;
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
    if (rows.isEmpty()) {
      return List.of(new Condition(Optional.empty(), List.of(cells.get(0).value())));
    }
    Map<List<Double>, Integer> counts = new LinkedHashMap<>();
    Map<String, List<Double>> open = new LinkedHashMap<>();
    rows.forEach(
        (suffix, row) -> {
          open.put(suffix, List.of(row));
          counts.merge(List.of(row), 1, Integer::sum);
        });
    List<Double> frequent =
        counts.entrySet().stream()
            .reduce((x, y) -> y.getValue() > x.getValue() ? y : x)
            .orElseThrow()
            .getKey();
    List<Condition> conditions = new ArrayList<>();
    List<Set<String>> candidates =
        List.of(NameParts.coarse(rows.keySet()), NameParts.fine(rows.keySet()));
    while (open.values().stream().anyMatch(row -> !row.equals(frequent))) {
      Optional<String> text = Optional.empty();
      // An exception with the most frequent values only if nothing else will do.
      for (boolean exception : new boolean[] {false, true}) {
        for (Set<String> texts : candidates) {
          text = text.isPresent() ? text : best(texts, open, frequent, exception);
        }
      }
      if (text.isEmpty()) {
        // Nothing selects them alone; their full names will.
        break;
      }
      String filter = text.get();
      List<String> chosen = open.keySet().stream().filter(s -> covers(filter, s)).toList();
      conditions.add(new Condition(text, points(open.get(chosen.get(0)))));
      open.keySet().removeAll(chosen);
    }
    conditions.add(new Condition(Optional.empty(), points(frequent)));
    return conditions;
  }

  /** The text that picks most of what is open, all of it with the same values. */
  private static Optional<String> best(
      Set<String> texts, Map<String, List<Double>> open, List<Double> frequent, boolean exception) {
    Optional<String> best = Optional.empty();
    int most = 0;
    for (String text : texts) {
      Set<List<Double>> rows = new LinkedHashSet<>();
      int count = 0;
      for (Map.Entry<String, List<Double>> row : open.entrySet()) {
        if (covers(text, row.getKey())) {
          rows.add(row.getValue());
          count++;
        }
      }
      if (rows.size() == 1 && count > most && rows.contains(frequent) == exception) {
        best = Optional.of(text);
        most = count;
      }
    }
    return best;
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
