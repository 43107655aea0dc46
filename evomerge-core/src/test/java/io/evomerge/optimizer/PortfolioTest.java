package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class PortfolioTest extends OptimizerContract {

  /** Not by the order of costs alone. */
  @Override
  protected boolean ranksViolations() {
    return false;
  }

  private static final SearchSpace REALS = Trials.reals(5, -5, 5, 0);

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.portfolio(
        Optimizers.bayesian().candidates(10).maxData(20).mostOpen(8).budget(60),
        Optimizers.cmaEs().restarts(CmaEs.Restarts.BIPOP),
        Optimizers.differentialEvolution().populationSize(8));
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

  /** Proposes one value for ever: a strategy whose quality is known. */
  private record Constant(double value, int trials) implements OptimizerFactory {

    @Override
    public String name() {
      return "constant";
    }

    @Override
    public Map<String, String> settings() {
      return Map.of("value", Double.toString(value));
    }

    @Override
    public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
      return new Optimizer() {
        private long next;

        @Override
        public String name() {
          return "constant";
        }

        @Override
        public List<Proposal> ask(int max) {
          return isDone() ? List.of() : List.of(new Proposal(next++, Genome.of(value)));
        }

        @Override
        public void tell(List<Evaluation> evaluations) {
          for (Evaluation evaluation : evaluations) {
            assertThat(evaluation.id()).isBetween(0L, next - 1);
          }
        }

        @Override
        public boolean isDone() {
          return next >= trials;
        }

        @Override
        public Optional<Genome> recommendation() {
          return Optional.of(Genome.of(value));
        }

        @Override
        public String snapshot() {
          return "";
        }
      };
    }
  }

  private static int[] counts(Optimizer optimizer, int trials) {
    int[] counts = new int[3];
    for (int i = 0; i < trials; i++) {
      Proposal p = optimizer.ask(1).get(0);
      counts[(int) p.genome().value(0)]++;
      optimizer.tell(List.of(new Evaluation(p.id(), Outcome.Scored.of(-p.genome().value(0)))));
    }
    return counts;
  }

  @Test
  void theLeaderGetsItsShareAndNobodyIsGivenUp() {
    Optimizer optimizer =
        Optimizers.portfolio(
                new Constant(0, 10_000), new Constant(1, 10_000), new Constant(2, 10_000))
            .create(Trials.reals(1, 0, 2, 0), Trials.MINIMIZE, 1);
    // Eleven trials each come first.
    assertThat(counts(optimizer, 33)).containsExactly(11, 11, 11);
    int[] counts = counts(optimizer, 1000);
    assertThat(counts[0]).isBetween(88, 92);
    assertThat(counts[1]).isBetween(208, 212);
    assertThat(counts[2]).isBetween(698, 702);
    assertThat(optimizer.recommendation().orElseThrow()).isEqualTo(Genome.of(2));
  }

  @Test
  void theLeadersShareCanBeSet() {
    Optimizer optimizer =
        Optimizers.portfolio(new Constant(0, 10_000), new Constant(2, 10_000))
            .leaderShare(0.5)
            .create(Trials.reals(1, 0, 2, 0), Trials.MINIMIZE, 1);
    assertThat(counts(optimizer, 500)[2]).isBetween(248, 252);
  }

  @Test
  void aMemberThatIsDoneStartsAgain() {
    Optimizer optimizer =
        Optimizers.portfolio(new Constant(0, 10_000), new Constant(2, 3))
            .create(Trials.reals(1, 0, 2, 0), Trials.MINIMIZE, 1);
    int[] counts = counts(optimizer, 500);
    assertThat(counts[2]).isGreaterThan(200);
    assertThat(optimizer.isDone()).isFalse();
  }

  @Test
  void convergedMembersGoOnFromElsewhere() {
    OptimizerFactory factory =
        Optimizers.portfolio(Optimizers.cmaEs(), Optimizers.differentialEvolution());
    Optimizer optimizer = factory.create(Trials.reals(2, -5, 5, 0), Trials.MINIMIZE, 1);
    assertThat(Trials.best(optimizer, PortfolioTest::sphere, 4000, 8)).isLessThan(1e-12);
    assertThat(optimizer.ask(4)).isNotEmpty();
  }

  @Test
  void theDefaultSolvesASphereAndResumes() {
    OptimizerFactory factory = Optimizers.portfolio();
    Optimizer straight = factory.create(REALS, Trials.MINIMIZE, 1);
    assertThat(Trials.best(straight, PortfolioTest::sphere, 100, 3)).isLessThan(1e-2);
    Optimizer resumed = factory.restore(REALS, Trials.MINIMIZE, straight.snapshot());
    assertThat(Trials.best(resumed, PortfolioTest::sphere, 20, 3))
        .isEqualTo(Trials.best(straight, PortfolioTest::sphere, 20, 3));
    assertThat(resumed.snapshot()).isEqualTo(straight.snapshot());
  }

  @Test
  void theDefaultTakesManyGenesWithoutAModel() {
    SearchSpace large = Trials.reals(200, -5, 5, 0);
    OptimizerFactory same =
        Optimizers.portfolio(
            Optimizers.cmaEs().restarts(CmaEs.Restarts.BIPOP), Optimizers.differentialEvolution());
    assertThat(Optimizers.portfolio().create(large, Trials.MINIMIZE, 1).ask(20))
        .isEqualTo(same.create(large, Trials.MINIMIZE, 1).ask(20));
  }

  @Test
  void outcomesInAnyOrderWithOthersOpenStillFindTheOptimum() {
    Optimizer optimizer = factory().create(REALS, Trials.MINIMIZE, 4);
    assertThat(Trials.bestOutOfOrder(optimizer, PortfolioTest::sphere, 1500, 8, 1))
        .isLessThan(1e-4);
  }

  @Test
  void equalMembersHaveSeedsOfTheirOwn() {
    Optimizer optimizer =
        Optimizers.portfolio(Optimizers.cmaEs(), Optimizers.cmaEs())
            .create(REALS, Trials.MINIMIZE, 1);
    List<Genome> genomes = new ArrayList<>();
    optimizer.ask(8).forEach(p -> genomes.add(p.genome()));
    assertThat(genomes).doesNotHaveDuplicates();
  }

  @Test
  void settingsHoldThoseOfTheMembers() {
    assertThat(factory().settings())
        .containsEntry("leaderShare", "0.7")
        .containsEntry("members", "3")
        .containsEntry("member1", "bayesian-optimization")
        .containsEntry("member1.budget", "60")
        .containsEntry("member2.restarts", "BIPOP")
        .containsEntry("member3.populationSize", "8");
    assertThat(Optimizers.portfolio().settings())
        .containsEntry("members", "default")
        .containsEntry("member1", "bayesian-optimization")
        .containsEntry("member1.genes", "at most 40")
        .containsEntry("member2", "cma-es");
  }

  @Test
  void badSettingsAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Optimizers.portfolio(Optimizers.cmaEs()))
        .withMessageContaining("at least 2");
    assertThatIllegalArgumentException().isThrownBy(() -> Optimizers.portfolio().leaderShare(0.99));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> factory().create(REALS, List.of(Direction.MINIMIZE, Direction.MAXIMIZE), 1));
  }
}
