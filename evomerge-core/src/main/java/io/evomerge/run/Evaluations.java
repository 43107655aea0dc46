package io.evomerge.run;

import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Makes an outcome of whatever an evaluator of the host does. */
final class Evaluations {

  private Evaluations() {}

  /** An evaluator of the host may refuse a task. */
  static CompletableFuture<Outcome> submit(TrialEvaluator evaluator, TrialTask task) {
    try {
      return evaluator.submit(task);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /** An evaluator of the host may end in any way. */
  static Outcome outcome(@Nullable Outcome outcome, @Nullable Throwable error) {
    if (error != null) {
      return new Outcome.Failed("evaluator: " + error);
    }
    return outcome == null ? new Outcome.Failed("evaluator returned null") : outcome;
  }

  /** An evaluator of the host may return anything. */
  static Outcome checked(Outcome outcome, int wanted, ItemSubset items) {
    if (outcome instanceof Outcome.Scored scores) {
      if (scores.fitness().size() != wanted) {
        return new Outcome.Failed(
            "evaluator returned " + scores.fitness().size() + " scores, wanted " + wanted);
      }
      if (!(scores.violation() >= 0 && Double.isFinite(scores.violation()))) {
        return new Outcome.Failed(
            "evaluator returned a violation of "
                + scores.violation()
                + ", wanted a finite number from 0");
      }
      for (Fitness fitness : scores.fitness()) {
        if (!Double.isFinite(fitness.score())) {
          return new Outcome.Failed(
              "evaluator returned " + fitness.score() + ", wanted a finite number");
        }
        Optional<String> problem = ItemScores.problem(fitness, items);
        if (problem.isPresent()) {
          return new Outcome.Failed("evaluator: " + problem.get());
        }
      }
    }
    return outcome;
  }
}
