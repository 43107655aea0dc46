package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class M2n2Test extends OptimizerContract {

  /** Not by the order of costs alone. */
  @Override
  protected boolean ranksViolations() {
    return false;
  }

  private static final List<Direction> UP = List.of(Direction.MAXIMIZE);

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.m2n2().archive(6);
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.empty();
  }

  @Override
  protected List<Direction> directions() {
    return UP;
  }

  @Override
  protected SearchSpace space() {
    return BirthSpace.splitSlerp(5);
  }

  @Override
  protected Fitness fitness(double score) {
    double[] items = new double[7];
    for (int i = 0; i < items.length; i++) {
      items[i] = Math.abs(score) * (i + 1) * 0.37 % 1;
    }
    return new Fitness(score, items, Map.of());
  }

  @Override
  @Test
  void maximisingTheNegativeIsMinimising() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().create(space(), List.of(Direction.MINIMIZE), 1))
        .withMessageContaining("maximise");
  }

  private static Outcome items(double... scores) {
    return new Outcome.Scored(List.of(new Fitness(0, scores, Map.of())));
  }

  @Test
  void fitnessIsTheShareOfWhatTheItemsHave() {
    double[][] scores = {{1, 1, 0, 0}, {1, 0, 0, 0}, {1, 1, 0.5, 0}};
    // z = 3, 2, 0.5, 0 and c = 1, 1, 0.5, 0
    double[] fitness = Niches.fitness(scores, 1);
    assertThat(fitness[0]).isEqualTo(1 / 3.0 + 1 / 2.0, within(1e-6));
    assertThat(fitness[1]).isEqualTo(1 / 3.0, within(1e-6));
    assertThat(fitness[2]).isEqualTo(1 / 3.0 + 1 / 2.0 + 0.5, within(1e-6));
    assertThat(Niches.fitness(scores, 0)).containsExactly(new double[] {2, 1, 2.25}, within(1e-6));
    assertThat(Niches.fitness(scores, 2)[0]).isEqualTo(1 / 9.0 + 1 / 4.0, within(1e-6));
  }

  @Test
  void attractionIsWhatAnotherCanDoBetterWhereFewCan() {
    double[][] scores = {{1, 1, 0, 0}, {1, 0, 0, 1}, {0, 0, 0.5, 1}};
    // z = 2, 1, 0.5, 2 and c = 1, 1, 0.5, 1
    double[] appeal = Niches.attraction(scores, 0);
    assertThat(appeal[0]).isZero();
    assertThat(appeal[1]).isEqualTo(1 / 2.0, within(1e-6));
    assertThat(appeal[2]).isEqualTo(0.5 / 0.5 * 0.5 + 1 / 2.0, within(1e-6));
  }

  @Test
  void theFirstTrialsAreTheSources() {
    Optimizer optimizer = Optimizers.m2n2().create(BirthSpace.splitSlerp(3), UP, 1);
    List<Proposal> first = optimizer.ask(10);
    assertThat(first).hasSize(3);
    for (int i = 0; i < 3; i++) {
      assertThat(first.get(i).genome().values()).startsWith(i, i, i);
    }
  }

  @Test
  void theLeastFitLeavesAndCompetitionDecidesWhoThatIs() {
    // 0 and 1 solve the same items and have 1 each; 2 has less in sum, but 1.5 of its own.
    PopulationOptimizer crowded = archiveOfTwo(1);
    PopulationOptimizer plain = archiveOfTwo(0);
    assertThat(crowded.living()).contains(2);
    assertThat(plain.living()).contains(0, 1);
    assertThat(archive(crowded)).contains(2);
    assertThat(archive(plain)).containsExactly(0, 1);
  }

  private static PopulationOptimizer archiveOfTwo(double competition) {
    PopulationOptimizer optimizer =
        Optimizers.m2n2()
            .archive(2)
            .competition(competition)
            .create(BirthSpace.splitSlerp(3), UP, 1);
    optimizer.ask(3);
    optimizer.tell(
        List.of(
            new Evaluation(0, items(1, 1, 0, 0)),
            new Evaluation(1, items(1, 1, 0, 0)),
            new Evaluation(2, items(0, 0, 1, 0.5))));
    return optimizer;
  }

  /** Parents of many births: whoever never has a child is not in the archive. */
  private static List<Integer> archive(PopulationOptimizer optimizer) {
    List<Integer> parents = new ArrayList<>();
    for (int round = 0; round < 60; round++) {
      List<Proposal> births = optimizer.ask(4);
      for (Proposal birth : births) {
        parents.add((int) birth.genome().value(1));
        parents.add((int) birth.genome().value(2));
        optimizer.tell(List.of(new Evaluation(birth.id(), new Outcome.Failed("no"))));
      }
    }
    return parents.stream().distinct().sorted().toList();
  }

  @Test
  void withAttractionTheSecondParentComplementsTheFirst() {
    Map<Boolean, Long> complementary =
        Map.of(
            true, complementaryPairs(Optimizers.m2n2()),
            false, complementaryPairs(Optimizers.m2n2().withoutAttraction()));
    // 0 and 1 are twins, 2 and 3 are twins: with attraction all pairs are mixed, else about half.
    assertThat(complementary.get(true)).isEqualTo(400);
    assertThat(complementary.get(false)).isBetween(140L, 260L);
  }

  private static long complementaryPairs(M2n2 settings) {
    Optimizer optimizer = settings.create(BirthSpace.splitSlerp(4), UP, 7);
    optimizer.ask(4);
    optimizer.tell(
        List.of(
            new Evaluation(0, items(1, 1, 0, 0)),
            new Evaluation(1, items(1, 1, 0, 0)),
            new Evaluation(2, items(0, 0, 1, 1)),
            new Evaluation(3, items(0, 0, 1, 1))));
    long mixed = 0;
    for (int round = 0; round < 100; round++) {
      for (Proposal birth : optimizer.ask(4)) {
        mixed += birth.genome().value(1) < 2 != birth.genome().value(2) < 2 ? 1 : 0;
        optimizer.tell(List.of(new Evaluation(birth.id(), new Outcome.Failed("no"))));
      }
    }
    return mixed;
  }

  @Test
  void theAblationsShowInTheGenomes() {
    for (Genome birth : births(Optimizers.m2n2().withoutSplit())) {
      assertThat(birth.value(4)).isEqualTo(1);
      assertThat(birth.value(5)).isZero();
    }
    assertThat(births(Optimizers.m2n2())).extracting(birth -> birth.value(4)).doesNotContain(1.0);
    assertThat(births(Optimizers.m2n2().mutation(0.01)))
        .allSatisfy(birth -> assertThat(birth.value(5)).isEqualTo(0.01))
        .extracting(birth -> birth.value(6))
        .doesNotHaveDuplicates();
  }

  private List<Genome> births(M2n2 settings) {
    Optimizer optimizer = settings.create(space(), UP, 3);
    List<Genome> births = new ArrayList<>();
    for (int round = 0; round < 12; round++) {
      for (Proposal birth : optimizer.ask(8)) {
        if (birth.id() >= 5) {
          births.add(birth.genome());
        }
        optimizer.tell(
            List.of(new Evaluation(birth.id(), new Outcome.Scored(List.of(fitness(birth.id()))))));
      }
    }
    assertThat(births).hasSizeGreaterThan(20);
    return births;
  }

  @Test
  void aBirthIsTheSameHoweverManyOutcomesAreInWhenItIsAskedFor() {
    // With 4 in flight the birth of trial n rests on the outcomes up to n - 4, not on later ones.
    M2n2 settings = Optimizers.m2n2().inFlight(4);
    Optimizer eager = settings.create(space(), UP, 9);
    Optimizer late = settings.create(space(), UP, 9);
    List<Genome> first = new ArrayList<>();
    List<Genome> second = new ArrayList<>();
    List<Proposal> waiting = new ArrayList<>();
    while (first.size() < 60) {
      waiting.addAll(eager.ask(100));
      Proposal one = waiting.remove(0);
      first.add(one.genome());
      eager.tell(List.of(scored(one)));
    }
    while (second.size() < 60) {
      List<Proposal> all = late.ask(100);
      all.forEach(one -> second.add(one.genome()));
      late.tell(all.stream().map(this::scored).toList());
    }
    assertThat(second.subList(0, 60)).isEqualTo(first);
  }

  private Evaluation scored(Proposal one) {
    return new Evaluation(
        one.id(), new Outcome.Scored(List.of(fitness(one.genome().value(3) + one.id()))));
  }

  @Test
  void scoresWithoutItemsOrWithOtherItemsAreRefusedWithTheReason() {
    Optimizer optimizer = factory().create(space(), UP, 1);
    optimizer.ask(5);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> optimizer.tell(List.of(new Evaluation(0, Outcome.Scored.of(0.5)))))
        .withMessageContaining("without items");
    optimizer.tell(List.of(new Evaluation(0, items(1, 0, 1))));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> optimizer.tell(List.of(new Evaluation(1, items(1, 0)))))
        .withMessageContaining("2 items, earlier ones 3");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> optimizer.tell(List.of(new Evaluation(1, items(1, -0.5, 0)))))
        .withMessageContaining("-0.5");
    optimizer.tell(List.of(new Evaluation(1, items(1, 0, 0))));
  }

  @Test
  void failedModelsHaveNoChildren() {
    Optimizer optimizer = factory().create(space(), UP, 2);
    optimizer.ask(5);
    List<Evaluation> outcomes = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      outcomes.add(new Evaluation(i, i == 2 ? new Outcome.Failed("no") : items(1, i, 1)));
    }
    optimizer.tell(outcomes);
    for (Proposal birth : optimizer.ask(100)) {
      assertThat(birth.genome().value(1)).isNotEqualTo(2);
      assertThat(birth.genome().value(2)).isNotEqualTo(2);
    }
  }

  @Test
  void anotherSpaceIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().create(SearchSpace.of(new Gene.Real("x", 0, 1, 0)), UP, 1))
        .withMessageContaining("births");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().create(BirthSpace.taskVectors(3, 2), UP, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> BirthSpace.splitSlerp(1));
  }
}
