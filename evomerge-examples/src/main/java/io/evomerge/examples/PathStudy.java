package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.fitness.PairedComparison;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.language.EvaluationReport;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.PathVariants;
import io.evomerge.result.Ablation;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.picture.Pictures;
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
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** What the programs that search paths have in common: options, evaluators, tables. */
final class PathStudy {

  /** Which paths are searched. */
  enum Variant {
    /** Any layer, in the order of the models, each up to so many times. */
    REPEATS,
    /** The same, in the order of the layers. */
    INTERLEAVED,
    /** As many layers as the first model, each from one of the models. */
    FIXED_DEPTH,
    /** So many layers in any order. */
    PATH_OF
  }

  /** What answers to the search items are scored by. */
  enum Measure {
    /** The share of right answers, as published. */
    ACCURACY,
    /** The mean probability of the right answers. */
    PROBABILITY,
    /** The mean log-probability of the right answers' tokens. */
    LOG_LIKELIHOOD
  }

  @Option(
      names = "--seeds",
      split = ",",
      paramLabel = "SEED",
      description = "Searches to run, e.g. 1,2,3. Default: ${DEFAULT-VALUE}.")
  List<Long> seeds = List.of(1L);

  @Option(
      names = "--evaluations",
      description = "Trials of each search for paths. Default: ${DEFAULT-VALUE}.")
  int evaluations = 600;

  @Option(
      names = "--variant",
      description = "Paths to search: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  Variant variant = Variant.REPEATS;

  @Option(
      names = "--hops",
      description =
          "Most hops of a path; with path_of all have as many. Default: ${DEFAULT-VALUE}.")
  int hops = 12;

  @Option(
      names = "--fitness",
      description =
          "What 'train' answers are scored by: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  Measure fitness = Measure.PROBABILITY;

  @Option(
      names = "--scaling",
      description = "What scales multiply: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  HopScaling scaling = HopScaling.BRANCH;

  @Option(
      names = "--steps",
      description = "First standard deviation of indicators and scales. Default: ${DEFAULT-VALUE}.")
  double steps = 0.1;

  @Option(names = "--binary", description = "Slots are on or off, rather than above 0 or below.")
  boolean binary;

  @Option(
      names = "--parallelism",
      description = "Candidates evaluated at once. Default: the processors of this machine.")
  int parallelism = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--items",
      description = "Only so many items of each split, for a quick look. Default: all.")
  @Nullable Integer items;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Journals, pictures and models. A search whose journal is there goes on.")
  @Nullable Path out;

  void check(CommandSpec spec) {
    Main.requireAtLeastOne(spec, "--evaluations", evaluations);
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    Main.requireAtLeastOne(spec, "--hops", hops);
    if (items != null) {
      Main.requireAtLeastOne(spec, "--items", items);
    }
  }

  /**
   * The paths of the variant, from the first model as it is: slots that are off start well below
   * zero, so that a first generation differs from it in a few hops and not in half of them. As
   * published they start at zero; see docs/data-flow.md for what that does here.
   */
  DataFlowSpace space() {
    DataFlowSpace space =
        switch (variant) {
          case REPEATS -> DataFlowSpace.repeats(2).maxLayers(hops).indicators(0.2, -0.2);
          case INTERLEAVED ->
              DataFlowSpace.repeats(2).interleaved().maxLayers(hops).indicators(0.2, -0.2);
          case FIXED_DEPTH -> DataFlowSpace.fixedDepth();
          case PATH_OF -> DataFlowSpace.pathOf(hops);
        };
    if (binary) {
      space = space.binaryIndicators();
    }
    return space.scales(DataFlowSpace.Scales.PER_HOP).scaling(scaling).steps(steps, steps);
  }

  /** What to say when a search was interrupted. */
  String interrupted() {
    return out == null
        ? "Interrupted. With --out FOLDER a search could go on another time."
        : "Interrupted. Go on with the same command.";
  }

  StopCondition budget() {
    return StopCondition.evaluations(evaluations);
  }

  Optional<Path> folder(String name) {
    return Optional.ofNullable(out).map(folder -> folder.resolve(name));
  }

  /** The evaluators: to search by, to choose by, to report by. */
  Evaluators evaluators(OnnxBackend backend) throws IOException {
    TextTask task = Zoo.japaneseMath();
    TextTask train = part(task, "train");
    train =
        switch (fitness) {
          case ACCURACY -> train;
          case PROBABILITY -> train.scoredByProbability();
          case LOG_LIKELIHOOD -> train.scoredByLogLikelihood();
        };
    return new Evaluators(
        train.on(backend),
        part(task, "train").scoredByLogLikelihood().on(backend),
        part(task, "valid").on(backend),
        part(task, "test").on(backend));
  }

  private TextTask part(TextTask task, String split) {
    TextTask part = task.split(split);
    return items == null ? part : part.limit(items);
  }

  /**
   * What candidates are measured by.
   *
   * @param train what paths are searched by
   * @param likelihood on the same items, what weights are searched by
   * @param valid accuracy
   * @param test accuracy
   */
  record Evaluators(
      TextEvaluator train, TextEvaluator likelihood, TextEvaluator valid, TextEvaluator test)
      implements AutoCloseable {
    @Override
    public void close() {
      train.close();
      likelihood.close();
      valid.close();
      test.close();
    }
  }

  /** The path in one line: runs of layers by model, scales that are not 1. */
  static String describe(MergeRecipe recipe) {
    return recipe.dataFlow().orElseThrow().hops().stream()
        .map(PathStudy::describe)
        .collect(Collectors.joining(" "));
  }

  private static String describe(Hop hop) {
    String scale = hop.scale() == 1 ? "" : String.format(Locale.ROOT, "*%.2f", hop.scale());
    return hop.model() + ":" + hop.layer() + scale;
  }

  /** Rows of one kind over several seeds. */
  static final class Rows {
    private final Map<String, List<EvaluationReport>> reports = new LinkedHashMap<>();
    private final List<String> comparisons = new ArrayList<>();

    void add(String kind, EvaluationReport report) {
      reports.computeIfAbsent(kind, key -> new ArrayList<>()).add(report);
    }

    void compare(String what, EvaluationReport first, EvaluationReport second) {
      PairedComparison test = PairedComparison.of(first.itemScores(), second.itemScores());
      comparisons.add(
          String.format(
              Locale.ROOT,
              "  %-44s %+.3f ± %.3f; %d items gained, %d lost; %s",
              what,
              test.meanDifference(),
              test.standardError(),
              test.gained(),
              test.lost(),
              chance(test)));
    }

    void print(PrintWriter print) {
      Table table = new Table();
      reports.forEach(
          (kind, all) -> {
            for (int i = 0; i < all.size(); i++) {
              table.row(all.size() == 1 ? kind : kind + ", search " + (i + 1), all.get(i));
            }
          });
      table.lines().forEach(print::println);
      reports.forEach(
          (kind, all) -> {
            if (all.size() > 1) {
              print.printf(
                  Locale.ROOT,
                  "%-48s  %.3f%n",
                  "mean of " + all.size() + ": " + kind,
                  all.stream().mapToDouble(EvaluationReport::accuracy).average().orElseThrow());
            }
          });
      print.println();
      print.println("Item by item:");
      comparisons.forEach(print::println);
      print.flush();
    }
  }

  private static String chance(PairedComparison test) {
    return test.pValue() < 1e-15
        ? "p < 1e-15"
        : String.format(Locale.ROOT, "p = %.2g", test.pValue());
  }

  /** Writes model and picture of a result, where there is a folder for them. */
  void keep(EvoMerge search, EvolutionResult result, String name) throws IOException {
    Optional<Path> folder = folder(name);
    if (folder.isPresent()) {
      Files.createDirectories(folder.get());
      search.write(
          result.best().recipe(),
          folder.get().resolve("model"),
          WriteOptions.defaults().withOverwrite(true));
      Pictures.of(result.best().recipe()).writeSvg(folder.get().resolve("picture.svg"));
    }
  }

  /** Prints which hops the accuracy on the validation items hangs on. */
  static void printAblation(PrintWriter print, Ablation ablation) {
    print.printf(Locale.ROOT, "  on 'valid': %s%n", Table.percent(ablation.fitness().items()));
    for (Ablation.Variant variant : ablation.variants()) {
      String change =
          variant
              .comparison()
              .map(
                  test ->
                      String.format(
                          Locale.ROOT,
                          "%+.3f ± %.3f, %s",
                          test.meanDifference(),
                          test.standardError(),
                          chance(test)))
              .orElseGet(() -> variant.failure().orElse("no items"));
      print.printf(Locale.ROOT, "    %-32s %s%n", variant.name(), change);
    }
    print.flush();
  }

  /** The same path with all scales 1, if that is another one. */
  static Optional<MergeRecipe> withoutScales(MergeRecipe recipe) {
    return Optional.ofNullable(
        PathVariants.ablation(recipe, model -> Integer.MAX_VALUE).get(PathVariants.SCALES_ONE));
  }
}
