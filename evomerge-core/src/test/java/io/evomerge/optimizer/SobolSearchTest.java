package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class SobolSearchTest extends OptimizerContract {

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.sobolSearch();
  }

  @Override
  protected boolean waits() {
    return false;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(8);
  }

  private static SearchSpace reals(int n) {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(new Gene.Real("x" + i, 0, 1, 0.5));
    }
    return SearchSpace.of(genes);
  }

  @Test
  void theFirstProposalIsTheStart() {
    assertThat(factory().create(space(), directions(), 1).ask(1).get(0).genome())
        .isEqualTo(space().start());
  }

  @Test
  void everyDyadicStretchHoldsEquallyManyPoints() {
    int count = 1 << 10;
    // The first point is the start of the space in place of the first of the sequence.
    List<Proposal> points = factory().create(reals(7), directions(), 5).ask(2 * count);
    for (int gene = 0; gene < 7; gene++) {
      int[] cells = new int[count];
      for (Proposal p : points.subList(count, 2 * count)) {
        cells[(int) (p.genome().value(gene) * count)]++;
      }
      assertThat(cells).as("gene %s", gene).containsOnly(1);
    }
  }

  @Test
  void pairsOfGenesFillTheSquareEvenly() {
    List<Proposal> points = factory().create(reals(2), directions(), 6).ask(512);
    int[] cells = new int[256];
    for (Proposal p : points.subList(256, 512)) {
      cells[(int) (p.genome().value(0) * 16) * 16 + (int) (p.genome().value(1) * 16)]++;
    }
    assertThat(cells).containsOnly(1);
  }

  @Test
  void aThousandGenesAreTakenAndMoreAreRefusedWithAdvice() {
    assertThat(factory().create(reals(1000), directions(), 1).ask(3)).hasSize(3);
    SearchSpace large = reals(1001);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().create(large, directions(), 1))
        .withMessageContaining("1001")
        .withMessageContaining("random-search");
  }

  @Test
  void severalObjectivesAreWelcomeAndNoneIsNot() {
    List<Direction> two = List.of(Direction.MAXIMIZE, Direction.MINIMIZE);
    assertThat(factory().create(space(), two, 1).ask(3)).hasSize(3);
    assertThatIllegalArgumentException().isThrownBy(() -> factory().create(space(), List.of(), 1));
  }

  @Test
  void itIsDoneWhenTheSequenceEnds() {
    String snapshot = factory().create(space(), directions(), 1).snapshot();
    Optimizer late =
        factory()
            .restore(
                space(),
                directions(),
                snapshot.replace("\"nextId\":0", "\"nextId\":" + (Integer.MAX_VALUE - 2)));
    assertThat(late.ask(10)).hasSize(2);
    assertThat(late.isDone()).isTrue();
    assertThat(late.ask(10)).isEmpty();
  }
}
