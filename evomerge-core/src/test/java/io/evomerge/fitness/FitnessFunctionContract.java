package io.evomerge.fitness;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.candidate.CandidateModel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** What every {@link FitnessFunction} must hold; a test class of a fitness extends this. */
public abstract class FitnessFunctionContract {

  /** For subclasses. */
  protected FitnessFunctionContract() {}

  /** Returns the fitness function; the subclass closes what it holds. */
  protected abstract FitnessFunction fitness();

  /**
   * Returns at least two candidates that score differently, each with memory of its own, which the
   * subclass closes.
   */
  protected abstract List<CandidateModel> candidates();

  @Test
  void aScoreIsFiniteAndAFunctionOfTheCandidate() throws Exception {
    FitnessFunction fitness = fitness();
    List<CandidateModel> candidates = candidates();
    List<Double> scores = new ArrayList<>();
    for (CandidateModel candidate : candidates) {
      Fitness first = fitness.evaluate(candidate);
      assertThat(first.score()).isFinite().isEqualTo(fitness.score(candidate));
      scores.add(first.score());
    }
    assertThat(scores).as("the candidates differ, so must their scores").doesNotHaveDuplicates();
    for (int i = candidates.size() - 1; i >= 0; i--) {
      assertThat(fitness.evaluate(candidates.get(i)).score()).isEqualTo(scores.get(i));
    }
  }

  @Test
  void itemScoresAreFiniteAndAsManyEachTime() throws Exception {
    List<CandidateModel> candidates = candidates();
    double[] first = fitness().evaluate(candidates.get(0)).items();
    double[] second = fitness().evaluate(candidates.get(1)).items();
    assertThat(second).hasSameSizeAs(first);
    for (double item : first) {
      assertThat(item).isFinite();
    }
  }

  @Test
  void candidatesCanBeScoredAtTheSameTime() throws Exception {
    FitnessFunction fitness = fitness();
    List<CandidateModel> candidates = candidates();
    List<Fitness> alone = new ArrayList<>();
    for (CandidateModel candidate : candidates) {
      alone.add(fitness.evaluate(candidate));
    }
    ExecutorService threads = Executors.newFixedThreadPool(candidates.size());
    try {
      for (int round = 0; round < 3; round++) {
        List<Future<Fitness>> together = new ArrayList<>();
        for (CandidateModel candidate : candidates) {
          together.add(threads.submit(() -> fitness.evaluate(candidate)));
        }
        for (int i = 0; i < together.size(); i++) {
          assertThat(together.get(i).get()).isEqualTo(alone.get(i));
        }
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void theDescriptionIsOneLineAndAlwaysTheSame() {
    assertThat(fitness().description()).hasLineCount(1).isEqualTo(fitness().description());
  }
}
