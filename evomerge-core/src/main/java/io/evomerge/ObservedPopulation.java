package io.evomerge;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.PopulationFactory;
import io.evomerge.optimizer.PopulationOptimizer;
import io.evomerge.result.TrialRecord;
import io.evomerge.run.Progress;
import io.evomerge.run.RunListener;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Says after each trial which members a run's optimiser still needs. Optimiser and listener are
 * used by the coordinator's thread alone.
 */
final class ObservedPopulation implements PopulationFactory, RunListener {

  private final PopulationFactory factory;
  private final Consumer<SortedSet<Integer>> living;
  private @Nullable PopulationOptimizer optimizer;

  ObservedPopulation(PopulationFactory factory, Consumer<SortedSet<Integer>> living) {
    this.factory = factory;
    this.living = living;
  }

  @Override
  public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
    if (optimizer != null) {
      living.accept(optimizer.living());
    }
  }

  @Override
  public String name() {
    return factory.name();
  }

  @Override
  public Map<String, String> settings() {
    return factory.settings();
  }

  @Override
  public BirthSpace space(int sources, int objectives) {
    return factory.space(sources, objectives);
  }

  @Override
  public PopulationOptimizer create(SearchSpace space, List<Direction> directions, long seed) {
    PopulationOptimizer made = factory.create(space, directions, seed);
    optimizer = made;
    return made;
  }

  @Override
  public PopulationOptimizer restore(
      SearchSpace space, List<Direction> directions, String snapshot) {
    PopulationOptimizer made = factory.restore(space, directions, snapshot);
    optimizer = made;
    return made;
  }
}
