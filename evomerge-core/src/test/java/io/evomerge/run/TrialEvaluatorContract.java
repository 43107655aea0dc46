package io.evomerge.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.fitness.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** What every {@link TrialEvaluator} must hold; a test class of an evaluator extends this. */
public abstract class TrialEvaluatorContract {

  /** For subclasses. */
  protected TrialEvaluatorContract() {}

  /** Returns a new evaluator; the test closes it. */
  protected abstract TrialEvaluator open();

  /** Returns at least two different tasks that the evaluator can score. */
  protected abstract List<TrialTask> tasks();

  @Test
  void capacityIsAtLeastOne() {
    try (TrialEvaluator evaluator = open()) {
      assertThat(evaluator.capacity()).isPositive();
    }
  }

  @Test
  void anOutcomeIsAFunctionOfTheTask() {
    List<Outcome> alone = new ArrayList<>();
    for (TrialTask task : tasks()) {
      try (TrialEvaluator evaluator = open()) {
        alone.add(evaluator.submit(task).join());
      }
    }
    assertThat(alone).allSatisfy(one -> assertThat(one).isInstanceOf(Outcome.Scored.class));
    try (TrialEvaluator evaluator = open()) {
      List<CompletableFuture<Outcome>> together = new ArrayList<>();
      for (int round = 0; round < 3; round++) {
        tasks().forEach(task -> together.add(evaluator.submit(task)));
      }
      for (int i = 0; i < together.size(); i++) {
        assertThat(together.get(i).join()).isEqualTo(alone.get(i % alone.size()));
      }
    }
  }

  @Test
  void closeFinishesWhatIsUnderWayAndIsIdempotent() {
    TrialEvaluator evaluator = open();
    CompletableFuture<Outcome> underWay = evaluator.submit(tasks().get(0));
    evaluator.close();
    evaluator.close();
    assertThat(underWay).isDone();
  }
}
