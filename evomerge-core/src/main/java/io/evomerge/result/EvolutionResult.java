package io.evomerge.result;

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
 * @param best the chosen model: by validation where there is one, else by the search data. With
 *     several objectives it is the best on the first one
 * @param bestOnSearch the best trial on the search data
 * @param front the models that no other beats on every objective, best on the first objective
 *     first; with one objective just {@code best}
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
    List<SelectedModel> front,
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
    front = List.copyOf(front);
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
