package io.evomerge.allocation;

import io.evomerge.fitness.ItemFitness;
import io.evomerge.optimizer.OptimizerContract;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import java.util.OptionalDouble;

class CommonSubsetContractTest extends OptimizerContract {

  @Override
  protected boolean ranksViolations() {
    return false;
  }

  @Override
  protected OptimizerFactory factory() {
    return ItemAllocations.commonSubset().over(Optimizers.cmaEs(), 20, ItemFitness.Mean.ARITHMETIC);
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-3);
  }
}
