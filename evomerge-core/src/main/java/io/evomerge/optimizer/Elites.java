package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.optimizer.CycleQd.Elite;
import io.evomerge.optimizer.CycleQd.Range;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The archives of {@link CycleQd}: per task the best model of each cell. */
final class Elites {

  private static final Comparator<List<Integer>> BY_CELL =
      (a, b) -> {
        for (int i = 0; i < a.size(); i++) {
          int order = Integer.compare(a.get(i), b.get(i));
          if (order != 0) {
            return order;
          }
        }
        return 0;
      };

  private final CycleQd settings;
  private final List<Direction> directions;
  private final List<Map<List<Integer>, Elite>> archives = new ArrayList<>();

  Elites(CycleQd settings, List<Direction> directions) {
    this.settings = settings;
    this.directions = directions;
    directions.forEach(direction -> archives.add(new TreeMap<>(BY_CELL)));
  }

  /** The scores of a trial, one per task; empty if it was not scored or one is not finite. */
  static Optional<double[]> scores(long id, Outcome outcome, int tasks) {
    if (!(outcome instanceof Outcome.Scored scored)) {
      return Optional.empty();
    }
    if (scored.fitness().size() != tasks) {
      throw new IllegalArgumentException(
          "trial "
              + id
              + " was told "
              + scored.fitness().size()
              + " scores, the search has "
              + tasks
              + " tasks");
    }
    if (scored.violation() > 0) {
      return Optional.empty();
    }
    double[] scores = scored.fitness().stream().mapToDouble(Fitness::score).toArray();
    for (double score : scores) {
      if (!Double.isFinite(score)) {
        return Optional.empty();
      }
    }
    return Optional.of(scores);
  }

  static double merit(Direction direction, double score) {
    return direction == Direction.MAXIMIZE ? score : -score;
  }

  /** Offers a model to all archives. */
  void offer(int member, double[] scores) {
    for (int task = 0; task < scores.length; task++) {
      List<Integer> cell = new ArrayList<>();
      for (int other = 0; other < scores.length; other++) {
        if (other != task) {
          cell.add(bin(other, scores[other]));
        }
      }
      Elite holder = archives.get(task).get(cell);
      if (holder == null || directions.get(task).isBetter(scores[task], holder.quality())) {
        archives.get(task).put(List.copyOf(cell), new Elite(member, scores[task], cell));
      }
    }
  }

  private int bin(int task, double score) {
    Range range = settings.ranges.isEmpty() ? new Range(0, 1) : settings.ranges.get(task);
    boolean up = directions.get(task) == Direction.MAXIMIZE;
    double from = up ? range.min() : -range.max();
    double share = (merit(directions.get(task), score) - from) / (range.max() - range.min());
    double bin = Math.ceil(share * settings.bins) - 1;
    return (int) Math.max(0, Math.min(settings.bins - 1, bin));
  }

  /** The elites of a task, in the order of their cells. */
  List<Elite> of(int task) {
    return List.copyOf(archives.get(task).values());
  }

  List<List<Elite>> archives() {
    List<List<Elite>> all = new ArrayList<>();
    for (int task = 0; task < archives.size(); task++) {
      all.add(of(task));
    }
    return List.copyOf(all);
  }

  /** What the elites of a task are drawn in proportion to. */
  double[] appeal(int task) {
    List<Elite> elites = of(task);
    double[] appeal = new double[elites.size()];
    Arrays.fill(appeal, 1);
    double[] values = new double[elites.size()];
    for (int axis = 0; axis < archives.size(); axis++) {
      for (int i = 0; i < values.length; i++) {
        values[i] =
            axis == 0
                ? merit(directions.get(task), elites.get(i).quality())
                : elites.get(i).cell().get(axis - 1);
      }
      multiply(appeal, values);
    }
    return appeal;
  }

  private void multiply(double[] appeal, double[] values) {
    double min = Double.POSITIVE_INFINITY;
    double max = Double.NEGATIVE_INFINITY;
    for (double value : values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    if (!(max > min)) {
      return;
    }
    for (int i = 0; i < appeal.length; i++) {
      double share = (values[i] - min) / (max - min);
      appeal[i] *= settings.low + (settings.high - settings.low) * share;
    }
  }

  void write(ObjectNode node) {
    ArrayNode all = node.putArray("archives");
    for (Map<List<Integer>, Elite> archive : archives) {
      ArrayNode elites = all.addObject().putArray("elites");
      for (Elite elite : archive.values()) {
        ObjectNode one = elites.addObject();
        one.put("member", elite.member()).put("quality", elite.quality());
        Snapshot.putNumbers(
            one, "cell", elite.cell().stream().mapToDouble(Integer::doubleValue).toArray());
      }
    }
  }

  void read(Snapshot.Reader node) {
    List<Snapshot.Reader> all = node.children("archives");
    for (int task = 0; task < archives.size(); task++) {
      for (Snapshot.Reader one : all.get(task).children("elites")) {
        List<Integer> cell = new ArrayList<>();
        for (double bin : one.numbers("cell", archives.size() - 1)) {
          cell.add((int) bin);
        }
        archives
            .get(task)
            .put(List.copyOf(cell), new Elite(one.integer("member"), one.number("quality"), cell));
      }
    }
  }
}
