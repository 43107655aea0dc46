package io.evomerge.benchmarks;

import io.evomerge.benchmarks.TestFunctions.TestFunction;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.internal.RandomStream;
import io.evomerge.optimizer.CmaEs;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Proposal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.stream.LongStream;

/**
 * What it costs and gains not to wait: workers on a virtual clock, whose evaluations take times of
 * a heavy-tailed distribution, search the {@link TestFunctions} once with outcomes told in the
 * order of the trials' numbers and once as they finish.
 *
 * <p>Prints medians over the seeds: the share of their time that workers were busy until the target
 * was hit, evaluations to the target, and the time to it in mean evaluations of one worker. CSV has
 * a line per search: {@code optimizer,population,function,n,workers,times,mode,seed,evaluations,
 * utilisation,time}; evaluations are empty where the target was missed.
 *
 * <p>Ends with an error if workers were idle for more than a twentieth of an asynchronous search.
 */
final class AsynchronousSimulation {

  private static final double LEAST_UTILISATION = 0.95;

  /** As in a run: so many trials per worker are open at most. */
  private static final int AHEAD = 16;

  private final int workers;
  private final String times;
  private final int max;

  private AsynchronousSimulation(int workers, String times, int max) {
    this.workers = workers;
    this.times = times;
    this.max = max;
  }

  /** How a search went; evaluations are the largest number if the target was missed. */
  private record Result(long evaluations, double utilisation, double time) {

    private static Result median(Result[] all) {
      int middle = all.length / 2;
      return new Result(
          Arrays.stream(all).mapToLong(Result::evaluations).sorted().toArray()[middle],
          Arrays.stream(all).mapToDouble(Result::utilisation).sorted().toArray()[middle],
          Arrays.stream(all).mapToDouble(Result::time).sorted().toArray()[middle]);
    }
  }

  private record Running(Proposal proposal, double start, double end) {}

  /**
   * Runs it.
   *
   * @param args {@code --optimizers a,b}, {@code --functions a,b}, {@code --n 10,40}, {@code
   *     --population 1} times the default, for CMA-ES, {@code --workers 8}, {@code --times
   *     log-normal,pareto,constant}, {@code --seeds 11}, {@code --max N} evaluations, {@code --csv
   *     FILE}
   */
  public static void main(String[] args) throws IOException {
    Options options =
        Options.of(
            args,
            "optimizers",
            "functions",
            "n",
            "population",
            "workers",
            "times",
            "seeds",
            "max",
            "csv");
    int seeds = options.number("seeds", 11);
    int max = options.number("max", 300_000);
    int population = options.number("population", 1);
    StringBuilder csv =
        new StringBuilder(
            "optimizer,population,function,n,workers,times,mode,seed,evaluations,utilisation,time\n");
    double least = 1;
    print(
        "%-14s %-18s %4s %-10s | %-38s | %-38s | %s",
        "optimiser", "function", "n", "times", "in order", "asynchronous", "evaluations, time");
    for (String name : options.list("optimizers", "cma-es")) {
      for (String functionName : options.list("functions", "sphere,ellipsoid,rosenbrock")) {
        TestFunction function = TestFunctions.named(functionName);
        for (int n : options.numbers("n", "10,40")) {
          OptimizerFactory factory = sized(NamedOptimizers.named(name), population, n);
          for (int workers : options.numbers("workers", "8")) {
            for (String times : options.list("times", "log-normal,pareto")) {
              AsynchronousSimulation simulation = new AsynchronousSimulation(workers, times, max);
              String where =
                  String.join(
                      ",", name, "" + population, functionName, "" + n, "" + workers, times);
              Result[] inOrder = simulation.all(factory, function, n, seeds, false);
              Result[] asynchronous =
                  simulation.all(factory.asynchronous(), function, n, seeds, true);
              append(csv, where + ",in-order", inOrder);
              append(csv, where + ",asynchronous", asynchronous);
              Result before = Result.median(inOrder);
              Result now = Result.median(asynchronous);
              least = Math.min(least, now.utilisation());
              print(
                  "%-14s %-18s %4d %-10s | %s | %s | %s, %.2f",
                  name,
                  functionName,
                  n,
                  times,
                  text(inOrder),
                  text(asynchronous),
                  before.evaluations() == Long.MAX_VALUE || now.evaluations() == Long.MAX_VALUE
                      ? "-"
                      : String.format(
                          Locale.ROOT, "%.2f", now.evaluations() / (double) before.evaluations()),
                  now.time() / before.time());
            }
          }
        }
      }
    }
    String file = options.text("csv", "");
    if (!file.isEmpty()) {
      Files.writeString(Path.of(file), csv);
    }
    if (least < LEAST_UTILISATION) {
      throw new IllegalStateException(
          "workers of an asynchronous search were busy for " + least + " of their time only");
    }
  }

  private static OptimizerFactory sized(OptimizerFactory factory, int times, int n) {
    return times != 1 && factory instanceof CmaEs cmaEs
        ? cmaEs.populationSize(times * (4 + (int) (3 * Math.log(n))))
        : factory;
  }

  private static void append(StringBuilder csv, String where, Result[] results) {
    for (int seed = 1; seed <= results.length; seed++) {
      Result one = results[seed - 1];
      csv.append(where).append(',').append(seed).append(',');
      csv.append(one.evaluations() == Long.MAX_VALUE ? "" : one.evaluations());
      csv.append(',').append(one.utilisation()).append(',').append(one.time()).append('\n');
    }
  }

  private static String text(Result[] results) {
    Result median = Result.median(results);
    long missed = Arrays.stream(results).filter(one -> one.evaluations() == Long.MAX_VALUE).count();
    return String.format(
        Locale.ROOT,
        "busy %5.1f %%, %7s evaluations%s",
        100 * median.utilisation(),
        median.evaluations() == Long.MAX_VALUE ? "-" : median.evaluations(),
        missed == 0 ? "" : " (" + missed + " missed)");
  }

  private Result[] all(
      OptimizerFactory factory, TestFunction function, int n, int seeds, boolean asFinished) {
    return LongStream.rangeClosed(1, seeds)
        .mapToObj(seed -> search(factory, function, n, seed, asFinished))
        .toArray(Result[]::new);
  }

  /** The order of asking and telling is that of a run with so many workers. */
  private Result search(
      OptimizerFactory factory, TestFunction function, int n, long seed, boolean asFinished) {
    Optimizer optimizer = factory.create(function.space(n), List.of(Direction.MINIMIZE), seed);
    PriorityQueue<Running> running =
        new PriorityQueue<>(
            Comparator.comparingDouble(Running::end).thenComparingLong(one -> one.proposal().id()));
    Map<Long, Proposal> held = new HashMap<>();
    double clock = 0;
    double busy = 0;
    long told = 0;
    while (told < max) {
      int free = workers - running.size();
      while (free > 0 && running.size() + held.size() < AHEAD * workers && !optimizer.isDone()) {
        List<Proposal> proposals = optimizer.ask(asFinished ? 1 : free);
        if (proposals.isEmpty()) {
          break;
        }
        for (Proposal proposal : proposals) {
          running.add(new Running(proposal, clock, clock + time(seed, proposal.id())));
        }
        free = workers - running.size();
      }
      Running first = running.poll();
      if (first == null) {
        break;
      }
      clock = first.end();
      busy += first.end() - first.start();
      held.put(first.proposal().id(), first.proposal());
      long next = asFinished ? first.proposal().id() : told;
      for (Proposal one = held.remove(next); one != null; one = held.remove(++next)) {
        double[] genes = one.genome().values();
        told++;
        if (function.value(genes) <= function.target()) {
          return result(told, clock, busy, running);
        }
        double value = function.observed(genes, seed, one.id());
        optimizer.tell(List.of(new Evaluation(one.id(), Outcome.Scored.of(value))));
        if (asFinished) {
          break;
        }
      }
    }
    return result(Long.MAX_VALUE, clock, busy, running);
  }

  /** What is running at the end has been busy from its start on. */
  private Result result(long evaluations, double clock, double busy, Iterable<Running> running) {
    double sum = busy;
    for (Running one : running) {
      sum += clock - one.start();
    }
    return new Result(evaluations, sum / (workers * clock), clock);
  }

  /** Returns how long a trial takes; 1 in the mean. */
  private double time(long seed, long id) {
    RandomStream stream = RandomStream.of(seed, "evaluation time", id);
    return switch (times) {
      case "log-normal" -> Math.exp(stream.nextGaussian() - 0.5);
      case "pareto" -> Math.pow(1 - stream.nextDouble(), -1 / 1.5) / 3;
      case "constant" -> 1;
      default ->
          throw new IllegalArgumentException(
              "times: got " + times + ", wanted log-normal, pareto or constant");
    };
  }

  private static void print(String format, Object... values) {
    System.out.printf(Locale.ROOT, format + "%n", values);
  }
}
