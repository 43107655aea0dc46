package io.evomerge.run;

import io.evomerge.candidate.CandidateFactory;
import io.evomerge.fitness.Constraint;
import io.evomerge.fitness.Objective;
import java.util.List;

/** The evaluators of the library. */
public final class TrialEvaluators {

  private TrialEvaluators() {}

  /**
   * Merges and scores candidates on threads of this process.
   *
   * @param assembler stays the caller's to close
   * @param objectives score the candidates
   * @param parallelism threads, each with memory for one candidate; at least 1
   */
  public static TrialEvaluator local(
      CandidateFactory assembler, List<Objective> objectives, int parallelism) {
    return local(assembler, objectives, List.of(), parallelism);
  }

  /**
   * Merges and scores candidates under constraints on threads of this process.
   *
   * @param assembler stays the caller's to close
   * @param objectives score the candidates
   * @param constraints say how far candidates violate what is wanted
   * @param parallelism threads, each with memory for one candidate; at least 1
   */
  public static TrialEvaluator local(
      CandidateFactory assembler,
      List<Objective> objectives,
      List<Constraint> constraints,
      int parallelism) {
    return new LocalEvaluator(assembler, objectives, constraints, parallelism);
  }
}
