package io.evomerge.run;

import io.evomerge.result.EvolutionResult;
import java.nio.file.Path;

/** Looks into journals of runs. */
public final class Journals {

  private Journals() {}

  /**
   * Reads what a search has found by now, while it goes on or after its end; changes nothing, and
   * needs neither models nor fitness.
   *
   * <p>Best is the best on the search data, or, as soon as finalists were validated, the best of
   * them on the validation data; finalists have no genome and no score on the search data here.
   * With several objectives the first one counts. The stop reason is {@link
   * io.evomerge.result.StopReason#UNKNOWN}; single items' scores are left out.
   *
   * @param folder that was given as the run's journal; of a search in stages, that of the stage
   * @throws io.evomerge.exception.JournalException if there is no journal, it is damaged, or no
   *     trial was scored yet
   */
  public static EvolutionResult read(Path folder) {
    return JournalReading.read(folder);
  }
}
