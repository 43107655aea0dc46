package io.evomerge.fitness;

import io.evomerge.candidate.CandidateModel;

/**
 * Scores a candidate; the plug-in point for the host's own measure.
 *
 * <p>A lambda that returns a number is enough. It may be called by several threads at once, each
 * with a candidate of its own, and must not keep the candidate after it returns: the run owns it
 * and overwrites its weights. An exception, or a score that is not finite, makes a failed trial,
 * never a dead run. For reproducible searches it must be a function of the candidate alone.
 */
@FunctionalInterface
public interface FitnessFunction {

  /**
   * Scores a candidate.
   *
   * @param candidate valid during the call
   * @return the score
   * @throws Exception for any reason; the trial fails with it
   */
  double score(CandidateModel candidate) throws Exception;

  /**
   * Scores a candidate with the scores of its items and details; override it where there are any.
   *
   * @param candidate valid during the call
   * @throws Exception for any reason; the trial fails with it
   */
  default Fitness evaluate(CandidateModel candidate) throws Exception {
    return Fitness.of(score(candidate));
  }

  /**
   * Returns what is measured, in one line: it goes into provenance and journal, and a journal of
   * another description is not resumed. Empty by default.
   */
  default String description() {
    return "";
  }

  /**
   * Returns what runs the candidates, in one line, e.g. {@code "ONNX Runtime 1.29.0, CPU"}: it goes
   * into the provenance. Empty by default.
   */
  default String runtime() {
    return "";
  }
}
