package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/** Loops around optimisers for tests. */
final class Trials {
  private Trials() {}

  static final List<Direction> MINIMIZE = List.of(Direction.MINIMIZE);

  static SearchSpace reals(int n, double min, double max, double start) {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(new Gene.Real("x" + i, min, max, start));
    }
    return SearchSpace.of(genes);
  }

  /** Returns the lowest cost of so many trials, asked for in portions. */
  static double best(Optimizer optimizer, ToDoubleFunction<Genome> cost, int trials, int portion) {
    double best = Double.POSITIVE_INFINITY;
    int count = 0;
    while (count < trials && !optimizer.isDone()) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal p : optimizer.ask(Math.min(portion, trials - count))) {
        double value = cost.applyAsDouble(p.genome());
        best = Math.min(best, value);
        evaluations.add(new Evaluation(p.id(), Outcome.Scored.of(value)));
      }
      count += evaluations.size();
      optimizer.tell(evaluations);
    }
    return best;
  }

  /** Returns the lowest cost when so many are always open and finish in any order. */
  static double bestOutOfOrder(
      Optimizer optimizer, ToDoubleFunction<Genome> cost, int trials, int workers, long seed) {
    Random random = new Random(seed);
    List<Proposal> open = new ArrayList<>();
    double best = Double.POSITIVE_INFINITY;
    for (int count = 0; count < trials && !optimizer.isDone(); count++) {
      if (open.size() < workers) {
        open.addAll(optimizer.ask(workers - open.size()));
      }
      Proposal p = open.remove(random.nextInt(open.size()));
      double value = cost.applyAsDouble(p.genome());
      best = Math.min(best, value);
      optimizer.tell(List.of(new Evaluation(p.id(), Outcome.Scored.of(value))));
    }
    return best;
  }
}
