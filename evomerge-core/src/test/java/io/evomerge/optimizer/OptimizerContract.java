package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

/**
 * What every {@link Optimizer} promises, as tests: extend it with a factory of one's own.
 *
 * <p>A strategy for several objectives overrides {@link #directions}.
 */
public abstract class OptimizerContract {

  /** Trials in the longer tests: enough for several generations. */
  private static final int TRIALS = 120;

  /** For subclasses. */
  protected OptimizerContract() {}

  /** Returns the strategy under test, with settings that are not done within some 200 trials. */
  protected abstract OptimizerFactory factory();

  /** Returns whether the strategy waits for outcomes, so that an unbounded ask ends. */
  protected abstract boolean waits();

  /** Returns whether the order in which outcomes are told matters to the strategy. */
  protected boolean orderMatters() {
    return false;
  }

  /** Returns the cost of a sphere in five genes that 3000 trials must reach; empty: no promise. */
  protected abstract OptionalDouble promisedCost();

  /** Returns whether violations rank; default true. Searches on estimates know none. */
  protected boolean ranksViolations() {
    return true;
  }

  /** Returns the directions of the search. */
  protected List<Direction> directions() {
    return List.of(Direction.MINIMIZE);
  }

  /** Returns the space of most tests: reals of different units, a whole number, a choice. */
  protected SearchSpace space() {
    return SearchSpace.of(
        new Gene.Real("density", 0, 1, 0.5),
        new Gene.Real("weight", -2, 10, 1),
        new Gene.Real("scale", 1e-3, 2e-3, 1e-3),
        new Gene.Int("layer", 3, 11, 4),
        new Gene.Choice("merge", List.of("linear", "ties", "slerp"), 0));
  }

  /** Returns a fitness with this score; strategies that need more than a score override it. */
  protected Fitness fitness(double score) {
    return Fitness.of(score);
  }

  private Optimizer create(long seed) {
    return factory().create(space(), directions(), seed);
  }

  private Outcome outcome(Genome genome) {
    double cost = cost(genome);
    return scored(cost);
  }

  private Outcome scored(double cost) {
    return new Outcome.Scored(
        directions().stream().map(d -> fitness(d == Direction.MINIMIZE ? cost : -cost)).toList());
  }

  private static double cost(Genome g) {
    double sum = 0;
    double[] optimum = {0.7, 2, 1.2e-3, 8, 1};
    double[] unit = {1, 12, 1e-3, 9, 3};
    for (int i = 0; i < g.size(); i++) {
      double d = (g.value(i) - optimum[i % 5]) / unit[i % 5];
      sum += (i + 1) * d * d;
    }
    return sum;
  }

  private List<Evaluation> evaluate(List<Proposal> proposals) {
    List<Evaluation> evaluations = new ArrayList<>();
    proposals.forEach(p -> evaluations.add(new Evaluation(p.id(), outcome(p.genome()))));
    return evaluations;
  }

  /** Runs whole asks of up to 16 points until so many trials are told; returns all proposals. */
  private List<Proposal> run(Optimizer optimizer, int trials) {
    List<Proposal> all = new ArrayList<>();
    while (all.size() < trials && !optimizer.isDone()) {
      List<Proposal> proposals = optimizer.ask(16);
      assertThat(proposals).as("an optimiser that has been told everything proposes").isNotEmpty();
      all.addAll(proposals);
      optimizer.tell(evaluate(proposals));
    }
    return all;
  }

  @Test
  void everyProposalLiesInTheBoxAndWholeGenesAreWhole() {
    List<Gene> genes = space().genes();
    for (Proposal proposal : run(create(1), TRIALS)) {
      assertThat(proposal.genome().size()).isEqualTo(genes.size());
      for (int i = 0; i < genes.size(); i++) {
        double value = proposal.genome().value(i);
        assertThat(value).as(genes.get(i).name()).isBetween(genes.get(i).min(), genes.get(i).max());
        if (!(genes.get(i) instanceof Gene.Real)) {
          assertThat(value).as(genes.get(i).name()).isEqualTo(Math.rint(value));
        }
      }
    }
  }

  @Test
  void idsCountFromZeroWithoutGaps() {
    List<Proposal> proposals = run(create(2), TRIALS);
    for (int i = 0; i < proposals.size(); i++) {
      assertThat(proposals.get(i).id()).isEqualTo(i);
    }
  }

  @Test
  void anAskGivesAtMostWhatWasAskedFor() {
    Optimizer optimizer = create(3);
    assertThat(optimizer.ask(3)).hasSizeBetween(1, 3);
    assertThat(optimizer.ask(1)).hasSizeLessThanOrEqualTo(1);
    assertThatIllegalArgumentException().isThrownBy(() -> optimizer.ask(0));
  }

  @Test
  void aSeedFixesTheSearchAndAnotherSeedGivesAnother() {
    assertThat(run(create(4), TRIALS)).isEqualTo(run(create(4), TRIALS));
    assertThat(run(create(4), TRIALS)).isNotEqualTo(run(create(5), TRIALS));
  }

  @Test
  void portionsDoNotMatterAndTheOrderOnlyToAStrategyThatSaysSo() {
    Optimizer straight = create(6);
    Optimizer shuffled = create(6);
    Random random = new Random(60);
    for (int round = 0; round < 12; round++) {
      List<Proposal> proposals = straight.ask(40);
      List<Proposal> same = new ArrayList<>();
      while (same.size() < proposals.size()) {
        same.addAll(shuffled.ask(1 + random.nextInt(proposals.size() - same.size())));
      }
      assertThat(same).isEqualTo(proposals);
      straight.tell(evaluate(proposals));
      List<Evaluation> evaluations = evaluate(same);
      if (!orderMatters()) {
        Collections.shuffle(evaluations, random);
      }
      for (int at = 0; at < evaluations.size(); ) {
        int to = Math.min(evaluations.size(), at + 1 + random.nextInt(5));
        shuffled.tell(evaluations.subList(at, to));
        at = to;
      }
      assertThat(shuffled.snapshot()).isEqualTo(straight.snapshot());
    }
  }

  @Test
  void neitherTheNumberOfWorkersNorTheirPaceChangesThePoints() {
    assumeThat(orderMatters()).isFalse();
    List<Proposal> alone = new ArrayList<>();
    Optimizer one = create(19);
    while (alone.size() < TRIALS) {
      List<Proposal> proposals = one.ask(1);
      assertThat(proposals).isNotEmpty();
      one.tell(evaluate(proposals));
      alone.addAll(proposals);
    }
    Random random = new Random(190);
    for (int workers : new int[] {2, 5, 40}) {
      Optimizer many = create(19);
      List<Proposal> all = new ArrayList<>();
      List<Proposal> open = new ArrayList<>();
      while (all.size() < TRIALS) {
        List<Proposal> more =
            open.size() < workers ? many.ask(workers - open.size()) : List.<Proposal>of();
        all.addAll(more);
        open.addAll(more);
        assertThat(open).isNotEmpty();
        many.tell(evaluate(List.of(open.remove(random.nextInt(open.size())))));
      }
      assertThat(all.subList(0, TRIALS)).as("%s workers", workers).isEqualTo(alone);
    }
  }

  @Test
  void recommendationsDependOnWhatWasToldAndNotOnWhatWasAskedFor() {
    assumeThat(orderMatters()).isFalse();
    Optimizer one = create(20);
    Optimizer ahead = create(20);
    List<Proposal> handedOut = new ArrayList<>();
    for (int trial = 0; trial < TRIALS; trial++) {
      one.ask(1);
      handedOut.addAll(ahead.ask(3));
      List<Evaluation> told = evaluate(handedOut.subList(trial, trial + 1));
      one.tell(told);
      ahead.tell(told);
      assertThat(ahead.recommendation()).isEqualTo(one.recommendation());
    }
  }

  @Test
  void tellingAgainChangesNothingEvenWithAnotherScore() {
    Optimizer once = create(7);
    Optimizer twice = create(7);
    for (int round = 0; round < 8; round++) {
      List<Proposal> proposals = once.ask(30);
      twice.ask(30);
      once.tell(evaluate(proposals));
      for (Evaluation evaluation : evaluate(proposals)) {
        twice.tell(List.of(evaluation));
        twice.tell(List.of(new Evaluation(evaluation.id(), scored(-1e6)), evaluation));
      }
      assertThat(twice.snapshot()).isEqualTo(once.snapshot());
    }
  }

  @Test
  void anUnknownIdIsRefusedAndNothingOfThatTellCounts() {
    Optimizer optimizer = create(8);
    Proposal first = optimizer.ask(1).get(0);
    String before = optimizer.snapshot();
    Evaluation good = new Evaluation(first.id(), outcome(first.genome()));
    for (long id : new long[] {1, -1, 1000}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> optimizer.tell(List.of(good, new Evaluation(id, good.outcome()))))
          .withMessageContaining(Long.toString(id));
      assertThat(optimizer.snapshot()).isEqualTo(before);
    }
  }

  @Test
  void anEmptyTellIsNoEvent() {
    Optimizer optimizer = create(9);
    optimizer.ask(2);
    String before = optimizer.snapshot();
    optimizer.tell(List.of());
    assertThat(optimizer.snapshot()).isEqualTo(before);
  }

  @Test
  void aStrategyThatWaitsGivesNothingUntilItIsTold() {
    assumeThat(waits()).isTrue();
    Optimizer optimizer = create(10);
    for (int round = 0; round < 3; round++) {
      List<Proposal> proposals = optimizer.ask(10_000);
      assertThat(proposals).isNotEmpty();
      assertThat(optimizer.ask(10_000)).isEmpty();
      assertThat(optimizer.isDone()).isFalse();
      List<Evaluation> evaluations = evaluate(proposals);
      optimizer.tell(evaluations);
    }
    assertThat(optimizer.ask(1)).hasSize(1);
  }

  @Test
  void aSnapshotContinuesBitForBitWithTrialsOpen() {
    Random random = new Random(110);
    for (int told : new int[] {0, 1, 7, 29, 64}) {
      Optimizer original = create(11);
      run(original, told);
      List<Proposal> open = new ArrayList<>(original.ask(5));
      List<Evaluation> evaluations = evaluate(open);
      Collections.shuffle(evaluations, random);
      original.tell(evaluations.subList(0, evaluations.size() / 2));
      original.tell(List.of(new Evaluation(open.get(0).id(), new Outcome.Failed("out of memory"))));

      String snapshot = original.snapshot();
      Optimizer restored = factory().restore(space(), directions(), snapshot);
      assertThat(restored.snapshot()).as("after %s trials", told).isEqualTo(snapshot);
      assertThat(restored.recommendation()).isEqualTo(original.recommendation());
      assertThat(restored.isDone()).isEqualTo(original.isDone());

      original.tell(evaluations);
      restored.tell(evaluations);
      assertThat(run(restored, TRIALS)).isEqualTo(run(original, TRIALS));
      assertThat(restored.snapshot()).isEqualTo(original.snapshot());
    }
  }

  @Test
  void aSnapshotOfSomethingElseIsRefused() {
    String snapshot = create(12).snapshot();
    SearchSpace other = SearchSpace.of(new Gene.Real("density", 0, 1, 0.5));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().restore(other, directions(), snapshot));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().restore(space(), directions(), "{\"optimizer\":\"other\"}"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().restore(space(), directions(), "no json"));
    List<Direction> reversed =
        directions().stream()
            .map(d -> d == Direction.MINIMIZE ? Direction.MAXIMIZE : Direction.MINIMIZE)
            .toList();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().restore(space(), reversed, snapshot));
  }

  @Test
  void generationsWithoutAnyScoreAreSurvived() {
    Optimizer optimizer = create(13);
    run(optimizer, 20);
    for (int round = 0; round < 10; round++) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal p : optimizer.ask(16)) {
        evaluations.add(
            new Evaluation(
                p.id(),
                p.id() % 2 == 0 ? new Outcome.Failed("no") : new Outcome.Infeasible("no path")));
      }
      optimizer.tell(evaluations);
    }
    assertThat(optimizer.isDone()).isFalse();
    for (Proposal p : run(optimizer, TRIALS)) {
      for (double value : p.genome().values()) {
        assertThat(value).isFinite();
      }
    }
  }

  @Test
  void scoresThatAreNotFiniteCountAsFailures() {
    double[] bad = {Double.NaN, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY};
    Optimizer failed = create(14);
    Optimizer notFinite = create(14);
    for (int round = 0; round < 10; round++) {
      List<Evaluation> first = new ArrayList<>();
      List<Evaluation> second = new ArrayList<>();
      List<Proposal> proposals = failed.ask(16);
      assertThat(notFinite.ask(16)).isEqualTo(proposals);
      for (Proposal p : proposals) {
        boolean fails = p.id() % 3 == 0;
        first.add(new Evaluation(p.id(), fails ? new Outcome.Failed("no") : outcome(p.genome())));
        second.add(
            new Evaluation(
                p.id(), fails ? scored(bad[(int) (p.id() / 3 % 3)]) : outcome(p.genome())));
      }
      failed.tell(first);
      notFinite.tell(second);
    }
    assertThat(notFinite.snapshot()).isEqualTo(failed.snapshot());
  }

  @Test
  void aViolationRanksBehindEveryScoreAndBeforeFailures() {
    assumeThat(ranksViolations()).isTrue();
    Optimizer plain = create(18);
    Optimizer violating = create(18);
    for (int round = 0; round < 10; round++) {
      List<Proposal> proposals = plain.ask(16);
      assertThat(violating.ask(16)).isEqualTo(proposals);
      List<Evaluation> first = new ArrayList<>();
      List<Evaluation> second = new ArrayList<>();
      for (Proposal p : proposals) {
        double cost = cost(p.genome());
        boolean violates = p.id() % 3 == 0;
        // The same order by worse scores and by violations with scores that seem good.
        Outcome.Scored good = (Outcome.Scored) scored(-1e6);
        first.add(new Evaluation(p.id(), scored(violates ? 1e9 + cost : cost)));
        second.add(
            new Evaluation(
                p.id(), violates ? new Outcome.Scored(good.fitness(), 1 + cost) : scored(cost)));
      }
      plain.tell(first);
      violating.tell(second);
    }
  }

  @Test
  void maximisingTheNegativeIsMinimising() {
    List<Direction> minimise = Collections.nCopies(directions().size(), Direction.MINIMIZE);
    List<Direction> maximise = Collections.nCopies(directions().size(), Direction.MAXIMIZE);
    Optimizer down = factory().create(space(), minimise, 15);
    Optimizer up = factory().create(space(), maximise, 15);
    for (int round = 0; round < 10; round++) {
      List<Proposal> proposals = down.ask(16);
      assertThat(up.ask(16)).isEqualTo(proposals);
      down.tell(scoredBy(proposals, OptimizerContract::cost));
      up.tell(scoredBy(proposals, genome -> -cost(genome)));
    }
  }

  private List<Evaluation> scoredBy(List<Proposal> proposals, ToDoubleFunction<Genome> score) {
    return proposals.stream()
        .map(
            p ->
                new Evaluation(
                    p.id(),
                    new Outcome.Scored(
                        Collections.nCopies(
                            directions().size(), fitness(score.applyAsDouble(p.genome()))))))
        .toList();
  }

  @Test
  void theOptimumOfASphereIsFoundAsPromised() {
    assumeThat(promisedCost()).isPresent();
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      genes.add(new Gene.Real("x" + i, -5, 5, 0));
    }
    for (long seed = 1; seed <= 3; seed++) {
      Optimizer optimizer = factory().create(SearchSpace.of(genes), directions(), seed);
      double best = Double.POSITIVE_INFINITY;
      int trials = 0;
      while (trials < 3000 && !optimizer.isDone() && best >= promisedCost().getAsDouble()) {
        List<Evaluation> evaluations = new ArrayList<>();
        for (Proposal p : optimizer.ask(16)) {
          double cost = 0;
          for (double x : p.genome().values()) {
            cost += (x - 1.5) * (x - 1.5);
          }
          best = Math.min(best, cost);
          evaluations.add(new Evaluation(p.id(), scored(cost)));
        }
        trials += evaluations.size();
        optimizer.tell(evaluations);
      }
      assertThat(best).as("seed %s", seed).isLessThan(promisedCost().getAsDouble());
    }
  }

  @Test
  void aRecommendationIsAPointOfTheSpace() {
    Optimizer optimizer = create(16);
    for (int round = 0; round < 5; round++) {
      optimizer
          .recommendation()
          .ifPresent(
              genome -> {
                for (int i = 0; i < genome.size(); i++) {
                  Gene gene = space().genes().get(i);
                  assertThat(genome.value(i)).isBetween(gene.min(), gene.max());
                  if (!(gene instanceof Gene.Real)) {
                    assertThat(genome.value(i)).isEqualTo(Math.rint(genome.value(i)));
                  }
                }
              });
      run(optimizer, 20);
    }
  }

  @Test
  void theNameAndSettingsAreStable() {
    assertThat(factory().name()).isNotBlank().isEqualTo(create(17).name());
    assertThat(factory().settings()).isEqualTo(factory().settings()).doesNotContainValue(null);
  }
}
