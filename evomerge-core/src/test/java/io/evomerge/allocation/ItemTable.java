package io.evomerge.allocation;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Proposal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;

/** Items whose scores depend on a genome, each in its own way, without any model. */
final class ItemTable {

  static final int ITEMS = 80;
  static final int GENES = 6;

  private ItemTable() {}

  static SearchSpace space() {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < GENES; i++) {
      genes.add(new Gene.Real("x" + i, -2, 2, 0));
    }
    return SearchSpace.of(genes);
  }

  /** Log-likelihood of an item: it has a difficulty, and an optimum near the common one. */
  static double logLikelihood(Genome genome, int item) {
    Random random = new Random(1000 + item);
    double difficulty = 0.2 + 2 * random.nextDouble();
    double sum = 0;
    for (int i = 0; i < GENES; i++) {
      double off = genome.value(i) - 0.8 - 0.3 * random.nextGaussian();
      sum += off * off;
    }
    return -difficulty * (0.1 + sum / GENES);
  }

  static double score(Genome genome, ItemSubset items) {
    return Arrays.stream(scores(genome, items)).average().orElseThrow();
  }

  static double[] scores(Genome genome, ItemSubset items) {
    return indices(items).mapToDouble(item -> logLikelihood(genome, item)).toArray();
  }

  static IntStream indices(ItemSubset items) {
    return items.isAll() ? IntStream.range(0, ITEMS) : Arrays.stream(items.indices());
  }

  static Outcome outcome(Proposal proposal) {
    return new Outcome.Scored(
        List.of(
            new Fitness(
                score(proposal.genome(), proposal.items()),
                scores(proposal.genome(), proposal.items()),
                Map.of(),
                new double[0],
                proposal.items())));
  }

  static Optimizer optimizer(ItemAllocation allocation, OptimizerFactory inner, long seed) {
    return allocation
        .over(inner, ITEMS, ItemFitness.Mean.ARITHMETIC)
        .create(space(), List.of(Direction.MAXIMIZE), seed);
  }

  /** Everything that a search asked for until it had spent so many item scores. */
  static List<Proposal> search(Optimizer optimizer, long itemScores) {
    List<Proposal> all = new ArrayList<>();
    long spent = 0;
    while (spent < itemScores && !optimizer.isDone()) {
      List<Evaluation> told = new ArrayList<>();
      for (Proposal proposal : optimizer.ask(8)) {
        all.add(proposal);
        spent += indices(proposal.items()).count();
        told.add(new Evaluation(proposal.id(), outcome(proposal)));
      }
      optimizer.tell(told);
    }
    return all;
  }

  /** Returns how many items each genome was scored on; fails where an item came twice. */
  static Map<Genome, Set<Integer>> itemsOf(List<Proposal> proposals) {
    Map<Genome, Set<Integer>> items = new java.util.LinkedHashMap<>();
    for (Proposal proposal : proposals) {
      Set<Integer> known = items.computeIfAbsent(proposal.genome(), g -> new HashSet<>());
      indices(proposal.items())
          .forEach(
              item -> {
                if (!known.add(item)) {
                  throw new AssertionError("item " + item + " twice, trial " + proposal.id());
                }
              });
    }
    return items;
  }
}
