package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeCache;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.WholeModelOperator.Survey;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Turns recipes over one set of open checkpoints into candidates in memory, one after the other
 * into the same buffers.
 *
 * <p>Weights are float32 in the checkpoint's layout (linear layers [out, in]), rounded first to the
 * element type that the recipe's model has on disk: a candidate holds bit for bit what a reader of
 * the written model gets, so the scored model is the written one. A tied head has no tensor, and
 * tensors that are not floating-point (position indices, for one) are no weights: the stores leave
 * them out. A tensor whose parameters, seed and element type are those that the store holds already
 * is not merged again.
 *
 * <p>Safe for concurrent use with several stores; one store belongs to one thread at a time. The
 * result does not depend on threads, on what a store held before, or on the cache. The caller keeps
 * the checkpoints open until the assembler is closed, and closes them and the stores.
 */
public final class CandidateAssembler implements AutoCloseable {

  private final MergeInputs inputs;
  private final Semantics semantics;
  private final MergeCache cache;
  private final Map<WeightStore, Map<String, Held>> held = new ConcurrentHashMap<>();
  private final Workers workers;
  private final OwnTokenizer ownTokenizer = new OwnTokenizer();
  private volatile boolean closed;

  /** What a tensor of a store was made with. */
  private record Held(ParameterValues values, long seed, DType type, Optional<Survey> survey) {}

  private CandidateAssembler(
      MergeInputs inputs, Semantics semantics, MergeCache cache, Workers workers) {
    this.inputs = inputs;
    this.semantics = semantics;
    this.cache = cache;
    this.workers = workers;
  }

  /**
   * Starts an assembler.
   *
   * @param operator merges the tensors
   */
  public static Builder builder(MergeOperator operator) {
    return new Builder(operator);
  }

  /**
   * Allocates memory for one worker's candidates: four bytes per weight, outside the heap.
   *
   * @throws IllegalArgumentException if a tensor is larger than 2 GiB as float32
   * @throws IllegalStateException if the assembler is closed
   */
  public WeightStore newStore() {
    requireOpen();
    WeightStore store = WeightStore.allocate(inputs.merged());
    held.put(store, new HashMap<>());
    store.onClose(() -> held.remove(store));
    return store;
  }

  /**
   * Merges a recipe into a store.
   *
   * @param recipe over this assembler's operator, semantics and checkpoints, named as they are
   * @param store from {@link #newStore()}; overwritten
   * @return valid until the store is used again or closed
   * @throws RecipeException if the recipe means other models (both digests are named), another
   *     operator or semantics, or parameters that the operator does not take
   * @throws io.evomerge.exception.MergeException if the operator refuses an input; the store can be
   *     used again
   * @throws IllegalStateException if assembler, store or checkpoints are closed
   */
  public CandidateModel assemble(MergeRecipe recipe, WeightStore store) {
    requireOpen();
    inputs.requireMatches(recipe);
    if (recipe.semantics() != semantics) {
      throw new RecipeException(
          "the recipe wants "
              + recipe.semantics()
              + " semantics, the assembler was made for "
              + semantics);
    }
    Map<String, TensorBuffer> buffers = store.tensors();
    Map<String, Held> holds = held.get(store);
    if (holds == null) {
      throw new IllegalArgumentException("the store is not of this assembler: use newStore()");
    }
    Function<TensorInfo, ParameterValues> parameters = inputs.parameters(recipe);
    Optional<Survey> survey = inputs.survey(recipe, parameters, cache, workers);
    for (TensorInfo info : inputs.merged()) {
      DType type = MergeInputs.outputType(recipe, info);
      Held wanted = new Held(parameters.apply(info), recipe.seed(), type, survey);
      if (wanted.equals(holds.get(info.name()))) {
        continue;
      }
      // Forgotten first: a merge that fails leaves half a tensor.
      holds.remove(info.name());
      RoundingSink sink = new RoundingSink(buffers.get(info.name()), type);
      inputs.merge(info, recipe, wanted.values(), survey, cache, workers, sink);
      holds.put(info.name(), wanted);
    }
    return new AssembledModel(
        recipe, inputs.config(recipe), inputs.layout(), store, tokenizerFolder(recipe));
  }

  /** The folder of a model, or, where the tokenizer is none of the models', one of our own. */
  private Optional<Path> tokenizerFolder(MergeRecipe recipe) {
    Optional<Path> unchanged = inputs.unchangedTokenizerFolder(recipe);
    return unchanged.isPresent()
        ? unchanged
        : Optional.of(ownTokenizer.folder(() -> inputs.companions(recipe)));
  }

  /** Returns the operator. */
  public MergeOperator operator() {
    return inputs.operator();
  }

  /** Returns what the tensors of the candidates are. */
  public ModelLayout layout() {
    return inputs.layout();
  }

  /** Forgets what it kept of the checkpoints; idempotent. Stores stay their owners'. */
  @Override
  public void close() {
    closed = true;
    held.clear();
    cache.clear();
    inputs.close();
    ownTokenizer.close();
    workers.close();
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the candidate assembler is closed");
    }
  }

  /** Collects what an assembler works with; not thread-safe. */
  public static final class Builder {
    private final MergeOperator operator;
    private @Nullable Checkpoint base;
    private final List<Checkpoint> sources = new ArrayList<>();
    private final List<Checkpoint> pathModels = new ArrayList<>();
    private Semantics semantics = Semantics.PAPER;
    private long cacheBytes = Runtime.getRuntime().maxMemory() / 4;
    private boolean allowMixedDtypes;
    private int threads = 1;
    private MergeRecipe structure;

    private Builder(MergeOperator operator) {
      this.operator = operator;
      this.structure = MergeRecipe.builder(operator.name()).build();
    }

    /**
     * Sets the common base; default none.
     *
     * @param model open
     */
    public Builder base(Checkpoint model) {
      base = model;
      return this;
    }

    /**
     * Adds sources.
     *
     * @param models open, with names of their own, in the recipes' order
     */
    public Builder sources(List<? extends Checkpoint> models) {
      sources.addAll(models);
      return this;
    }

    /**
     * Adds the other models whose layers the recipes' data flow paths pass through.
     *
     * @param models open, named as the structure's path names them, in its order
     */
    public Builder pathModels(List<? extends Checkpoint> models) {
      pathModels.addAll(models);
      return this;
    }

    /**
     * Sets whose definition of the operator counts; default {@link Semantics#PAPER}.
     *
     * @param whose the definition
     */
    public Builder semantics(Semantics whose) {
      semantics = whose;
      return this;
    }

    /**
     * Sets how much heap may keep what merges of the same tensors have in common; default a quarter
     * of the largest heap. No result depends on it.
     *
     * @param bytes at least 0; 0 keeps nothing
     */
    public Builder cacheBytes(long bytes) {
      cacheBytes = bytes;
      return this;
    }

    /**
     * Says whether models of different floating-point types may be merged; default false. The
     * result has the base's (else the first source's) types unless a recipe says otherwise.
     *
     * @param allow whether they may
     */
    public Builder allowMixedDtypes(boolean allow) {
      allowMixedDtypes = allow;
      return this;
    }

    /**
     * Sets how many threads share the work on large tensors, the calling one included; default 1.
     * No result depends on it. All stores share them.
     *
     * @param count at least 1
     */
    public Builder threads(int count) {
      threads = count;
      return this;
    }

    /**
     * Sets the slices, the vocabulary, the statistics and the models of data flow paths that all
     * recipes have in common; default none.
     *
     * @param recipe has them; nothing else of it counts
     */
    public Builder structure(MergeRecipe recipe) {
      structure = recipe;
      return this;
    }

    /**
     * Checks that operator and checkpoints fit and makes the assembler.
     *
     * @throws ConfigurationException listing every mistake: number of sources, a base that is
     *     missing or not used, names that are not unique, a negative cache, no thread
     * @throws IncompatibleCheckpointsException if the checkpoints cannot be merged
     */
    public CandidateAssembler build() {
      List<String> problems = new ArrayList<>();
      if (cacheBytes < 0) {
        problems.add("cacheBytes " + cacheBytes + " must not be negative");
      }
      if (threads < 1) {
        problems.add("threads is " + threads + ", wanted at least 1");
      }
      if (!problems.isEmpty()) {
        throw new ConfigurationException("CandidateAssembler", problems);
      }
      MergeInputs inputs =
          new MergeInputs(
              "CandidateAssembler",
              operator,
              base,
              sources,
              pathModels,
              structure.toBuilder().semantics(semantics).build(),
              allowMixedDtypes);
      return new CandidateAssembler(
          inputs, semantics, MergeCache.ofBytes(cacheBytes), new Workers("assemble", threads));
    }
  }
}
