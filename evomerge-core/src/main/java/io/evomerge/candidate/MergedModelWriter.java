package io.evomerge.candidate;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.evomerge.candidate.ModelOutputs.Copied;
import io.evomerge.candidate.ModelOutputs.Given;
import io.evomerge.candidate.ModelOutputs.Item;
import io.evomerge.candidate.ModelOutputs.Merged;
import io.evomerge.candidate.ModelOutputs.Origin;
import io.evomerge.candidate.ModelOutputs.Taken;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.CompanionFile;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.internal.version.Version;
import io.evomerge.merge.MergeCache;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.ParallelFor;
import io.evomerge.merge.WholeModelOperator.Survey;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Streams the model of a recipe to a complete Hugging Face folder, in bounded memory.
 *
 * <p>The folder holds the weights (in shards), the configuration and tokenizer files of the model
 * that the recipe names for them, {@code config.json} with the element type that is written, and
 * {@code recipe.yaml}; the weights' metadata name this library's version, the recipe's digest and
 * its canonical JSON. Tensors that are not floating-point are copied from the base, or the first
 * source, and must be the same in all models. A model with a data flow path is written in one of
 * two forms, see {@link PathForm}; a layer that several hops of a path use is merged once.
 *
 * <p>Nothing appears under the target before all of it is on disk, and a failure or an interrupt
 * leaves nothing behind. The weights' bytes are a function of recipe and sources: not of
 * parallelism, shard order in time, or machine. Memory is a few blocks per thread, whatever the
 * size of the model. Immutable and safe for concurrent use.
 */
public final class MergedModelWriter {

  private static final String RECIPE_FILE = "recipe.yaml";

  /** As long as a digest, which takes its place when it is known. */
  private static final String UNKNOWN_DIGEST = "0".repeat(64);

  private final Map<String, MergeOperator> operators;
  private final int parallelism;
  private final WriteOptions options;
  private final boolean allowMixedDtypes;
  private final Consumer<MergeProgress> progress;
  private final PathForm pathForm;

  private MergedModelWriter(Builder builder) {
    this.operators = Map.copyOf(builder.operators);
    this.parallelism = builder.parallelism;
    this.options = builder.options;
    this.allowMixedDtypes = builder.allowMixedDtypes;
    this.progress = builder.progress;
    this.pathForm = builder.pathForm;
  }

  /** Returns a writer with the operators of this library and defaults for the rest. */
  public static MergedModelWriter create() {
    return builder().build();
  }

  /** Starts a writer. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Opens the models that a recipe names and writes the merged one.
   *
   * @param recipe with locations that can be opened; relative ones from the working directory
   * @param folder the target
   * @throws IOException if a model cannot be read or the target cannot be written
   * @throws RecipeException if a model is not the one that the recipe means (both digests are
   *     named), or operator or parameters are unknown
   * @throws ConfigurationException if number of sources or base do not fit the operator
   * @throws IncompatibleCheckpointsException if the models cannot be merged
   * @throws MergeException if the operator refuses an input
   * @throws java.io.InterruptedIOException if the thread is interrupted; it stays so
   */
  public WrittenModel write(MergeRecipe recipe, Path folder) throws IOException {
    List<Checkpoint> opened = new ArrayList<>();
    try {
      Optional<Checkpoint> base = Optional.empty();
      if (recipe.base().isPresent()) {
        base = Optional.of(open(recipe.base().get(), opened));
      }
      List<Checkpoint> sources = new ArrayList<>();
      for (CheckpointRef ref : recipe.sources()) {
        sources.add(open(ref, opened));
      }
      List<Checkpoint> pathModels = new ArrayList<>();
      for (CheckpointRef ref : recipe.dataFlow().map(DataFlow::models).orElse(List.of())) {
        pathModels.add(open(ref, opened));
      }
      return write(recipe, base, sources, pathModels, folder);
    } finally {
      opened.forEach(Checkpoint::close);
    }
  }

  private static Checkpoint open(CheckpointRef ref, List<Checkpoint> opened) throws IOException {
    Checkpoint checkpoint = Checkpoints.open(ref);
    opened.add(checkpoint);
    return checkpoint;
  }

  /**
   * Tells what {@link #write(MergeRecipe, Path)} would do and everything that keeps it from being
   * done, from the headers of the models' files: shapes, names, types, vocabularies, parameters,
   * disk space, memory. Weights are not read, so neither digests nor NaNs are noticed, and nothing
   * is written.
   *
   * @param recipe with locations that can be opened; relative ones from the working directory
   * @param folder the target, if it is known
   */
  public MergeReport check(MergeRecipe recipe, Optional<Path> folder) {
    return checker().check(recipe, folder);
  }

  /**
   * Tells the same of open checkpoints, which stay open. It asks them for names, shapes, types and
   * configuration only, so they need not have weights.
   *
   * @param recipe that names them
   * @param base open under the recipe's name, if the recipe has one
   * @param sources open under the recipe's names, in its order
   * @param pathModels the other models of the recipe's data flow path, open under its names, in its
   *     order; empty without a path
   * @param folder the target, if it is known
   */
  public MergeReport check(
      MergeRecipe recipe,
      Optional<? extends Checkpoint> base,
      List<? extends Checkpoint> sources,
      List<? extends Checkpoint> pathModels,
      Optional<Path> folder) {
    return checker()
        .check(
            recipe,
            base.map(model -> model),
            List.copyOf(sources),
            List.copyOf(pathModels),
            folder);
  }

  private MergeChecker checker() {
    return new MergeChecker(
        Checkpoints::open, this::operator, options, allowMixedDtypes, parallelism, pathForm);
  }

  /**
   * Writes the merged model of open checkpoints, which stay open.
   *
   * @param recipe that names them, without a data flow path
   * @param base open under the recipe's name, if the recipe has one
   * @param sources open under the recipe's names, in its order
   * @param folder the target
   * @throws IOException if a model cannot be read or the target cannot be written
   * @throws RecipeException if a model is not the one that the recipe means (both digests are
   *     named), or operator or parameters are unknown
   * @throws ConfigurationException if number of sources or base do not fit the operator
   * @throws IncompatibleCheckpointsException if the models cannot be merged
   * @throws MergeException if the operator refuses an input
   * @throws java.io.InterruptedIOException if the thread is interrupted; it stays so
   */
  public WrittenModel write(
      MergeRecipe recipe,
      Optional<? extends Checkpoint> base,
      List<? extends Checkpoint> sources,
      Path folder)
      throws IOException {
    return write(recipe, base, sources, List.of(), folder);
  }

  /**
   * Writes the model of open checkpoints, which stay open.
   *
   * @param recipe that names them
   * @param base open under the recipe's name, if the recipe has one
   * @param sources open under the recipe's names, in its order
   * @param pathModels the other models of the recipe's data flow path, open under its names, in its
   *     order; empty without a path
   * @param folder the target
   * @throws IOException if a model cannot be read or the target cannot be written
   * @throws RecipeException if a model is not the one that the recipe means (both digests are
   *     named), or operator or parameters are unknown
   * @throws ConfigurationException if number of sources or base do not fit the operator
   * @throws IncompatibleCheckpointsException if the models cannot be merged
   * @throws MergeException if the operator refuses an input
   * @throws java.io.InterruptedIOException if the thread is interrupted; it stays so
   */
  public WrittenModel write(
      MergeRecipe recipe,
      Optional<? extends Checkpoint> base,
      List<? extends Checkpoint> sources,
      List<? extends Checkpoint> pathModels,
      Path folder)
      throws IOException {
    MergeOperator operator = operator(recipe);
    try (MergeInputs inputs =
        new MergeInputs(
            "merge of " + folder,
            operator,
            base.orElse(null),
            List.copyOf(sources),
            List.copyOf(pathModels),
            recipe,
            allowMixedDtypes)) {
      return write(recipe, inputs, folder);
    }
  }

  private WrittenModel write(MergeRecipe recipe, MergeInputs inputs, Path folder)
      throws IOException {
    refuseSourceAsTarget(recipe, inputs, folder);
    if (recipe.sources().stream().anyMatch(ref -> !ref.sha256().isEmpty())) {
      // The recipe says which models it means: all digests at once, before anything is written.
      try (PendingDigests digests = new PendingDigests(inputs.digests(), parallelism)) {
        digests.await();
      }
    }
    inputs.requireMatches(recipe);
    ModelOutputs outputs = ModelOutputs.of("merge of " + folder, recipe, inputs, pathForm);
    MergeRecipe announced = inputs.withDigests(recipe, Optional.of(UNKNOWN_DIGEST));
    Map<TensorInfo, ParameterValues> values = new LinkedHashMap<>();
    Function<TensorInfo, ParameterValues> parameters = inputs.parameters(recipe);
    inputs.merged().forEach(info -> values.put(info, parameters.apply(info)));

    MergeRecipe complete;
    try (CheckpointWriter writer =
            CheckpointWriter.create(folder, outputs.tensors(), metadata(announced), options);
        PendingDigests digests = new PendingDigests(inputs.digests(), parallelism)) {
      Optional<Survey> survey;
      try (Workers workers = new Workers("survey", parallelism)) {
        survey = inputs.survey(recipe, parameters, MergeCache.none(), workers);
      }
      List<TensorJobs.Job> jobs = new ArrayList<>();
      for (Item item : outputs.items()) {
        jobs.add(
            new TensorJobs.Job(
                item.infos(),
                (sinks, threads) ->
                    write(
                        item.origin(), item.sink(sinks), recipe, inputs, values, survey, threads)));
      }
      new TensorJobs(jobs, writer::sink, parallelism, tensorsAtOnce(inputs), progress).run();
      digests.await();
      complete = inputs.withDigests(recipe, Optional.empty());
      writer.metadata(metadata(complete));
      writeCompanions(writer, inputs, recipe, outputs.config());
      String text = RecipeFiles.textFor(complete, folder.resolve(RECIPE_FILE));
      writer.write(RECIPE_FILE, text.getBytes(StandardCharsets.UTF_8));
      writer.commit();
    } catch (ClosedByInterruptException e) {
      // The interrupt met this thread at a file; its status is set.
      InterruptedIOException interrupted =
          new InterruptedIOException("interrupted; nothing is left behind");
      interrupted.initCause(e);
      throw interrupted;
    }
    return new WrittenModel(folder, complete, outputs.parameterCount(), outputs.bytesWritten());
  }

  private static void write(
      Origin origin,
      TensorSink sink,
      MergeRecipe recipe,
      MergeInputs inputs,
      Map<TensorInfo, ParameterValues> values,
      Optional<Survey> survey,
      ParallelFor threads) {
    if (origin instanceof Merged one) {
      ParameterValues own = values.get(one.info());
      inputs.merge(one.info(), recipe, own, survey, MergeCache.none(), threads, sink);
    } else if (origin instanceof Copied one) {
      inputs.copy(one.info(), sink);
    } else if (origin instanceof Taken one) {
      ModelOutputs.copy(one.model().tensor(one.info().name()), sink);
    } else if (origin instanceof Given one) {
      sink.writeBytes(0, one.bytes(), 0, one.bytes().length);
    }
  }

  /** Methods that hold whole matrices take as many at a time as half the heap has room for. */
  private int tensorsAtOnce(MergeInputs inputs) {
    long most = inputs.merged().stream().mapToLong(inputs::scratchBytes).max().orElse(1);
    long room = Runtime.getRuntime().maxMemory() / 2;
    return (int) Math.max(1, Math.min(parallelism, room / Math.max(1, most)));
  }

  private MergeOperator operator(MergeRecipe recipe) {
    MergeOperator operator = operators.get(recipe.operator());
    if (operator == null) {
      throw new RecipeException(
          "unknown operator '"
              + recipe.operator()
              + "'"
              + DidYouMean.hint(recipe.operator(), new TreeMap<>(operators).keySet()));
    }
    return operator;
  }

  private static void refuseSourceAsTarget(MergeRecipe recipe, MergeInputs inputs, Path folder)
      throws IOException {
    List<Checkpoint> models = inputs.all();
    inputs.layerModels().ifPresent(path -> models.addAll(path.others()));
    List<String> problems = sourcesInTarget(recipe, models, folder);
    if (!problems.isEmpty()) {
      throw new ConfigurationException("merge of " + folder, problems);
    }
  }

  /** A model or an adapter must not be replaced while it is read. */
  static List<String> sourcesInTarget(
      MergeRecipe recipe, List<? extends Checkpoint> models, Path folder) throws IOException {
    Path target = realPath(folder);
    Map<Path, String> read = new LinkedHashMap<>();
    models.forEach(model -> read.putIfAbsent(model.location(), model.name()));
    List<CheckpointRef> refs = new ArrayList<>(recipe.sources());
    recipe.base().ifPresent(refs::add);
    recipe.dataFlow().ifPresent(flow -> refs.addAll(flow.models()));
    for (CheckpointRef ref : refs) {
      ref.adapter()
          .ifPresent(adapter -> read.putIfAbsent(Path.of(adapter), "adapter of " + ref.name()));
    }
    List<String> problems = new ArrayList<>();
    for (Map.Entry<Path, String> entry : read.entrySet()) {
      if (realPath(entry.getKey()).startsWith(target)) {
        problems.add(
            "'" + entry.getValue() + "', which is merged, lies there; choose another folder");
      }
    }
    return problems;
  }

  private static Path realPath(Path path) throws IOException {
    return Files.exists(path) ? path.toRealPath() : path.toAbsolutePath().normalize();
  }

  private static Map<String, String> metadata(MergeRecipe recipe) {
    return Map.of(
        "format",
        "pt",
        "evomerge.version",
        Version.current(),
        "evomerge.recipe.sha256",
        recipe.digest(),
        "evomerge.recipe",
        recipe.canonicalJson());
  }

  private static void writeCompanions(
      CheckpointWriter writer, MergeInputs inputs, MergeRecipe recipe, Optional<ModelConfig> config)
      throws IOException {
    for (CompanionFile file : inputs.companions(recipe)) {
      if (!file.name().equals(RECIPE_FILE)) {
        file.writeTo(writer);
      }
    }
    Checkpoint source = inputs.tokenizerSource(recipe);
    Optional<Path> own =
        source.companionFiles().stream()
            .filter(file -> file.getFileName().toString().equals(MergeInputs.CONFIG_FILE))
            .findFirst();
    if (own.isPresent() && config.equals(source.config())) {
      writer.copy(own.get());
    } else if (config.isPresent()) {
      byte[] json =
          JsonMapper.builder()
              .build()
              .writerWithDefaultPrettyPrinter()
              .writeValueAsBytes(config.get().json());
      writer.write(MergeInputs.CONFIG_FILE, json);
    }
  }

  /** Collects the settings of a writer; not thread-safe. */
  public static final class Builder {
    private final Map<String, MergeOperator> operators =
        new LinkedHashMap<>(MergeOperators.standard());
    private int parallelism = Math.min(4, Runtime.getRuntime().availableProcessors());
    private WriteOptions options = WriteOptions.defaults();
    private boolean allowMixedDtypes;
    private Consumer<MergeProgress> progress = done -> {};
    private PathForm pathForm = PathForm.FOLDED;

    private Builder() {}

    /**
     * Adds an operator of the host, or replaces one of the same name; those of {@link
     * MergeOperators#standard()} are there.
     *
     * @param operator found by its name
     */
    public Builder operator(MergeOperator operator) {
      operators.put(operator.name(), operator);
      return this;
    }

    /**
     * Sets how many threads merge; default the number of processors, at most 4.
     *
     * @param threads at least 1
     */
    public Builder parallelism(int threads) {
      parallelism = threads;
      return this;
    }

    /**
     * Sets shard size and whether a model in the target is replaced; default {@link
     * WriteOptions#defaults()}.
     *
     * @param write the options
     */
    public Builder writeOptions(WriteOptions write) {
      options = write;
      return this;
    }

    /**
     * Says whether models of different floating-point types may be merged; default false.
     *
     * @param allow whether they may
     */
    public Builder allowMixedDtypes(boolean allow) {
      allowMixedDtypes = allow;
      return this;
    }

    /**
     * Sets who is told of each finished tensor, by one thread at a time; must be fast. If it
     * throws, the write fails with that.
     *
     * @param listener default none
     */
    public Builder progress(Consumer<MergeProgress> listener) {
      progress = listener;
      return this;
    }

    /**
     * Sets how a model with a data flow path is written; default {@link PathForm#FOLDED}. Other
     * models have one form. It is no part of the recipe.
     *
     * @param form of the model
     */
    public Builder pathForm(PathForm form) {
      pathForm = form;
      return this;
    }

    /**
     * Makes the writer.
     *
     * @throws ConfigurationException if the parallelism is below 1
     */
    public MergedModelWriter build() {
      if (parallelism < 1) {
        throw new ConfigurationException(
            "MergedModelWriter", List.of("parallelism " + parallelism + ", wanted at least 1"));
      }
      return new MergedModelWriter(this);
    }
  }
}
