package io.evomerge.run;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Objective;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.recipe.RecipeDecoder;
import io.evomerge.result.ParetoFront;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Everything a run needs to know: what to search, how to judge, when to end; immutable.
 *
 * @param space the genes
 * @param decoder turns genomes into recipes
 * @param objectives at least one
 * @param optimizer makes the optimiser
 * @param stopWhen when to end
 * @param seed of the optimiser
 * @param journal folder of the journal; empty for none
 * @param selection who competes in the final
 * @param failureLimit so many failed trials in a row end the run with an error
 * @param settings everything that fixes the search, by name, for journal and provenance
 * @param environment what it runs on, for the provenance
 * @param listeners hear what happens
 * @param asynchronous whether outcomes are told in the order in which they finish, so that no
 *     worker waits for another; the optimiser is then used in its {@linkplain
 *     OptimizerFactory#asynchronous() asynchronous form}
 */
public record SearchPlan(
    SearchSpace space,
    RecipeDecoder decoder,
    List<Objective> objectives,
    OptimizerFactory optimizer,
    StopCondition stopWhen,
    long seed,
    Optional<Path> journal,
    Selection selection,
    int failureLimit,
    Map<String, String> settings,
    Map<String, String> environment,
    List<RunListener> listeners,
    boolean asynchronous) {

  /** Copies. */
  public SearchPlan {
    optimizer = asynchronous ? optimizer.asynchronous() : optimizer;
    objectives = List.copyOf(objectives);
    settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
    listeners = List.copyOf(listeners);
  }

  /**
   * A plan whose outcomes are told in the order of the trials' numbers.
   *
   * @param space the genes
   * @param decoder turns genomes into recipes
   * @param objectives at least one
   * @param optimizer makes the optimiser
   * @param stopWhen when to end
   * @param seed of the optimiser
   * @param journal folder of the journal; empty for none
   * @param selection who competes in the final
   * @param failureLimit so many failed trials in a row end the run with an error
   * @param settings everything that fixes the search, by name
   * @param environment what it runs on
   * @param listeners hear what happens
   */
  public SearchPlan(
      SearchSpace space,
      RecipeDecoder decoder,
      List<Objective> objectives,
      OptimizerFactory optimizer,
      StopCondition stopWhen,
      long seed,
      Optional<Path> journal,
      Selection selection,
      int failureLimit,
      Map<String, String> settings,
      Map<String, String> environment,
      List<RunListener> listeners) {
    this(
        space,
        decoder,
        objectives,
        optimizer,
        stopWhen,
        seed,
        journal,
        selection,
        failureLimit,
        settings,
        environment,
        listeners,
        false);
  }

  /**
   * Returns the plan with outcomes told in the order in which they finish. The number of trials
   * that are open at a time, the evaluator's capacity, then fixes the search, too; the run adds it
   * to the settings.
   */
  public SearchPlan inOrderOfCompletion() {
    return new SearchPlan(
        space,
        decoder,
        objectives,
        optimizer,
        stopWhen,
        seed,
        journal,
        selection,
        failureLimit,
        settings,
        environment,
        listeners,
        true);
  }

  /** Returns the directions of the objectives. */
  List<Direction> directions() {
    return objectives.stream().map(Objective::direction).toList();
  }

  /** Returns the names and directions of the objectives. */
  List<ParetoFront.Axis> axes() {
    return objectives.stream()
        .map(objective -> new ParetoFront.Axis(objective.name(), objective.direction()))
        .toList();
  }

  /** Returns whether any objective has a validation fitness. */
  boolean validated() {
    return objectives.stream().anyMatch(objective -> objective.validation().isPresent());
  }
}
