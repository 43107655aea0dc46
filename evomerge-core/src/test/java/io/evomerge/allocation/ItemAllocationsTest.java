package io.evomerge.allocation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.optimizer.Proposal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the methods make of items whose scores are known. */
class ItemAllocationsTest {

  private static final int POPULATION = 9;

  static Stream<ItemAllocation> methods() {
    return Stream.of(
        ItemAllocations.racing(),
        ItemAllocations.racing().bound(Racing.Bound.EMPIRICAL_BERNSTEIN).select(0.01).limit(1),
        ItemAllocations.successiveHalving(),
        ItemAllocations.successiveHalving().eta(3).limit(1).stratified(false),
        ItemAllocations.commonSubset(),
        ItemAllocations.itemResponse(),
        ItemAllocations.itemResponse().recalibrate(5),
        ItemAllocations.itemResponse().model(ItemResponse.Model.LOGISTIC).renewed(false));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void noCandidateIsScoredOnAnItemTwice(ItemAllocation method) {
    List<Proposal> all = ItemTable.search(ItemTable.optimizer(method, Optimizers.cmaEs(), 1), 9000);
    Map<Genome, Set<Integer>> items = ItemTable.itemsOf(all);
    assertThat(items).hasSizeGreaterThan(150);
    for (int i = 0; i < all.size(); i++) {
      assertThat(all.get(i).id()).isEqualTo(i);
    }
  }

  @ParameterizedTest
  @MethodSource("methods")
  void theFirstGenerationIsScoredInFull(ItemAllocation method) {
    List<Proposal> all = ItemTable.search(ItemTable.optimizer(method, Optimizers.cmaEs(), 2), 3000);
    assertThat(all.subList(0, POPULATION)).allMatch(proposal -> proposal.items().isAll());
    assertThat(all.subList(3 * POPULATION, all.size()))
        .anyMatch(proposal -> !proposal.items().isAll());
  }

  @ParameterizedTest
  @MethodSource("methods")
  void moreCandidatesComeOutOfTheSameBudgetAndTheSearchGetsAtLeastAsFar(ItemAllocation method) {
    double cheap = 0;
    double full = 0;
    for (long seed = 1; seed <= 3; seed++) {
      Optimizer mine = ItemTable.optimizer(method, Optimizers.cmaEs(), seed);
      List<Proposal> all = ItemTable.search(mine, 4000);
      assertThat(ItemTable.itemsOf(all)).hasSizeGreaterThan(4000 / ItemTable.ITEMS * 4 / 3);
      cheap += ItemTable.score(mine.recommendation().orElseThrow(), ItemSubset.all()) / 3;
      Optimizer whole =
          Optimizers.cmaEs().create(ItemTable.space(), List.of(Direction.MAXIMIZE), seed);
      ItemTable.search(whole, 4000);
      full += ItemTable.score(whole.recommendation().orElseThrow(), ItemSubset.all()) / 3;
    }
    assertThat(cheap).isGreaterThanOrEqualTo(full);
  }

  @ParameterizedTest
  @MethodSource("methods")
  void estimatesOfTheLeadersAreNearTheirScores(ItemAllocation method) {
    Optimizer optimizer = ItemTable.optimizer(method, Optimizers.cmaEs(), 4);
    ItemTable.search(optimizer, 6000);
    List<EstimatingOptimizer.Estimate> leaders = ((EstimatingOptimizer) optimizer).leaders();
    assertThat(leaders).hasSize(5);
    for (EstimatingOptimizer.Estimate leader : leaders) {
      assertThat(leader.score())
          .isCloseTo(ItemTable.score(leader.genome(), ItemSubset.all()), within(0.1));
    }
  }

  @Test
  void strategiesWithoutGenerationsAreAskedForCohorts() {
    Optimizer optimizer =
        ItemTable.optimizer(
            ItemAllocations.successiveHalving().cohort(10), Optimizers.randomSearch(), 5);
    List<Proposal> first = optimizer.ask(100);
    assertThat(first).hasSize(10);
    assertThat(optimizer.ask(100)).isEmpty();
    optimizer.tell(evaluations(first));
    List<Proposal> second = optimizer.ask(100);
    assertThat(second)
        .hasSize(10)
        .allSatisfy(proposal -> assertThat(proposal.items().size()).isEqualTo(10));
    optimizer.tell(evaluations(second));
    assertThat(optimizer.ask(100))
        .hasSize(5)
        .allSatisfy(proposal -> assertThat(proposal.items().size()).isEqualTo(10));
  }

  @Test
  void halvingKeepsTheBest() {
    Optimizer optimizer =
        ItemTable.optimizer(
            ItemAllocations.successiveHalving().cohort(8).stratified(false),
            Optimizers.randomSearch(),
            6);
    optimizer.tell(evaluations(optimizer.ask(100)));
    List<Proposal> rung = optimizer.ask(100);
    optimizer.tell(evaluations(rung));
    Set<Genome> kept =
        optimizer.ask(100).stream().map(Proposal::genome).collect(Collectors.toSet());
    double worstKept =
        rung.stream()
            .filter(p -> kept.contains(p.genome()))
            .mapToDouble(p -> ItemTable.score(p.genome(), p.items()))
            .min()
            .orElseThrow();
    assertThat(rung)
        .filteredOn(p -> !kept.contains(p.genome()))
        .hasSize(4)
        .allSatisfy(p -> assertThat(ItemTable.score(p.genome(), p.items())).isLessThan(worstKept));
  }

  @Test
  void aRaceStopsWhatIsClearAndGoesOnWithWhatIsClose() {
    Optimizer optimizer =
        ItemTable.optimizer(
            ItemAllocations.racing().cohort(4).limit(1), Optimizers.randomSearch(), 7);
    optimizer.tell(evaluations(optimizer.ask(100)));
    // Two candidates stand apart, two differ by noise.
    double[] level = {5, 0.001, 0, -5};
    Map<Integer, Integer> items = new java.util.TreeMap<>();
    List<Proposal> block = optimizer.ask(100);
    List<Genome> genomes = block.stream().map(Proposal::genome).toList();
    while (items.values().stream().mapToInt(Integer::intValue).max().orElse(0) < ItemTable.ITEMS
        && block.stream().anyMatch(p -> genomes.contains(p.genome()))) {
      List<Evaluation> told = new ArrayList<>();
      for (Proposal proposal : block) {
        int who = genomes.indexOf(proposal.genome());
        items.merge(who, proposal.items().size(), Integer::sum);
        double[] scores =
            ItemTable.indices(proposal.items())
                .mapToDouble(item -> level[who] + Math.sin(7.0 * item + 3 * who))
                .toArray();
        told.add(
            new Evaluation(
                proposal.id(),
                new Outcome.Scored(
                    List.of(new Fitness(0, scores, Map.of()).onItems(proposal.items())))));
      }
      optimizer.tell(told);
      block = optimizer.ask(100);
    }
    assertThat(items).containsEntry(0, 8).containsEntry(3, 8);
    assertThat(items.get(1)).isGreaterThan(16).isEqualTo(items.get(2));
  }

  @Test
  void whatFailsOnOneBlockFailsAndIsAskedForNoFurther() {
    Optimizer optimizer =
        ItemTable.optimizer(
            ItemAllocations.successiveHalving().cohort(4), Optimizers.randomSearch(), 8);
    optimizer.tell(evaluations(optimizer.ask(100)));
    List<Proposal> rung = optimizer.ask(100);
    List<Evaluation> told = new ArrayList<>(evaluations(rung));
    // What would be the best of them.
    int best = 0;
    for (int i = 1; i < rung.size(); i++) {
      if (ItemTable.score(rung.get(i).genome(), rung.get(i).items())
          > ItemTable.score(rung.get(best).genome(), rung.get(best).items())) {
        best = i;
      }
    }
    Genome lost = rung.get(best).genome();
    double[] scores = ItemTable.scores(lost, rung.get(best).items());
    scores[3] = Double.NaN;
    told.set(
        best,
        new Evaluation(
            rung.get(best).id(),
            new Outcome.Scored(
                List.of(new Fitness(-1, scores, Map.of()).onItems(rung.get(best).items())))));
    optimizer.tell(told);
    assertThat(optimizer.ask(100)).noneMatch(proposal -> proposal.genome().equals(lost));
    assertThat(((EstimatingOptimizer) optimizer).leaders())
        .noneMatch(leader -> leader.genome().equals(lost));
  }

  @Test
  void perplexitiesAreComparedByTheirGeometricMeanAndWeights() {
    Optimizer optimizer =
        ItemAllocations.commonSubset()
            .cohort(2)
            .share(1)
            .over(Optimizers.randomSearch(), 2, ItemFitness.Mean.GEOMETRIC)
            .create(ItemTable.space(), List.of(Direction.MINIMIZE), 9);
    List<Proposal> pair = optimizer.ask(2);
    double[][] perplexities = {{2, 8}, {1.5, 100}};
    List<Evaluation> told = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      told.add(
          new Evaluation(
              pair.get(i).id(),
              new Outcome.Scored(
                  List.of(
                      new Fitness(
                          1,
                          perplexities[i],
                          Map.of(),
                          new double[] {3, 1},
                          pair.get(i).items())))));
    }
    optimizer.tell(told);
    EstimatingOptimizer.Estimate best = ((EstimatingOptimizer) optimizer).leaders().get(0);
    assertThat(best.genome()).isEqualTo(pair.get(0).genome());
    assertThat(best.score()).isCloseTo(Math.pow(2 * 2 * 2 * 8, 0.25), within(1e-12));
  }

  @Test
  void itemResponseTheoryRefusesScoresThatAreNoProbabilities() {
    Optimizer optimizer =
        ItemAllocations.itemResponse()
            .model(ItemResponse.Model.LOGISTIC)
            .calibration(1)
            .over(Optimizers.cmaEs(), 4, ItemFitness.Mean.ARITHMETIC)
            .create(ItemTable.space(), List.of(Direction.MAXIMIZE), 10);
    assertThatIllegalStateException()
        .isThrownBy(
            () -> {
              for (int round = 0; round < 3; round++) {
                List<Evaluation> told = new ArrayList<>();
                for (Proposal proposal : optimizer.ask(100)) {
                  told.add(new Evaluation(proposal.id(), Outcome.Scored.of(proposal.id() - 2.0)));
                }
                optimizer.tell(told);
              }
            })
        .withMessageContaining("from -2.0 to")
        .withMessageContaining("REGRESSION");
  }

  @Test
  void settingsThatMakeNoSenseAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ItemAllocations.racing().cohort(1))
        .withMessage("cohort 1 must be at least 2");
    assertThatIllegalArgumentException().isThrownBy(() -> ItemAllocations.racing().delta(0.5));
    assertThatIllegalArgumentException().isThrownBy(() -> ItemAllocations.racing().limit(1.5));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ItemAllocations.successiveHalving().eta(1));
    assertThatIllegalArgumentException().isThrownBy(() -> ItemAllocations.commonSubset().share(0));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ItemAllocations.itemResponse().recalibrate(-1));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> ItemAllocations.racing().over(Optimizers.cmaEs(), 1, ItemFitness.Mean.ARITHMETIC))
        .withMessageContaining("the fitness has 1");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                ItemAllocations.racing()
                    .over(Optimizers.randomSearch(), 9, ItemFitness.Mean.ARITHMETIC)
                    .create(ItemTable.space(), List.of(Direction.MAXIMIZE, Direction.MINIMIZE), 1))
        .withMessageContaining("one objective, got 2");
  }

  @Test
  void settingsSayEverythingThatMatters() {
    Racing changed =
        ItemAllocations.racing()
            .first(0.2)
            .block(0.3)
            .limit(0.7)
            .select(0.25)
            .delta(0.01)
            .bound(Racing.Bound.EMPIRICAL_BERNSTEIN)
            .cohort(7)
            .calibration(3)
            .confirmations(2)
            .stratified(false);
    assertThat(changed.settings())
        .containsOnlyKeys(ItemAllocations.racing().settings().keySet())
        .allSatisfy(
            (name, value) ->
                assertThat(value).isNotEqualTo(ItemAllocations.racing().settings().get(name)));
  }

  private static List<Evaluation> evaluations(List<Proposal> proposals) {
    return proposals.stream()
        .map(proposal -> new Evaluation(proposal.id(), ItemTable.outcome(proposal)))
        .toList();
  }
}
