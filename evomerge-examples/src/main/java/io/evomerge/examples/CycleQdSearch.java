package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.Population;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.AnswerCheck;
import io.evomerge.onnx.language.Language;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.language.TextItem;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.optimizer.CycleQd;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** CycleQD on the models of the zoo: experts of different tasks become one model for all. */
@Command(
    name = "cycle-qd",
    description = {
      "Breeds merges of small language models for several tasks at once by CycleQD, and compares the"
          + " mixture of its elites with the sources and with merges that were not bred."
    },
    mixinStandardHelpOptions = true)
final class CycleQdSearch implements Callable<Integer> {

  private static final List<String> TASKS = List.of("en_math", "ja_qa", "ja_math");
  private static final double[] GRID = {0.25, 0.5, 0.75, 1};

  @Option(
      names = "--tasks",
      split = ",",
      description = "Tasks to search for; the others are only reported. Default: ${DEFAULT-VALUE}.")
  private List<String> tasks = List.of("en_math", "ja_qa");

  @Option(
      names = "--sources",
      split = ",",
      description = "Models of the zoo to begin with. Default: ${DEFAULT-VALUE}.")
  private List<String> sources = List.of("math-en", "ja");

  @Option(
      names = "--evaluations",
      description = "Models that a search scores, sources included. Default: ${DEFAULT-VALUE}.")
  private int evaluations = 240;

  @Option(
      names = "--items",
      description = "Items per task to search with. Default: ${DEFAULT-VALUE}.")
  private int items = 100;

  @Option(
      names = "--test-items",
      description = "Items per task to report, at most. Default: ${DEFAULT-VALUE}.")
  private int testItems = 300;

  @Option(names = "--seeds", description = "Repetitions. Default: ${DEFAULT-VALUE}.")
  private int seeds = 1;

  @Option(
      names = "--parallelism",
      description = "Models scored at once; no influence. Default: the processors, at most 4.")
  private int parallelism = Math.min(4, Runtime.getRuntime().availableProcessors());

  @Spec private CommandSpec spec = CommandSpec.create();

  /** A task with the items to search with and those to report. */
  private record Skill(TextTask search, TextTask test) {}

  @Override
  public Integer call() throws IOException {
    Main.requireAtLeastOne(spec, "--evaluations", evaluations);
    Main.requireAtLeastOne(spec, "--items", items);
    Main.requireAtLeastOne(spec, "--test-items", testItems);
    Main.requireAtLeastOne(spec, "--seeds", seeds);
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    if (tasks.size() < 2 || !TASKS.containsAll(tasks)) {
      throw new ParameterException(
          spec.commandLine(), "--tasks: got " + tasks + ", wanted two or more of " + TASKS);
    }
    List<String> names = new ArrayList<>(tasks);
    TASKS.stream().filter(name -> !tasks.contains(name)).forEach(names::add);
    PrintWriter print = spec.commandLine().getOut();
    List<TextEvaluator> search = new ArrayList<>();
    List<TextEvaluator> test = new ArrayList<>();
    try (OnnxBackend backend = OnnxBackend.auto()) {
      for (String name : names) {
        Skill skill = skill(name);
        if (tasks.contains(name)) {
          search.add(skill.search().on(backend));
        }
        test.add(skill.test().on(backend));
      }
      print.printf(
          Locale.ROOT,
          "Tasks %s from %s: %d items each, %d evaluations%n",
          String.join(", ", tasks),
          String.join(", ", sources),
          items,
          evaluations);
      print.printf(Locale.ROOT, "%-44s", "accuracy on other items of the tasks");
      test.forEach(
          task ->
              print.printf(
                  Locale.ROOT,
                  "%14s",
                  task.task().name() + " (" + task.task().items().size() + ")"));
      print.printf(Locale.ROOT, "%10s%n", "mean of " + tasks.size());
      plain(print, search, test);
      for (int seed = 1; seed <= seeds; seed++) {
        breed(print, search, test, seed);
      }
    } finally {
      search.forEach(TextEvaluator::close);
      test.forEach(TextEvaluator::close);
    }
    return 0;
  }

  private Skill skill(String name) throws IOException {
    if (name.equals("ja_math")) {
      TextTask task = Zoo.japaneseMath();
      return new Skill(
          task.split("train").limit(items).named(name),
          task.split("test").limit(testItems).named(name));
    }
    UnaryOperator<TextTask> scored =
        name.equals("en_math")
            ? all ->
                all.maxNewTokens(5).scoredBy(AnswerCheck.lastNumber().inLanguage(Language.ENGLISH))
            : all -> all.maxNewTokens(6).scoredBy(AnswerCheck.normalizedText());
    // These have one split: the first items are for the search, the others for the report.
    List<TextItem> all = TextTask.read(Zoo.folder().resolve("tasks/" + name + ".jsonl")).items();
    int cut = Math.min(items, all.size() / 2);
    return new Skill(
        scored.apply(TextTask.of(name, all.subList(0, cut))),
        scored.apply(TextTask.of(name, all.subList(cut, all.size()))).limit(testItems));
  }

  /** Sources and merges that were not bred. */
  private void plain(PrintWriter print, List<TextEvaluator> search, List<TextEvaluator> test) {
    Path zoo = Zoo.folder();
    int count = sources.size();
    try (EvoMerge plain =
        EvoMerge.builder()
            .base(zoo.resolve("base"))
            .sources(sources.stream().map(zoo::resolve).toArray(Path[]::new))
            .operator(MergeOperators.taskArithmetic())
            .searchSpace(ParameterSpace.perModel())
            .maximize("accuracy", test.get(0))
            .build()) {
      Map<String, double[]> weights = new LinkedHashMap<>();
      for (int i = 0; i < count; i++) {
        double[] one = new double[count];
        one[i] = 1;
        weights.put(sources.get(i), one);
      }
      weights.put("mean of the sources", filled(count, 1.0 / count));
      weights.put("task arithmetic, all weights 1", filled(count, 1));
      double[] best = bestOfGrid(plain, search);
      weights.put("task arithmetic, best of a grid " + Arrays.toString(best), best);
      weights.forEach(
          (name, values) -> {
            MergeRecipe recipe = weighted(plain, values);
            line(print, name, scores(task -> plain.evaluate(recipe, task), test));
          });
    }
    print.flush();
  }

  private static double[] filled(int count, double value) {
    double[] values = new double[count];
    Arrays.fill(values, value);
    return values;
  }

  private static MergeRecipe weighted(EvoMerge plain, double[] values) {
    return plain.template().toBuilder().perSource("weight", values).build();
  }

  /** Weights chosen by the mean score on the items of the search. */
  private double[] bestOfGrid(EvoMerge plain, List<TextEvaluator> search) {
    double[] best = filled(sources.size(), 1);
    double bestScore = -1;
    int points = (int) Math.round(StrictMath.pow(GRID.length, sources.size()));
    for (int point = 0; point < points; point++) {
      double[] values = new double[sources.size()];
      int rest = point;
      for (int i = 0; i < values.length; i++) {
        values[i] = GRID[rest % GRID.length];
        rest /= GRID.length;
      }
      MergeRecipe recipe = weighted(plain, values);
      double score = mean(scores(task -> plain.evaluate(recipe, task), search));
      if (score > bestScore) {
        bestScore = score;
        best = values;
      }
    }
    return best;
  }

  private void breed(
      PrintWriter print, List<TextEvaluator> search, List<TextEvaluator> test, int seed) {
    Path zoo = Zoo.folder();
    Population.Builder builder =
        Population.builder()
            .base(zoo.resolve("base"))
            .sources(sources.stream().map(zoo::resolve).toArray(Path[]::new))
            .optimizer(Optimizers.cycleQd())
            .stopWhen(StopCondition.evaluations(evaluations))
            .seed(seed)
            .parallelism(parallelism);
    search.forEach(task -> builder.maximize(task.task().name(), task));
    try (Population population = builder.build()) {
      EvolutionResult result = population.run();
      String who = "seed " + seed + ": ";
      List<List<CycleQd.Elite>> archives = population.archives(result);
      for (int task = 0; task < archives.size(); task++) {
        int best =
            archives.get(task).stream()
                .reduce((a, b) -> b.quality() > a.quality() ? b : a)
                .orElseThrow()
                .member();
        String name =
            who + "best of " + archives.get(task).size() + " elites for " + tasks.get(task);
        line(print, name, scores(population, population.member(best), test));
      }
      line(
          print,
          who + "best member by the mean",
          scores(population, population.member(bestByMean(result)), test));
      line(
          print,
          who + "cycle-qd, mixture of elites",
          scores(population, population.mixture(result), test));
    }
    print.flush();
  }

  private static int bestByMean(EvolutionResult result) {
    return (int)
        result.trials().stream()
            .filter(trial -> trial.outcome() instanceof Outcome.Scored)
            .max(
                Comparator.comparingDouble(
                    trial ->
                        ((Outcome.Scored) trial.outcome())
                            .fitness().stream().mapToDouble(Fitness::score).sum()))
            .orElseThrow()
            .id();
  }

  private static double[] scores(
      Population population, MergeRecipe recipe, List<TextEvaluator> tasks) {
    return scores(task -> population.evaluate(recipe, task), tasks);
  }

  private static double[] scores(
      Function<TextEvaluator, Fitness> model, List<TextEvaluator> tasks) {
    return tasks.stream().mapToDouble(task -> model.apply(task).score()).toArray();
  }

  private static double mean(double[] row) {
    return Arrays.stream(row).average().orElse(0);
  }

  /** The mean is that of the tasks that were searched for, which come first. */
  private void line(PrintWriter print, String name, double[] row) {
    print.printf(Locale.ROOT, "%-44s", name);
    for (double score : row) {
      print.printf(Locale.ROOT, "%14.3f", score);
    }
    print.printf(Locale.ROOT, "%10.3f%n", mean(Arrays.copyOf(row, tasks.size())));
  }
}
