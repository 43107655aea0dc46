package io.evomerge;

import io.evomerge.exception.JournalException;
import io.evomerge.optimizer.CmaEs;
import io.evomerge.optimizer.EarlierTrial;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.Journals;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** The journal of an earlier search, as the beginning of another one. */
final class EarlierSearch {

  private EarlierSearch() {}

  /**
   * Returns an optimiser that begins where the trials of a journal were good.
   *
   * @param space settings of this search's space
   * @param sources names of its sources, where they are known
   * @param problems gets why it cannot; then the optimiser is returned as it is
   */
  static OptimizerFactory warm(
      OptimizerFactory optimizer,
      Path journal,
      Map<String, String> space,
      List<String> sources,
      List<String> problems) {
    if (!(optimizer instanceof CmaEs cmaEs)) {
      problems.add(
          "warmStart is for Optimizers.cmaEs(), the optimiser is '" + optimizer.name() + "'");
      return optimizer;
    }
    EvolutionResult earlier;
    try {
      earlier = Journals.read(journal);
    } catch (JournalException e) {
      problems.add("warmStart: " + e.getMessage());
      return optimizer;
    }
    List<String> differences = differences(earlier.provenance().settings(), space, sources);
    if (!differences.isEmpty()) {
      problems.add(
          "warmStart: the search in "
              + journal
              + " has other genes ("
              + String.join("; ", differences)
              + "); give the journal of a search with the same space and sources");
      return optimizer;
    }
    return cmaEs.warmStart(
        earlier.trials().stream()
            .map(trial -> new EarlierTrial(trial.genome(), trial.outcome()))
            .toList());
  }

  private static List<String> differences(
      Map<String, String> there, Map<String, String> space, List<String> sources) {
    List<String> differences = new ArrayList<>();
    TreeSet<String> names = new TreeSet<>();
    space.keySet().forEach(name -> names.add("space." + name));
    there.keySet().stream().filter(name -> name.startsWith("space.")).forEach(names::add);
    for (String name : names) {
      String old = there.getOrDefault(name, "(absent)");
      String now = space.getOrDefault(name.substring("space.".length()), "(absent)");
      if (!old.equals(now)) {
        differences.add(name + " is '" + old + "' there and '" + now + "' here");
      }
    }
    for (int i = 0; i < sources.size() && !there.containsKey("path.0"); i++) {
      String old = there.getOrDefault("source." + i, "(absent)");
      if (!old.startsWith(sources.get(i) + " ")) {
        differences.add(
            "source " + i + " is '" + old + "' there and '" + sources.get(i) + "' here");
      }
    }
    return differences;
  }
}
