package io.evomerge.examples;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.EvoMerge;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.fitness.PairedComparison;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.EvaluationReport;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.StopReason;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * The question of the paper on models small enough to ship: can a merge solve Japanese word
 * problems when no source was ever trained on one?
 */
@Command(
    name = "quickstart",
    description = {
      "Evolves a merge of three small language models that solves Japanese word problems, compares it"
          + " with its sources and with merges that were not evolved, and writes it as a Hugging Face"
          + " folder."
    },
    mixinStandardHelpOptions = true)
final class Quickstart implements Callable<Integer> {

  private static final String DEFAULT_OUT = "evomerge-quickstart";
  private static final List<String> SOURCES = List.of("math-en", "math-en-2", "ja");
  private static final double[] GRID = {0.25, 0.5, 0.75, 1};
  private static final int GRID_ITEMS = 160;

  @Option(names = "--evaluations", description = "Trials of the search. Default: ${DEFAULT-VALUE}.")
  private int evaluations = 600;

  @Option(names = "--seed", description = "Default: ${DEFAULT-VALUE}.")
  private long seed = 1;

  @Option(
      names = "--parallelism",
      description = "Candidates evaluated at once. Default: the processors of this machine.")
  private int parallelism = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--out",
      description =
          "Folder for journal, merged model and report. Default: a new ./" + DEFAULT_OUT + "[-N].")
  private @Nullable Path out;

  @Option(
      names = "--items",
      description = "Only so many items of each split, for a quick look. Default: all.")
  private @Nullable Integer items;

  @Option(names = "--resume", description = "Go on with the search in the --out folder.")
  private boolean resume;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws IOException {
    Main.requireAtLeastOne(spec, "--evaluations", evaluations);
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    if (items != null) {
      Main.requireAtLeastOne(spec, "--items", items);
    }
    PrintWriter print = spec.commandLine().getOut();
    Path folder = folder();
    TextTask task = Zoo.japaneseMath();
    try (OnnxBackend backend = OnnxBackend.auto();
        TextEvaluator likelihood = part(task, "train").scoredByLogLikelihood().on(backend);
        TextEvaluator valid = part(task, "valid").on(backend);
        TextEvaluator test = part(task, "test").on(backend)) {

      print.println("Japanese word problems; right = right number, answered in Japanese");
      try (EvoMerge plain = plainMerges(valid)) {
        Map<String, MergeRecipe> sources = sources(plain);
        print.println("Sources, on 'valid':");
        sources.forEach(
            (name, recipe) ->
                print.printf(
                    Locale.ROOT,
                    "  %-10s %s%n",
                    name,
                    Table.percent(Measurement.of(plain, recipe, valid).itemScores())));
        print.println();
        try (Bar bar = new Bar();
            EvoMerge search = search(likelihood, valid, folder.resolve("journal"), bar)) {
          print.printf(
              Locale.ROOT,
              "Evolving a TIES merge of %s over base: %d weights, %d trials.%n"
                  + "Fitness: mean log-likelihood of the 'train' answers; 'valid' chooses.%n",
              String.join(", ", SOURCES),
              search.space().dimension(),
              evaluations);
          print.flush();
          EvolutionResult result = search.run();
          if (result.stopReason() == StopReason.CANCELLED) {
            print.println(
                "Interrupted after "
                    + result.trials().size()
                    + " trials. Go on with: --resume --out "
                    + folder);
            print.flush();
            return 130;
          }
          MergeRecipe evolved = result.best().recipe();
          Path merged = folder.resolve("merged");
          // A resumed search may have found something better than the model of its first part.
          search.write(evolved, merged, WriteOptions.defaults().withOverwrite(true));

          Map<String, EvaluationReport> measured = new LinkedHashMap<>();
          sources.forEach(
              (name, recipe) -> measured.put(name, Measurement.of(plain, recipe, test)));
          Map<String, MergeRecipe> untuned = untuned(plain, task, backend);
          untuned.forEach(
              (name, recipe) -> measured.put(name, Measurement.of(plain, recipe, test)));
          EvaluationReport best = Measurement.of(search, evolved, test);

          print.println("On the untouched 'test' items:");
          Table table = new Table();
          measured.forEach(table::row);
          table.row("evolved (" + result.best().origin() + ")", best);
          table.lines().forEach(print::println);
          print.println();
          compare(print, best, measured, sources.keySet());
          compare(print, best, measured, untuned.keySet());
          print.println();
          print.println("Chosen by " + result.chosenBy() + "; " + result.stopDetail() + ".");
          writeSummary(folder.resolve("summary.json"), result, best, measured);
          writeChart(folder.resolve("accuracy.svg"), best, measured);
          print.println("Merged model: " + merged.toAbsolutePath().normalize());
          print.flush();
        }
      }
    }
    return 0;
  }

  /** Sources and merges without evolution, all of them by task arithmetic. */
  private EvoMerge plainMerges(TextEvaluator valid) {
    Path zoo = Zoo.folder();
    return EvoMerge.builder()
        .base(zoo.resolve("base"))
        .sources(SOURCES.stream().map(zoo::resolve).toArray(Path[]::new))
        .operator(MergeOperators.taskArithmetic())
        .searchSpace(ParameterSpace.perModel())
        .maximize("accuracy", valid)
        .parallelism(parallelism)
        .build();
  }

  private static Map<String, MergeRecipe> sources(EvoMerge plain) {
    Map<String, MergeRecipe> sources = new LinkedHashMap<>();
    sources.put("base", weights(plain.template(), 0, 0, 0));
    sources.put("math-en", weights(plain.template(), 1, 0, 0));
    sources.put("math-en-2", weights(plain.template(), 0, 1, 0));
    sources.put("ja", weights(plain.template(), 0, 0, 1));
    return sources;
  }

  private Map<String, MergeRecipe> untuned(EvoMerge plain, TextTask task, OnnxBackend backend) {
    Map<String, MergeRecipe> untuned = new LinkedHashMap<>();
    untuned.put("plain average", weights(plain.template(), 1 / 3.0, 1 / 3.0, 1 / 3.0));
    untuned.put("task arithmetic, all weights 1", weights(plain.template(), 1, 1, 1));
    untuned.put("best of a grid of 64 weights", bestOfGrid(plain, task, backend));
    return untuned;
  }

  /**
   * The search itself: what a program of your own would hold.
   *
   * <p>The search data say how probable the reference answers are, which distinguishes candidates
   * that an accuracy over 480 items does not; the accuracy on other items chooses among finalists.
   * See docs/quickstart.md for what else was tried.
   */
  private EvoMerge search(TextEvaluator likelihood, TextEvaluator valid, Path journal, Bar bar) {
    Path zoo = Zoo.folder();
    return EvoMerge.builder()
        .base(zoo.resolve("base"))
        .sources(SOURCES.stream().map(zoo::resolve).toArray(Path[]::new))
        .operator(MergeOperators.ties())
        .searchSpace(
            ParameterSpace.perLayer()
                .range("weight", -1, 2)
                .start("weight", 0.7)
                .start("weight", "ja", 0.4)
                .step("weight", 0.3)
                .freeze("density", 0.9))
        .optimizer(Optimizers.cmaEs())
        .maximize("log-likelihood", likelihood, valid)
        .stopWhen(StopCondition.evaluations(evaluations))
        .seed(seed)
        .parallelism(parallelism)
        .journal(journal)
        .listener(bar)
        .build();
  }

  private TextTask part(TextTask task, String split) {
    TextTask part = task.split(split);
    return items == null ? part : part.limit(items);
  }

  private Path folder() throws IOException {
    Path chosen = out != null ? out : Path.of(DEFAULT_OUT);
    if (resume) {
      if (!Files.exists(chosen.resolve("journal/journal.jsonl"))) {
        throw new FileAlreadyExistsException(
            chosen.toString(), null, "there is no search to resume; leave --resume out");
      }
      return chosen;
    }
    for (int i = 2; out == null && isUsed(chosen); i++) {
      chosen = Path.of(DEFAULT_OUT + "-" + i);
    }
    if (isUsed(chosen)) {
      throw new FileAlreadyExistsException(
          chosen.toString(), null, "it is not empty; choose another --out, or go on with --resume");
    }
    boolean isNew = !Files.exists(chosen);
    Files.createDirectories(chosen);
    if (!Files.isWritable(chosen)) {
      throw new AccessDeniedException(chosen.toString(), null, "it cannot be written to");
    }
    if (isNew) {
      // The journal makes it again; a program that ends before leaves nothing behind.
      Files.delete(chosen);
    }
    return chosen;
  }

  private static boolean isUsed(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return false;
    }
    if (!Files.isDirectory(folder)) {
      return true;
    }
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.findAny().isPresent();
    }
  }

  private static MergeRecipe weights(MergeRecipe template, double... weights) {
    return template.toBuilder().perSource("weight", weights).build();
  }

  /** Uniform weights, chosen on part of the search data: what a patient person would try. */
  private MergeRecipe bestOfGrid(EvoMerge plain, TextTask task, OnnxBackend backend) {
    MergeRecipe best = plain.template();
    double bestScore = -1;
    try (TextEvaluator some = part(task, "train").limit(GRID_ITEMS).on(backend)) {
      for (double first : GRID) {
        for (double second : GRID) {
          for (double third : GRID) {
            MergeRecipe recipe = weights(plain.template(), first, second, third);
            double score = plain.evaluate(recipe, some).score();
            if (score > bestScore) {
              bestScore = score;
              best = recipe;
            }
          }
        }
      }
    }
    return best;
  }

  private static void compare(
      PrintWriter print,
      EvaluationReport evolved,
      Map<String, EvaluationReport> measured,
      Set<String> among) {
    String name =
        among.stream()
            .max(Comparator.comparingDouble(each -> measured.get(each).accuracy()))
            .orElseThrow();
    EvaluationReport other = measured.get(name);
    print.println("Evolved against " + name + ", item by item:");
    line(print, "accuracy", PairedComparison.of(evolved.itemScores(), other.itemScores()));
    line(print, "answer_only", PairedComparison.of(Table.right(evolved), Table.right(other)));
  }

  private static void line(PrintWriter print, String column, PairedComparison test) {
    print.printf(
        Locale.ROOT,
        "  %-12s %+.3f ± %.3f; %d items gained, %d lost; p = %.2g%n",
        column,
        test.meanDifference(),
        test.standardError(),
        test.gained(),
        test.lost(),
        test.pValue());
  }

  private static void writeSummary(
      Path file,
      EvolutionResult result,
      EvaluationReport evolved,
      Map<String, EvaluationReport> others)
      throws IOException {
    ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    ObjectNode root = mapper.createObjectNode();
    ObjectNode test = root.putObject("test");
    others.forEach((name, report) -> put(test.putObject(name), report));
    put(test.putObject("evolved"), evolved);
    root.put("origin", result.best().origin())
        .put("train_log_likelihood", result.best().score())
        .put("valid_accuracy", result.best().validation().get(0).score())
        .put("best_train_log_likelihood", result.bestOnSearch().score())
        .put("recipe_digest", result.best().recipe().digest())
        .put("trials", result.trials().size());
    ObjectNode settings = root.putObject("settings");
    result.provenance().settings().forEach(settings::put);
    ObjectNode environment = root.putObject("environment");
    result.provenance().environment().forEach(environment::put);
    Files.write(file, mapper.writeValueAsBytes(root));
  }

  private static void writeChart(
      Path file, EvaluationReport evolved, Map<String, EvaluationReport> others)
      throws IOException {
    AccuracyChart chart = new AccuracyChart();
    others.forEach((name, report) -> chart.row(name, report, false));
    chart.row("evolved", evolved, true);
    String title = "Japanese word problems, " + evolved.items().size() + " test items";
    Files.writeString(file, chart.svg(title));
  }

  private static void put(ObjectNode node, EvaluationReport report) {
    node.put("accuracy", report.accuracy()).put("answer_only", report.answerOnly());
  }
}
