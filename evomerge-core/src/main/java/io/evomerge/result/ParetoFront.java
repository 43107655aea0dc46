package io.evomerge.result;

import io.evomerge.fitness.Bound;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Hypervolume;
import io.evomerge.fitness.Outcome;
import io.evomerge.internal.files.WholeFile;
import io.evomerge.internal.text.DidYouMean;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * The models of a search that no other dominates, and ways to choose one of them; immutable.
 *
 * <pre>{@code
 * ParetoFront front = result.validatedFront();
 * SelectedModel balanced = front.knee();
 * SelectedModel rather = front.weighted(3, 1);
 * Optional<SelectedModel> safe = front.best("math", Map.of("japanese", Bound.atLeast(0.4)));
 * front.writeCsv(Path.of("front.csv"));
 * }</pre>
 *
 * <p>Every choice depends on the models and their order alone; among equals the earlier model is
 * chosen.
 *
 * @param objectives names and directions, in the order of the scores
 * @param data which scores count
 * @param models best on the first objective first
 * @since 0.1
 */
public record ParetoFront(List<Axis> objectives, Data data, List<SelectedModel> models) {

  /** Lets the sum decide between models whose worst objectives are equal, and nothing else. */
  private static final double AUGMENTATION = 1e-6;

  /**
   * What an objective is called and which way is better.
   *
   * @param name of the objective
   * @param direction which way is better
   */
  public record Axis(String name, Direction direction) {}

  /** Which scores of the models count. */
  public enum Data {
    /** What the optimiser saw: flattering, the more so the longer the search was. */
    SEARCH,
    /** What the search did not see. */
    VALIDATION
  }

  /** Copies. */
  public ParetoFront {
    objectives = List.copyOf(objectives);
    models = List.copyOf(models);
  }

  /**
   * Returns the front among models: those that no other dominates. Models that violate constraints
   * are there only if all do.
   *
   * @param objectives names and directions
   * @param data which scores count; every model has them, one per objective
   * @param models in any order; among models of equal scores theirs is kept
   */
  public static ParetoFront among(List<Axis> objectives, Data data, List<SelectedModel> models) {
    List<Direction> directions = objectives.stream().map(Axis::direction).toList();
    List<Outcome.Scored> scored =
        models.stream()
            .map(model -> new Outcome.Scored(fitness(data, model), model.violation()))
            .toList();
    List<Integer> front = new ArrayList<>();
    for (int i = 0; i < scored.size(); i++) {
      Outcome.Scored one = scored.get(i);
      if (scored.stream().noneMatch(other -> other.dominates(one, directions))) {
        front.add(i);
      }
    }
    front.sort(Comparator.comparing(scored::get, Outcome.Scored.order(directions)));
    return new ParetoFront(objectives, data, front.stream().map(models::get).toList());
  }

  private static List<Fitness> fitness(Data data, SelectedModel model) {
    return data == Data.VALIDATION ? model.validation() : model.fitness();
  }

  /** Returns whether there are no models: nothing was validated. */
  public boolean isEmpty() {
    return models.isEmpty();
  }

  /** Returns the number of models. */
  public int size() {
    return models.size();
  }

  /**
   * Returns the scores of a model that count here, one per objective.
   *
   * @param model of this front
   */
  public double[] scores(SelectedModel model) {
    return fitness(data, model).stream().mapToDouble(Fitness::score).toArray();
  }

  private int index(String objective) {
    for (int i = 0; i < objectives.size(); i++) {
      if (objectives.get(i).name().equals(objective)) {
        return i;
      }
    }
    List<String> names = objectives.stream().map(Axis::name).toList();
    throw new IllegalArgumentException(
        "no objective '"
            + objective
            + "', only "
            + String.join(", ", names)
            + DidYouMean.hint(objective, names));
  }

  /**
   * Returns how much of the space of scores the front dominates, up to a reference point.
   *
   * @param reference a score per objective, worse than those of interest; see {@link Hypervolume}
   * @throws IllegalArgumentException if it has another number of scores or one is not finite
   */
  public double hypervolume(double... reference) {
    return Hypervolume.of(objectives.stream().map(Axis::direction).toList(), reference)
        .covered(models.stream().map(this::scores).toList());
  }

  /**
   * Returns the knee: the model farthest from the plane through the ends of the front, on the side
   * of better scores, after each objective's range on the front is made 1 (I. Das, "On
   * characterizing the 'knee' of the Pareto curve", 1999, doi 10.1007/s001580050111). Where the
   * front bends the other way, that is one of its ends: use {@link #weighted} there.
   *
   * @throws IllegalStateException if there are no models
   */
  public SelectedModel knee() {
    List<double[]> losses = losses();
    return lowest(losses, loss -> sum(loss));
  }

  /**
   * Returns the model that is best with objectives of different importance: the one whose greatest
   * weighted loss is least, where a loss is the distance from the best score on the front as a
   * share of its range there (the augmented Chebyshev scalarisation, Steuer, Choo 1983, doi
   * 10.1007/BF02591870). Each model of a front is the choice for some weights, however it bends.
   *
   * @param weights one per objective, 0 or more, finite, not all 0; only their ratios matter
   * @throws IllegalArgumentException if they are anything else
   * @throws IllegalStateException if there are no models
   */
  public SelectedModel weighted(double... weights) {
    double total = 0;
    boolean allowed = weights.length == objectives.size();
    for (double weight : weights) {
      allowed &= weight >= 0 && Double.isFinite(weight);
      total = Math.max(total, weight);
    }
    if (!allowed || total == 0) {
      throw new IllegalArgumentException(
          "weights: got "
              + Arrays.toString(weights)
              + ", wanted "
              + objectives.size()
              + " numbers from 0, not all 0");
    }
    double most = total;
    return lowest(
        losses(),
        loss -> {
          double worst = 0;
          for (int i = 0; i < loss.length; i++) {
            worst = Math.max(worst, weights[i] / most * loss[i]);
          }
          return worst + AUGMENTATION * sum(loss);
        });
  }

  /**
   * Returns the model that is best on one objective among those that keep to bounds on others.
   *
   * @param objective name
   * @param bounds on scores, by the names of objectives
   * @return empty if no model keeps to all bounds
   * @throws IllegalArgumentException if there is no objective of a name
   */
  public Optional<SelectedModel> best(String objective, Map<String, Bound> bounds) {
    int wanted = index(objective);
    Direction direction = objectives.get(wanted).direction();
    List<SelectedModel> allowed = new ArrayList<>(models);
    bounds.forEach(
        (name, bound) -> {
          int limited = index(name);
          allowed.removeIf(model -> !bound.holds(scores(model)[limited]));
        });
    SelectedModel best = null;
    for (SelectedModel model : allowed) {
      if (best == null || direction.isBetter(scores(model)[wanted], scores(best)[wanted])) {
        best = model;
      }
    }
    return Optional.ofNullable(best);
  }

  /**
   * Returns a front of at most so many of the models, spread over it: the best on each objective,
   * then again and again the one farthest from those chosen, in shares of the objectives' ranges.
   *
   * @param most at least 1
   */
  public ParetoFront spread(int most) {
    if (models.size() <= most) {
      return this;
    }
    List<double[]> losses = losses();
    boolean[] chosen = new boolean[models.size()];
    double[] distance = new double[models.size()];
    Arrays.fill(distance, Double.POSITIVE_INFINITY);
    for (int k = 0; k < most; k++) {
      int objective = k;
      int next =
          k < objectives.size()
              ? indexOfLowest(losses, loss -> loss[objective])
              : indexOfHighest(distance);
      chosen[next] = true;
      for (int i = 0; i < distance.length; i++) {
        distance[i] = Math.min(distance[i], squared(losses.get(i), losses.get(next)));
      }
    }
    List<SelectedModel> few = new ArrayList<>();
    for (int i = 0; i < chosen.length; i++) {
      if (chosen[i]) {
        few.add(models.get(i));
      }
    }
    return new ParetoFront(objectives, data, few);
  }

  private static double squared(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sum;
  }

  private static int indexOfHighest(double[] values) {
    int highest = 0;
    for (int i = 1; i < values.length; i++) {
      highest = values[i] > values[highest] ? i : highest;
    }
    return highest;
  }

  /** Per model, how far it is from the best on each objective, as a share of the range. */
  private List<double[]> losses() {
    if (models.isEmpty()) {
      throw new IllegalStateException(
          "the front has no models: nothing was validated; choose from the front on the search data");
    }
    List<double[]> losses = models.stream().map(this::scores).toList();
    for (int i = 0; i < objectives.size(); i++) {
      int objective = i;
      boolean maximize = objectives.get(i).direction() == Direction.MAXIMIZE;
      double low = losses.stream().mapToDouble(s -> s[objective]).min().orElse(0);
      double high = losses.stream().mapToDouble(s -> s[objective]).max().orElse(0);
      // Halves, lest the range of huge scores overflow.
      double range = high / 2 - low / 2;
      for (double[] loss : losses) {
        double lost = maximize ? high / 2 - loss[i] / 2 : loss[i] / 2 - low / 2;
        loss[i] = range > 0 ? lost / range : 0;
      }
    }
    return losses;
  }

  private static double sum(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum;
  }

  private SelectedModel lowest(List<double[]> losses, ToDoubleFunction<double[]> cost) {
    return models.get(indexOfLowest(losses, cost));
  }

  private static int indexOfLowest(List<double[]> losses, ToDoubleFunction<double[]> cost) {
    int lowest = 0;
    for (int i = 1; i < losses.size(); i++) {
      if (cost.applyAsDouble(losses.get(i)) < cost.applyAsDouble(losses.get(lowest))) {
        lowest = i;
      }
    }
    return lowest;
  }

  /**
   * Returns the front as CSV (RFC 4180, but with line feeds): a line per model with its origin, the
   * scores by which it is on the front, those on the other data (columns {@code validation NAME} or
   * {@code search NAME}) where they were measured, the violation of constraints, and the digest of
   * its recipe. Numbers are in full.
   */
  public String csv() {
    StringBuilder out = new StringBuilder("origin");
    Data other = data == Data.SEARCH ? Data.VALIDATION : Data.SEARCH;
    objectives.forEach(axis -> out.append(',').append(quoted(axis.name())));
    String prefix = other == Data.SEARCH ? "search " : "validation ";
    objectives.forEach(axis -> out.append(',').append(quoted(prefix + axis.name())));
    out.append(",violation,recipe\n");
    for (SelectedModel model : models) {
      out.append(quoted(model.origin()));
      putScores(out, fitness(data, model));
      putScores(out, fitness(other, model));
      out.append(',').append(model.violation());
      out.append(',').append(model.recipe().digest()).append('\n');
    }
    return out.toString();
  }

  private void putScores(StringBuilder out, List<Fitness> scores) {
    for (int i = 0; i < objectives.size(); i++) {
      out.append(',');
      if (i < scores.size()) {
        out.append(scores.get(i).score());
      }
    }
  }

  private static String quoted(String text) {
    return text.matches("[^\",\r\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
  }

  /**
   * Writes {@link #csv()} in UTF-8. The file appears complete or not at all; an existing one is
   * replaced.
   *
   * @param file in an existing folder
   * @throws IOException if it cannot be written
   */
  public void writeCsv(Path file) throws IOException {
    WholeFile.write(file, csv().getBytes(StandardCharsets.UTF_8));
  }
}
