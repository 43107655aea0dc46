package io.evomerge.run;

import io.evomerge.result.EvolutionResult;
import java.util.Map;

/**
 * One of several searches that follow each other: what it searches may depend on what the ones
 * before it found.
 */
public interface Stage {

  /** Returns the name, unique among the stages of a run. */
  String name();

  /**
   * Makes the search, when its turn comes.
   *
   * @param earlier results of the stages before, by name, in order
   */
  Search prepare(Map<String, EvolutionResult> earlier);

  /**
   * A search that is ready to run.
   *
   * @param plan what to search
   * @param evaluator scores candidates; the run closes it
   * @param resources what the search holds beside; the run closes it after the evaluator
   */
  record Search(SearchPlan plan, TrialEvaluator evaluator, AutoCloseable resources) {}
}
