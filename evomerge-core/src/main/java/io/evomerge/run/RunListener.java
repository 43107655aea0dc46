package io.evomerge.run;

import io.evomerge.result.EvolutionResult;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.TrialRecord;

/**
 * Hears what happens in a run, on its coordinator thread, in the order of the trials' numbers.
 *
 * <p>Be quick: the run waits. An exception is logged and otherwise ignored.
 */
public interface RunListener {

  /**
   * A stage of a search in stages begins, right before its {@link #onStart}; every stage has an
   * {@link #onEnd} of its own.
   *
   * @param name of the stage
   * @param index from 0
   * @param count number of stages
   */
  default void onStage(String name, int index, int count) {}

  /**
   * The run begins.
   *
   * @param progress trials already in the journal are not counted yet
   */
  default void onStart(Progress progress) {}

  /**
   * A trial counts from now on.
   *
   * @param trial its outcome
   * @param improved whether it is the best so far on the first objective
   * @param progress with this trial included
   */
  default void onTrial(TrialRecord trial, boolean improved, Progress progress) {}

  /**
   * A model that was no trial on all search items was scored on all of them, at the end: one that
   * leads by an estimate, or one that the optimiser recommends.
   *
   * @param model with its fitness on the search data
   * @param done number of such models scored, this one included
   * @param total number of such models
   */
  default void onConfirmation(SelectedModel model, int done, int total) {}

  /**
   * A finalist was scored on the validation data.
   *
   * @param finalist with its validation fitness
   * @param done number of finalists scored, this one included
   * @param total number of finalists
   */
  default void onValidation(SelectedModel finalist, int done, int total) {}

  /**
   * The run has ended.
   *
   * @param result what it found
   */
  default void onEnd(EvolutionResult result) {}
}
