package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.merge.MergeCache;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperator.BaseModel;
import io.evomerge.merge.MergeTask;
import io.evomerge.merge.ParallelFor;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Checkpoints and an operator that fit together, checked once; what both the in-memory and the
 * streamed merge start from. Safe for concurrent use.
 */
final class MergeInputs {

  private static final int COPY_BYTES = 1 << 16;

  private final MergeOperator operator;
  private final @Nullable Checkpoint base;
  private final List<Checkpoint> sources;
  private final Checkpoint reference;
  private final List<TensorInfo> merged = new ArrayList<>();
  private final List<TensorInfo> copied = new ArrayList<>();
  private volatile List<CheckpointRef> verified = List.of();

  /**
   * Checks everything that does not depend on a recipe.
   *
   * @throws ConfigurationException listing every mistake
   * @throws IncompatibleCheckpointsException if the checkpoints differ
   */
  MergeInputs(
      String what,
      MergeOperator operator,
      @Nullable Checkpoint base,
      List<Checkpoint> sources,
      boolean allowMixedDtypes) {
    this.operator = operator;
    this.base = base;
    this.sources = List.copyOf(sources);
    List<String> problems = new ArrayList<>();
    checkArity(problems);
    if (!problems.isEmpty()) {
      throw new ConfigurationException(what, problems);
    }
    this.reference = base != null ? base : sources.get(0);
    Checkpoints.requireMergeable(reference, others(), allowMixedDtypes);
    for (TensorInfo info : reference.tensors().values()) {
      (info.dtype().isFloating() ? merged : copied).add(info);
    }
    requireEqualCopies();
  }

  private void checkArity(List<String> problems) {
    String name = "operator '" + operator.name() + "' ";
    if (operator.baseModel() == BaseModel.REQUIRED && base == null) {
      problems.add(name + "needs a base model; give the common base of the sources");
    }
    if (operator.baseModel() == BaseModel.UNUSED && base != null) {
      problems.add(
          name + "takes no base model; leave '" + base.name() + "' out or make it a source");
    }
    int count = sources.size();
    if (count < Math.max(1, operator.minSources()) || count > operator.maxSources()) {
      problems.add(
          name
              + "takes "
              + Math.max(1, operator.minSources())
              + (operator.maxSources() == Integer.MAX_VALUE
                  ? " or more"
                  : " to " + operator.maxSources())
              + " sources, got "
              + count);
    }
    List<String> names = sources.stream().map(Checkpoint::name).toList();
    if (names.stream().distinct().count() != count) {
      problems.add("sources " + names + " share a name; open them with names of their own");
    }
  }

  private List<Checkpoint> others() {
    return base != null ? sources : sources.subList(1, sources.size());
  }

  private void requireEqualCopies() {
    List<String> different = new ArrayList<>();
    for (TensorInfo info : copied) {
      TensorView ours = reference.tensor(info.name());
      for (Checkpoint other : others()) {
        if (!sameBytes(ours, other.tensor(info.name()))) {
          different.add("'" + info.name() + "' (" + info.dtype() + ") of '" + other.name() + "'");
        }
      }
    }
    if (!different.isEmpty()) {
      throw new IncompatibleCheckpointsException(
          "tensors that are not floating-point are copied, so all models must have the same; these"
              + " differ from '"
              + reference.name()
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
    return reference;
  }

  ModelLayout layout() {
    return reference.layout();
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
    if (problems.isEmpty()) {
      List<CheckpointRef> refs = new ArrayList<>(recipe.sources());
      recipe.base().ifPresent(ref -> refs.add(0, ref));
      if (!refs.equals(verified)) {
        checkModels(refs, problems);
        if (problems.isEmpty()) {
          verified = List.copyOf(refs);
        }
      }
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
        problems.add(
            "'"
                + ref.name()
                + "' at "
                + model.location()
                + " is another model: its weights have sha256 "
                + model.sha256()
                + ", the recipe wants "
                + ref.sha256());
      }
    }
  }

  /**
   * Returns the parameters of a recipe by tensor; every role is resolved once.
   *
   * @throws RecipeException when asked for a tensor whose parameters do not fit the operator
   */
  Function<TensorInfo, ParameterValues> parameters(MergeRecipe recipe) {
    Map<TensorRole, ParameterValues> byRole = new HashMap<>();
    return info ->
        byRole.computeIfAbsent(
            layout().role(info.name()), role -> recipe.parametersFor(role, operator.parameters()));
  }

  /**
   * Merges one tensor.
   *
   * @throws MergeException if the operator refuses, or does not write each element once
   */
  void merge(
      TensorInfo info,
      MergeRecipe recipe,
      ParameterValues values,
      MergeCache cache,
      ParallelFor threads,
      TensorSink sink) {
    Part part = layout().role(info.name()).part();
    MergeTask.Builder task =
        MergeTask.builder(info)
            .parameters(values)
            .semantics(recipe.semantics())
            .embedding(part == Part.EMBEDDINGS || part == Part.HEAD)
            .seed(recipe.seed())
            .cache(cache)
            .threads(threads);
    if (base != null) {
      task.base(base.tensor(info.name()));
    }
    for (Checkpoint source : sources) {
      task.source(source.name(), source.tensor(info.name()));
    }
    CountingSink counted = new CountingSink(sink);
    operator.merge(task.build(), counted);
    counted.requireComplete(operator.name());
  }

  /** Copies a tensor that is not merged. */
  void copy(TensorInfo info, TensorSink sink) {
    TensorView view = reference.tensor(info.name());
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
    return MergedConfig.of(tokenizerSource(recipe), reference, recipe.dtype());
  }

  static Optional<Path> tokenizerFolder(Checkpoint checkpoint) {
    return checkpoint.companionFiles().stream().findFirst().map(Path::getParent);
  }
}
