package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.Population;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.optimizer.CmaEs;
import io.evomerge.optimizer.CycleQd;
import io.evomerge.optimizer.CycleQd.Elite;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.optimizer.Proposal;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** CycleQD in the setting of its paper: an expert per task, all tuned from one base. */
@Command(
    name = "cycle-qd-digits",
    description = {
      "Tunes three networks for three tasks from a base that does all of them badly, and makes one"
          + " for all tasks of them: by CycleQD with and without each of its parts, and by merges"
          + " that were not bred, at equal evaluations."
    },
    mixinStandardHelpOptions = true)
final class CycleQdDigits implements Callable<Integer> {

  private static final String OURS = "cycle-qd, mixture of elites";
  private static final double TUNING_RATE = 0.0003;

  /** What makes three tasks of the digits. */
  enum Tasks {
    /** All digits, as they are, turned, and in white on black. */
    VIEWS(
        10,
        20,
        List.of("upright", "turned", "negative"),
        List.of(digits -> digits, Digits::turned, Digits::negative)),
    /** Some of the digits each. */
    GROUPS(
        5,
        3,
        List.of("0 to 2", "3 to 5", "6 to 9"),
        List.of(
            digits -> digits.of(digit -> digit <= 2),
            digits -> digits.of(digit -> digit >= 3 && digit <= 5),
            digits -> digits.of(digit -> digit >= 6)));

    final int baseSteps;
    final int expertSteps;
    final List<String> names;
    final List<UnaryOperator<Digits>> tasks;

    Tasks(int baseSteps, int expertSteps, List<String> names, List<UnaryOperator<Digits>> tasks) {
      this.baseSteps = baseSteps;
      this.expertSteps = expertSteps;
      this.names = names;
      this.tasks = tasks;
    }

    List<Digits> of(Digits digits) {
      return tasks.stream().map(task -> task.apply(digits)).toList();
    }
  }

  @Option(
      names = "--tasks",
      description = {
        "views: to read all digits, as they are, turned, and in white on black; groups: to read 0 to"
            + " 2, 3 to 5 and 6 to 9. Default: ${DEFAULT-VALUE}."
      })
  private Tasks tasks = Tasks.VIEWS;

  @Option(
      names = "--evaluations",
      description = "Models that each method scores, sources included. Default: ${DEFAULT-VALUE}.")
  private int evaluations = 1_200;

  @Option(names = "--seeds", description = "Repetitions. Default: ${DEFAULT-VALUE}.")
  private int seeds = 5;

  @Option(names = "--first-seed", description = "The first of them. Default: ${DEFAULT-VALUE}.")
  private int firstSeed;

  @Option(names = "--hidden", description = "Hidden units. Default: ${DEFAULT-VALUE}.")
  private int hidden = 256;

  @Option(
      names = "--parallelism",
      description = "Models scored at once; no influence. Default: the processors, at most 4.")
  private int parallelism = Math.min(4, Runtime.getRuntime().availableProcessors());

  @Option(
      names = "--only",
      paramLabel = "NAME",
      description = "Only rows whose names begin with this, and cycle-qd's own. Default: all.")
  private String only = "";

  @Spec private CommandSpec spec = CommandSpec.create();

  /** The networks of a seed, and the files of those that are merged. */
  private record Models(
      float[][] base, List<float[][]> experts, float[][] all, Path baseFile, List<Path> files) {}

  /** The digits of each task to search with and to test. */
  private record Data(List<Digits> search, List<Digits> test) {}

  @Override
  public Integer call() throws IOException {
    Main.requireAtLeastOne(spec, "--evaluations", evaluations);
    Main.requireAtLeastOne(spec, "--seeds", seeds);
    Main.requireAtLeastOne(spec, "--hidden", hidden);
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    Digits all = Digits.read();
    // The last fifth, by other writers, is for the test, as in the program for M2N2.
    int cut = (int) (all.size() * 0.8);
    Digits known = all.part(0, cut);
    Digits forBase = known.at(i -> i % 10 == 0);
    Digits forExperts = known.at(i -> i % 10 >= 1 && i % 10 <= 5);
    Digits search = known.at(i -> i % 10 >= 6);
    Digits test = all.part(cut, all.size());
    Data data = new Data(tasks.of(search), tasks.of(test));
    PrintWriter print = spec.commandLine().getOut();
    print.printf(
        Locale.ROOT,
        "%d digits to train the base, %d to tune, %d to search with, %d to test;"
            + " %d evaluations, %d seeds%n",
        forBase.size(),
        forExperts.size(),
        search.size(),
        test.size(),
        evaluations,
        seeds);
    List<String> columns = new ArrayList<>(List.of("search", "test"));
    tasks.names.forEach(name -> columns.add("test " + name));
    Comparison found = new Comparison(OURS, seeds, columns.toArray(String[]::new));
    Comparison archives = new Comparison(OURS, seeds, "cells filled", "sum of scores");
    try (TemporaryFolder folder = new TemporaryFolder("evomerge-cycle-qd")) {
      for (int s = 0; s < seeds; s++) {
        Models models = train(forBase, forExperts, firstSeed + s, folder);
        new OneSeed(s, models, data, found, archives).run();
      }
    }
    found.print(print, "read rightly, mean of the tasks", 1);
    archives.print(print, "mean of the archives", 1);
    return 0;
  }

  private Models train(Digits forBase, Digits forExperts, int seed, TemporaryFolder folder)
      throws IOException {
    float[][] base = Digits.union(tasks.of(forBase)).train(hidden, tasks.baseSteps, seed);
    List<float[][]> experts = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    for (Digits task : tasks.of(forExperts)) {
      float[][] expert = task.tune(base, TUNING_RATE, tasks.expertSteps);
      String name = "expert" + seed + "-" + files.size();
      files.add(Digits.write(expert, folder.file(name + ".safetensors")));
      experts.add(expert);
    }
    // The reference sees what the experts see together, as often as they do.
    float[][] all = Digits.union(tasks.of(forExperts)).tune(base, TUNING_RATE, tasks.expertSteps);
    Path baseFile = Digits.write(base, folder.file("base" + seed + ".safetensors"));
    return new Models(base, experts, all, baseFile, files);
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElse(0);
  }

  private static double[] filled(int count, double value) {
    double[] values = new double[count];
    Arrays.fill(values, value);
    return values;
  }

  /** All rows of a seed. */
  private final class OneSeed {

    private final int row;
    private final int seed;
    private final Models models;
    private final Data data;
    private final Comparison found;
    private final Comparison archives;
    private final int count = tasks.names.size();
    private final List<Direction> directions = Collections.nCopies(count, Direction.MAXIMIZE);

    OneSeed(int row, Models models, Data data, Comparison found, Comparison archives) {
      this.row = row;
      this.seed = firstSeed + row;
      this.models = models;
      this.data = data;
      this.found = found;
      this.archives = archives;
    }

    void run() {
      network("base", models.base());
      for (int task = 0; task < count; task++) {
        network("expert, " + tasks.names.get(task), models.experts().get(task));
      }
      network("tuned on all tasks", models.all());
      plain();
      cmaEs("cma-es on a weight per expert", ParameterSpace.perModel());
      cmaEs("cma-es on a weight per expert and layer", ParameterSpace.perLayer());
      CycleQd whole = Optimizers.cycleQd();
      bred(OURS, whole);
      bred("without mutation", whole.mutation(0));
      noise("normal noise as mutation", whole);
      bred("without elite sampling", whole.eliteSampling(1, 1));
      bred("each task for a third of the search", whole.turn(Math.max(1, evaluations / count)));
      uncycled("without cycling", whole.turn(evaluations));
    }

    private boolean wanted(String name) {
      return name.startsWith(only) || name.startsWith(OURS);
    }

    /** Returns search and test scores: the mean of the tasks of either, then those of the test. */
    private double[] values(ToDoubleFunction<Digits> score) {
      double[] test = data.test().stream().mapToDouble(score).toArray();
      double[] values = new double[2 + test.length];
      values[0] = mean(data.search().stream().mapToDouble(score).toArray());
      values[1] = mean(test);
      System.arraycopy(test, 0, values, 2, test.length);
      return values;
    }

    private void network(String name, float[][] network) {
      if (wanted(name)) {
        found.put(name, row, values(digits -> digits.accuracy(network)));
      }
    }

    private EvoMerge.Builder merges() {
      return EvoMerge.builder()
          .base(models.baseFile())
          .sources(models.files().toArray(Path[]::new))
          .operator(MergeOperators.taskArithmetic())
          .maximize("mean of the tasks", meanOfTasks())
          .parallelism(parallelism);
    }

    private FitnessFunction meanOfTasks() {
      List<FitnessFunction> parts = data.search().stream().map(d -> d.fitness("search")).toList();
      return candidate -> {
        double sum = 0;
        for (FitnessFunction task : parts) {
          sum += task.score(candidate);
        }
        return sum / parts.size();
      };
    }

    /** Merges with weights that were not searched for, or on a grid. */
    private void plain() {
      try (EvoMerge search = merges().searchSpace(ParameterSpace.perModel()).build()) {
        weighted(search, "mean of the experts", () -> filled(count, 1.0 / count));
        weighted(search, "task arithmetic, all weights 1", () -> filled(count, 1));
        weighted(search, "task arithmetic, best weights of a grid", () -> bestOfGrid(search));
      }
    }

    private void weighted(EvoMerge search, String name, Supplier<double[]> weights) {
      if (wanted(name)) {
        MergeRecipe recipe = recipe(search, weights.get());
        found.put(
            name, row, values(digits -> search.evaluate(recipe, digits.fitness("a task")).score()));
      }
    }

    private static MergeRecipe recipe(EvoMerge search, double[] weights) {
      return search.template().toBuilder().perSource("weight", weights).build();
    }

    /** As many points as others have evaluations, evenly in (0, 1.5]. */
    private double[] bestOfGrid(EvoMerge search) {
      int levels = Math.max(1, (int) Math.floor(StrictMath.cbrt(evaluations)));
      FitnessFunction fitness = meanOfTasks();
      double[] best = filled(count, 1);
      double bestScore = Double.NEGATIVE_INFINITY;
      for (int point = 0; point < levels * levels * levels; point++) {
        double[] weights = new double[count];
        int rest = point;
        for (int i = 0; i < count; i++) {
          weights[i] = 1.5 * (rest % levels + 1) / levels;
          rest /= levels;
        }
        double score = search.evaluate(recipe(search, weights), fitness).score();
        if (score > bestScore) {
          bestScore = score;
          best = weights;
        }
      }
      return best;
    }

    private void cmaEs(String name, ParameterSpace space) {
      if (!wanted(name)) {
        return;
      }
      try (EvoMerge search =
          merges()
              .searchSpace(space.range("weight", 0, 1.5).start("weight", 1.0 / count))
              .optimizer(Optimizers.cmaEs().restarts(CmaEs.Restarts.BIPOP))
              .stopWhen(StopCondition.evaluations(evaluations))
              .seed(seed)
              .build()) {
        MergeRecipe best = search.run().best().recipe();
        found.put(
            name, row, values(digits -> search.evaluate(best, digits.fitness("a task")).score()));
      }
    }

    private void bred(String name, CycleQd optimizer) {
      if (!wanted(name)) {
        return;
      }
      try (Population population = population(optimizer, 0)) {
        EvolutionResult result = population.run();
        List<Evaluation> trials = trials(result);
        if (name.equals(OURS)) {
          for (int part = 0; part < 4; part++) {
            int first = Math.min(trials.size(), Math.max(count, evaluations * part / 4));
            archives(optimizer, "cycle-qd, first " + first + " models", trials.subList(0, first));
          }
        }
        archives(optimizer, name, trials);
        found.put(name, row, values(population, population.mixture(result)));
        if (name.equals(OURS)) {
          found.put(
              "cycle-qd, best member by the mean",
              row,
              values(population, population.member(bestByMean(trials))));
        }
      }
    }

    /** The mean over the tasks that can have all turns. */
    private void uncycled(String name, CycleQd optimizer) {
      if (!wanted(name)) {
        return;
      }
      double[] sum = new double[2 + count];
      for (int first = 0; first < count; first++) {
        try (Population population = population(optimizer, first)) {
          double[] one = values(population, population.mixture(population.run()));
          for (int i = 0; i < sum.length; i++) {
            sum[i] += one[i] / count;
          }
        }
      }
      found.put(name, row, sum);
    }

    private Population population(CycleQd optimizer, int firstTask) {
      Population.Builder builder =
          Population.builder()
              .base(models.baseFile())
              .sources(models.files().toArray(Path[]::new))
              .optimizer(optimizer)
              .stopWhen(StopCondition.evaluations(evaluations))
              .parallelism(parallelism)
              .seed(seed);
      for (int i = 0; i < count; i++) {
        int task = (firstTask + i) % count;
        builder.maximize(tasks.names.get(task), data.search().get(task).fitness("search"));
      }
      return builder.build();
    }

    private double[] values(Population population, MergeRecipe recipe) {
      return values(digits -> population.evaluate(recipe, digits.fitness("a task")).score());
    }

    private static List<Evaluation> trials(EvolutionResult result) {
      return result.trials().stream()
          .map(trial -> new Evaluation(trial.id(), trial.outcome()))
          .sorted(Comparator.comparingLong(Evaluation::id))
          .toList();
    }

    private void archives(CycleQd optimizer, String name, List<Evaluation> trials) {
      List<List<Elite>> all = optimizer.archives(directions, trials);
      archives.put(
          name,
          row,
          mean(all.stream().mapToDouble(List::size).toArray()),
          mean(
              all.stream()
                  .mapToDouble(a -> a.stream().mapToDouble(Elite::quality).sum())
                  .toArray()));
    }

    private static int bestByMean(List<Evaluation> trials) {
      return (int)
          trials.stream()
              .filter(trial -> trial.outcome() instanceof Outcome.Scored)
              .max(
                  Comparator.comparingDouble(
                      trial ->
                          ((Outcome.Scored) trial.outcome())
                              .fitness().stream().mapToDouble(Fitness::score).sum()))
              .orElseThrow()
              .id();
    }

    /**
     * Normal noise in place of the mutation, of the same size: children are made here, and CycleQD
     * is asked and told. A mutation of the singular values by u, uniform in [0, m], changes a
     * matrix by m / sqrt(3) of its task vector, as the root of the mean of squares.
     */
    private void noise(String name, CycleQd optimizer) {
      if (!wanted(name)) {
        return;
      }
      Optimizer search = optimizer.create(optimizer.space(count, count), directions, seed);
      List<float[][]> members = new ArrayList<>();
      List<Evaluation> trials = new ArrayList<>();
      while (trials.size() < evaluations) {
        for (Proposal birth : search.ask(1)) {
          float[][] child =
              birth.id() < count
                  ? models.experts().get((int) birth.id())
                  : child(birth.genome(), members);
          members.add(child);
          List<Fitness> scores =
              data.search().stream().map(d -> Fitness.of(d.accuracy(child))).toList();
          trials.add(new Evaluation(birth.id(), new Outcome.Scored(scores)));
        }
        search.tell(List.of(trials.get(trials.size() - 1)));
      }
      archives(optimizer, name, trials);
      float[][] mixture = new float[models.base().length][];
      for (int t = 0; t < mixture.length; t++) {
        mixture[t] = new float[models.base()[t].length];
      }
      optimizer.mixture(directions, trials).forEach((i, w) -> add(w, members.get(i), mixture));
      network(name, mixture);
    }

    private float[][] child(Genome birth, List<float[][]> members) {
      double sum = birth.value(3) + birth.value(4);
      float[][] expert = members.get((int) birth.value(6));
      Random random = new Random((long) birth.value(7));
      float[][] child = new float[expert.length][];
      for (int t = 0; t < child.length; t++) {
        child[t] = new float[expert[t].length];
      }
      add(birth.value(3) / sum, members.get((int) birth.value(1)), child);
      add(birth.value(4) / sum, members.get((int) birth.value(2)), child);
      for (int t = 0; t < child.length; t += 2) {
        double squares = 0;
        for (int i = 0; i < child[t].length; i++) {
          double difference = expert[t][i] - models.base()[t][i];
          squares += difference * difference;
        }
        double size = birth.value(5) / Math.sqrt(3) * Math.sqrt(squares / child[t].length);
        for (int i = 0; i < child[t].length; i++) {
          child[t][i] += (float) (size * random.nextGaussian());
        }
      }
      return child;
    }

    private static void add(double weight, float[][] network, float[][] sum) {
      for (int t = 0; t < sum.length; t++) {
        for (int i = 0; i < sum[t].length; i++) {
          sum[t][i] += (float) weight * network[t][i];
        }
      }
    }
  }
}
