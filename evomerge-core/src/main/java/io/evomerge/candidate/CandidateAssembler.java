package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeCache;
import io.evomerge.merge.MergeOperator;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.TensorBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
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
 * <p>On a data flow path, the merged model gives embeddings, final norm, head and the layers that
 * the path takes of it; its other layers are not merged. Layers of other models are loaded when a
 * path first uses them, and all stores share them.
 *
 * <p>Safe for concurrent use with several stores; one store belongs to one thread at a time. The
 * result does not depend on threads, on what a store held before, or on the cache. The caller keeps
 * the checkpoints open until the assembler is closed, and closes them and the stores.
 */
public final class CandidateAssembler implements CandidateFactory, AutoCloseable {

  private final MergeInputs inputs;
  private final Semantics semantics;
  private final MergeCache cache;
  private final boolean shareMerged;
  private final Map<WeightStore, MergedWeights> held = new ConcurrentHashMap<>();
  private final Optional<LayerWeights> layers;
  private final Workers workers;
  private final OwnTokenizer ownTokenizer = new OwnTokenizer();
  private @Nullable MergedWeights shared;
  private volatile boolean closed;

  private CandidateAssembler(
      MergeInputs inputs,
      Semantics semantics,
      MergeCache cache,
      boolean shareMerged,
      Workers workers) {
    this.inputs = inputs;
    this.semantics = semantics;
    this.cache = cache;
    this.shareMerged = shareMerged;
    this.layers = inputs.layerModels().map(LayerWeights::new);
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
   * Allocates memory for one worker's candidates: four bytes per weight of the merged model,
   * outside the heap; with {@link Builder#shareMerged}, only the first store takes any.
   *
   * @throws IllegalArgumentException if a tensor is larger than 2 GiB as float32
   * @throws IllegalStateException if the assembler is closed
   */
  @Override
  public WeightStore newStore() {
    MergedWeights weights = shareMerged ? shared() : new MergedWeights(inputs, false);
    requireOpen();
    WeightStore store = WeightStore.over(weights.buffers());
    held.put(store, weights);
    store.onClose(() -> held.remove(store));
    return store;
  }

  private synchronized MergedWeights shared() {
    requireOpen();
    MergedWeights weights = shared;
    if (weights == null) {
      weights = new MergedWeights(inputs, true);
      shared = weights;
    }
    return weights;
  }

  /**
   * Merges a recipe into a store.
   *
   * @param recipe over this assembler's operator, semantics and checkpoints, named as they are
   * @param store from {@link #newStore()}; overwritten
   * @return valid until the store is used again or closed
   * @throws RecipeException if the recipe means other models (both digests are named), another
   *     operator or semantics, parameters that the operator does not take, layers that a model does
   *     not have, or another merge than the one that all stores share
   * @throws io.evomerge.exception.MergeException if the operator refuses an input, or a layer of a
   *     path has a weight that is NaN or infinite; the store can be used again
   * @throws IllegalStateException if assembler, store or checkpoints are closed
   */
  @Override
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
    store.requireOpen();
    MergedWeights weights = held.get(store);
    if (weights == null) {
      throw new IllegalArgumentException("the store is not of this assembler: use newStore()");
    }
    Optional<ModelConfig> config = inputs.config(recipe);
    if (recipe.dataFlow().isEmpty()) {
      weights.merge(recipe, info -> true, cache, workers);
      return new AssembledModel(
          recipe, config, inputs.layout(), store, weights.buffers(), tokenizerFolder(recipe));
    }
    DataFlow flow = recipe.dataFlow().get();
    LayerModels models = inputs.layerModels().orElseThrow();
    Set<Integer> used = new HashSet<>();
    for (Hop hop : flow.hops()) {
      if (hop.model().equals(flow.merged())) {
        used.add(hop.layer());
      }
    }
    weights.merge(
        recipe,
        info -> !isOfLayer(info.name()) || used.contains(layout().role(info.name()).layer()),
        cache,
        workers);
    Map<String, TensorBuffer> tensors = onPath(recipe, flow, weights.buffers());
    return new AssembledModel(
        recipe,
        config.map(merged -> models.config(merged, flow)),
        ModelLayout.of(tensors.keySet(), layout().tiedEmbeddings()),
        store,
        tensors,
        tokenizerFolder(recipe));
  }

  private boolean isOfLayer(String tensor) {
    return layout().role(tensor).part() == Part.LAYER;
  }

  /** The weights by the names that they have in the model of a path, in the names' order. */
  private Map<String, TensorBuffer> onPath(
      MergeRecipe recipe, DataFlow flow, Map<String, TensorBuffer> merged) {
    Map<String, TensorBuffer> tensors = new TreeMap<>();
    List<Map<String, TensorBuffer>> mergedLayers = new ArrayList<>();
    for (int i = 0; i < layout().layerCount(); i++) {
      mergedLayers.add(new HashMap<>());
    }
    merged.forEach(
        (name, buffer) ->
            (isOfLayer(name) ? mergedLayers.get(layout().role(name).layer()) : tensors)
                .put(name, buffer));
    for (int i = 0; i < flow.hops().size(); i++) {
      Hop hop = flow.hops().get(i);
      Map<String, TensorBuffer> layer =
          hop.model().equals(flow.merged())
              ? mergedLayers.get(hop.layer())
              : layers.orElseThrow().layer(hop.model(), hop.layer(), recipe, workers);
      int position = i;
      layer.forEach((name, buffer) -> tensors.put(ModelLayout.withLayer(name, position), buffer));
    }
    return Collections.unmodifiableMap(tensors);
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

  /**
   * Returns what the tensors of the merged model are; candidates on a data flow path have layouts
   * of their own.
   */
  public ModelLayout layout() {
    return inputs.layout();
  }

  /**
   * Forgets what it kept of the checkpoints; idempotent. Stores stay their owners': what they share
   * stays in memory until the last of them is closed.
   */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      shared = null;
    }
    held.clear();
    layers.ifPresent(LayerWeights::clear);
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
    private boolean shareMerged;
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
     * Says whether all stores share one copy of the merged model, as in a search over paths alone,
     * which never changes it; default false. The first recipe that is assembled is merged, others
     * wait for it, and recipes that would change a tensor of the merged model are refused.
     *
     * @param share whether they do
     */
    public Builder shareMerged(boolean share) {
      shareMerged = share;
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
          inputs,
          semantics,
          MergeCache.ofBytes(cacheBytes),
          shareMerged,
          new Workers("assemble", threads));
    }
  }
}
