package io.evomerge.benchmarks;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.optimizer.Proposal;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What an optimiser itself takes per generation, on a sphere of n dimensions that costs nothing:
 * the mean of the first 20 generations, since Commons Math's grows with their number.
 *
 * <p>Every search must end better than it began.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class OptimizerOverheadBenchmark {

  private static final int GENERATIONS = 20;

  /** Number of genes: a recipe per model and per layer of small and of large models. */
  @State(Scope.Benchmark)
  public static class Genes {
    /** How many. */
    @Param({"16", "48", "200", "1000"})
    public int n;
  }

  /** The same without the largest, which takes minutes. */
  @State(Scope.Benchmark)
  public static class FewerGenes {
    /** How many. */
    @Param({"16", "48", "200"})
    public int n;
  }

  /** Ours. */
  @Benchmark
  @OperationsPerInvocation(GENERATIONS)
  public double cmaEs(Genes genes) {
    return search(Optimizers.cmaEs(), genes.n);
  }

  /** Apache Commons Math's. */
  @Benchmark
  @OperationsPerInvocation(GENERATIONS)
  public double commonsMathCmaEs(FewerGenes genes) {
    return search(Optimizers.commonsMathCmaEs(), genes.n);
  }

  /** No search at all, for comparison. */
  @Benchmark
  @OperationsPerInvocation(GENERATIONS)
  public double randomSearch(Genes genes) {
    return search(Optimizers.randomSearch(), genes.n);
  }

  private static double search(OptimizerFactory factory, int n) {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(new Gene.Real("x" + i, 0, 1, 0.5));
    }
    SearchSpace space = SearchSpace.of(genes);
    int population = 4 + (int) (3 * Math.log(n));
    Optimizer optimizer = factory.create(space, List.of(Direction.MINIMIZE), 1);
    double first = Double.NaN;
    double best = Double.POSITIVE_INFINITY;
    for (int generation = 0; generation < GENERATIONS; generation++) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal proposal : ask(optimizer, population)) {
        double value = value(proposal.genome());
        first = Double.isNaN(first) ? value : first;
        best = Math.min(best, value);
        evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(value)));
      }
      optimizer.tell(evaluations);
    }
    if (!(best < first)) {
      throw new IllegalStateException(optimizer.name() + " found nothing better than " + first);
    }
    return best;
  }

  private static List<Proposal> ask(Optimizer optimizer, int population) {
    List<Proposal> proposals = new ArrayList<>();
    while (proposals.size() < population) {
      List<Proposal> more = optimizer.ask(population - proposals.size());
      if (more.isEmpty()) {
        break;
      }
      proposals.addAll(more);
    }
    if (proposals.isEmpty()) {
      throw new IllegalStateException(optimizer.name() + " has ended; use fewer generations");
    }
    return proposals;
  }

  private static double value(Genome genome) {
    double sum = 0;
    for (double x : genome.values()) {
      sum += (x - 0.7) * (x - 0.7);
    }
    return sum;
  }
}
