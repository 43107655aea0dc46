package io.evomerge.candidate;

import io.evomerge.checkpoint.ActivationStatistics;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.CompanionFile;
import io.evomerge.checkpoint.MergeableOptions;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.TokenizerFiles;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeCache;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperator.BaseModel;
import io.evomerge.merge.MergeTask;
import io.evomerge.merge.ParallelFor;
import io.evomerge.merge.WholeModelOperator;
import io.evomerge.merge.WholeModelOperator.Survey;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Checkpoints and an operator that fit together, checked once; what both the in-memory and the
 * streamed merge start from. Safe for concurrent use.
 */
final class MergeInputs implements AutoCloseable {

  static final String CONFIG_FILE = "config.json";

  private static final int COPY_BYTES = 1 << 16;

  private final MergeOperator operator;
  private final @Nullable Checkpoint base;
  private final List<Checkpoint> sources;
  private final MergeRecipe structure;
  private final Optional<VocabularyPlan> vocabulary;
  private final MergePlan plan;
  private final Map<String, ActivationStatistics> statistics = new HashMap<>();
  private final Map<String, MergePlan.Planned> byName = new HashMap<>();
  private final List<TensorInfo> merged = new ArrayList<>();
  private final List<TensorInfo> copied = new ArrayList<>();
  private final Optional<LayerModels> layerModels;
  private volatile List<CheckpointRef> verified = List.of();

  /**
   * Checks everything that does not depend on a recipe's parameters.
   *
   * @param pathModels the other models of the structure's path, open, in its order
   * @param structure whose slices, vocabulary, statistics and models of the path count
   * @throws ConfigurationException listing every mistake
   * @throws IncompatibleCheckpointsException if the checkpoints differ
   */
  MergeInputs(
      String what,
      MergeOperator operator,
      @Nullable Checkpoint base,
      List<Checkpoint> sources,
      List<Checkpoint> pathModels,
      MergeRecipe structure,
      boolean allowMixedDtypes) {
    this.operator = operator;
    this.base = base;
    this.sources = List.copyOf(sources);
    this.structure = structure;
    List<String> problems = structureProblems(operator, base, sources, structure);
    pathProblems(pathModels, structure, problems);
    if (!problems.isEmpty()) {
      throw new ConfigurationException(what, problems);
    }
    boolean sliced = !structure.slices().isEmpty();
    MergeableOptions options =
        new MergeableOptions(allowMixedDtypes, structure.vocabulary().isPresent(), sliced);
    Checkpoints.requireMergeable(reference(), others(), options);
    this.vocabulary =
        structure
            .vocabulary()
            .map(choice -> VocabularyPlan.of(choice, Optional.ofNullable(base), this.sources));
    MergePlan.Views views =
        (model, tensor) ->
            vocabulary
                .map(common -> common.view(model, tensor))
                .orElseGet(() -> model.tensor(tensor));
    this.plan =
        sliced
            ? MergePlan.of(base, this.sources, structure.slices(), allowMixedDtypes, views)
            : MergePlan.of(
                operator.baseModel() == BaseModel.UNUSED ? null : base, this.sources, views);
    for (MergePlan.Planned tensor : plan.tensors()) {
      byName.put(tensor.info().name(), tensor);
      (tensor.info().dtype().isFloating() ? merged : copied).add(tensor.info());
    }
    requireEqualCopies();
    this.layerModels =
        structure
            .dataFlow()
            .map(
                flow ->
                    new LayerModels(flow, reference(), all(), plan, pathModels, allowMixedDtypes));
    try {
      openStatistics();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Adds what is wrong with the models that were opened for a path. */
  static void pathProblems(
      List<? extends Checkpoint> pathModels, MergeRecipe structure, List<String> problems) {
    List<String> wanted =
        structure
            .dataFlow()
            .map(flow -> flow.models().stream().map(CheckpointRef::name).toList())
            .orElse(List.of());
    List<String> given = pathModels.stream().map(Checkpoint::name).toList();
    if (!given.equals(wanted)) {
      problems.add("the path is over the models " + wanted + ", open are " + given);
    }
  }

  private void openStatistics() {
    structure
        .statistics()
        .forEach(
            (source, ref) -> {
              try {
                statistics.put(source, ActivationStatistics.open(Path.of(ref.location())));
              } catch (IOException e) {
                throw new RecipeException(
                    "statistics of '" + source + "': cannot read " + ref.location() + ": " + e, e);
              }
            });
  }

  /** Returns what is wrong with the number and the names of the models, slice by slice. */
  static List<String> structureProblems(
      MergeOperator operator,
      @Nullable Checkpoint base,
      List<? extends Checkpoint> sources,
      MergeRecipe structure) {
    List<String> problems = new ArrayList<>();
    List<String> names = sources.stream().map(Checkpoint::name).toList();
    if (names.stream().distinct().count() != names.size()) {
      problems.add("sources " + names + " share a name; open them with names of their own");
    }
    for (String name : names) {
      if (operator.needsStatistics() && !structure.statistics().containsKey(name)) {
        problems.add(
            "operator '"
                + operator.name()
                + "' needs activation statistics of every source, and there are none of '"
                + name
                + "'; gather them with ActivationCollector and name the file in the recipe");
      }
    }
    // In mergekit's configurations such a base only lends configuration and tokenizer.
    boolean lends =
        operator.baseModel() == BaseModel.UNUSED && structure.semantics() == Semantics.MERGEKIT;
    String baseName = base == null || lends ? null : base.name();
    if (structure.slices().isEmpty()) {
      checkArity("", operator, names.size(), baseName, problems);
    }
    Set<String> known = new LinkedHashSet<>(names);
    if (baseName != null) {
      known.add(baseName);
    }
    for (int i = 0; i < structure.slices().size(); i++) {
      List<String> models =
          structure.slices().get(i).ranges().stream().map(LayerRange::model).toList();
      String where = "slice " + i + ": ";
      for (String model : models) {
        if (!known.contains(model)) {
          problems.add(where + "there is no model '" + model + "', only " + known);
        }
      }
      int count = (int) names.stream().filter(models::contains).count();
      String taking = baseName != null && models.contains(baseName) ? baseName : null;
      checkArity(where, operator, count, taking, problems);
    }
    return problems;
  }

  private static void checkArity(
      String where,
      MergeOperator operator,
      int count,
      @Nullable String base,
      List<String> problems) {
    String name = where + "operator '" + operator.name() + "' ";
    if (operator.baseModel() == BaseModel.REQUIRED && base == null) {
      problems.add(name + "needs a base model; give the common base of the sources");
    }
    if (operator.baseModel() == BaseModel.UNUSED && base != null) {
      problems.add(name + "takes no base model; leave '" + base + "' out or make it a source");
    }
    int least = Math.max(1, operator.minSources());
    if (count < least || count > operator.maxSources()) {
      problems.add(
          name
              + "takes "
              + least
              + (operator.maxSources() == Integer.MAX_VALUE
                  ? " or more"
                  : " to " + operator.maxSources())
              + " sources, got "
              + count);
    }
  }

  private List<Checkpoint> others() {
    return base != null ? sources : sources.subList(1, sources.size());
  }

  private void requireEqualCopies() {
    List<String> different = new ArrayList<>();
    for (TensorInfo info : copied) {
      MergePlan.Planned tensor = byName.get(info.name());
      TensorView ours = tensor.reference();
      for (int i = 0; i < tensor.sources().size(); i++) {
        TensorView theirs = tensor.sources().get(i);
        if (theirs != ours && !sameBytes(ours, theirs)) {
          String model = sources.get(tensor.participants().get(i)).name();
          different.add("'" + info.name() + "' (" + info.dtype() + ") of '" + model + "'");
        }
      }
    }
    if (!different.isEmpty()) {
      throw new IncompatibleCheckpointsException(
          "tensors that are not floating-point are copied, so all models must have the same; these"
              + " differ from '"
              + reference().name()
              + "': "
              + String.join(", ", different));
    }
  }

  private static boolean sameBytes(TensorView a, TensorView b) {
    long size = a.info().byteSize();
    byte[] left = new byte[COPY_BYTES];
    byte[] right = new byte[COPY_BYTES];
    for (long at = 0; at < size; at += COPY_BYTES) {
      int count = (int) Math.min(COPY_BYTES, size - at);
      a.readBytes(at, left, 0, count);
      b.readBytes(at, right, 0, count);
      if (!Arrays.equals(left, 0, count, right, 0, count)) {
        return false;
      }
    }
    return true;
  }

  MergeOperator operator() {
    return operator;
  }

  /** The base, or the first source: its tensors are those of the result. */
  Checkpoint reference() {
    return base != null ? base : sources.get(0);
  }

  ModelLayout layout() {
    return plan.layout();
  }

  /** Floating-point tensors, in the order of their names. */
  List<TensorInfo> merged() {
    return merged;
  }

  /** All other tensors, in the order of their names. */
  List<TensorInfo> copied() {
    return copied;
  }

  List<Checkpoint> all() {
    List<Checkpoint> all = new ArrayList<>(sources);
    if (base != null) {
      all.add(0, base);
    }
    return all;
  }

  /** The models of data flow paths, if there are any. */
  Optional<LayerModels> layerModels() {
    return layerModels;
  }

  /** The plan of the merged model; paths lead through its layers. */
  MergePlan plan() {
    return plan;
  }

  static DType outputType(MergeRecipe recipe, TensorInfo info) {
    return recipe.dtype().orElse(info.dtype());
  }

  /**
   * Checks that a recipe means this operator and these checkpoints.
   *
   * @throws RecipeException listing every mistake; another model is named with both digests
   */
  void requireMatches(MergeRecipe recipe) {
    List<String> problems = new ArrayList<>();
    if (!recipe.operator().equals(operator.name())) {
      problems.add("operator is '" + recipe.operator() + "', not '" + operator.name() + "'");
    }
    if (recipe.base().isPresent() != (base != null)) {
      problems.add(
          base == null
              ? "it names the base '" + recipe.base().get().name() + "', but there is none"
              : "it names no base, but there is '" + base.name() + "'");
    }
    if (recipe.sources().size() != sources.size()) {
      problems.add("it names " + recipe.sources().size() + " sources, there are " + sources.size());
    }
    if (!recipe.slices().equals(structure.slices())
        || !recipe.vocabulary().equals(structure.vocabulary())
        || !recipe.chatTemplate().equals(structure.chatTemplate())
        || !recipe.statistics().keySet().equals(structure.statistics().keySet())) {
      problems.add(
          "its slices, vocabulary, chat template or statistics are not those that the models were"
              + " checked for");
    }
    if (recipe.dataFlow().isPresent() && layerModels.isEmpty()) {
      problems.add(
          "it has a data flow path, but no models were checked for one: let the structure have one");
    }
    if (problems.isEmpty()) {
      layerModels.ifPresent(models -> problems.addAll(models.problems(recipe)));
    }
    if (problems.isEmpty()) {
      List<CheckpointRef> refs = new ArrayList<>(recipe.sources());
      recipe.base().ifPresent(ref -> refs.add(0, ref));
      if (!refs.equals(verified)) {
        checkModels(refs, problems);
        checkStatistics(recipe, problems);
        if (problems.isEmpty()) {
          verified = List.copyOf(refs);
        }
      }
    }
    if (problems.isEmpty() && recipe.dataFlow().isPresent()) {
      problems.addAll(layerModels.orElseThrow().configProblems(tokenizerSource(recipe)));
    }
    if (!problems.isEmpty()) {
      throw new RecipeException("the recipe does not fit: " + String.join("; ", problems));
    }
  }

  private void checkModels(List<CheckpointRef> refs, List<String> problems) {
    List<Checkpoint> models = all();
    for (int i = 0; i < refs.size(); i++) {
      CheckpointRef ref = refs.get(i);
      Checkpoint model = models.get(i);
      if (!ref.name().equals(model.name())) {
        problems.add("it names '" + ref.name() + "' where '" + model.name() + "' was given");
      } else if (!ref.sha256().isEmpty() && !ref.sha256().equals(model.sha256())) {
        problems.add(otherModel(ref, model));
      }
    }
  }

  static String otherModel(CheckpointRef ref, Checkpoint model) {
    return "'"
        + ref.name()
        + "' at "
        + model.location()
        + " is another model: its weights have sha256 "
        + model.sha256()
        + ", the recipe wants "
        + ref.sha256();
  }

  private void checkStatistics(MergeRecipe recipe, List<String> problems) {
    recipe
        .statistics()
        .forEach(
            (source, ref) -> {
              ActivationStatistics own = statistics.get(source);
              if (!ref.sha256().isEmpty() && !ref.sha256().equals(own.ref().sha256())) {
                problems.add(
                    "the statistics of '"
                        + source
                        + "' have sha256 "
                        + own.ref().sha256()
                        + ", the recipe wants "
                        + ref.sha256());
              }
              all().stream().filter(model -> model.name().equals(source)).forEach(own::requireOf);
            });
  }

  /** Returns what computes the digests of all files; each keeps its result. */
  List<Callable<String>> digests() {
    List<Callable<String>> work = new ArrayList<>();
    all().forEach(model -> work.add(model::sha256));
    layerModels.ifPresent(m -> m.others().forEach(model -> work.add(model::sha256)));
    statistics.values().forEach(file -> work.add(() -> file.ref().sha256()));
    return work;
  }

  /**
   * Returns a recipe in which every model has its digest.
   *
   * @param placeholder what stands for all digests, if they are not to be computed
   */
  MergeRecipe withDigests(MergeRecipe recipe, Optional<String> placeholder) {
    MergeRecipe.Builder complete = recipe.toBuilder();
    List<CheckpointRef> refs = new ArrayList<>();
    for (int i = 0; i < sources.size(); i++) {
      refs.add(withDigest(recipe.sources().get(i), sources.get(i)::sha256, placeholder));
    }
    complete.sources(refs);
    if (base != null) {
      complete.base(withDigest(recipe.base().orElseThrow(), base::sha256, placeholder));
    }
    recipe
        .statistics()
        .forEach(
            (source, ref) ->
                complete.statistics(
                    source,
                    withDigest(ref, () -> statistics.get(source).ref().sha256(), placeholder)));
    recipe.dataFlow().ifPresent(flow -> complete.dataFlow(withDigests(flow, placeholder)));
    return complete.build();
  }

  private DataFlow withDigests(DataFlow flow, Optional<String> placeholder) {
    List<CheckpointRef> models = new ArrayList<>();
    for (CheckpointRef ref : flow.models()) {
      Checkpoint model = layerModels.orElseThrow().other(ref.name()).orElseThrow();
      models.add(withDigest(ref, model::sha256, placeholder));
    }
    return new DataFlow(flow.merged(), models, flow.hops(), flow.scaling());
  }

  private static CheckpointRef withDigest(
      CheckpointRef ref, Supplier<String> digest, Optional<String> placeholder) {
    return new CheckpointRef(
        ref.name(), ref.location(), ref.adapter(), placeholder.orElseGet(digest));
  }

  /**
   * Returns the parameters of a recipe by tensor; equal ones are resolved once.
   *
   * @throws RecipeException when asked for a tensor whose parameters do not fit the operator
   */
  Function<TensorInfo, ParameterValues> parameters(MergeRecipe recipe) {
    boolean byName =
        recipe.groups().stream().anyMatch(group -> group.select().nameContains().isPresent());
    Map<Object, ParameterValues> known = new HashMap<>();
    return info -> {
      TensorRole role = layout().role(info.name());
      return known.computeIfAbsent(
          byName ? info.name() : role,
          key -> recipe.parametersFor(info.name(), role, operator.parameters()));
    };
  }

  /**
   * Lets an operator that must see all tensors see them; does nothing for others.
   *
   * @throws MergeException if the operator refuses
   */
  Optional<Survey> survey(
      MergeRecipe recipe,
      Function<TensorInfo, ParameterValues> parameters,
      MergeCache cache,
      ParallelFor threads) {
    if (!(operator instanceof WholeModelOperator whole)) {
      return Optional.empty();
    }
    List<MergeTask> tasks = new ArrayList<>();
    for (TensorInfo info : merged) {
      tasks.add(task(info, recipe, parameters.apply(info), cache, threads).build());
    }
    return Optional.of(whole.survey(tasks));
  }

  /**
   * Merges one tensor.
   *
   * @param survey of {@link #survey}, with the same recipe and parameters
   * @throws MergeException if the operator refuses, or does not write each element once
   */
  void merge(
      TensorInfo info,
      MergeRecipe recipe,
      ParameterValues values,
      Optional<Survey> survey,
      MergeCache cache,
      ParallelFor threads,
      TensorSink sink) {
    MergeTask.Builder task = task(info, recipe, values, cache, threads);
    survey.ifPresent(task::survey);
    CountingSink counted = new CountingSink(sink);
    operator.merge(task.build(), counted);
    counted.requireComplete(operator.name());
  }

  private MergeTask.Builder task(
      TensorInfo info,
      MergeRecipe recipe,
      ParameterValues values,
      MergeCache cache,
      ParallelFor threads) {
    MergePlan.Planned tensor = byName.get(info.name());
    Part part = layout().role(info.name()).part();
    MergeTask.Builder task =
        MergeTask.builder(info)
            .parameters(ofParticipants(values, tensor.participants()))
            .semantics(recipe.semantics())
            .embedding(part == Part.EMBEDDINGS || part == Part.HEAD)
            .seed(recipe.seed())
            .cache(cache)
            .threads(threads);
    tensor.base().ifPresent(task::base);
    for (int i = 0; i < tensor.sources().size(); i++) {
      TensorView view = tensor.sources().get(i);
      String source = sources.get(tensor.participants().get(i)).name();
      task.source(source, view);
      ActivationStatistics gathered = statistics.get(source);
      if (gathered != null) {
        gathered.matrix(view.info().name()).ifPresent(matrix -> task.statistics(source, matrix));
      }
    }
    return task;
  }

  /** Of what is given per source, keeps that of the sources that take part. */
  ParameterValues ofParticipants(ParameterValues values, List<Integer> participants) {
    if (participants.size() == sources.size()) {
      return values;
    }
    Map<String, double[]> kept = values.asMap();
    Map<String, double[]> result = new HashMap<>();
    for (ParameterSpec spec : operator.parameters()) {
      double[] numbers = kept.get(spec.name());
      if (numbers != null && spec.scope() == ParameterSpec.Scope.PER_SOURCE && numbers.length > 1) {
        result.put(spec.name(), participants.stream().mapToDouble(i -> numbers[i]).toArray());
      } else if (numbers != null) {
        result.put(spec.name(), numbers);
      }
    }
    return ParameterValues.of(result);
  }

  /**
   * Returns about how much heap one thread needs for a tensor. Methods for whole matrices average
   * embeddings and head, so these count as vectors: they are the largest tensors by far.
   */
  long scratchBytes(TensorInfo info) {
    Part part = layout().role(info.name()).part();
    boolean rows = part == Part.EMBEDDINGS || part == Part.HEAD;
    TensorInfo held =
        rows ? new TensorInfo(info.name(), info.dtype(), List.of(info.elementCount())) : info;
    return operator.scratchBytes(held, all().size());
  }

  /** Returns the size of all tensors that are read for one. */
  long inputBytes(TensorInfo info) {
    MergePlan.Planned tensor = byName.get(info.name());
    long bytes = tensor.base().map(view -> view.info().byteSize()).orElse(0L);
    return bytes + tensor.sources().stream().mapToLong(view -> view.info().byteSize()).sum();
  }

  /** Returns the indices of the sources that take part in a tensor. */
  List<Integer> participants(TensorInfo info) {
    return byName.get(info.name()).participants();
  }

  /** Copies a tensor that is not merged. */
  void copy(TensorInfo info, TensorSink sink) {
    TensorView view = byName.get(info.name()).reference();
    byte[] block = new byte[COPY_BYTES];
    for (long at = 0; at < info.byteSize(); at += COPY_BYTES) {
      int count = (int) Math.min(COPY_BYTES, info.byteSize() - at);
      view.readBytes(at, block, 0, count);
      sink.writeBytes(at, block, 0, count);
    }
  }

  /** The checkpoint whose configuration and tokenizer the result takes. */
  Checkpoint tokenizerSource(MergeRecipe recipe) {
    String name = recipe.tokenizerSource().name();
    return all().stream().filter(model -> model.name().equals(name)).findFirst().orElseThrow();
  }

  Optional<ModelConfig> config(MergeRecipe recipe) {
    return mergedConfig(recipe);
  }

  /** The configuration of the model that is merged, before a path leads through its layers. */
  Optional<ModelConfig> mergedConfig(MergeRecipe recipe) {
    Checkpoint source = tokenizerSource(recipe);
    return MergedConfig.of(source, reference(), plan, recipe.dtype())
        .map(config -> vocabulary.map(common -> common.config(source, config)).orElse(config));
  }

  /** The files of the result beside weights and {@code config.json}. */
  List<CompanionFile> companions(MergeRecipe recipe) {
    Checkpoint source = tokenizerSource(recipe);
    if (vocabulary.isPresent()) {
      return vocabulary.get().companions(source, recipe.chatTemplate());
    }
    List<CompanionFile> files = new ArrayList<>();
    TokenizerFiles tokenizer = TokenizerFiles.of(source);
    files.addAll(recipe.chatTemplate().map(tokenizer::withChatTemplate).orElse(tokenizer).files());
    for (Path file : source.companionFiles()) {
      String name = file.getFileName().toString();
      if (!TokenizerFiles.isTokenizerFile(name) && !name.equals(CONFIG_FILE)) {
        files.add(new CompanionFile.Copy(file));
      }
    }
    return files;
  }

  /** The folder of a model whose tokenizer is the result's as it is, if there is one. */
  Optional<Path> unchangedTokenizerFolder(MergeRecipe recipe) {
    if (vocabulary.isPresent()) {
      return vocabulary.get().tokenizerFiles(recipe.chatTemplate()).unchanged()
          ? tokenizerFolder(vocabulary.get().tokenizerModel())
          : Optional.empty();
    }
    return recipe.chatTemplate().isPresent()
        ? Optional.empty()
        : tokenizerFolder(tokenizerSource(recipe));
  }

  /** Closes the statistics; the models stay their owners'. */
  @Override
  public void close() {
    statistics.values().forEach(ActivationStatistics::close);
  }

  static Optional<Path> tokenizerFolder(Checkpoint checkpoint) {
    return checkpoint.companionFiles().stream().findFirst().map(Path::getParent);
  }
}
