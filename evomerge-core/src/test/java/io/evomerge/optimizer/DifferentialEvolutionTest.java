package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class DifferentialEvolutionTest extends OptimizerContract {

  /** Not by the order of costs alone. */
  @Override
  protected boolean ranksViolations() {
    return false;
  }

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.differentialEvolution();
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-8);
  }

  private static double sphere(Genome genome) {
    double sum = 0;
    for (double x : genome.values()) {
      sum += (x - 1) * (x - 1);
    }
    return sum;
  }

  private static double rastrigin(Genome genome) {
    double sum = 0;
    for (double x : genome.values()) {
      sum += (x - 1) * (x - 1) + 10 - 10 * StrictMath.cos(2 * Math.PI * (x - 1));
    }
    return sum;
  }

  @Test
  void theFirstProposalIsTheStart() {
    assertThat(factory().create(space(), directions(), 1).ask(1).get(0).genome())
        .isEqualTo(space().start());
  }

  @Test
  void aRuggedFunctionIsSolved() {
    for (long seed = 1; seed <= 3; seed++) {
      Optimizer optimizer =
          Optimizers.differentialEvolution()
              .budget(8000)
              .populationSize(60)
              .create(Trials.reals(5, -5, 5, 0), Trials.MINIMIZE, seed);
      assertThat(Trials.best(optimizer, DifferentialEvolutionTest::rastrigin, 8000, 7))
          .as("seed %s", seed)
          .isLessThan(1e-6);
      assertThat(optimizer.isDone()).isTrue();
    }
  }

  @Test
  void aBudgetEndsTheSearchAfterExactlySoManyTrials() {
    Optimizer optimizer =
        Optimizers.differentialEvolution().budget(33).create(space(), directions(), 1);
    int count = 0;
    while (!optimizer.isDone()) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal p : optimizer.ask(5)) {
        evaluations.add(new Evaluation(p.id(), Outcome.Scored.of(p.id() % 7)));
      }
      count += evaluations.size();
      optimizer.tell(evaluations);
    }
    assertThat(count).isEqualTo(33);
    assertThat(optimizer.ask(1)).isEmpty();
  }

  @Test
  void theShrinkingPopulationResumesBitForBit() {
    OptimizerFactory factory = Optimizers.differentialEvolution().budget(200).archiveRate(0.5);
    Optimizer straight = factory.create(space(), directions(), 3);
    Optimizer resumed = factory.create(space(), directions(), 3);
    for (int round = 0; !straight.isDone(); round++) {
      resumed = factory.restore(space(), directions(), resumed.snapshot());
      List<Proposal> proposals = straight.ask(9);
      assertThat(resumed.ask(9)).as("round %s", round).isEqualTo(proposals);
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal p : proposals) {
        evaluations.add(new Evaluation(p.id(), Outcome.Scored.of(sphere(p.genome()))));
      }
      straight.tell(evaluations);
      resumed.tell(evaluations);
    }
    assertThat(resumed.snapshot()).isEqualTo(straight.snapshot());
  }

  @Test
  void outcomesInAnyOrderWithOthersOpenStillFindTheOptimum() {
    for (OptimizerFactory factory :
        List.of(
            Optimizers.differentialEvolution(),
            Optimizers.differentialEvolution().budget(3000).populationSize(30))) {
      Optimizer optimizer = factory.create(Trials.reals(5, -5, 5, 0), Trials.MINIMIZE, 4);
      assertThat(Trials.bestOutOfOrder(optimizer, DifferentialEvolutionTest::sphere, 3000, 8, 1))
          .isLessThan(1e-6);
    }
  }

  @Test
  void aCollapsedPopulationIsDone() {
    Optimizer optimizer = factory().create(Trials.reals(2, -5, 5, 0), Trials.MINIMIZE, 5);
    assertThat(Trials.best(optimizer, DifferentialEvolutionTest::sphere, 20_000, 16))
        .isLessThan(1e-16);
    assertThat(optimizer.isDone()).isTrue();
    assertThat(optimizer.ask(1)).isEmpty();
  }

  @Test
  void badSettingsAreRefused() {
    DifferentialEvolution de = Optimizers.differentialEvolution();
    assertThatIllegalArgumentException().isThrownBy(() -> de.populationSize(3));
    assertThatIllegalArgumentException().isThrownBy(() -> de.budget(0));
    assertThatIllegalArgumentException().isThrownBy(() -> de.greediness(0));
    assertThatIllegalArgumentException().isThrownBy(() -> de.greediness(1.1));
    assertThatIllegalArgumentException().isThrownBy(() -> de.archiveRate(-1));
    assertThatIllegalArgumentException().isThrownBy(() -> de.archiveRate(Double.NaN));
  }

  @Test
  void settingsAreShown() {
    DifferentialEvolution de =
        Optimizers.differentialEvolution()
            .populationSize(12)
            .budget(99)
            .greediness(0.2)
            .archiveRate(1);
    assertThat(de.settings())
        .containsEntry("populationSize", "12")
        .containsEntry("budget", "99")
        .containsEntry("greediness", "0.2")
        .containsEntry("archiveRate", "1.0");
    assertThat(de.populationSize()).hasValue(12);
    assertThat(de.budget()).hasValue(99);
    assertThat(de.greediness()).isEqualTo(0.2);
    assertThat(de.archiveRate()).isEqualTo(1);
    assertThat(de).hasToString("differential-evolution" + new java.util.TreeMap<>(de.settings()));
  }
}
