package io.evomerge.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.DataFlowSearchSpace;
import io.evomerge.genome.DataFlowSearchSpace.Step;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.LayeredModel;
import io.evomerge.optimizer.CmaEs;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.optimizer.Proposal;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/**
 * What CMA-ES takes for the published genome of paths through layers (two models of 32 layers,
 * three repetitions: 192 indicators and 4096 scales), with a fitness that costs next to nothing.
 *
 * <p>The cost of a path is its edit distance from a hidden path, as a share of that one's hops,
 * plus the mean squared distance of its scales from hidden ones. The hidden path is the first model
 * with stretches of the second and some scales off 1, so that the start is neither far nor right.
 * The search must end better than it began.
 */
final class DataFlowGenome {

  private static final long SEED = 1;

  private final int generations;
  private final int population;
  private final CmaEs.Covariance covariance;
  private final DataFlowSearchSpace space;
  private final List<Step> hidden;
  private final double[][] scales;

  private DataFlowGenome(Map<String, String> options) {
    generations = Integer.parseInt(options.getOrDefault("generations", "100"));
    population = Integer.parseInt(options.getOrDefault("population", "128"));
    covariance =
        CmaEs.Covariance.valueOf(
            options.getOrDefault("covariance", "full").toUpperCase(Locale.ROOT).replace('-', '_'));
    int layers = Integer.parseInt(options.getOrDefault("layers", "64"));
    int repeats = Integer.parseInt(options.getOrDefault("repeats", "3"));
    int depth = layers / 2;
    space =
        DataFlowSpace.repeats(repeats)
            .bind(List.of(new LayeredModel("a", depth), new LayeredModel("b", layers - depth)));
    Random random = new Random(7);
    scales = new double[layers][layers];
    for (double[] row : scales) {
      Arrays.setAll(row, i -> 1 + 0.2 * random.nextGaussian());
    }
    hidden = hidden(repeats, depth, random);
  }

  /** The first model, and from the second repetition on half of the second model's layers. */
  private static List<Step> hidden(int repeats, int depth, Random random) {
    List<Step> path = new ArrayList<>();
    for (int layer = 0; layer < depth; layer++) {
      path.add(new Step(0, layer, 1));
    }
    for (int repeat = 1; repeat < repeats; repeat++) {
      for (int layer = 0; layer < depth; layer++) {
        if (random.nextBoolean()) {
          path.add(new Step(1, layer, 1));
        }
      }
    }
    path.add(new Step(0, depth - 1, 1));
    return path;
  }

  /**
   * Runs it.
   *
   * @param args {@code --generations N}, {@code --population N}, {@code --layers N} of both models
   *     together, {@code --repeats N}, {@code --covariance} full, separable or limited-memory
   */
  public static void main(String[] args) throws IOException {
    Map<String, String> options = new HashMap<>();
    for (int i = 0; i + 1 < args.length; i += 2) {
      options.put(args[i].replaceFirst("^--", ""), args[i + 1]);
    }
    if (args.length % 2 != 0) {
      System.err.println(
          "usage: data-flow-genome [--generations 100] [--population 128] [--layers 64]"
              + " [--repeats 3] [--covariance full]");
      return;
    }
    new DataFlowGenome(options).run();
  }

  private void run() throws IOException {
    double start = cost(space.decode(space.start()));
    print(
        "%d genes, population %d, %d generations, %s covariance; cost of the start %.4f",
        space.dimension(), population, generations, covariance, start);
    Optimizer optimizer =
        Optimizers.cmaEs()
            .populationSize(population)
            .covariance(covariance)
            .create(space, List.of(Direction.MINIMIZE), SEED);
    double[] millis = new double[generations];
    double[] cpuMillis = new double[generations];
    long decodeNanos = 0;
    long trials = 0;
    long mostHeap = 0;
    double best = Double.POSITIVE_INFINITY;
    for (int generation = 0; generation < generations && !optimizer.isDone(); generation++) {
      long cpu = cpuNanos();
      long clock = System.nanoTime();
      List<Proposal> proposals = optimizer.ask(population);
      long spent = System.nanoTime() - clock;
      long spentCpu = cpuNanos() - cpu;
      List<Evaluation> evaluations = new ArrayList<>();
      double sum = 0;
      for (Proposal proposal : proposals) {
        clock = System.nanoTime();
        List<Step> path = space.decode(proposal.genome());
        decodeNanos += System.nanoTime() - clock;
        trials++;
        double cost = cost(path);
        sum += cost;
        best = Math.min(best, cost);
        evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(cost)));
      }
      cpu = cpuNanos();
      clock = System.nanoTime();
      optimizer.tell(evaluations);
      millis[generation] = (spent + System.nanoTime() - clock) / 1e6;
      cpuMillis[generation] = (spentCpu + cpuNanos() - cpu) / 1e6;
      mostHeap = Math.max(mostHeap, ProcessMemory.usedHeap());
      int told = generation + 1;
      if (told == 1 || told % 10 == 0 || told == generations) {
        double mean = cost(space.decode(optimizer.recommendation().orElseThrow()));
        print(
            "generation %d: best %.4f, mean of the generation %.4f, at the distribution's mean %.4f;"
                + " %.0f ms",
            told, best, sum / evaluations.size(), mean, millis[generation]);
      }
    }
    double[] sorted = millis.clone();
    Arrays.sort(sorted);
    print(
        "ask and tell per generation: mean %.0f ms, median %.0f ms, max %.0f ms; CPU mean %.0f ms,"
            + " max %.0f ms",
        Arrays.stream(millis).average().orElseThrow(),
        sorted[sorted.length / 2],
        sorted[sorted.length - 1],
        Arrays.stream(cpuMillis).average().orElseThrow(),
        Arrays.stream(cpuMillis).max().orElseThrow());
    print("decoding: %.1f us per genome", decodeNanos / 1e3 / trials);
    System.gc();
    print(
        "heap: most %d MiB with garbage, %d MiB kept; %s",
        mostHeap, ProcessMemory.usedHeap(), ProcessMemory.now());
    if (!(best < start)) {
      throw new IllegalStateException("nothing better than the start was found: " + best);
    }
  }

  private double cost(List<Step> path) {
    double sum = 0;
    for (int hop = 1; hop < path.size(); hop++) {
      double off = path.get(hop).scale() - scales[row(path.get(hop - 1))][row(path.get(hop))];
      sum += off * off;
    }
    return editDistance(path) / (double) hidden.size() + sum / path.size();
  }

  private int row(Step step) {
    return step.model() * space.models().get(0).layers() + step.layer();
  }

  private int editDistance(List<Step> path) {
    int[] distances = new int[hidden.size() + 1];
    Arrays.setAll(distances, j -> j);
    for (int i = 1; i <= path.size(); i++) {
      int diagonal = distances[0];
      distances[0] = i;
      for (int j = 1; j <= hidden.size(); j++) {
        boolean same = row(path.get(i - 1)) == row(hidden.get(j - 1));
        int replaced = diagonal + (same ? 0 : 1);
        diagonal = distances[j];
        distances[j] = Math.min(replaced, Math.min(distances[j], distances[j - 1]) + 1);
      }
    }
    return distances[hidden.size()];
  }

  private static long cpuNanos() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static void print(String format, Object... values) {
    System.out.printf(Locale.ROOT, format + "%n", values);
  }
}
