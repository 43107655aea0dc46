package io.evomerge;

import io.evomerge.exception.ConfigurationException;
import io.evomerge.internal.text.DidYouMean;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * A search of a run, bound to open models; without stages there is one, without a name.
 *
 * @param name of the stage
 * @param settings of the stage
 * @param search what is searched; where that depends on an earlier stage, from the start of that
 */
record BoundStage(String name, EvoMerge.Builder settings, BoundSearch search) {

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]+");

  /**
   * A stage as it was given.
   *
   * @param name of the stage
   * @param settings changes those of the whole
   */
  record Named(String name, UnaryOperator<EvoMerge.Builder> settings) {}

  /**
   * Binds all stages of a search.
   *
   * @param allOpen whether base and all sources are open
   * @param bound gets the stages, also those before one that cannot be bound
   * @param problems gets what is wrong with them
   */
  static void bind(
      EvoMerge.Builder whole,
      OpenModels models,
      boolean allOpen,
      List<BoundStage> bound,
      List<String> problems) {
    for (Named stage : sequence(whole, problems)) {
      bindStage(whole, stage, models, allOpen, bound, problems);
    }
  }

  /** The stages, or this search as the only one. */
  private static List<Named> sequence(EvoMerge.Builder whole, List<String> problems) {
    Set<String> names = new HashSet<>();
    for (Named stage : whole.stages) {
      if (!NAME.matcher(stage.name()).matches()) {
        problems.add("stage '" + stage.name() + "': wanted letters, digits, '.', '_' or '-'");
      }
      if (!names.add(stage.name())) {
        problems.add("two stages are named '" + stage.name() + "'");
      }
    }
    return whole.stages.isEmpty()
        ? List.of(new Named("", UnaryOperator.identity()))
        : List.copyOf(whole.stages);
  }

  private static void bindStage(
      EvoMerge.Builder whole,
      Named stage,
      OpenModels models,
      boolean allOpen,
      List<BoundStage> bound,
      List<String> problems) {
    EvoMerge.Builder its = whole.forStage(stage);
    List<String> own = new ArrayList<>();
    its.check(own);
    if (its.sources.size() != whole.sources.size() || !Objects.equals(its.base, whole.base)) {
      own.add("all stages have the same base and sources; give them outside of stage(...)");
    }
    Optional<BoundSearch.First> first = first(its, bound, own);
    if (allOpen && its.space != null && (its.operator != null || its.searchesPathsAlone())) {
      boolean complete = own.isEmpty() || its.bestOf == null;
      if (complete) {
        try {
          bound.add(new BoundStage(stage.name(), its, BoundSearch.bind(its, models, first, own)));
        } catch (ConfigurationException e) {
          own.clear();
          own.addAll(e.problems());
        }
      }
    }
    String where = stage.name().isEmpty() ? "" : "stage '" + stage.name() + "': ";
    own.stream()
        .map(problem -> where + problem)
        .filter(problem -> !problems.contains(problem))
        .forEach(problems::add);
  }

  /** The model of an earlier stage; until that has run, its start stands in its place. */
  private static Optional<BoundSearch.First> first(
      EvoMerge.Builder its, List<BoundStage> earlier, List<String> problems) {
    if (its.bestOf == null) {
      return Optional.empty();
    }
    String wanted = its.bestOf;
    if (!its.searchesPathsAlone()) {
      problems.add("addBestOf(\"" + wanted + "\") is for stages with a DataFlowSpace");
      return Optional.empty();
    }
    Optional<BoundStage> stage =
        earlier.stream().filter(one -> one.name().equals(wanted)).findFirst();
    if (stage.isEmpty()) {
      List<String> names = earlier.stream().map(BoundStage::name).toList();
      problems.add(
          "addBestOf(\""
              + wanted
              + "\"): there is no earlier stage of that name"
              + DidYouMean.hint(wanted, names));
      return Optional.empty();
    }
    if (!(stage.get().settings().space instanceof SpaceChoice.Weights)) {
      problems.add(
          "addBestOf(\""
              + wanted
              + "\"): its models have paths of their own, and a path cannot lead through paths;"
              + " write its model to a folder and add that as a source of another search");
      return Optional.empty();
    }
    if (its.sources.stream().anyMatch(model -> wanted.equals(model.shortName()))) {
      problems.add("addBestOf(\"" + wanted + "\"): a source has the same name");
      return Optional.empty();
    }
    BoundSearch search = stage.get().search();
    its.operator = search.operator();
    return Optional.of(
        new BoundSearch.First(wanted, search.decoder().decode(search.space().start())));
  }
}
