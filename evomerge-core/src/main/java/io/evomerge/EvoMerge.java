package io.evomerge;

import io.evomerge.allocation.ItemAllocation;
import io.evomerge.candidate.CandidateAssembler;
import io.evomerge.candidate.MergedModelWriter;
import io.evomerge.candidate.PathForm;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.Objective;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.JointSpace;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.genome.SearchSpace;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.internal.version.Version;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.PathVariants;
import io.evomerge.result.Ablation;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.EvolutionRun;
import io.evomerge.run.RunListener;
import io.evomerge.run.SearchPlan;
import io.evomerge.run.Selection;
import io.evomerge.run.Stage;
import io.evomerge.run.StopCondition;
import io.evomerge.run.TrialEvaluator;
import io.evomerge.run.TrialEvaluators;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An evolutionary search for a merge of models, and the tools to use what it finds.
 *
 * <p>Immutable once built, and safe for use by several threads. It holds its checkpoints open:
 * those given as paths are closed by {@link #close()}, those given open stay the caller's. One
 * instance may run several searches, one after the other or at once (with a journal, one at a
 * time).
 *
 * <p>Deterministic: sources, settings and seed fix the result, bit for bit on one machine type,
 * whatever the parallelism, interruptions and resumes, as long as the fitness is a function of the
 * candidate and the stop condition does not depend on time.
 *
 * <p>Method: Akiba, Shing, Tang, Sun, Ha, "Evolutionary Optimization of Model Merging Recipes",
 * 2024, arXiv 2403.13187; doi 10.1038/s42256-024-00975-8.
 */
public final class EvoMerge implements AutoCloseable {

  private final Builder settings;
  private final OpenModels models;
  private final List<BoundStage> stages;

  private EvoMerge(Builder settings, OpenModels models, List<BoundStage> stages) {
    this.settings = settings;
    this.models = models;
    this.stages = stages;
  }

  /** Returns an empty builder. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns a builder with the settings of this search, to derive another one. */
  public Builder toBuilder() {
    return new Builder(settings);
  }

  /** Returns the genes that are searched; with stages, those of the last one. */
  public SearchSpace space() {
    return last().search().space();
  }

  /**
   * Returns the recipe that all candidates share: sources, operator, frozen parameters, seed; to
   * derive a recipe by hand that can be evaluated or written here. Its data flow path, if it has
   * one, leads through the layers of the first model as they are.
   *
   * <p>With stages, it is that of the last one; where that takes a model of an earlier stage, the
   * start of that stage stands in its place.
   */
  public MergeRecipe template() {
    return last().search().template();
  }

  private BoundStage last() {
    return stages.get(stages.size() - 1);
  }

  /**
   * Starts the search on threads of its own. Resumes if the journal is there. Stages follow each
   * other; the result is the last one's, and {@link EvolutionResult#stages} holds those before.
   *
   * @throws io.evomerge.exception.JournalException if the journal is in use, damaged or of another
   *     search (through the run)
   */
  public EvolutionRun start() {
    if (settings.stages.isEmpty()) {
      Stage.Search search = prepared(last(), last().search(), () -> {});
      return EvolutionRun.start(search.plan(), search.evaluator());
    }
    return EvolutionRun.startStages(stages.stream().map(this::stage).toList());
  }

  private Stage stage(BoundStage stage) {
    return new Stage() {
      @Override
      public String name() {
        return stage.name();
      }

      @Override
      public Search prepare(Map<String, EvolutionResult> earlier) {
        String from = stage.settings().bestOf;
        if (from == null) {
          return prepared(stage, stage.search(), () -> {});
        }
        MergeRecipe best = earlier.get(from).best().recipe();
        BoundSearch search =
            BoundSearch.bind(
                stage.settings(),
                models,
                Optional.of(new BoundSearch.First(from, best)),
                new ArrayList<>());
        return prepared(stage, search, search);
      }
    };
  }

  private Stage.Search prepared(BoundStage stage, BoundSearch search, AutoCloseable resources) {
    Builder its = stage.settings();
    TrialEvaluator evaluator =
        its.evaluator != null
            ? its.evaluator.get()
            : TrialEvaluators.local(search.assembler(), its.objectives, its.parallelism);
    return new Stage.Search(plan(its, search), evaluator, resources);
  }

  /**
   * Runs the search to its end. An interrupt of this thread cancels it: the result so far is
   * returned and the interrupt status set.
   *
   * @throws EvoMergeException if the search ended with an error
   */
  public EvolutionResult run() {
    return start().awaitOrCancel();
  }

  /**
   * Scores one recipe over the models of this search.
   *
   * @param recipe of this search's operator
   * @param fitness scores it
   * @throws EvoMergeException if the fitness throws a checked exception; unchecked ones pass
   *     through
   */
  public Fitness evaluate(MergeRecipe recipe, FitnessFunction fitness) {
    if (settings.stages.isEmpty() && settings.space instanceof SpaceChoice.Weights) {
      return evaluate(last().search().assembler(), recipe, fitness);
    }
    try (CandidateAssembler own = assembler(recipe)) {
      return evaluate(own, recipe, fitness);
    }
  }

  private static Fitness evaluate(
      CandidateAssembler assembler, MergeRecipe recipe, FitnessFunction fitness) {
    try (WeightStore store = assembler.newStore()) {
      return fitness.evaluate(assembler.assemble(recipe, store));
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new EvoMergeException("the fitness function failed: " + e, e);
    }
  }

  /**
   * Scores a path and the same path with one thing changed at a time: all scales 1, the models
   * swapped, each hop left out; see {@link PathVariants#ablation}.
   *
   * <p>Variants are scored at once as the parallelism allows; no result depends on it. One that
   * cannot be scored says why; the whole path must be.
   *
   * @param recipe with a data flow path, over the models of this search
   * @param fitness scores it; where it gives items, each variant is compared with the whole path
   *     item by item
   * @throws EvoMergeException if the recipe has no path, or cannot be scored
   */
  public Ablation ablation(MergeRecipe recipe, FitnessFunction fitness) {
    try (CandidateAssembler assembler = assembler(recipe)) {
      Map<String, MergeRecipe> variants =
          PathVariants.ablation(
              recipe,
              model ->
                  models.pathModelsOf(recipe).stream()
                      .filter(other -> other.name().equals(model))
                      .findFirst()
                      .map(Checkpoint::layout)
                      .orElseGet(assembler::layout)
                      .layerCount());
      return AblationRun.of(assembler, recipe, variants, fitness, settings.parallelism);
    }
  }

  /** An assembler for one recipe and those that differ from it in the hops of its path. */
  private CandidateAssembler assembler(MergeRecipe recipe) {
    CandidateAssembler.Builder builder =
        CandidateAssembler.builder(operator(recipe))
            .semantics(recipe.semantics())
            .sources(models.sourcesOf(recipe))
            .pathModels(models.pathModelsOf(recipe))
            .structure(recipe)
            .shareMerged(recipe.dataFlow().isPresent())
            .threads(settings.mergeThreads());
    models.baseOf(recipe).ifPresent(builder::base);
    return builder.build();
  }

  private MergeOperator operator(MergeRecipe recipe) {
    Map<String, MergeOperator> known = new LinkedHashMap<>(MergeOperators.standard());
    stages.forEach(stage -> known.put(stage.search().operator().name(), stage.search().operator()));
    MergeOperator operator = known.get(recipe.operator());
    if (operator == null) {
      throw new RecipeException(
          "unknown operator '"
              + recipe.operator()
              + "'"
              + DidYouMean.hint(recipe.operator(), known.keySet()));
    }
    return operator;
  }

  /**
   * Writes the merged model as a complete Hugging Face folder, with {@code recipe.yaml} beside it.
   *
   * @param recipe over the sources of this search
   * @param folder must not exist or be empty; parents are created
   * @throws IOException if it cannot be written; then nothing is left behind
   */
  public void write(MergeRecipe recipe, Path folder) throws IOException {
    write(recipe, folder, WriteOptions.defaults());
  }

  /**
   * Writes the merged model as a complete Hugging Face folder, with {@code recipe.yaml} beside it.
   *
   * @param recipe over the sources of this search
   * @param folder parents are created
   * @param options size of shards, and whether a model that is there is replaced
   * @throws IOException if it cannot be written; then nothing is left behind, or the old model
   */
  public void write(MergeRecipe recipe, Path folder, WriteOptions options) throws IOException {
    write(recipe, folder, options, PathForm.FOLDED);
  }

  /**
   * Writes the model as a complete Hugging Face folder, with {@code recipe.yaml} beside it.
   *
   * @param recipe over the models of this search
   * @param folder parents are created
   * @param options size of shards, and whether a model that is there is replaced
   * @param form of a model with a data flow path; without one it does not matter
   * @throws IOException if it cannot be written; then nothing is left behind, or the old model
   */
  public void write(MergeRecipe recipe, Path folder, WriteOptions options, PathForm form)
      throws IOException {
    MergedModelWriter.builder()
        .operator(operator(recipe))
        .parallelism(settings.parallelism)
        .pathForm(form)
        .writeOptions(options)
        .build()
        .write(
            recipe,
            models.baseOf(recipe),
            models.sourcesOf(recipe),
            models.pathModelsOf(recipe),
            folder);
  }

  /** Closes the checkpoints that were given as paths; idempotent. End runs before. */
  @Override
  public void close() {
    stages.forEach(stage -> stage.search().close());
    models.close();
  }

  private SearchPlan plan(Builder its, BoundSearch search) {
    return new SearchPlan(
        search.space(),
        search.decoder(),
        its.objectives,
        its.allocatingOptimizer(),
        its.stopWhen,
        its.seed,
        Optional.ofNullable(its.journal),
        its.chosenSelection(),
        its.failureLimit,
        searchSettings(its, search),
        environment(its),
        its.listeners);
  }

  private static Map<String, String> searchSettings(Builder its, BoundSearch search) {
    MergeRecipe template = search.template();
    Map<String, String> all = new LinkedHashMap<>();
    template.base().ifPresent(ref -> all.put("base", ref.name() + " sha256:" + ref.sha256()));
    for (int i = 0; i < template.sources().size(); i++) {
      CheckpointRef ref = template.sources().get(i);
      all.put("source." + i, ref.name() + " sha256:" + ref.sha256());
    }
    template
        .dataFlow()
        .ifPresent(
            flow -> {
              all.put("path.0", flow.merged());
              for (int i = 0; i < flow.models().size(); i++) {
                CheckpointRef ref = flow.models().get(i);
                all.put("path." + (i + 1), ref.name() + " sha256:" + ref.sha256());
              }
            });
    all.put("operator", template.operator());
    all.put("semantics", template.semantics().name());
    all.put("dtype", template.dtype().map(DType::name).orElse("of the sources"));
    if (!template.equals(its.plainTemplate(template))) {
      all.put("recipe", template.digest());
    }
    its.space.settings().forEach((name, value) -> all.put("space." + name, value));
    all.put("optimizer", its.optimizer.name());
    new TreeMap<>(its.optimizer.settings())
        .forEach((name, value) -> all.put("optimizer." + name, value));
    ItemAllocation items = its.items;
    if (items != null) {
      all.put("items", items.name());
      new TreeMap<>(items.settings()).forEach((name, value) -> all.put("items." + name, value));
    }
    for (Objective objective : its.objectives) {
      all.put(
          "objective." + objective.name(),
          objective.direction() + " " + objective.function().description());
      objective
          .validation()
          .ifPresent(v -> all.put("validation." + objective.name(), v.description()));
    }
    all.put("seed", Long.toString(its.seed));
    return all;
  }

  private static Map<String, String> environment(Builder its) {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("evomerge", Version.current());
    all.put("java", System.getProperty("java.version") + ", " + System.getProperty("java.vm.name"));
    all.put("os", System.getProperty("os.name") + ", " + System.getProperty("os.arch"));
    all.put("parallelism", Integer.toString(its.parallelism));
    String runtimes =
        its.objectives.stream()
            .map(objective -> objective.function().runtime())
            .filter(runtime -> !runtime.isEmpty())
            .distinct()
            .collect(Collectors.joining("; "));
    all.put("runtime", runtimes.isEmpty() ? "of the host" : runtimes);
    return all;
  }

  /**
   * Collects the settings of a search; not thread-safe. {@link #build()} reports all problems at
   * once.
   */
  public static final class Builder {

    @Nullable MergeOperator operator;
    @Nullable SpaceChoice space;
    final List<String> pathModels = new ArrayList<>();
    OptimizerFactory optimizer = Optimizers.cmaEs();
    final List<Objective> objectives = new ArrayList<>();
    long seed;
    OpenModels.@Nullable Model base;
    final List<OpenModels.Model> sources = new ArrayList<>();
    private Semantics semantics = Semantics.PAPER;
    private @Nullable ItemAllocation items;
    private StopCondition stopWhen = StopCondition.evaluations(1_000);
    private int parallelism = 1;
    private @Nullable Path journal;
    private @Nullable Selection selection;
    private int failureLimit = 16;
    private @Nullable DType dtype;
    private UnaryOperator<MergeRecipe.Builder> recipe = UnaryOperator.identity();
    private @Nullable Supplier<TrialEvaluator> evaluator;
    private final List<RunListener> listeners = new ArrayList<>();
    final List<BoundStage.Named> stages = new ArrayList<>();
    @Nullable String bestOf;
    private boolean isStage;

    private Builder() {}

    private Builder(Builder other) {
      base = other.base;
      sources.addAll(other.sources);
      operator = other.operator;
      semantics = other.semantics;
      space = other.space;
      optimizer = other.optimizer;
      objectives.addAll(other.objectives);
      items = other.items;
      stopWhen = other.stopWhen;
      seed = other.seed;
      parallelism = other.parallelism;
      journal = other.journal;
      selection = other.selection;
      failureLimit = other.failureLimit;
      dtype = other.dtype;
      recipe = other.recipe;
      evaluator = other.evaluator;
      listeners.addAll(other.listeners);
      pathModels.addAll(other.pathModels);
      stages.addAll(other.stages);
      bestOf = other.bestOf;
      isStage = other.isStage;
    }

    /**
     * The model from which the sources were fine-tuned; needed by operators on task vectors.
     *
     * @param folder Hugging Face folder or safetensors file
     */
    public Builder base(Path folder) {
      base = new OpenModels.Model(null, folder, null, null);
      return this;
    }

    /**
     * The model from which the sources were fine-tuned.
     *
     * @param open stays the caller's to close
     */
    public Builder base(Checkpoint open) {
      base = new OpenModels.Model(null, null, null, open);
      return this;
    }

    /**
     * Adds models to merge.
     *
     * @param folders Hugging Face folders or safetensors files; each is named by the last part of
     *     its path
     */
    public Builder sources(Path... folders) {
      for (Path folder : folders) {
        sources.add(new OpenModels.Model(null, folder, null, null));
      }
      return this;
    }

    /**
     * Adds models to merge.
     *
     * @param open stay the caller's to close
     */
    public Builder sources(Checkpoint... open) {
      for (Checkpoint checkpoint : open) {
        sources.add(new OpenModels.Model(null, null, null, checkpoint));
      }
      return this;
    }

    /**
     * Adds a model to merge under a name of its own.
     *
     * @param name unique among the sources
     * @param folder Hugging Face folder or safetensors file
     */
    public Builder source(String name, Path folder) {
      sources.add(new OpenModels.Model(name, folder, null, null));
      return this;
    }

    /**
     * Adds a model with a LoRA adapter (a PEFT folder) as one model to merge.
     *
     * @param name unique among the sources
     * @param folder Hugging Face folder or safetensors file that the adapter is for
     * @param adapter folder with {@code adapter_config.json} and {@code adapter_model.safetensors}
     */
    public Builder source(String name, Path folder, Path adapter) {
      sources.add(new OpenModels.Model(name, folder, adapter, null));
      return this;
    }

    /**
     * How models are merged.
     *
     * @param value one of {@link io.evomerge.merge.MergeOperators}, or the host's own
     */
    public Builder operator(MergeOperator value) {
      operator = value;
      return this;
    }

    /**
     * Whose definition of the operator to follow where two exist.
     *
     * @param value default {@link Semantics#PAPER}
     */
    public Builder semantics(Semantics value) {
      semantics = value;
      return this;
    }

    /**
     * Lets evolution change how weights mix.
     *
     * @param value e.g. {@code ParameterSpace.perLayer()}
     */
    public Builder searchSpace(ParameterSpace value) {
      space = new SpaceChoice.Weights(value);
      return this;
    }

    /**
     * Lets evolution change the path that a token takes through the layers of the sources, whose
     * weights stay as they are. The first source gives tokenizer, embeddings, final norm and head;
     * in a stage after {@link #addBestOf}, that stage's model does. No operator is needed. The
     * first model as it is competes in the final.
     *
     * @param value e.g. {@code DataFlowSpace.repeats(3)}
     */
    public Builder searchSpace(DataFlowSpace value) {
      space = new SpaceChoice.Path(value);
      return this;
    }

    /**
     * Lets evolution change weights and path at once: the path leads through the layers of the
     * merged model.
     *
     * @param value e.g. {@code JointSpace.of(ParameterSpace.perLayer(), DataFlowSpace.repeats(2))}
     */
    public Builder searchSpace(JointSpace value) {
      space = new SpaceChoice.Joint(value);
      return this;
    }

    /**
     * Which sources may lend layers to the path, besides the first model; default all of them.
     *
     * @param names of sources
     */
    public Builder pathModels(String... names) {
      pathModels.clear();
      pathModels.addAll(List.of(names));
      return this;
    }

    /**
     * Adds a search to a sequence of searches. It begins with the settings made on this builder
     * when {@link #build()} is called, whatever their order, and changes what it needs: operator,
     * space, optimiser, budget. Objectives that it adds take the place of those made here. Its
     * journal is the folder of its name in the search's journal folder, if there is one.
     *
     * <pre>{@code
     * .stage("ps", s -> s.operator(ties()).searchSpace(ParameterSpace.perLayer()))
     * .stage("dfs", s -> s.addBestOf("ps").searchSpace(DataFlowSpace.repeats(3)))
     * }</pre>
     *
     * @param name unique among the stages; letters, digits, {@code . _ -}
     * @param changes applied to a copy of this builder
     */
    public Builder stage(String name, UnaryOperator<Builder> changes) {
      stages.add(new BoundStage.Named(name, changes));
      return this;
    }

    /**
     * In a stage with a {@link DataFlowSpace}: makes the model that an earlier stage finds the
     * first model of the path; the sources join it as they are.
     *
     * @param stage name of an earlier stage that searches weights
     */
    public Builder addBestOf(String stage) {
      bestOf = stage;
      return this;
    }

    /**
     * How to search.
     *
     * @param value default {@link Optimizers#cmaEs()}
     */
    public Builder optimizer(OptimizerFactory value) {
      optimizer = value;
      return this;
    }

    /**
     * Adds an objective to maximise.
     *
     * @param name unique among the objectives
     * @param fitness scores candidates on the search data
     */
    public Builder maximize(String name, FitnessFunction fitness) {
      objectives.add(new Objective(name, Direction.MAXIMIZE, fitness, Optional.empty()));
      return this;
    }

    /**
     * Adds an objective to maximise, with data of its own to choose the result.
     *
     * @param name unique among the objectives
     * @param fitness scores candidates on the search data
     * @param validation scores the finalists on data that the search does not see
     */
    public Builder maximize(String name, FitnessFunction fitness, FitnessFunction validation) {
      objectives.add(new Objective(name, Direction.MAXIMIZE, fitness, Optional.of(validation)));
      return this;
    }

    /**
     * Adds an objective to minimise.
     *
     * @param name unique among the objectives
     * @param fitness scores candidates on the search data
     */
    public Builder minimize(String name, FitnessFunction fitness) {
      objectives.add(new Objective(name, Direction.MINIMIZE, fitness, Optional.empty()));
      return this;
    }

    /**
     * Adds an objective to minimise, with data of its own to choose the result.
     *
     * @param name unique among the objectives
     * @param fitness scores candidates on the search data
     * @param validation scores the finalists on data that the search does not see
     */
    public Builder minimize(String name, FitnessFunction fitness, FitnessFunction validation) {
      objectives.add(new Objective(name, Direction.MINIMIZE, fitness, Optional.of(validation)));
      return this;
    }

    /**
     * Scores candidates on some of the items while the search goes on, and its leaders on all of
     * them at its end. The only objective must be an {@link ItemFitness}.
     *
     * @param value one of {@link io.evomerge.allocation.ItemAllocations}; default: all candidates
     *     are scored on all items
     */
    public Builder items(ItemAllocation value) {
      items = value;
      return this;
    }

    /**
     * When to end.
     *
     * @param value default 1,000 evaluations, as published
     */
    public Builder stopWhen(StopCondition value) {
      stopWhen = value;
      return this;
    }

    /**
     * Seed of optimiser and masks.
     *
     * @param value default 0
     */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * How many candidates are evaluated at once; no influence on the result.
     *
     * @param value default 1
     */
    public Builder parallelism(int value) {
      parallelism = value;
      return this;
    }

    /**
     * Where the run keeps its journal; a run that finds one of the same search there resumes it.
     *
     * @param folder made if missing
     */
    public Builder journal(Path folder) {
      journal = folder;
      return this;
    }

    /**
     * Which models compete on the validation data.
     *
     * @param value default {@link Selection#standard()}, for a search of paths alone with the start
     */
    public Builder selection(Selection value) {
      selection = value;
      return this;
    }

    /**
     * So many failed trials in a row end the run with an error.
     *
     * @param value default 16
     */
    public Builder failureLimit(int value) {
      failureLimit = value;
      return this;
    }

    /**
     * Element type of candidates and written models.
     *
     * @param value default: that of each tensor in the base, or in the first source without one
     */
    public Builder dtype(DType value) {
      dtype = value;
      return this;
    }

    /**
     * What the recipes of all candidates have in common besides models, operator, seed and type:
     * slices of layers, a common vocabulary, a chat template, activation statistics, parameters
     * that are not searched. Where both give a parameter, the search counts.
     *
     * @param value changes the builder that it is given; called more than once
     */
    public Builder recipe(UnaryOperator<MergeRecipe.Builder> value) {
      recipe = value;
      return this;
    }

    /**
     * Evaluates candidates elsewhere, such as on a cluster.
     *
     * @param value makes an evaluator per run; the run closes it
     */
    public Builder evaluator(Supplier<TrialEvaluator> value) {
      evaluator = value;
      return this;
    }

    /**
     * Adds a listener.
     *
     * @param value hears of progress on the coordinator's thread
     */
    public Builder listener(RunListener value) {
      listeners.add(value);
      return this;
    }

    /**
     * Opens the checkpoints, checks everything and builds the search.
     *
     * @throws ConfigurationException with every problem found; then nothing is left open
     */
    public EvoMerge build() {
      Builder copy = new Builder(this);
      List<String> problems = new ArrayList<>();
      OpenModels models = OpenModels.open(copy.base, copy.sources, problems);
      boolean allOpen =
          !copy.sources.isEmpty()
              && models.sources().size() == copy.sources.size()
              && models.base().isPresent() == (copy.base != null);
      List<BoundStage> bound = new ArrayList<>();
      boolean built = false;
      try {
        BoundStage.bind(copy, models, allOpen, bound, problems);
        if (!problems.isEmpty()) {
          throw new ConfigurationException("EvoMerge", problems);
        }
        built = true;
        return new EvoMerge(copy, models, List.copyOf(bound));
      } finally {
        if (!built) {
          bound.forEach(stage -> stage.search().close());
          models.close();
        }
      }
    }

    Builder forStage(BoundStage.Named stage) {
      Builder start = new Builder(this);
      if (stage.name().isEmpty()) {
        return start;
      }
      start.stages.clear();
      start.isStage = true;
      if (journal != null) {
        start.journal = journal.resolve(stage.name());
      }
      Builder its = new Builder(stage.settings().apply(start));
      if (its.objectives.size() > objectives.size()) {
        its.objectives.subList(0, objectives.size()).clear();
      }
      return its;
    }

    boolean searchesPathsAlone() {
      return space instanceof SpaceChoice.Path;
    }

    /** Where the start is a model that is there already, it should be beaten. */
    private Selection chosenSelection() {
      if (selection != null) {
        return selection;
      }
      return searchesPathsAlone() ? Selection.standard().withStart() : Selection.standard();
    }

    /** Processors that evaluations leave idle while a candidate is merged. */
    int mergeThreads() {
      return Math.max(1, Runtime.getRuntime().availableProcessors() / Math.max(1, parallelism));
    }

    /** Starts the recipe that candidates share. */
    MergeRecipe.Builder start(MergeOperator method) {
      MergeRecipe.Builder template =
          MergeRecipe.builder(method.name()).semantics(semantics).seed(seed);
      if (dtype != null) {
        template.dtype(dtype);
      }
      return template;
    }

    /** Applies what the host wants of all recipes. */
    MergeRecipe.Builder customised(MergeRecipe.Builder template) {
      return recipe.apply(template);
    }

    /** What a template is that only operator, models, seed and type have gone into. */
    private MergeRecipe plainTemplate(MergeRecipe template) {
      MergeRecipe.Builder plain =
          MergeRecipe.builder(template.operator())
              .semantics(semantics)
              .sources(template.sources())
              .seed(seed);
      template.base().ifPresent(plain::base);
      if (dtype != null) {
        plain.dtype(dtype);
      }
      return plain.build();
    }

    void check(List<String> problems) {
      if (sources.isEmpty()) {
        problems.add("no sources: add at least one with sources(path, ...)");
      }
      if (searchesPathsAlone()) {
        checkPathAlone(problems);
      } else if (operator == null) {
        problems.add("no merge operator: choose one, e.g. operator(MergeOperators.dareTies())");
      } else if (operator.baseModel() == MergeOperator.BaseModel.REQUIRED && base == null) {
        problems.add(
            "operator '" + operator.name() + "' works on task vectors: give their base(path)");
      } else if (operator.baseModel() == MergeOperator.BaseModel.UNUSED && base != null) {
        problems.add("operator '" + operator.name() + "' uses no base: leave base(...) out");
      }
      if (bestOf != null && !isStage) {
        problems.add("addBestOf(\"" + bestOf + "\") is for stages: call it within stage(...)");
      }
      if (isStage && !stages.isEmpty()) {
        problems.add("a stage cannot have stages");
      }
      if (space == null) {
        problems.add("no search space: choose one, e.g. searchSpace(ParameterSpace.perLayer())");
      }
      if (objectives.isEmpty()) {
        problems.add("no objective: add one with maximize(name, fitness)");
      }
      Set<String> names = new HashSet<>();
      for (Objective objective : objectives) {
        if (!names.add(objective.name())) {
          problems.add("two objectives are named '" + objective.name() + "'");
        }
      }
      if (items != null) {
        checkItems(items, problems);
      }
      if (parallelism < 1) {
        problems.add("parallelism: got " + parallelism + ", wanted at least 1");
      }
      if (failureLimit < 1) {
        problems.add("failureLimit: got " + failureLimit + ", wanted at least 1");
      }
      if (journal != null && Files.exists(journal) && !Files.isDirectory(journal)) {
        problems.add("journal: " + journal + " is a file, wanted a folder");
      }
      if (dtype != null && !dtype.isFloating()) {
        problems.add("dtype: got " + dtype + ", wanted a floating-point type");
      }
    }

    private void checkItems(ItemAllocation allocation, List<String> problems) {
      if (objectives.size() > 1) {
        problems.add(
            "items("
                + allocation.name()
                + ") works on one objective, got "
                + objectives.size()
                + ": combine them into one number, or leave items(...) out");
      } else if (objectives.size() == 1) {
        Objective objective = objectives.get(0);
        if (!(objective.function() instanceof ItemFitness fitness)) {
          problems.add(
              "items("
                  + allocation.name()
                  + "): the fitness of '"
                  + objective.name()
                  + "' has no items to choose from: implement ItemFitness, as a TextEvaluator does,"
                  + " or leave items(...) out");
        } else {
          try {
            allocation.over(optimizer, fitness.itemCount(), fitness.itemMean());
          } catch (IllegalArgumentException e) {
            problems.add("items(" + allocation.name() + "): " + e.getMessage());
          }
        }
      }
    }

    /** The optimiser of the search, within the allocation of items if there is one. */
    private OptimizerFactory allocatingOptimizer() {
      return items != null && objectives.get(0).function() instanceof ItemFitness fitness
          ? items.over(optimizer, fitness.itemCount(), fitness.itemMean())
          : optimizer;
    }

    /** What a stage inherits and does not need is no mistake. */
    private void checkPathAlone(List<String> problems) {
      if (isStage) {
        return;
      }
      if (operator != null) {
        problems.add(
            "operator '"
                + operator.name()
                + "' merges weights, and a DataFlowSpace takes layers as they are: leave the operator"
                + " out, or search both with JointSpace.of(...)");
      }
      if (base != null) {
        problems.add("a DataFlowSpace uses no base: leave base(...) out");
      }
    }
  }
}
