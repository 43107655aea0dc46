package io.evomerge.benchmarks;

import java.util.Arrays;
import java.util.Collection;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/** Starts what {@code benchmarks-jmh/run} names: a program of this module, or JMH. */
public final class Main {

  private Main() {}

  /**
   * Starts a program.
   *
   * @param args {@code soak}, {@code path-soak}, {@code large-merge}, {@code data-flow-genome},
   *     {@code optimizers}, {@code optimizer-budgets}, {@code optimizer-overhead}, {@code
   *     asynchronous} or {@code multi-objective} and its options, or the options of JMH
   * @throws Exception if it fails
   */
  public static void main(String[] args) throws Exception {
    try {
      start(args);
    } catch (IllegalArgumentException e) {
      System.err.println("error: " + e.getMessage());
      System.exit(2);
    }
  }

  private static void start(String[] args) throws Exception {
    String first = args.length == 0 ? "" : args[0];
    String[] rest = Arrays.copyOfRange(args, Math.min(1, args.length), args.length);
    if (first.equals("soak")) {
      CandidateSoak.main(rest);
      return;
    }
    if (first.equals("path-soak")) {
      PathSoak.main(rest);
      return;
    }
    if (first.equals("large-merge")) {
      LargeMerge.main(rest);
      return;
    }
    if (first.equals("multi-objective")) {
      MultiObjectiveBed.main(rest);
      return;
    }
    if (first.equals("data-flow-genome")) {
      DataFlowGenome.main(rest);
      return;
    }
    if (first.equals("optimizers")) {
      OptimizerEvaluations.main(rest);
      return;
    }
    if (first.equals("optimizer-budgets")) {
      OptimizerBudgets.main(rest);
      return;
    }
    if (first.equals("optimizer-overhead")) {
      OptimizerOverhead.main(rest);
      return;
    }
    if (first.equals("asynchronous")) {
      AsynchronousSimulation.main(rest);
      return;
    }
    CommandLineOptions options = new CommandLineOptions(args);
    if (options.shouldHelp()
        || options.shouldList()
        || options.shouldListWithParams()
        || options.shouldListProfilers()
        || options.shouldListResultFormats()) {
      org.openjdk.jmh.Main.main(args);
      return;
    }
    Collection<RunResult> results = new Runner(options).run();
    boolean asWanted = Ratios.print(results, System.out);
    if (!asWanted) {
      System.exit(1);
    }
  }
}
