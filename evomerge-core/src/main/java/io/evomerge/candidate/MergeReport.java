package io.evomerge.candidate;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a merge would do, known before it begins.
 *
 * @param problems everything that keeps the merge from being done; empty if nothing does
 * @param notes what is worth knowing, but keeps nobody
 * @param tensors number of tensors written; 0 where problems keep it unknown, as all that follows
 * @param layers number of transformer blocks that are written
 * @param parameterCount number of weights that are written
 * @param bytesRead size of the tensors that are read
 * @param bytesWritten size of the tensors that are written
 * @param freeBytes free space where the model would be written, if it is known
 * @param heapBytes about how much heap the merge needs beyond what the program has
 * @param mergeTime about how long the computation takes on this machine, reading and writing not
 *     counted; from a trial of the operator on random numbers, so right to a factor of two
 */
public record MergeReport(
    List<String> problems,
    List<String> notes,
    int tensors,
    int layers,
    long parameterCount,
    long bytesRead,
    long bytesWritten,
    OptionalLong freeBytes,
    long heapBytes,
    Optional<Duration> mergeTime) {

  /** Copies. */
  public MergeReport {
    problems = List.copyOf(problems);
    notes = List.copyOf(notes);
  }

  /** Returns whether the merge can be done. */
  public boolean passes() {
    return problems.isEmpty();
  }
}
