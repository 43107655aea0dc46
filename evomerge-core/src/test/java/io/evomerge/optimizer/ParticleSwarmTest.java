package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.genome.Genome;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class ParticleSwarmTest extends OptimizerContract {

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.particleSwarm();
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-8);
  }

  private static double ellipsoid(Genome genome) {
    double sum = 0;
    for (int i = 0; i < genome.size(); i++) {
      sum += (i + 1) * (genome.value(i) - 1) * (genome.value(i) - 1);
    }
    return sum;
  }

  @Test
  void theFirstProposalIsTheStart() {
    assertThat(factory().create(space(), directions(), 1).ask(1).get(0).genome())
        .isEqualTo(space().start());
  }

  @Test
  void asManyTrialsAreOpenAsThereAreParticles() {
    OptimizerFactory swarm = Optimizers.particleSwarm().swarmSize(9);
    for (OptimizerFactory form :
        List.of(swarm.immediate(), Optimizers.particleSwarm().swarmSize(9).mostOpen(20))) {
      Optimizer optimizer = form.create(space(), directions(), 1);
      assertThat(optimizer.ask(100)).hasSize(9);
      assertThat(optimizer.ask(100)).isEmpty();
    }
    assertThat(swarm.create(space(), directions(), 1).ask(100)).hasSize(4);
  }

  @Test
  void outcomesInAnyOrderWithOthersOpenStillFindTheOptimum() {
    Optimizer optimizer = factory().create(Trials.reals(5, -5, 5, 0), Trials.MINIMIZE, 4);
    assertThat(Trials.bestOutOfOrder(optimizer, ParticleSwarmTest::ellipsoid, 3000, 8, 1))
        .isLessThan(1e-6);
  }

  @Test
  void anOptimumInACornerIsFound() {
    Optimizer optimizer = factory().create(Trials.reals(5, -5, 1, 0), Trials.MINIMIZE, 4);
    assertThat(Trials.best(optimizer, ParticleSwarmTest::ellipsoid, 3000, 8)).isLessThan(1e-6);
  }

  @Test
  void aCollapsedSwarmIsDone() {
    Optimizer optimizer = factory().create(Trials.reals(2, -5, 5, 0), Trials.MINIMIZE, 5);
    assertThat(Trials.best(optimizer, ParticleSwarmTest::ellipsoid, 40_000, 16)).isLessThan(1e-16);
    assertThat(optimizer.isDone()).isTrue();
    assertThat(optimizer.ask(1)).isEmpty();
  }

  @Test
  void badSettingsAreRefusedAndGoodOnesShown() {
    ParticleSwarm pso = Optimizers.particleSwarm();
    assertThatIllegalArgumentException().isThrownBy(() -> pso.swarmSize(1));
    assertThatIllegalArgumentException().isThrownBy(() -> pso.informed(0));
    assertThat(pso.swarmSize(7).informed(2).settings())
        .containsEntry("swarmSize", "7")
        .containsEntry("informed", "2");
    assertThat(pso.swarmSize()).isEmpty();
    assertThat(pso.swarmSize(7).swarmSize()).hasValue(7);
    assertThat(pso.informed()).isEqualTo(3);
  }
}
