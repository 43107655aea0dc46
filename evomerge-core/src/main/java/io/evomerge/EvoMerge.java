package io.evomerge;

import io.evomerge.candidate.CandidateAssembler;
import io.evomerge.candidate.MergedModelWriter;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.Objective;
import io.evomerge.genome.ParameterSearchSpace;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.genome.SearchSpace;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.version.Version;
import io.evomerge.merge.MergeOperator;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterRecipeDecoder;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.EvolutionRun;
import io.evomerge.run.RunListener;
import io.evomerge.run.SearchPlan;
import io.evomerge.run.Selection;
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
  private final List<Checkpoint> owned;
  private final Optional<Checkpoint> base;
  private final List<Checkpoint> sources;
  private final CandidateAssembler assembler;
  private final ParameterSearchSpace space;
  private final MergeRecipe template;

  private EvoMerge(
      Builder settings,
      List<Checkpoint> owned,
      Optional<Checkpoint> base,
      List<Checkpoint> sources,
      CandidateAssembler assembler,
      ParameterSearchSpace space,
      MergeRecipe template) {
    this.settings = settings;
    this.owned = owned;
    this.base = base;
    this.sources = sources;
    this.assembler = assembler;
    this.space = space;
    this.template = template;
  }

  /** Returns an empty builder. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns a builder with the settings of this search, to derive another one. */
  public Builder toBuilder() {
    return new Builder(settings);
  }

  /** Returns the genes that are searched. */
  public SearchSpace space() {
    return space;
  }

  /**
   * Returns the recipe that all candidates share: sources, operator, frozen parameters, seed; to
   * derive a recipe by hand that can be evaluated or written here.
   */
  public MergeRecipe template() {
    return template;
  }

  /**
   * Starts the search on threads of its own. Resumes if the journal is there.
   *
   * @throws io.evomerge.exception.JournalException if the journal is in use, damaged or of another
   *     search (through the run)
   */
  public EvolutionRun start() {
    TrialEvaluator evaluator =
        settings.evaluator != null
            ? settings.evaluator.get()
            : TrialEvaluators.local(assembler, settings.objectives, settings.parallelism);
    return EvolutionRun.start(plan(), evaluator);
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
   * Scores one recipe over the sources of this search.
   *
   * @param recipe of this search's operator
   * @param fitness scores it
   * @throws EvoMergeException if the fitness throws a checked exception; unchecked ones pass
   *     through
   */
  public Fitness evaluate(MergeRecipe recipe, FitnessFunction fitness) {
    try (WeightStore store = assembler.newStore()) {
      return fitness.evaluate(assembler.assemble(recipe, store));
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new EvoMergeException("the fitness function failed: " + e, e);
    }
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
    MergedModelWriter.builder()
        .operator(assembler.operator())
        .parallelism(settings.parallelism)
        .writeOptions(options)
        .build()
        .write(recipe, base, sources, folder);
  }

  /** Closes the checkpoints that were given as paths; idempotent. End runs before. */
  @Override
  public void close() {
    assembler.close();
    owned.forEach(Checkpoint::close);
  }

  private SearchPlan plan() {
    return new SearchPlan(
        space,
        new ParameterRecipeDecoder(space, template),
        settings.objectives,
        settings.optimizer,
        settings.stopWhen,
        settings.seed,
        Optional.ofNullable(settings.journal),
        settings.selection,
        settings.failureLimit,
        searchSettings(),
        environment(),
        settings.listeners);
  }

  private Map<String, String> searchSettings() {
    Map<String, String> all = new LinkedHashMap<>();
    base.ifPresent(model -> all.put("base", model.name() + " sha256:" + model.sha256()));
    for (int i = 0; i < sources.size(); i++) {
      Checkpoint source = sources.get(i);
      all.put("source." + i, source.name() + " sha256:" + source.sha256());
    }
    all.put("operator", template.operator());
    all.put("semantics", template.semantics().name());
    all.put("dtype", template.dtype().map(DType::name).orElse("of the sources"));
    if (!template.equals(settings.template(template.base(), template.sources(), false))) {
      all.put("recipe", template.digest());
    }
    settings.space.settings().forEach((name, value) -> all.put("space." + name, value));
    all.put("optimizer", settings.optimizer.name());
    new TreeMap<>(settings.optimizer.settings())
        .forEach((name, value) -> all.put("optimizer." + name, value));
    for (Objective objective : settings.objectives) {
      all.put(
          "objective." + objective.name(),
          objective.direction() + " " + objective.function().description());
      objective
          .validation()
          .ifPresent(v -> all.put("validation." + objective.name(), v.description()));
    }
    all.put("seed", Long.toString(settings.seed));
    return all;
  }

  private Map<String, String> environment() {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("evomerge", Version.current());
    all.put("java", System.getProperty("java.version") + ", " + System.getProperty("java.vm.name"));
    all.put("os", System.getProperty("os.name") + ", " + System.getProperty("os.arch"));
    all.put("parallelism", Integer.toString(settings.parallelism));
    String runtimes =
        settings.objectives.stream()
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

    private @Nullable Model base;
    private final List<Model> sources = new ArrayList<>();
    private @Nullable MergeOperator operator;
    private Semantics semantics = Semantics.PAPER;
    private @Nullable ParameterSpace space;
    private OptimizerFactory optimizer = Optimizers.cmaEs();
    private final List<Objective> objectives = new ArrayList<>();
    private StopCondition stopWhen = StopCondition.evaluations(1_000);
    private long seed;
    private int parallelism = 1;
    private @Nullable Path journal;
    private Selection selection = Selection.standard();
    private int failureLimit = 16;
    private @Nullable DType dtype;
    private UnaryOperator<MergeRecipe.Builder> recipe = UnaryOperator.identity();
    private @Nullable Supplier<TrialEvaluator> evaluator;
    private final List<RunListener> listeners = new ArrayList<>();

    /** A model as it was given: a path that we open, or an open checkpoint of the caller's. */
    private record Model(
        @Nullable String name,
        @Nullable Path path,
        @Nullable Path adapter,
        @Nullable Checkpoint open) {}

    private Builder() {}

    private Builder(Builder other) {
      base = other.base;
      sources.addAll(other.sources);
      operator = other.operator;
      semantics = other.semantics;
      space = other.space;
      optimizer = other.optimizer;
      objectives.addAll(other.objectives);
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
    }

    /**
     * The model from which the sources were fine-tuned; needed by operators on task vectors.
     *
     * @param folder Hugging Face folder or safetensors file
     */
    public Builder base(Path folder) {
      base = new Model(null, folder, null, null);
      return this;
    }

    /**
     * The model from which the sources were fine-tuned.
     *
     * @param open stays the caller's to close
     */
    public Builder base(Checkpoint open) {
      base = new Model(null, null, null, open);
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
        sources.add(new Model(null, folder, null, null));
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
        sources.add(new Model(null, null, null, checkpoint));
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
      sources.add(new Model(name, folder, null, null));
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
      sources.add(new Model(name, folder, adapter, null));
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
     * What evolution changes.
     *
     * @param value e.g. {@code ParameterSpace.perLayer()}
     */
    public Builder searchSpace(ParameterSpace value) {
      space = value;
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
     * @param value default {@link Selection#standard()}
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
      copy.check(problems);
      List<Checkpoint> owned = new ArrayList<>();
      @Nullable CandidateAssembler assembler = null;
      boolean built = false;
      try {
        Optional<Checkpoint> openBase =
            copy.base == null ? Optional.empty() : open(copy.base, "base", owned, problems);
        List<Checkpoint> open = new ArrayList<>();
        for (Model model : copy.sources) {
          open(model, "source", owned, problems).ifPresent(open::add);
        }
        checkNames(openBase, open, problems);
        if (copy.operator == null
            || copy.space == null
            || open.size() != copy.sources.size()
            || open.isEmpty()
            || (copy.base != null && openBase.isEmpty())) {
          throw new ConfigurationException("EvoMerge", problems);
        }
        // Without digests, which are slow: they do not matter for what fits.
        MergeRecipe structure =
            collect(
                problems,
                () ->
                    copy.template(
                        openBase.map(Builder::undigested),
                        open.stream().map(Builder::undigested).toList(),
                        true));
        if (structure == null) {
          throw new ConfigurationException("EvoMerge", problems);
        }
        @Nullable CandidateAssembler fitting =
            collect(
                problems,
                () ->
                    assembler(
                        copy.operator,
                        copy.semantics,
                        openBase,
                        open,
                        structure,
                        copy.mergeThreads()));
        assembler = fitting;
        List<String> names = open.stream().map(Checkpoint::name).toList();
        ParameterSearchSpace bound =
            collect(
                problems,
                () ->
                    copy.space.bind(
                        fitting == null ? openBase.orElse(open.get(0)).layout() : fitting.layout(),
                        copy.operator.parameters(),
                        names));
        if (bound != null) {
          List<Direction> directions = copy.objectives.stream().map(Objective::direction).toList();
          if (!directions.isEmpty()) {
            collect(problems, () -> tryOptimizer(copy.optimizer, bound, directions, copy.seed));
          }
        }
        if (!problems.isEmpty() || assembler == null || bound == null) {
          throw new ConfigurationException("EvoMerge", problems);
        }
        MergeRecipe template =
            copy.template(
                openBase.map(Checkpoint::ref), open.stream().map(Checkpoint::ref).toList(), true);
        EvoMerge search =
            new EvoMerge(copy, owned, openBase, List.copyOf(open), assembler, bound, template);
        built = true;
        return search;
      } finally {
        if (!built) {
          if (assembler != null) {
            assembler.close();
          }
          owned.forEach(Checkpoint::close);
        }
      }
    }

    /** Processors that evaluations leave idle while a candidate is merged. */
    private int mergeThreads() {
      return Math.max(1, Runtime.getRuntime().availableProcessors() / Math.max(1, parallelism));
    }

    private static CheckpointRef undigested(Checkpoint model) {
      // Not ref(), which computes the digest.
      return new CheckpointRef(
          model.name(),
          model.location().toString().replace('\\', '/'),
          model.adapter().map(adapter -> adapter.toString().replace('\\', '/')),
          "");
    }

    private MergeRecipe template(
        Optional<CheckpointRef> baseRef, List<CheckpointRef> refs, boolean customised) {
      MergeRecipe.Builder template =
          MergeRecipe.builder(operator.name()).semantics(semantics).sources(refs).seed(seed);
      baseRef.ifPresent(template::base);
      if (dtype != null) {
        template.dtype(dtype);
      }
      return (customised ? recipe.apply(template) : template).build();
    }

    private void check(List<String> problems) {
      if (sources.isEmpty()) {
        problems.add("no sources: add at least one with sources(path, ...)");
      }
      if (operator == null) {
        problems.add("no merge operator: choose one, e.g. operator(MergeOperators.dareTies())");
      } else if (operator.baseModel() == MergeOperator.BaseModel.REQUIRED && base == null) {
        problems.add(
            "operator '" + operator.name() + "' works on task vectors: give their base(path)");
      } else if (operator.baseModel() == MergeOperator.BaseModel.UNUSED && base != null) {
        problems.add("operator '" + operator.name() + "' uses no base: leave base(...) out");
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

    private static void checkNames(
        Optional<Checkpoint> base, List<Checkpoint> open, List<String> problems) {
      Set<String> names = new HashSet<>();
      for (Checkpoint checkpoint : open) {
        if (!names.add(checkpoint.name())) {
          problems.add(
              "two sources are named '"
                  + checkpoint.name()
                  + "': name them apart with source(name, path)");
        }
        // A base that is a source as well has one name and one path.
        if (base.isPresent()
            && base.get().name().equals(checkpoint.name())
            && !sameModel(base.get(), checkpoint)) {
          problems.add(
              "base and a source are both named '"
                  + checkpoint.name()
                  + "': name the source apart with source(name, path)");
        }
      }
    }

    private static boolean sameModel(Checkpoint a, Checkpoint b) {
      return a.location().equals(b.location()) && a.adapter().equals(b.adapter());
    }

    private static Optional<Checkpoint> open(
        Model model, String role, List<Checkpoint> owned, List<String> problems) {
      if (model.open() != null) {
        return Optional.of(model.open());
      }
      try {
        Checkpoint checkpoint =
            model.name() == null
                ? Checkpoints.open(model.path())
                : model.adapter() == null
                    ? Checkpoints.open(model.path(), model.name())
                    : Checkpoints.open(model.path(), model.adapter(), model.name());
        owned.add(checkpoint);
        return Optional.of(checkpoint);
      } catch (IOException | EvoMergeException e) {
        String what = e.getMessage() == null ? e.toString() : e.getMessage();
        problems.add(role + " " + model.path() + ": " + what);
        return Optional.empty();
      }
    }

    private static CandidateAssembler assembler(
        MergeOperator operator,
        Semantics semantics,
        Optional<Checkpoint> base,
        List<Checkpoint> sources,
        MergeRecipe structure,
        int threads) {
      CandidateAssembler.Builder builder =
          CandidateAssembler.builder(operator)
              .semantics(semantics)
              .sources(sources)
              .structure(structure)
              .threads(threads);
      base.ifPresent(builder::base);
      return builder.build();
    }

    /** Whether an optimiser takes this space is known only by making one. */
    private static boolean tryOptimizer(
        OptimizerFactory factory, SearchSpace space, List<Direction> directions, long seed) {
      if (factory.create(space, directions, seed) instanceof AutoCloseable closeable) {
        try {
          closeable.close();
        } catch (Exception e) {
          throw new EvoMergeException("optimiser '" + factory.name() + "' cannot be closed", e);
        }
      }
      return true;
    }

    private static <T> @Nullable T collect(List<String> problems, Supplier<T> make) {
      try {
        return make.get();
      } catch (ConfigurationException e) {
        problems.addAll(e.problems());
      } catch (EvoMergeException | IllegalArgumentException e) {
        problems.add(e.getMessage());
      }
      return null;
    }
  }
}
