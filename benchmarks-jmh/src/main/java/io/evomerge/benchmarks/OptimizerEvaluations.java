package io.evomerge.benchmarks;

import io.evomerge.benchmarks.TestFunctions.TestFunction;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Proposal;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;

/**
 * How many evaluations optimisers take to reach a target value of the {@link TestFunctions}.
 *
 * <p>Prints the median over the seeds per optimiser, function and number of genes, and writes CSV
 * with a line per search: {@code optimizer,function,n,seed,target,evaluations}; evaluations are
 * empty where the target was missed. With noise, an evaluation counts by its value without noise.
 */
final class OptimizerEvaluations {

  private OptimizerEvaluations() {}

  /**
   * Runs it.
   *
   * @param args {@code --optimizers a,b}, {@code --functions a,b}, {@code --n 10,40}, {@code
   *     --seeds 11}, {@code --max N} evaluations, {@code --target T} instead of the functions' own,
   *     {@code --csv FILE}
   */
  public static void main(String[] args) throws IOException {
    Options options =
        Options.of(args, "optimizers", "functions", "n", "seeds", "max", "target", "csv");
    List<String> optimizers = options.list("optimizers", "cma-es");
    List<String> functions = options.list("functions", "sphere,ellipsoid,rosenbrock,ackley");
    int seeds = options.number("seeds", 11);
    int max = options.number("max", 300_000);
    StringBuilder csv = new StringBuilder("optimizer,function,n,seed,target,evaluations\n");
    for (String optimizer : optimizers) {
      OptimizerFactory factory = NamedOptimizers.named(optimizer);
      for (String name : functions) {
        TestFunction function = TestFunctions.named(name);
        double target = options.real("target", function.target());
        for (int n : options.numbers("n", "10,40")) {
          long[] evaluations =
              LongStream.rangeClosed(1, seeds)
                  .parallel()
                  .map(seed -> evaluations(factory, function, n, seed, target, max))
                  .toArray();
          for (int seed = 1; seed <= seeds; seed++) {
            long one = evaluations[seed - 1];
            csv.append(optimizer).append(',').append(name).append(',').append(n).append(',');
            csv.append(seed).append(',').append(target).append(',');
            csv.append(one == Long.MAX_VALUE ? "" : one).append('\n');
          }
          System.out.println(line(optimizer, name, n, evaluations));
        }
      }
    }
    String file = options.text("csv", "");
    if (!file.isEmpty()) {
      Files.writeString(Path.of(file), csv);
    }
  }

  private static String line(String optimizer, String function, int n, long[] evaluations) {
    long[] sorted = evaluations.clone();
    Arrays.sort(sorted);
    long solved = Arrays.stream(sorted).filter(each -> each != Long.MAX_VALUE).count();
    long median = sorted[sorted.length / 2];
    return String.format(
        Locale.ROOT,
        "%-24s %-20s n %4d: median %8s, %d of %d solved",
        optimizer,
        function,
        n,
        median == Long.MAX_VALUE ? "-" : median,
        solved,
        sorted.length);
  }

  /** Returns the evaluations to the target, or the largest number if it was missed. */
  static long evaluations(
      OptimizerFactory factory, TestFunction function, int n, long seed, double target, int max) {
    Optimizer optimizer = factory.create(function.space(n), List.of(Direction.MINIMIZE), seed);
    try {
      long trials = 0;
      while (trials < max && !optimizer.isDone()) {
        List<Evaluation> evaluations = new ArrayList<>();
        for (Proposal proposal : optimizer.ask(64)) {
          double[] genes = proposal.genome().values();
          trials++;
          if (function.value(genes) <= target) {
            return trials;
          }
          double value = function.observed(genes, seed, proposal.id());
          evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(value)));
        }
        optimizer.tell(evaluations);
      }
      return Long.MAX_VALUE;
    } finally {
      close(optimizer);
    }
  }

  private static void close(Optimizer optimizer) {
    if (optimizer instanceof AutoCloseable closeable) {
      try {
        closeable.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
