package io.evomerge.benchmarks;

import io.evomerge.benchmarks.TestFunctions.TestFunction;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.Proposal;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What optimisers themselves take per generation: asking and telling, the function excluded, of a
 * whole search from its start, after the compiler has seen one.
 *
 * <p>Prints and writes CSV: {@code
 * optimizer,n,popsize,generations,mean_ms_per_gen,median_ms_per_gen,max_ms_per_gen,mean_cpu_ms_per_gen}.
 * The processor time is that of this thread, which does all the work. A generation is what one
 * unbounded ask gives, or 4 + floor(3 ln n) points.
 */
final class OptimizerOverhead {

  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();

  private OptimizerOverhead() {}

  /**
   * Runs it.
   *
   * @param args {@code --optimizers a,b}, {@code --n 10,40,100}, {@code --function F}, {@code
   *     --generations N} of the search that is measured, {@code --csv FILE}
   */
  public static void main(String[] args) throws IOException {
    Options options = Options.of(args, "optimizers", "n", "function", "generations", "csv");
    TestFunction function = TestFunctions.named(options.text("function", "ellipsoid"));
    StringBuilder csv =
        new StringBuilder(
            "optimizer,n,popsize,generations,mean_ms_per_gen,median_ms_per_gen,max_ms_per_gen,"
                + "mean_cpu_ms_per_gen\n");
    System.out.print(csv);
    for (String name : options.list("optimizers", "cma-es")) {
      for (int n : options.numbers("n", "10,40,100,200,500,1000")) {
        int generations = options.number("generations", Math.max(200, 20_000 / n));
        OptimizerOverhead overhead = new OptimizerOverhead();
        overhead.measure(name, function, n, generations);
        String line = overhead.measure(name, function, n, generations);
        System.out.println(line);
        csv.append(line).append('\n');
      }
    }
    String file = options.text("csv", "");
    if (!file.isEmpty()) {
      Files.writeString(Path.of(file), csv);
    }
  }

  private String measure(String name, TestFunction function, int n, int generations) {
    Optimizer optimizer =
        NamedOptimizers.named(name).create(function.space(n), List.of(Direction.MINIMIZE), 1);
    int population = 4 + (int) (3 * Math.log(n));
    double[] millis = new double[generations];
    long cpu = 0;
    long points = 0;
    int done = 0;
    double first = Double.NaN;
    double best = Double.POSITIVE_INFINITY;
    for (; done < generations && !optimizer.isDone(); done++) {
      long cpuStart = threads.getCurrentThreadCpuTime();
      long start = System.nanoTime();
      List<Proposal> proposals = optimizer.ask(population);
      long spent = System.nanoTime() - start;
      cpu += threads.getCurrentThreadCpuTime() - cpuStart;
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal proposal : proposals) {
        double value = function.observed(proposal.genome().values(), 1, proposal.id());
        first = Double.isNaN(first) ? value : first;
        best = Math.min(best, value);
        evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(value)));
      }
      points += proposals.size();
      cpuStart = threads.getCurrentThreadCpuTime();
      start = System.nanoTime();
      optimizer.tell(evaluations);
      millis[done] = (spent + System.nanoTime() - start) / 1e6;
      cpu += threads.getCurrentThreadCpuTime() - cpuStart;
    }
    if (!(best < first)) {
      throw new IllegalStateException(name + " found nothing better than its first point");
    }
    double[] sorted = Arrays.copyOf(millis, done);
    Arrays.sort(sorted);
    return String.format(
        Locale.ROOT,
        "%s,%d,%d,%d,%.4f,%.4f,%.4f,%.4f",
        name,
        n,
        points / done,
        done,
        Arrays.stream(sorted).average().orElseThrow(),
        sorted[done / 2],
        sorted[done - 1],
        cpu / 1e6 / done);
  }
}
