package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.Population;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** CycleQD on the models of the zoo: experts of different tasks become one model for all. */
@Command(
    name = "cycle-qd",
    description = {
      "Breeds merges of three small language models for three tasks at once by CycleQD, and compares"
          + " the mixture of its elites with the sources and with plain merges."
    },
    mixinStandardHelpOptions = true)
final class CycleQdSearch implements Callable<Integer> {

  private static final List<String> SOURCES = List.of("math-en", "math-en-2", "ja");

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
  private record Skill(String name, TextTask search, TextTask test) {}

  @Override
  public Integer call() throws IOException {
    Main.requireAtLeastOne(spec, "--evaluations", evaluations);
    Main.requireAtLeastOne(spec, "--items", items);
    Main.requireAtLeastOne(spec, "--test-items", testItems);
    Main.requireAtLeastOne(spec, "--seeds", seeds);
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    PrintWriter print = spec.commandLine().getOut();
    List<Skill> skills = skills();
    List<TextEvaluator> open = new ArrayList<>();
    try (OnnxBackend backend = OnnxBackend.auto()) {
      for (Skill skill : skills) {
        open.add(skill.search().on(backend));
      }
      for (Skill skill : skills) {
        open.add(skill.test().on(backend));
      }
      List<TextEvaluator> search = open.subList(0, skills.size());
      List<TextEvaluator> test = open.subList(skills.size(), open.size());
      print.printf(
          Locale.ROOT,
          "%d items per task to search with; test items: %s; %d evaluations, %d seeds%n",
          items,
          test.stream().map(t -> Integer.toString(t.task().items().size())).toList(),
          evaluations,
          seeds);
      print.printf("%-40s", "accuracy on the test items");
      skills.forEach(skill -> print.printf("%10s", skill.name()));
      print.printf("%10s%n", "mean");
      Map<String, double[]> rows = new LinkedHashMap<>();
      plain(test, rows);
      rows.forEach((name, row) -> line(print, name, row));
      print.flush();
      double[] sum = new double[skills.size()];
      double[] wins = new double[2];
      for (int seed = 1; seed <= seeds; seed++) {
        double[] row = evolve(print, search, test, seed);
        for (int i = 0; i < sum.length; i++) {
          sum[i] += row[i] / seeds;
        }
        for (int i = 0; i < 2; i++) {
          wins[i] += mean(row) > best(rows, i == 0) ? 1 : 0;
        }
      }
      line(print, "cycle-qd, mean over seeds", sum);
      print.printf(
          Locale.ROOT,
          "Mean over tasks above the best source in %.0f of %d seeds, above the best plain merge in"
              + " %.0f.%n",
          wins[0],
          seeds,
          wins[1]);
      print.flush();
    } finally {
      open.forEach(TextEvaluator::close);
    }
    return 0;
  }

  /** Sources have plain names, merges have "of". */
  private static double best(Map<String, double[]> rows, boolean source) {
    return rows.entrySet().stream()
        .filter(row -> SOURCES.contains(row.getKey()) == source)
        .mapToDouble(row -> mean(row.getValue()))
        .max()
        .orElseThrow();
  }

  private List<Skill> skills() throws IOException {
    Path tasks = Zoo.folder().resolve("tasks");
    AnswerCheck number = AnswerCheck.lastNumber().inLanguage(Language.ENGLISH);
    return List.of(
        skill("en_math", tasks, all -> all.maxNewTokens(5).scoredBy(number)),
        skill(
            "ja_qa", tasks, all -> all.maxNewTokens(6).scoredBy(AnswerCheck.normalizedText())),
        new Skill(
            "ja_math",
            Zoo.japaneseMath().split("train").limit(items),
            Zoo.japaneseMath().split("test").limit(testItems)));
  }

  /** These tasks have one split: the first items are for the search, the others for the report. */
  private Skill skill(String name, Path tasks, UnaryOperator<TextTask> scored) throws IOException {
    List<TextItem> all = TextTask.read(tasks.resolve(name + ".jsonl")).items();
    int cut = Math.min(items, all.size() / 2);
    return new Skill(
        name,
        scored.apply(TextTask.of(name, all.subList(0, cut))),
        scored.apply(TextTask.of(name, all.subList(cut, all.size()))).limit(testItems));
  }

  private void plain(List<TextEvaluator> test, Map<String, double[]> rows) {
    Path zoo = Zoo.folder();
    try (EvoMerge plain =
        EvoMerge.builder()
            .base(zoo.resolve("base"))
            .sources(SOURCES.stream().map(zoo::resolve).toArray(Path[]::new))
            .operator(MergeOperators.taskArithmetic())
            .searchSpace(ParameterSpace.perModel())
            .maximize("accuracy", test.get(0))
            .build()) {
      Map<String, double[]> weights = new LinkedHashMap<>();
      weights.put("math-en", new double[] {1, 0, 0});
      weights.put("math-en-2", new double[] {0, 1, 0});
      weights.put("ja", new double[] {0, 0, 1});
      weights.put("mean of the sources", new double[] {1 / 3.0, 1 / 3.0, 1 / 3.0});
      weights.put("task arithmetic, weights 1/2", new double[] {0.5, 0.5, 0.5});
      weights.put("task arithmetic, weights 1", new double[] {1, 1, 1});
      weights.forEach(
          (name, values) -> {
            MergeRecipe recipe =
                plain.template().toBuilder().perSource("weight", values).build();
            rows.put(
                name, test.stream().mapToDouble(t -> plain.evaluate(recipe, t).score()).toArray());
          });
    }
  }

  private double[] evolve(
      PrintWriter print, List<TextEvaluator> search, List<TextEvaluator> test, int seed) {
    Path zoo = Zoo.folder();
    Population.Builder builder =
        Population.builder()
            .base(zoo.resolve("base"))
            .sources(SOURCES.stream().map(zoo::resolve).toArray(Path[]::new))
            .optimizer(Optimizers.cycleQd())
            .stopWhen(StopCondition.evaluations(evaluations))
            .seed(seed)
            .parallelism(parallelism);
    search.forEach(task -> builder.maximize(task.task().name(), scoreOf(task)));
    try (Population population = builder.build()) {
      EvolutionResult result = population.run();
      List<List<CycleQd.Elite>> archives = population.archives(result);
      for (int task = 0; task < archives.size(); task++) {
        CycleQd.Elite best =
            archives.get(task).stream()
                .reduce((a, b) -> b.quality() > a.quality() ? b : a)
                .orElseThrow();
        double[] row = scores(population, population.member(best.member()), test);
        line(
            print,
            "seed " + seed + ": best elite of task " + (task + 1) + " of " + archives.get(task).size(),
            row);
      }
      long scored =
          result.trials().stream().filter(t -> t.outcome() instanceof Outcome.Scored).count();
      double[] mixture = scores(population, population.mixture(result), test);
      line(print, "seed " + seed + ": mixture, " + scored + " models scored", mixture);
      print.flush();
      return mixture;
    }
  }

  /** The score alone: CycleQD needs no items. */
  private static FitnessFunction scoreOf(TextEvaluator task) {
    return new FitnessFunction() {
      @Override
      public double score(CandidateModel candidate) throws IOException {
        return task.score(candidate);
      }

      @Override
      public Fitness evaluate(CandidateModel candidate) throws IOException {
        return Fitness.of(score(candidate));
      }

      @Override
      public String description() {
        return task.description();
      }

      @Override
      public String runtime() {
        return task.runtime();
      }
    };
  }

  private static double[] scores(
      Population population, MergeRecipe recipe, List<TextEvaluator> tasks) {
    return tasks.stream().mapToDouble(task -> population.evaluate(recipe, task).score()).toArray();
  }

  private static double mean(double[] row) {
    return Arrays.stream(row).average().orElse(0);
  }

  private static void line(PrintWriter print, String name, double[] row) {
    print.printf("%-40s", name);
    for (double score : row) {
      print.printf(Locale.ROOT, "%10.3f", score);
    }
    print.printf(Locale.ROOT, "%10.3f%n", mean(row));
  }
}
