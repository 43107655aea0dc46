package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.ParetoFront;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.StopReason;
import io.evomerge.result.picture.FrontChart;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Two objectives that conflict: the mathematicians of the zoo have lost reading, and the reader
 * cannot calculate.
 */
@Command(
    name = "front",
    description = {
      "Evolves merges of small language models for two tasks at once, Japanese word problems and"
          + " Japanese reading questions or English word problems, and shows the front: which"
          + " models no other beats on both, and which of them beat every source on both."
    },
    mixinStandardHelpOptions = true)
final class FrontSearch implements Callable<Integer> {

  private static final String MATH = "ja-math";

  /** The other task. */
  enum Second {
    /** Japanese reading questions. */
    JA_QA("ja-qa"),
    /** English word problems. */
    EN_MATH("en-math");

    private final String task;

    Second(String task) {
      this.task = task;
    }

    TextTask part(int part) throws IOException {
      return this == JA_QA ? Zoo.japaneseQuestions(part) : Zoo.englishMath(part);
    }
  }

  /** How to search. */
  enum Strategy {
    /** SMS-EMOA. */
    SMS_EMOA,
    /** NSGA-II. */
    NSGA2,
    /** Random points, for comparison. */
    RANDOM;

    OptimizerFactory factory(int population) {
      return switch (this) {
        case SMS_EMOA -> Optimizers.smsEmoa(population);
        case NSGA2 -> Optimizers.nsga2(population);
        case RANDOM -> Optimizers.randomSearch();
      };
    }
  }

  /** What chooses from the front and is reported. */
  enum Measure {
    /** Share of greedy answers that are right. */
    ACCURACY("accuracy"),
    /**
     * Mean probability of the right answers: finer, and fair where greedy answers are all right.
     */
    PROBABILITY("mean probability of the right answers");

    private final String words;

    Measure(String words) {
      this.words = words;
    }

    TextTask of(TextTask task) {
      return this == ACCURACY ? task : task.scoredByProbability();
    }
  }

  @Option(
      names = "--second",
      description = "The other task: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  private Second second = Second.JA_QA;

  @Option(
      names = "--sources",
      split = ",",
      paramLabel = "NAME",
      description = "Models of the zoo to merge. Default: math-en,math-en-2,ja.")
  private List<String> sources = List.of("math-en", "math-en-2", "ja");

  @Option(names = "--evaluations", description = "Trials of the search. Default: ${DEFAULT-VALUE}.")
  private int evaluations = 600;

  @Option(names = "--seed", description = "Default: ${DEFAULT-VALUE}.")
  private long seed = 1;

  @Option(
      names = "--optimizer",
      description = "How to search: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  private Strategy optimizer = Strategy.SMS_EMOA;

  @Option(
      names = "--measure",
      description =
          "What chooses from the front and is reported: ${COMPLETION-CANDIDATES}, of greedy answers"
              + " or of drawn ones. Default: ${DEFAULT-VALUE}.")
  private Measure measure = Measure.ACCURACY;

  @Option(
      names = "--population",
      description = "Population of the optimizer, at least 4. Default: ${DEFAULT-VALUE}.")
  private int population = 20;

  @Option(
      names = "--parallelism",
      description = "Candidates evaluated at once. Default: the processors of this machine.")
  private int parallelism = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description =
          "Journal, tables and pictures; a search whose journal is there goes on. Default: nothing is"
              + " written.")
  private @Nullable Path out;

  @Option(
      names = "--items",
      description = "Only so many items of each part of a task, for a quick look. Default: all.")
  private @Nullable Integer items;

  @Spec private CommandSpec spec = CommandSpec.create();

  /** What the measure says on both tasks. */
  private record Scores(double math, double reading) {
    boolean beats(Scores other) {
      return math > other.math && reading > other.reading;
    }

    @Override
    public String toString() {
      return String.format(Locale.ROOT, "%.3f    %.3f", math, reading);
    }
  }

  @Override
  public Integer call() throws IOException {
    Main.requireAtLeastOne(spec, "--evaluations", evaluations);
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    if (population < 4) {
      throw new ParameterException(
          spec.commandLine(), "--population: got " + population + ", wanted at least 4");
    }
    if (items != null) {
      Main.requireAtLeastOne(spec, "--items", items);
    }
    if (out != null) {
      Files.createDirectories(out);
    }
    PrintWriter print = spec.commandLine().getOut();
    TextTask math = Zoo.japaneseMath();
    try (OnnxBackend backend = OnnxBackend.auto();
        TextEvaluator mathTrain = few(math.split("train")).scoredByLogLikelihood().on(backend);
        TextEvaluator mathValid = few(measure.of(math.split("valid"))).on(backend);
        TextEvaluator mathTest = few(measure.of(math.split("test"))).on(backend);
        TextEvaluator readTrain = few(second.part(0)).scoredByLogLikelihood().on(backend);
        TextEvaluator readValid = few(measure.of(second.part(1))).on(backend);
        TextEvaluator readTest = few(measure.of(second.part(2))).on(backend);
        EvoMerge plain = plainMerges(mathValid);
        Bar bar = new Bar();
        EvoMerge search = search(mathTrain, mathValid, readTrain, readValid, bar)) {
      print.printf(
          Locale.ROOT,
          "Evolving TIES merges of %s over base for two objectives: %d weights, %d trials by %s.%n"
              + "Objectives: mean log-likelihood of the answers; %s on other items chooses.%n",
          String.join(", ", sources),
          search.space().dimension(),
          evaluations,
          optimizer.factory(population),
          measure.words);
      print.flush();
      EvolutionResult result = search.run();
      if (result.stopReason() == StopReason.CANCELLED) {
        print.println("Interrupted after " + result.trials().size() + " trials.");
        return 130;
      }
      ParetoFront front = result.validatedFront();
      Map<String, Scores> sourcesValid = measuredSources(plain, mathValid, readValid);
      Map<String, Scores> sourcesTest = measuredSources(plain, mathTest, readTest);
      Map<String, Scores> test = new LinkedHashMap<>();
      for (SelectedModel model : front.models()) {
        test.put(model.origin(), scores(search, model.recipe(), mathTest, readTest));
      }
      table(print, front, test, sourcesValid, sourcesTest);
      conclude(print, front, test, sourcesTest);
      if (out != null) {
        write(out, print, result, test, sourcesValid, sourcesTest);
      }
      print.flush();
    }
    return 0;
  }

  private TextTask few(TextTask task) {
    return items == null ? task : task.limit(Math.min(items, task.items().size()));
  }

  /** The sources themselves, as merges by task arithmetic. */
  private EvoMerge plainMerges(TextEvaluator fitness) {
    Path zoo = Zoo.folder();
    return EvoMerge.builder()
        .base(zoo.resolve("base"))
        .sources(sources.stream().map(zoo::resolve).toArray(Path[]::new))
        .operator(MergeOperators.taskArithmetic())
        .searchSpace(ParameterSpace.perModel())
        .maximize("fitness", fitness)
        .build();
  }

  /** The search itself: what a program of your own would hold. */
  private EvoMerge search(
      TextEvaluator mathTrain,
      TextEvaluator mathValid,
      TextEvaluator readTrain,
      TextEvaluator readValid,
      Bar bar) {
    Path zoo = Zoo.folder();
    ParameterSpace space =
        ParameterSpace.perLayer()
            .range("weight", -1, 2)
            .start("weight", 0.7)
            .step("weight", 0.3)
            .freeze("density", 0.9);
    EvoMerge.Builder search =
        EvoMerge.builder()
            .base(zoo.resolve("base"))
            .sources(sources.stream().map(zoo::resolve).toArray(Path[]::new))
            .operator(MergeOperators.ties())
            .searchSpace(sources.contains("ja") ? space.start("weight", "ja", 0.4) : space)
            .optimizer(optimizer.factory(population))
            .maximize(MATH, mathTrain, mathValid)
            .maximize(second.task, readTrain, readValid)
            .stopWhen(StopCondition.evaluations(evaluations))
            .seed(seed)
            .parallelism(parallelism)
            .listener(bar);
    return (out == null ? search : search.journal(out.resolve("journal"))).build();
  }

  private Map<String, Scores> measuredSources(
      EvoMerge plain, TextEvaluator math, TextEvaluator reading) {
    Map<String, Scores> measured = new LinkedHashMap<>();
    for (int i = -1; i < sources.size(); i++) {
      double[] weights = new double[sources.size()];
      if (i >= 0) {
        weights[i] = 1;
      }
      MergeRecipe recipe = plain.template().toBuilder().perSource("weight", weights).build();
      String name = i < 0 ? "base" : sources.get(i);
      measured.put(name, scores(plain, recipe, math, reading));
    }
    return measured;
  }

  private static Scores scores(
      EvoMerge search, MergeRecipe recipe, TextEvaluator math, TextEvaluator reading) {
    return new Scores(
        search.evaluate(recipe, math).score(), search.evaluate(recipe, reading).score());
  }

  private void table(
      PrintWriter print,
      ParetoFront front,
      Map<String, Scores> test,
      Map<String, Scores> sourcesValid,
      Map<String, Scores> sourcesTest) {
    print.printf(
        Locale.ROOT, "%-14s  %-20s  %s%n", "", "on 'valid'", "on the untouched 'test' items");
    String columns = String.format(Locale.ROOT, "%s  %-10s", MATH, second.task);
    print.printf(Locale.ROOT, "%-14s  %s  %s%n", "", columns, columns.strip());
    sourcesValid.forEach(
        (name, valid) ->
            print.printf(Locale.ROOT, "%-14s  %-20s  %s%n", name, valid, sourcesTest.get(name)));
    for (SelectedModel model : front.models()) {
      double[] valid = front.scores(model);
      print.printf(
          Locale.ROOT,
          "%-14s  %-20s  %s%n",
          model.origin(),
          new Scores(valid[0], valid[1]),
          test.get(model.origin()));
    }
  }

  private void conclude(
      PrintWriter print,
      ParetoFront front,
      Map<String, Scores> test,
      Map<String, Scores> sourcesTest) {
    List<String> beating = new ArrayList<>();
    test.forEach(
        (name, scores) -> {
          if (sources.stream().allMatch(source -> scores.beats(sourcesTest.get(source)))) {
            beating.add(name);
          }
        });
    print.println(
        beating.isEmpty()
            ? "None of the front beats every source on both tasks on 'test'."
            : "Beats every source on both tasks on 'test': " + String.join(", ", beating) + ".");
    print.printf(
        Locale.ROOT,
        "Knee of the front on 'valid': %s; hypervolume there, from 0 and 0: %.4f.%n",
        front.knee().origin(),
        front.hypervolume(0, 0));
  }

  private void write(
      Path folder,
      PrintWriter print,
      EvolutionResult result,
      Map<String, Scores> test,
      Map<String, Scores> sourcesValid,
      Map<String, Scores> sourcesTest)
      throws IOException {
    ParetoFront front = result.validatedFront();
    front.writeCsv(folder.resolve("front.csv"));
    result.front().writeCsv(folder.resolve("front-search.csv"));
    FrontChart.Builder valid =
        chart("'valid', which chose the front: " + measure.words).trialsName("finalists");
    for (SelectedModel model : result.finalists()) {
      valid.trial(
          model.validation().get(0).score(), model.validation().get(1).score(), model.origin());
    }
    for (SelectedModel model : front.models()) {
      double[] scores = front.scores(model);
      valid.front(scores[0], scores[1], model.origin());
    }
    mark(valid, sourcesValid).build().picture().writeSvg(folder.resolve("front-valid.svg"));

    FrontChart.Builder chart =
        chart("The chosen front on untouched items: " + measure.words).trialsName("models chosen");
    test.forEach((name, scores) -> chart.trial(scores.math(), scores.reading(), name));
    test.forEach(
        (name, scores) -> {
          if (test.values().stream().noneMatch(other -> dominates(other, scores))) {
            chart.front(scores.math(), scores.reading(), name);
          }
        });
    mark(chart, sourcesTest).build().picture().writeSvg(folder.resolve("front.svg"));
    print.println("Written: front.csv, front.svg and others in " + folder);
  }

  private static boolean dominates(Scores one, Scores other) {
    return one.math() >= other.math() && one.reading() >= other.reading() && !one.equals(other);
  }

  private FrontChart.Builder chart(String title) {
    return FrontChart.builder(MATH, true, second.task, true).title(title);
  }

  private static FrontChart.Builder mark(FrontChart.Builder chart, Map<String, Scores> sources) {
    sources.forEach((name, scores) -> chart.marker(scores.math(), scores.reading(), name));
    return chart;
  }
}
