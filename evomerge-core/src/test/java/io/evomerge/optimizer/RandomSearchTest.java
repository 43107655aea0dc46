package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class RandomSearchTest extends OptimizerContract {

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.randomSearch();
  }

  @Override
  protected boolean waits() {
    return false;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(10);
  }

  @Test
  void theFirstProposalIsTheStart() {
    Optimizer optimizer = factory().create(space(), directions(), 1);
    assertThat(optimizer.ask(2).get(0).genome()).isEqualTo(space().start());
  }

  @Test
  void anyNumberIsProposedWithoutBeingTold() {
    Optimizer optimizer = factory().create(space(), directions(), 1);
    assertThat(optimizer.ask(5000)).hasSize(5000);
    assertThat(optimizer.ask(1)).hasSize(1);
    assertThat(optimizer.isDone()).isFalse();
    assertThat(optimizer.recommendation()).isEmpty();
  }

  @Test
  void everyValueIsEquallyLikely() {
    SearchSpace space =
        SearchSpace.of(
            new Gene.Int("i", -1, 2, 0),
            new Gene.Choice("c", List.of("a", "b", "c"), 0),
            new Gene.Real("r", 2, 4, 3));
    int count = 60_000;
    int[] ints = new int[4];
    int[] choices = new int[3];
    int[] tenths = new int[10];
    for (Proposal p : factory().create(space, directions(), 3).ask(count)) {
      ints[(int) p.genome().value(0) + 1]++;
      choices[(int) p.genome().value(1)]++;
      tenths[(int) ((p.genome().value(2) - 2) * 5)]++;
    }
    assertEven(ints, count);
    assertEven(choices, count);
    assertEven(tenths, count);
  }

  private static void assertEven(int[] counts, int total) {
    double expected = (double) total / counts.length;
    for (int count : counts) {
      assertThat((double) count)
          .isBetween(expected - 6 * Math.sqrt(expected), expected + 6 * Math.sqrt(expected));
    }
  }

  @Test
  void severalObjectivesAreWelcome() {
    List<Direction> two = List.of(Direction.MAXIMIZE, Direction.MINIMIZE);
    assertThat(factory().create(space(), two, 1).ask(3)).hasSize(3);
  }
}
