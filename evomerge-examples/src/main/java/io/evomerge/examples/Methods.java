package io.evomerge.examples;

import io.evomerge.candidate.CandidateAssembler;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperator.BaseModel;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.onnx.language.Tokenizer;
import io.evomerge.onnx.runtime.ActivationCollector;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.recipe.MergeRecipe;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What each merge method makes of the same models, without evolution. */
@Command(
    name = "methods",
    description = {
      "Merges the models of the quickstart by every method, with one weight for all sources and the"
          + " methods' own defaults, and measures the results on Japanese word problems.",
      "Regression mean also gets what the models' layers are fed by the 'train' prompts.",
      "The weight is chosen among 0.3, 0.5, 0.7 and 1, the density, where there is one, among 0.2,"
          + " 0.5, 0.8 and 1, by the log-likelihood of the 'train' answers."
    },
    mixinStandardHelpOptions = true)
final class Methods implements Callable<Integer> {

  private static final List<String> SOURCES = List.of("math-en", "ja", "math-en-2");
  private static final double[] WEIGHTS = {0.3, 0.5, 0.7, 1};
  private static final double[] DENSITIES = {0.2, 0.5, 0.8, 1};

  /** The one that needs more than models: what their layers are fed. */
  private static final String WITH_STATISTICS = "regmean";

  @Option(
      names = "--items",
      description = "Only so many items of each split, for a quick look. Default: all.")
  private @Nullable Integer items;

  @Option(
      names = "--method",
      split = ",",
      paramLabel = "NAME",
      description = "Only these methods, e.g. ties,dare_ties. Default: all.")
  private List<String> only = List.of();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws IOException {
    if (items != null) {
      Main.requireAtLeastOne(spec, "--items", items);
    }
    Map<String, MergeOperator> operators = operators();
    PrintWriter print = spec.commandLine().getOut();
    TextTask task = Zoo.japaneseMath();
    List<Checkpoint> models = new ArrayList<>();
    Path temporary = Files.createTempDirectory("evomerge-methods");
    try (OnnxBackend backend = OnnxBackend.auto();
        TextEvaluator likelihood = part(task, "train").scoredByLogLikelihood().on(backend);
        TextEvaluator test = part(task, "test").on(backend);
        Checkpoint base = Checkpoints.open(Zoo.folder().resolve("base"))) {
      for (String source : SOURCES) {
        models.add(Checkpoints.open(Zoo.folder().resolve(source)));
      }
      // All prompts, however few items are measured: a layer of many inputs needs many tokens.
      Map<String, CheckpointRef> statistics =
          operators.containsKey(WITH_STATISTICS)
              ? statistics(backend, models, task.split("train"), temporary)
              : Map.of();
      print.println("Merges of up to three models on the 'test' items; no evolution");
      Table table = new Table();
      for (MergeOperator operator : operators.values()) {
        boolean fed = operator.name().equals(WITH_STATISTICS);
        Map<String, CheckpointRef> known = fed ? statistics : Map.of();
        measure(operator, base, models, known, likelihood, test, table);
      }
      table.lines().forEach(print::println);
    } finally {
      models.forEach(Checkpoint::close);
      delete(temporary);
    }
    return 0;
  }

  private Map<String, MergeOperator> operators() {
    Map<String, MergeOperator> operators = new LinkedHashMap<>(MergeOperators.standard());
    // It only copies one model.
    operators.remove("passthrough");
    for (String name : only) {
      if (!operators.containsKey(name)) {
        throw new ParameterException(
            spec.commandLine(),
            "--method: there is no '" + name + "', only " + String.join(", ", operators.keySet()));
      }
    }
    if (!only.isEmpty()) {
      operators.keySet().retainAll(only);
    }
    return operators;
  }

  /** Lets every model read the prompts that the merges are for, and keeps what its layers got. */
  private static Map<String, CheckpointRef> statistics(
      OnnxBackend backend, List<Checkpoint> models, TextTask prompts, Path folder)
      throws IOException {
    ActivationCollector collector = ActivationCollector.of(backend);
    Map<String, CheckpointRef> statistics = new LinkedHashMap<>();
    for (Checkpoint model : models) {
      List<int[]> texts = new ArrayList<>();
      try (Tokenizer tokenizer = Tokenizer.open(Zoo.folder().resolve(model.name()))) {
        prompts.items().forEach(item -> texts.add(tokenizer.encode(item.prompt())));
      }
      Path file = folder.resolve(model.name() + ".safetensors");
      collector.collect(model, texts, file, WriteOptions.defaults());
      statistics.put(model.name(), new CheckpointRef(model.name(), file.toString(), ""));
    }
    return statistics;
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private TextTask part(TextTask task, String split) {
    TextTask part = task.split(split);
    return items == null ? part : part.limit(items);
  }

  private static void measure(
      MergeOperator operator,
      Checkpoint base,
      List<Checkpoint> models,
      Map<String, CheckpointRef> statistics,
      TextEvaluator likelihood,
      TextEvaluator test,
      Table table)
      throws IOException {
    boolean withBase = operator.baseModel() == BaseModel.REQUIRED;
    List<Checkpoint> sources = models.subList(0, Math.min(operator.maxSources(), models.size()));
    MergeRecipe.Builder start = MergeRecipe.builder(operator.name());
    start.sources(sources.stream().map(Checkpoint::ref).toList());
    CandidateAssembler.Builder builder = CandidateAssembler.builder(operator).sources(sources);
    if (withBase) {
      start.base(base.ref());
      builder.base(base);
    }
    statistics.forEach(start::statistics);
    for (ParameterSpec parameter : operator.parameters()) {
      if (Double.isNaN(parameter.defaultValue())) {
        start.parameter(parameter.name(), parameter.searchStart());
      }
    }
    List<MergeRecipe> recipes = new ArrayList<>(List.of(start.build()));
    for (ParameterSpec parameter : operator.parameters()) {
      switch (parameter.name()) {
        case "weight" -> recipes = withEach(recipes, "weight", WEIGHTS);
        case "density" -> recipes = withEach(recipes, "density", DENSITIES);
        default -> {
          // The rest keeps its default.
        }
      }
    }
    try (CandidateAssembler assembler = builder.structure(start.build()).build();
        WeightStore store = assembler.newStore()) {
      MergeRecipe best = recipes.get(0);
      double bestScore = Double.NEGATIVE_INFINITY;
      for (MergeRecipe recipe : recipes) {
        double score = likelihood.report(assembler.assemble(recipe, store)).score();
        if (score > bestScore) {
          bestScore = score;
          best = recipe;
        }
      }
      StringBuilder what = new StringBuilder(operator.name() + " of " + sources.size());
      for (String name : List.of("weight", "density")) {
        if (recipes.size() > 1 && best.parameters().containsKey(name)) {
          what.append(", ").append(name).append(' ');
          what.append(best.parameters().get(name).numbers().get(0));
        }
      }
      table.row(what.toString(), test.report(assembler.assemble(best, store)));
    }
  }

  private static List<MergeRecipe> withEach(
      List<MergeRecipe> recipes, String parameter, double[] values) {
    List<MergeRecipe> all = new ArrayList<>();
    for (MergeRecipe recipe : recipes) {
      for (double value : values) {
        all.add(recipe.toBuilder().parameter(parameter, value).build());
      }
    }
    return all;
  }
}
