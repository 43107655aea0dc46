package io.evomerge.benchmarks;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Hypervolume;
import io.evomerge.fitness.Outcome;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.optimizer.Proposal;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Hypervolumes of searches for several objectives, as CSV: {@code
 * optimizer,function,n,seed,evaluations,hypervolume,reference,ratio}.
 *
 * <p>What counts is the front of all points evaluated so far, which a search returns, up to 1.1 on
 * every objective or what {@code --reference} says; {@code reference} is the hypervolume of the
 * function's whole front, which no finite set reaches. Options: {@code --optimizers a,b}, {@code
 * --functions ZDT1,...}, {@code --budgets 500,1000,...}, {@code --seeds 5}, {@code --reference
 * 1.1}.
 */
final class MultiObjectiveBed {

  private static final int WORKERS = 8;

  private MultiObjectiveBed() {}

  private static Map<String, OptimizerFactory> known() {
    Map<String, OptimizerFactory> known = new LinkedHashMap<>();
    known.put("random-search", Optimizers.randomSearch());
    for (int size : new int[] {20, 40, 100}) {
      known.put("nsga2-" + size, Optimizers.nsga2(size));
      known.put("sms-emoa-" + size, Optimizers.smsEmoa(size));
    }
    return known;
  }

  /**
   * Runs the bed.
   *
   * @param args options, each with its value
   */
  public static void main(String[] args) {
    Options options = Options.of(args, "optimizers", "functions", "budgets", "seeds", "reference");
    Map<String, OptimizerFactory> known = known();
    List<String> optimizers = options.list("optimizers", String.join(",", known.keySet()));
    List<MultiObjectiveProblem> problems =
        options.list("functions", "ZDT1,ZDT2,ZDT3,DTLZ2,ELLIPSOIDS").stream()
            .map(MultiObjectiveProblem::valueOf)
            .toList();
    int[] budgets = options.numbers("budgets", "500,1000,2000");
    int seeds = options.number("seeds", 5);
    double reference = options.real("reference", 1.1);
    Arrays.sort(budgets);
    System.out.println("optimizer,function,n,seed,evaluations,hypervolume,reference,ratio");
    for (String name : optimizers) {
      OptimizerFactory factory = known.get(name);
      if (factory == null) {
        throw new IllegalArgumentException("no optimizer '" + name + "', only " + known.keySet());
      }
      for (MultiObjectiveProblem problem : problems) {
        for (int seed = 1; seed <= seeds; seed++) {
          run(System.out, name, factory, problem, seed, reference, budgets);
        }
      }
    }
  }

  private static void run(
      PrintStream out,
      String name,
      OptimizerFactory factory,
      MultiObjectiveProblem problem,
      int seed,
      double reference,
      int[] budgets) {
    List<Direction> directions = Collections.nCopies(problem.objectives(), Direction.MINIMIZE);
    double[] corner = new double[problem.objectives()];
    Arrays.fill(corner, reference);
    Hypervolume hypervolume = Hypervolume.of(directions, corner);
    Optimizer optimizer = factory.create(problem.space(), directions, seed);
    List<double[]> points = new ArrayList<>();
    double before = 0;
    for (int budget : budgets) {
      while (points.size() < budget) {
        List<Evaluation> evaluations = new ArrayList<>();
        for (Proposal proposal : optimizer.ask(Math.min(WORKERS, budget - points.size()))) {
          double[] costs = problem.costs(proposal.genome());
          points.add(costs);
          List<Fitness> fitness = Arrays.stream(costs).mapToObj(Fitness::of).toList();
          evaluations.add(new Evaluation(proposal.id(), new Outcome.Scored(fitness)));
        }
        optimizer.tell(evaluations);
      }
      double covered = hypervolume.covered(points);
      double whole = problem.hypervolume(reference);
      if (covered < before || covered > whole) {
        throw new IllegalStateException(
            name + " on " + problem + ": " + covered + " after " + before + " of " + whole);
      }
      before = covered;
      out.printf(
          Locale.ROOT,
          "%s,%s,%d,%d,%d,%.6f,%.6f,%.5f%n",
          name,
          problem,
          problem.genes(),
          seed,
          budget,
          covered,
          whole,
          covered / whole);
    }
  }
}
