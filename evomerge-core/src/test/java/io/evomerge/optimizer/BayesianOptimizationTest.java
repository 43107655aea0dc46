package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class BayesianOptimizationTest extends OptimizerContract {

  /** Not by the order of costs alone. */
  @Override
  protected boolean ranksViolations() {
    return false;
  }

  @Override
  protected OptimizerFactory factory() {
    // Fewer data and candidates than the default: the contract asks for thousands of trials.
    return Optimizers.bayesian().candidates(20).maxData(40);
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-3);
  }

  private static double bowl(Genome genome) {
    double sum = 0;
    for (int i = 0; i < genome.size(); i++) {
      double d = genome.value(i) - 0.3 - 0.05 * i;
      sum += (i + 1) * d * d;
    }
    return sum;
  }

  /** Six genes of three kinds; the optimum is 0. */
  private static final SearchSpace MIXED =
      SearchSpace.of(
          new Gene.Real("a", 0, 1, 0.5),
          new Gene.Int("b", 0, 20, 10),
          new Gene.Choice("c", List.of("p", "q", "r", "s"), 0),
          new Gene.Real("d", -1, 3, 0),
          new Gene.Int("e", 0, 1, 0),
          new Gene.Choice("f", List.of("no", "yes"), 0));

  private static double mixed(Genome g) {
    double a = g.value(0) - 0.8;
    double b = (g.value(1) - 4) / 20;
    double d = (g.value(3) - 2) / 4;
    return a * a
        + b * b
        + d * d
        + (g.value(2) == 2 ? 0 : 0.2)
        + (g.value(4) == 1 ? 0 : 0.1)
        + (g.value(5) == 1 ? 0 : 0.1);
  }

  @Test
  void fiftyTrialsFindTheOptimumOfAQuadratic() {
    for (long seed = 1; seed <= 3; seed++) {
      Optimizer optimizer =
          Optimizers.bayesian()
              .mostOpen(1)
              .create(Trials.reals(6, 0, 1, 0.9), Trials.MINIMIZE, seed);
      assertThat(Trials.best(optimizer, BayesianOptimizationTest::bowl, 50, 1))
          .as("seed %s", seed)
          .isLessThan(1e-3);
    }
  }

  @Test
  void eightOpenTrialsInAnyOrderNeedLittleMore() {
    for (long seed = 1; seed <= 2; seed++) {
      Optimizer optimizer =
          Optimizers.bayesian()
              .asynchronous()
              .create(Trials.reals(6, 0, 1, 0.9), Trials.MINIMIZE, seed);
      assertThat(Trials.bestOutOfOrder(optimizer, BayesianOptimizationTest::bowl, 80, 8, seed))
          .as("seed %s", seed)
          .isLessThan(1e-3);
    }
  }

  @Test
  void mixedGenesAreSolved() {
    for (long seed = 1; seed <= 3; seed++) {
      Optimizer optimizer = Optimizers.bayesian().create(MIXED, Trials.MINIMIZE, seed);
      assertThat(Trials.best(optimizer, BayesianOptimizationTest::mixed, 70, 1))
          .as("seed %s", seed)
          .isLessThan(1e-3);
    }
  }

  @Test
  void nothingIsTriedTwiceWhileThereIsAnythingElse() {
    SearchSpace space =
        SearchSpace.of(new Gene.Int("i", 0, 5, 2), new Gene.Choice("c", List.of("x", "y", "z"), 1));
    Optimizer optimizer = Optimizers.bayesian().create(space, Trials.MINIMIZE, 1);
    Set<Genome> seen = new HashSet<>();
    // The Sobol points before the model may repeat.
    for (int trial = 0; trial < 22; trial++) {
      Proposal p = optimizer.ask(1).get(0);
      seen.add(p.genome());
      optimizer.tell(
          List.of(
              new Evaluation(
                  p.id(), Outcome.Scored.of(p.genome().value(0) + p.genome().value(1) / 7))));
    }
    assertThat(seen).hasSizeGreaterThanOrEqualTo(17);
    // All 18 are known by now; it goes on all the same.
    assertThat(Trials.best(optimizer, g -> 1, 4, 2)).isEqualTo(1);
  }

  @Test
  void underNoiseTheRecommendationIsNearTheOptimum() {
    for (long seed = 1; seed <= 3; seed++) {
      Random noise = new Random(seed);
      Optimizer optimizer =
          Optimizers.bayesian().create(Trials.reals(4, 0, 1, 0.9), Trials.MINIMIZE, seed);
      Trials.best(optimizer, g -> bowl(g) + 0.05 * noise.nextGaussian(), 80, 2);
      assertThat(bowl(optimizer.recommendation().orElseThrow()))
          .as("seed %s", seed)
          .isLessThan(0.1);
    }
  }

  @Test
  void aRegionThatFailsIsLeft() {
    Optimizer optimizer =
        Optimizers.bayesian().create(Trials.reals(2, 0, 1, 0.5), Trials.MINIMIZE, 3);
    int failures = 0;
    double best = Double.POSITIVE_INFINITY;
    for (int trial = 0; trial < 60; trial++) {
      Proposal p = optimizer.ask(1).get(0);
      double cost = bowl(p.genome());
      boolean fails = p.genome().value(0) < 0.4;
      failures += fails ? 1 : 0;
      best = fails ? best : Math.min(best, cost);
      optimizer.tell(
          List.of(
              new Evaluation(p.id(), fails ? new Outcome.Failed("no") : Outcome.Scored.of(cost))));
    }
    assertThat(failures).isLessThan(30);
    assertThat(best).isLessThan(0.03);
  }

  @Test
  void equalScoresAndHugeOnesAreSurvived() {
    Optimizer equal = factory().create(space(), directions(), 1);
    assertThat(Trials.best(equal, g -> 7, 30, 3)).isEqualTo(7);
    Optimizer huge = factory().create(space(), directions(), 1);
    assertThat(Trials.best(huge, g -> 1e300 * (g.value(0) - 0.5), 60, 3)).isLessThan(-4.9e299);
  }

  @Test
  void moreDataThanTheModelTakesAreSurvived() {
    Optimizer optimizer =
        Optimizers.bayesian()
            .maxData(20)
            .candidates(20)
            .create(Trials.reals(3, 0, 1, 0.5), Trials.MINIMIZE, 1);
    assertThat(Trials.best(optimizer, BayesianOptimizationTest::bowl, 120, 4)).isLessThan(1e-3);
  }

  @Test
  void aSearchThatIsResumedAfterEveryTrialIsTheSame() {
    OptimizerFactory factory = Optimizers.bayesian().candidates(20);
    Optimizer straight = factory.create(MIXED, Trials.MINIMIZE, 5);
    Optimizer resumed = factory.create(MIXED, Trials.MINIMIZE, 5);
    List<Proposal> open = new ArrayList<>();
    Random random = new Random(1);
    for (int trial = 0; trial < 40; trial++) {
      resumed = factory.restore(MIXED, Trials.MINIMIZE, resumed.snapshot());
      List<Proposal> proposals = straight.ask(3 - open.size());
      assertThat(resumed.ask(3 - open.size())).isEqualTo(proposals);
      open.addAll(proposals);
      Proposal p = open.remove(random.nextInt(open.size()));
      List<Evaluation> told = List.of(new Evaluation(p.id(), Outcome.Scored.of(mixed(p.genome()))));
      straight.tell(told);
      resumed.tell(told);
    }
  }

  @Test
  void aBudgetEndsIt() {
    Optimizer optimizer = factory().create(space(), directions(), 1);
    assertThat(optimizer.isDone()).isFalse();
    Optimizer limited =
        Optimizers.bayesian().budget(7).mostOpen(10).create(space(), directions(), 1);
    assertThat(limited.ask(10)).hasSize(7);
    assertThat(limited.isDone()).isTrue();
    assertThat(limited.ask(10)).isEmpty();
  }

  @Test
  void tooManyGenesAreRefusedWithAdvice() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().create(Trials.reals(1001, 0, 1, 0.5), Trials.MINIMIZE, 1))
        .withMessageContaining("1001")
        .withMessageContaining("cma-es");
  }

  @Test
  void badSettingsAreRefusedAndGoodOnesShown() {
    BayesianOptimization bo = Optimizers.bayesian();
    assertThatIllegalArgumentException().isThrownBy(() -> bo.budget(0));
    assertThatIllegalArgumentException().isThrownBy(() -> bo.initialPoints(1));
    assertThatIllegalArgumentException().isThrownBy(() -> bo.mostOpen(0));
    assertThatIllegalArgumentException().isThrownBy(() -> bo.maxData(9));
    assertThatIllegalArgumentException().isThrownBy(() -> bo.candidates(3));
    assertThat(bo.budget(50).initialPoints(5).mostOpen(4).maxData(60).candidates(70).settings())
        .containsEntry("budget", "50")
        .containsEntry("initialPoints", "5")
        .containsEntry("mostOpen", "4")
        .containsEntry("maxData", "60")
        .containsEntry("candidates", "70");
    assertThat(bo.budget()).isEmpty();
    assertThat(bo.initialPoints()).isEmpty();
    assertThat(bo.mostOpen()).hasValue(2);
    assertThat(bo.immediate()).hasToString(bo.asynchronous().toString()).isNotSameAs(bo);
    assertThat(bo.maxData()).isEqualTo(400);
    assertThat(bo.candidates()).isEqualTo(200);
  }
}
