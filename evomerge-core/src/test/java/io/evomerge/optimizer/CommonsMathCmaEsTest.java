package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class CommonsMathCmaEsTest extends OptimizerContract {

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.commonsMathCmaEs();
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-8);
  }

  @Test
  void theFirstBatchIsTheStartAndAGeneration() {
    Optimizer optimizer =
        Optimizers.commonsMathCmaEs().populationSize(7).create(space(), directions(), 1);
    List<Proposal> first = optimizer.ask(100);
    assertThat(first).hasSize(8);
    assertThat(first.get(0).genome()).isEqualTo(space().start());
    optimizer.tell(
        first.stream().map(p -> new Evaluation(p.id(), Outcome.Scored.of(p.id()))).toList());
    assertThat(optimizer.ask(100)).hasSize(7);
  }

  @Test
  void itIsDoneWhenCommonsMathIsAndRecommendsTheOptimum() {
    SearchSpace space = SearchSpace.of(new Gene.Real("x", -5, 5, 3), new Gene.Real("y", -5, 5, -3));
    Optimizer optimizer = factory().create(space, directions(), 1);
    int trials = 0;
    while (!optimizer.isDone() && trials < 5000) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal p : optimizer.ask(100)) {
        double x = p.genome().value(0) - 1;
        double y = p.genome().value(1) + 2;
        evaluations.add(new Evaluation(p.id(), Outcome.Scored.of(x * x + y * y)));
      }
      trials += evaluations.size();
      optimizer.tell(evaluations);
    }
    assertThat(optimizer.isDone()).isTrue();
    assertThat(optimizer.ask(1)).isEmpty();
    assertThat(optimizer.recommendation().orElseThrow().value(0)).isBetween(0.999, 1.001);
    Optimizer restored = factory().restore(space, directions(), optimizer.snapshot());
    assertThat(restored.isDone()).isTrue();
    assertThat(restored.snapshot()).isEqualTo(optimizer.snapshot());
  }

  @Test
  void badSettingsAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Optimizers.commonsMathCmaEs().populationSize(3));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> factory().create(space(), List.of(Direction.MINIMIZE, Direction.MAXIMIZE), 1));
  }
}
