package io.evomerge.result;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.result.picture.FrontChart;
import io.evomerge.result.picture.Picture;
import io.evomerge.result.picture.Pictures;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a search found; immutable.
 *
 * @param best the chosen model: by validation where there is one, else by the search data, one that
 *     keeps to the constraints if there is one. With several objectives it is the best on the first
 *     one; the fronts offer others
 * @param bestOnSearch the best trial on the search data
 * @param front the models that no other dominates on the search data, best on the first objective
 *     first; with one objective just {@code bestOnSearch}
 * @param validatedFront the finalists that no other dominates on the validation data, best on the
 *     first objective first; without validation it has no models
 * @param finalists the models that were validated, in the order of their rank
 * @param trials every trial that counts, in the order in which they were told: that of their
 *     numbers unless the search was asynchronous
 * @param chosenBy one sentence: which data chose {@code best}
 * @param stopReason why the search ended
 * @param stopDetail one sentence about it
 * @param failures number of failed trials by reason
 * @param cached number of trials whose recipe had been scored before
 * @param elapsed time spent, earlier parts of a resumed search included
 * @param provenance where it came from
 * @param stages the results of the stages before this one, by name, in order; empty for a search
 *     without stages
 */
public record EvolutionResult(
    SelectedModel best,
    SelectedModel bestOnSearch,
    ParetoFront front,
    ParetoFront validatedFront,
    List<SelectedModel> finalists,
    List<TrialRecord> trials,
    String chosenBy,
    StopReason stopReason,
    String stopDetail,
    Map<String, Integer> failures,
    long cached,
    Duration elapsed,
    Provenance provenance,
    Map<String, EvolutionResult> stages) {

  /** Copies. */
  public EvolutionResult {
    finalists = List.copyOf(finalists);
    trials = List.copyOf(trials);
    failures = Map.copyOf(failures);
    stages = Collections.unmodifiableMap(new LinkedHashMap<>(stages));
  }

  /**
   * Returns this result as that of a search that had other stages before.
   *
   * @param earlier their results by name, in order
   */
  public EvolutionResult withStages(Map<String, EvolutionResult> earlier) {
    return with(stopReason, stopDetail, earlier);
  }

  /**
   * Returns this result with another end.
   *
   * @param reason why the search ended
   * @param detail one sentence about it
   */
  public EvolutionResult withStop(StopReason reason, String detail) {
    return with(reason, detail, stages);
  }

  private EvolutionResult with(
      StopReason reason, String detail, Map<String, EvolutionResult> earlier) {
    return new EvolutionResult(
        best,
        bestOnSearch,
        front,
        validatedFront,
        finalists,
        trials,
        chosenBy,
        reason,
        detail,
        failures,
        cached,
        elapsed,
        provenance,
        earlier);
  }

  /**
   * Draws the scores of a search for two or more objectives, on the search data: all trials and the
   * front; to be added to, such as the sources, before it is drawn.
   *
   * @param x number of the objective along the horizontal axis, from 0
   * @param y number of the objective along the vertical axis
   * @throws IndexOutOfBoundsException if there is no such objective
   */
  public FrontChart.Builder frontChart(int x, int y) {
    ParetoFront.Axis across = front.objectives().get(x);
    ParetoFront.Axis up = front.objectives().get(y);
    FrontChart.Builder chart =
        FrontChart.builder(
            across.name(),
            across.direction() == Direction.MAXIMIZE,
            up.name(),
            up.direction() == Direction.MAXIMIZE);
    for (TrialRecord trial : trials) {
      if (trial.outcome() instanceof Outcome.Scored scored) {
        chart.trial(
            scored.fitness().get(x).score(),
            scored.fitness().get(y).score(),
            "trial " + trial.id());
      }
    }
    for (SelectedModel model : front.models()) {
      double[] scores = front.scores(model);
      chart.front(scores[x], scores[y], model.origin());
    }
    return chart;
  }

  /** Draws {@code best}: its path if it has one, else its parameters; see {@link Pictures}. */
  public Picture picture() {
    return Pictures.of(best.recipe());
  }

  /**
   * Draws the path of {@code best}.
   *
   * @throws IllegalArgumentException if it has none
   */
  public Picture pathPicture() {
    return Pictures.path(best.recipe());
  }

  /** Draws the parameters of {@code best}, those of the merged model if it has a path too. */
  public Picture weightPicture() {
    return Pictures.weights(best.recipe());
  }
}
