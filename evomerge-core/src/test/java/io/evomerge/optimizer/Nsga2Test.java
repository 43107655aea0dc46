package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class Nsga2Test extends MultiObjectiveContract {

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.nsga2(12);
  }

  @Override
  protected OptimizerFactory factory(int populationSize) {
    return Optimizers.nsga2(populationSize);
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Test
  void aGenerationIsHandedOutAtOnce() {
    Optimizer optimizer = Optimizers.nsga2(30).create(space(), directions(), 1);
    assertThat(optimizer.ask(100)).hasSize(30);
    assertThat(optimizer.ask(100)).isEmpty();
  }

  @Test
  void settingsNameThePopulation() {
    assertThat(Optimizers.nsga2().settings()).containsEntry("populationSize", "40");
    assertThat(Optimizers.nsga2(8).populationSize()).isEqualTo(8);
    assertThat(Optimizers.nsga2(8)).hasToString("nsga2{populationSize=8}");
  }

  private static Member member(long id, double... costs) {
    return new Member(id, io.evomerge.genome.Genome.of(id), costs, 0);
  }

  @Test
  void frontsAreLayersOfDomination() {
    Member a = member(0, 0, 2);
    Member b = member(1, 2, 0);
    Member c = member(2, 1, 2);
    Member d = member(3, 3, 3);
    Member failed = member(4);
    Member violating = new Member(5, a.genome(), new double[] {-9, -9}, 0.5);
    assertThat(Fronts.of(List.of(failed, d, violating, c, b, a)))
        .containsExactly(
            List.of(b, a), List.of(c), List.of(d), List.of(violating), List.of(failed));
  }

  @Test
  void crowdingIsTheShareOfTheRangeBetweenNeighbours() {
    List<Member> front = List.of(member(0, 0, 10), member(1, 1, 4), member(2, 4, 0));
    assertThat(Fronts.crowding(front))
        .containsExactly(Double.POSITIVE_INFINITY, 2, Double.POSITIVE_INFINITY);
    assertThat(Fronts.crowding(List.of(member(0, 1, 1), member(1, 1, 1), member(2, 1, 1))))
        .doesNotContain(Double.NaN);
    assertThat(Fronts.crowding(List.of(member(0), member(1)))).containsExactly(0, 0);
  }
}
