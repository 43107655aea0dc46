package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LearningRateAdaptationTest extends CmaEsFormContract {

  @Override
  CmaEs cmaEs() {
    return Optimizers.cmaEs().learningRateAdaptation(true);
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-4);
  }

  /** Returns the exact cost of the recommendation after so many trials with noise of 1. */
  private static double costUnderNoise(CmaEs cmaEs, int trials, long seed) {
    Optimizer optimizer = cmaEs.create(box(8, 5), List.of(Direction.MINIMIZE), seed);
    Random random = new Random(seed);
    int told = 0;
    while (told < trials && !optimizer.isDone()) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal proposal : optimizer.ask(64)) {
        double score = sphere(proposal.genome().values()) + random.nextGaussian();
        evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(score)));
      }
      told += evaluations.size();
      optimizer.tell(evaluations);
    }
    return sphere(optimizer.recommendation().orElseThrow().values());
  }

  @Test
  void underNoiseTheMeanComesCloserThanWithFixedRates() {
    double adapted = 0;
    double fixed = 0;
    for (long seed = 1; seed <= 5; seed++) {
      adapted += costUnderNoise(cmaEs(), 10_000, seed) / 5;
      fixed += costUnderNoise(Optimizers.cmaEs(), 10_000, seed) / 5;
    }
    assertThat(adapted).isLessThan(0.5 * fixed);
  }

  @Test
  void withoutNoiseTheOptimumIsFoundAtAFewTimesTheTrials() {
    assertThat(median(cmaEs(), box(8, 5), CmaEsFormContract::sphere, 1e-8, 20_000))
        .isLessThan(8000);
    assertThat(median(cmaEs(), box(8, 5), CmaEsFormContract::ellipsoid, 1e-8, 60_000))
        .isLessThan(30_000);
  }

  @Test
  void otherFormsAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> cmaEs().covariance(CmaEs.Covariance.SEPARABLE).create(space(), directions(), 1))
        .withMessageContaining("SEPARABLE");
  }
}
