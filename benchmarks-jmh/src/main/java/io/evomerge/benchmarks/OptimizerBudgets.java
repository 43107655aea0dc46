package io.evomerge.benchmarks;

import io.evomerge.benchmarks.TestFunctions.TestFunction;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Proposal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How good the best trial is after given numbers of evaluations of the {@link TestFunctions}.
 *
 * <p>Prints the median over the seeds per optimiser, function, number of genes and budget, and
 * writes CSV with a line per search and budget: {@code optimizer,function,n,seed,evaluations,best}.
 * With noise, the trial that looked best counts by its value without noise.
 */
final class OptimizerBudgets {

  private OptimizerBudgets() {}

  /**
   * Runs it.
   *
   * @param args {@code --optimizers a,b}, {@code --functions a,b}, {@code --n 10,40}, {@code
   *     --seeds 5}, {@code --budgets 50,100}, {@code --ask 1} points at a time, {@code --csv FILE}
   */
  public static void main(String[] args) throws IOException {
    Options options =
        Options.of(args, "optimizers", "functions", "n", "seeds", "budgets", "ask", "csv");
    int[] budgets = options.numbers("budgets", "50,100,200,500,1000");
    Arrays.sort(budgets);
    int seeds = options.number("seeds", 5);
    int ask = options.number("ask", 1);
    StringBuilder csv = new StringBuilder("optimizer,function,n,seed,evaluations,best\n");
    for (String name : options.list("functions", "sphere,rosenbrock,rastrigin-rotated,ackley")) {
      TestFunction function = TestFunctions.named(name);
      for (int n : options.numbers("n", "10")) {
        for (String optimizer : options.list("optimizers", "cma-es,random")) {
          OptimizerFactory factory = NamedOptimizers.named(optimizer);
          double[][] best = new double[budgets.length][seeds];
          for (int seed = 1; seed <= seeds; seed++) {
            double[] one = best(factory, function, n, seed, budgets, ask);
            for (int b = 0; b < budgets.length; b++) {
              best[b][seed - 1] = one[b];
              csv.append(optimizer).append(',').append(name).append(',').append(n).append(',');
              csv.append(seed).append(',').append(budgets[b]).append(',').append(one[b]);
              csv.append('\n');
            }
          }
          StringBuilder line =
              new StringBuilder(
                  String.format(Locale.ROOT, "%-18s n %3d %-24s", name, n, optimizer));
          for (double[] values : best) {
            Arrays.sort(values);
            line.append(String.format(Locale.ROOT, " %9.2g", values[seeds / 2]));
          }
          System.out.println(line);
        }
      }
    }
    String file = options.text("csv", "");
    if (!file.isEmpty()) {
      Files.writeString(Path.of(file), csv);
    }
  }

  private static double[] best(
      OptimizerFactory factory, TestFunction function, int n, long seed, int[] budgets, int ask) {
    Optimizer optimizer = factory.create(function.space(n), List.of(Direction.MINIMIZE), seed);
    double[] at = new double[budgets.length];
    double lowest = Double.POSITIVE_INFINITY;
    double value = Double.NaN;
    int trials = 0;
    int budget = 0;
    while (budget < budgets.length) {
      List<Evaluation> evaluations = new ArrayList<>();
      List<Proposal> proposals = optimizer.isDone() ? List.of() : optimizer.ask(ask);
      for (Proposal proposal : proposals) {
        double[] genes = proposal.genome().values();
        double observed = function.observed(genes, seed, proposal.id());
        if (observed < lowest) {
          lowest = observed;
          value = function.value(genes);
        }
        evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(observed)));
        trials++;
        while (budget < budgets.length && trials >= budgets[budget]) {
          at[budget++] = value;
        }
      }
      if (proposals.isEmpty()) {
        Arrays.fill(at, budget, at.length, value);
        break;
      }
      optimizer.tell(evaluations);
    }
    return at;
  }
}
