package io.evomerge.allocation;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.OptimizerFactory;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Makes optimisers that propose subsets of the items. */
record CohortFactory(
    CohortAllocation<?> allocation, OptimizerFactory inner, int itemCount, ItemFitness.Mean mean)
    implements OptimizerFactory {

  @Override
  public String name() {
    return allocation.name() + " of " + inner.name();
  }

  @Override
  public Map<String, String> settings() {
    Map<String, String> settings = new TreeMap<>(inner.settings());
    allocation.settings().forEach((name, value) -> settings.put("items." + name, value));
    settings.put("items.count", Integer.toString(itemCount));
    settings.put("items.mean", mean.name());
    return Map.copyOf(settings);
  }

  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    return new CohortOptimizer(
        this, inner.create(space, directions, seed), direction(directions), seed);
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    return CohortSnapshot.restore(this, space, directions, snapshot);
  }

  Direction direction(List<Direction> directions) {
    if (directions.size() != 1) {
      throw new IllegalArgumentException(
          allocation.name()
              + " compares candidates on one objective, got "
              + directions.size()
              + "; combine them into one number or score all items");
    }
    return directions.get(0);
  }
}
