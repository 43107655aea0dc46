package io.evomerge.benchmarks;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.ParameterSearchSpace;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperator;
import io.evomerge.onnx.language.AnswerCheck;
import io.evomerge.onnx.language.Language;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterRecipeDecoder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** The small models of the examples, open, and recipes over them. */
final class Zoo implements AutoCloseable {

  /** The sources, in the order of the recipes. */
  static final List<String> SOURCES = List.of("math-en", "math-en-2", "ja");

  private final Checkpoint base;
  private final List<Checkpoint> sources = new ArrayList<>();

  private Zoo(Checkpoint base) {
    this.base = base;
  }

  static Zoo open() throws IOException {
    Zoo zoo = new Zoo(Checkpoints.open(folder().resolve("base")));
    for (String source : SOURCES) {
      zoo.sources.add(Checkpoints.open(folder().resolve(source)));
    }
    return zoo;
  }

  /** Returns the folder of the zoo: a system property, or below the project's folder. */
  static Path folder() {
    Path folder = Path.of(System.getProperty("evomerge.examples.zoo", "evomerge-examples/zoo"));
    if (!Files.isDirectory(folder)) {
      throw new IllegalStateException(
          "the zoo is not at "
              + folder.toAbsolutePath()
              + "; start with benchmarks-jmh/run, or set -Devomerge.examples.zoo");
    }
    return folder;
  }

  /** Returns the Japanese word problems, scored as in the examples. */
  static TextTask japaneseMath() {
    try {
      return TextTask.read(folder().resolve("tasks/ja_math.jsonl"))
          .maxNewTokens(5)
          .scoredBy(AnswerCheck.lastNumber().inLanguage(Language.JAPANESE).containing("です"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Checkpoint base() {
    return base;
  }

  List<Checkpoint> sources() {
    return sources;
  }

  /** Returns a recipe of the operator's defaults over base and sources. */
  MergeRecipe.Builder recipe(MergeOperator operator) {
    List<CheckpointRef> refs = sources.stream().map(Checkpoint::ref).toList();
    return MergeRecipe.builder(operator.name()).base(base.ref()).sources(refs);
  }

  /** Returns the space of weights and densities per layer and source. */
  ParameterSearchSpace perLayer(MergeOperator operator) {
    return ParameterSpace.perLayer()
        .range("weight", -1, 2)
        .range("density", 0.1, 0.95)
        .bind(base.layout(), operator.parameters(), SOURCES);
  }

  ParameterRecipeDecoder decoder(MergeOperator operator) {
    return new ParameterRecipeDecoder(
        perLayer(operator), recipe(operator).parameter("weight", 1).build());
  }

  /** Returns points of the per-layer space, drawn uniformly; the same for every run. */
  List<Genome> genomes(MergeOperator operator, int count) {
    List<Gene> genes = perLayer(operator).genes();
    SplittableRandom random = new SplittableRandom(1);
    List<Genome> genomes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      genomes.add(
          Genome.of(
              genes.stream()
                  .mapToDouble(gene -> gene.min() + random.nextDouble() * (gene.max() - gene.min()))
                  .toArray()));
    }
    return genomes;
  }

  @Override
  public void close() {
    base.close();
    sources.forEach(Checkpoint::close);
  }
}
