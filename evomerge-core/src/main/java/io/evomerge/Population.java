package io.evomerge;

import io.evomerge.candidate.MemberAssembler;
import io.evomerge.candidate.WeightStore;
import io.evomerge.candidate.WrittenModel;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.Objective;
import io.evomerge.genome.BirthSpace;
import io.evomerge.internal.version.Version;
import io.evomerge.optimizer.CycleQd;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.optimizer.PopulationFactory;
import io.evomerge.recipe.BirthDecoder;
import io.evomerge.recipe.Lineage;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.EvolutionRun;
import io.evomerge.run.RunListener;
import io.evomerge.run.SearchPlan;
import io.evomerge.run.Selection;
import io.evomerge.run.StopCondition;
import io.evomerge.run.TrialEvaluators;
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
import org.jspecify.annotations.Nullable;

/**
 * A population of models that are merged from each other, generation upon generation: M2N2 or
 * CycleQD.
 *
 * <pre>{@code
 * try (Population population =
 *     Population.builder()
 *         .sources(math, ja)
 *         .optimizer(Optimizers.m2n2())
 *         .maximize("ja-math", jaMath)             // its evaluate() gives the scores of the items
 *         .stopWhen(StopCondition.evaluations(500))
 *         .journal(Path.of("runs/m2n2"))
 *         .build()) {
 *   EvolutionResult result = population.run();
 *   population.write(result.best().recipe(), Path.of("merged"));
 * }
 * }</pre>
 *
 * <p>The first trials are the sources, so that each result says what they score; the budget counts
 * them. Children are made from the members' tensors in memory: see {@link MemberAssembler} for how
 * much that takes and what happens beyond it. Their recipes name parents by the digests of the
 * parents' own recipes; {@link #lineage} has all that a model stands on, and {@link #write} puts it
 * beside the weights. {@link EvoMerge} cannot write such a recipe, as it knows sources only.
 *
 * <p>Immutable once built, and safe for use by several threads; one search at a time. It holds its
 * checkpoints open: those given as paths are closed by {@link #close()}. Deterministic as {@link
 * EvoMerge} is: parallelism, interruptions and resumes change no trial.
 *
 * <p>Methods: Abrantes, Lange, Tang 2025, arXiv 2508.16204; Kuroki, Nakamura, Akiba, Tang 2024,
 * arXiv 2410.14735.
 */
public final class Population implements AutoCloseable {

  private final Builder settings;
  private final OpenModels models;
  private final BirthSpace space;
  private final MemberAssembler assembler;
  private volatile BirthDecoder decoder;

  private Population(Builder settings, OpenModels models, BirthSpace space) {
    this.settings = settings;
    this.models = models;
    this.space = space;
    this.decoder = decoder();
    MemberAssembler.Builder members =
        MemberAssembler.builder().sources(models.sources()).births(digest -> decoder.birth(digest));
    models.base().ifPresent(members::base);
    if (settings.memoryBytes >= 0) {
      members.memory(settings.memoryBytes);
    }
    if (settings.folder != null) {
      members.folder(settings.folder);
    }
    this.assembler = members.build();
  }

  /** Returns an empty builder. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns the space of births in which it searches. */
  public BirthSpace space() {
    return space;
  }

  private BirthDecoder decoder() {
    return new BirthDecoder(
        space,
        models.base().map(Checkpoint::ref),
        models.sources().stream().map(Checkpoint::ref).toList());
  }

  /**
   * Starts the search on threads of its own. Resumes if the journal is there. Recipes of an earlier
   * search of this population are forgotten.
   *
   * @throws io.evomerge.exception.JournalException if the journal is in use, damaged or of another
   *     search (through the run)
   */
  public EvolutionRun start() {
    BirthDecoder births = decoder();
    decoder = births;
    ObservedPopulation observed =
        new ObservedPopulation(
            settings.optimizer,
            living -> {
              Set<String> digests = new HashSet<>();
              living.forEach(member -> births.digest(member).ifPresent(digests::add));
              assembler.retain(digests);
            });
    List<RunListener> listeners = new ArrayList<>(settings.listeners);
    listeners.add(observed);
    SearchPlan plan =
        new SearchPlan(
            space,
            births,
            settings.objectives,
            observed,
            settings.stopWhen,
            settings.seed,
            Optional.ofNullable(settings.journal),
            settings.selection,
            settings.failureLimit,
            searchSettings(),
            environment(),
            listeners);
    return EvolutionRun.start(
        plan, TrialEvaluators.local(assembler, settings.objectives, settings.parallelism));
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
   * Returns the recipe of CycleQD's final model: the mixture of the archives' best elites, see
   * {@link CycleQd#mixture}. It was not scored by the search.
   *
   * @param result of this population's latest search
   * @throws EvoMergeException if the search was not CycleQD's
   */
  public MergeRecipe mixture(EvolutionResult result) {
    return decoder.mixture(cycleQd().mixture(directions(), evaluations(result)));
  }

  /**
   * Returns CycleQD's archives, one per objective.
   *
   * @param result of this population's latest search
   * @throws EvoMergeException if the search was not CycleQD's
   */
  public List<List<CycleQd.Elite>> archives(EvolutionResult result) {
    return cycleQd().archives(directions(), evaluations(result));
  }

  private CycleQd cycleQd() {
    if (settings.optimizer instanceof CycleQd cycle) {
      return cycle;
    }
    throw new EvoMergeException(
        settings.optimizer.name() + " has no archives of tasks; CycleQD has");
  }

  private List<Direction> directions() {
    return settings.objectives.stream().map(Objective::direction).toList();
  }

  private static List<Evaluation> evaluations(EvolutionResult result) {
    return result.trials().stream()
        .map(trial -> new Evaluation(trial.id(), trial.outcome()))
        .toList();
  }

  /**
   * Returns the recipe of a member.
   *
   * @param number of its trial
   * @throws RecipeException if the latest search did not come to it
   */
  public MergeRecipe member(int number) {
    return decoder
        .recipe(number)
        .orElseThrow(() -> new RecipeException("there is no member " + number));
  }

  /**
   * Returns all births that lead to a model.
   *
   * @param recipe of this population's latest search
   */
  public Lineage lineage(MergeRecipe recipe) {
    return decoder.lineage(recipe);
  }

  /**
   * Scores a model.
   *
   * @param recipe of this population's latest search
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
   * Writes a model as a complete Hugging Face folder, with {@code lineage.json} beside it.
   *
   * @param recipe of this population's latest search
   * @param folder must not exist or be empty; parents are created
   * @throws IOException if it cannot be written; then nothing is left behind
   */
  public WrittenModel write(MergeRecipe recipe, Path folder) throws IOException {
    return assembler.write(lineage(recipe), folder, WriteOptions.defaults());
  }

  /**
   * Writes a model from its lineage, without a search: the sources are those of this population, in
   * any order; their digests must be those of the lineage.
   *
   * @param lineage as {@code lineage.json} has it
   * @param folder must not exist or be empty; parents are created
   * @throws IOException if it cannot be written; then nothing is left behind
   * @throws RecipeException if a model of the lineage is none of the sources
   */
  public WrittenModel write(Lineage lineage, Path folder) throws IOException {
    MemberAssembler.Builder members =
        MemberAssembler.builder()
            .sources(models.sources())
            .births(digest -> Optional.ofNullable(lineage.births().get(digest)));
    models.base().ifPresent(members::base);
    try (MemberAssembler own = members.build()) {
      return own.write(lineage, folder, WriteOptions.defaults());
    }
  }

  /** Forgets all members and closes the checkpoints that were given as paths; idempotent. */
  @Override
  public void close() {
    assembler.close();
    models.close();
  }

  private Map<String, String> searchSettings() {
    Map<String, String> all = new LinkedHashMap<>();
    models.base().ifPresent(model -> all.put("base", text(model.ref())));
    for (int i = 0; i < models.sources().size(); i++) {
      all.put("source." + i, text(models.sources().get(i).ref()));
    }
    all.put("space", space.toString());
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

  private static String text(CheckpointRef ref) {
    return ref.name() + " sha256:" + ref.sha256();
  }

  private Map<String, String> environment() {
    return Map.of(
        "evomerge",
        Version.current(),
        "java",
        System.getProperty("java.version") + ", " + System.getProperty("java.vm.name"),
        "os",
        System.getProperty("os.name") + ", " + System.getProperty("os.arch"),
        "parallelism",
        Integer.toString(settings.parallelism));
  }

  /** Collects the settings of a population; not thread-safe. */
  public static final class Builder {
    private OpenModels.@Nullable Model base;
    private final List<OpenModels.Model> sources = new ArrayList<>();
    private PopulationFactory optimizer = Optimizers.m2n2();
    private final List<Objective> objectives = new ArrayList<>();
    private StopCondition stopWhen = StopCondition.evaluations(1_000);
    private long seed;
    private int parallelism = 1;
    private @Nullable Path journal;
    private Selection selection = Selection.standard();
    private int failureLimit = 16;
    private long memoryBytes = -1;
    private @Nullable Path folder;
    private final List<RunListener> listeners = new ArrayList<>();

    private Builder() {}

    private Builder(Builder other) {
      base = other.base;
      sources.addAll(other.sources);
      optimizer = other.optimizer;
      objectives.addAll(other.objectives);
      stopWhen = other.stopWhen;
      seed = other.seed;
      parallelism = other.parallelism;
      journal = other.journal;
      selection = other.selection;
      failureLimit = other.failureLimit;
      memoryBytes = other.memoryBytes;
      folder = other.folder;
      listeners.addAll(other.listeners);
    }

    /**
     * The common base of the sources; CycleQD's mutation needs it. Written members take
     * configuration and tokenizer of it, without one of the first source.
     *
     * @param path Hugging Face folder or safetensors file
     */
    public Builder base(Path path) {
      base = new OpenModels.Model(null, path, null, null);
      return this;
    }

    /**
     * The common base of the sources.
     *
     * @param open stays the caller's to close
     */
    public Builder base(Checkpoint open) {
      base = new OpenModels.Model(null, null, null, open);
      return this;
    }

    /**
     * Adds models that the population begins with, at least two in all.
     *
     * @param folders Hugging Face folders or safetensors files; each is named by the last part of
     *     its path
     */
    public Builder sources(Path... folders) {
      for (Path path : folders) {
        sources.add(new OpenModels.Model(null, path, null, null));
      }
      return this;
    }

    /**
     * Adds models that the population begins with.
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
     * Adds a model that the population begins with under a name of its own.
     *
     * @param name unique among the sources, not {@code trial-} and a number
     * @param path Hugging Face folder or safetensors file
     */
    public Builder source(String name, Path path) {
      sources.add(new OpenModels.Model(name, path, null, null));
      return this;
    }

    /**
     * How to breed.
     *
     * @param value default {@link Optimizers#m2n2()}
     */
    public Builder optimizer(PopulationFactory value) {
      optimizer = value;
      return this;
    }

    /**
     * Adds an objective to maximise: one for M2N2, whose fitness has items; one per task for
     * CycleQD.
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
     * Adds an objective to minimise; CycleQD only.
     *
     * @param name unique among the objectives
     * @param fitness scores candidates on the search data
     */
    public Builder minimize(String name, FitnessFunction fitness) {
      objectives.add(new Objective(name, Direction.MINIMIZE, fitness, Optional.empty()));
      return this;
    }

    /**
     * When to end.
     *
     * @param value default 1,000 evaluations, those of the sources included
     */
    public Builder stopWhen(StopCondition value) {
      stopWhen = value;
      return this;
    }

    /**
     * Seed of everything that is drawn.
     *
     * @param value default 0
     */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * How many candidates are evaluated at once; no influence on the result. No more are busy than
     * the optimiser has births in flight.
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
     * @param path made if missing
     */
    public Builder journal(Path path) {
      journal = path;
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
     * How much memory outside the heap members may take: four bytes per weight and member. Those
     * beyond go to {@link #memberFolder}, or are born again when needed.
     *
     * @param bytes at least 0; default half of the largest heap
     */
    public Builder memberMemory(long bytes) {
      memoryBytes = bytes;
      return this;
    }

    /**
     * Where members are kept for which there is no memory.
     *
     * @param path made if missing; default nowhere
     */
    public Builder memberFolder(Path path) {
      folder = path;
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
     * Opens the checkpoints, checks everything and builds the population.
     *
     * @throws ConfigurationException with every problem found; then nothing is left open
     */
    public Population build() {
      Builder copy = new Builder(this);
      List<String> problems = new ArrayList<>();
      OpenModels models = OpenModels.open(copy.base, copy.sources, problems);
      boolean built = false;
      try {
        copy.check(models, problems);
        BirthSpace space = null;
        try {
          space = copy.optimizer.space(copy.sources.size(), copy.objectives.size());
          List<Direction> directions = copy.objectives.stream().map(Objective::direction).toList();
          copy.optimizer.create(space, directions, copy.seed);
        } catch (IllegalArgumentException e) {
          problems.add(e.getMessage());
        }
        if (!problems.isEmpty() || space == null) {
          throw new ConfigurationException("Population", problems);
        }
        Population population = new Population(copy, models, space);
        built = true;
        return population;
      } finally {
        if (!built) {
          models.close();
        }
      }
    }

    private void check(OpenModels models, List<String> problems) {
      if (objectives.isEmpty()) {
        problems.add("no objective: add one with maximize(name, fitness)");
      }
      Set<String> names = new HashSet<>();
      for (Objective objective : objectives) {
        if (!names.add(objective.name())) {
          problems.add("two objectives are named '" + objective.name() + "'");
        }
      }
      Map<String, String> digests = new LinkedHashMap<>();
      for (Checkpoint source : models.sources()) {
        if (source.name().matches(BirthDecoder.NAME + "[0-9]+")) {
          problems.add(
              "source '" + source.name() + "' is named like a trial: give it another name");
        }
        String same = digests.put(source.sha256(), source.name());
        if (same != null) {
          problems.add(
              "'" + same + "' and '" + source.name() + "' have the same weights: give one of them");
        }
      }
      if (optimizer instanceof CycleQd cycle && cycle.mutates() && base == null) {
        problems.add("CycleQD mutates task vectors: give their base(path), or mutation(0)");
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
    }
  }
}
