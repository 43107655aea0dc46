package io.evomerge;

import io.evomerge.candidate.CandidateAssembler;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Objective;
import io.evomerge.genome.DataFlowSearchSpace;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.HopScaling;
import io.evomerge.genome.JointSearchSpace;
import io.evomerge.genome.LayeredModel;
import io.evomerge.genome.ParameterSearchSpace;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.DataFlowRecipeDecoder;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.JointRecipeDecoder;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterRecipeDecoder;
import io.evomerge.recipe.RecipeDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The settings of one search, bound to open models: what is searched and how it becomes candidates.
 *
 * @param operator makes the merged model
 * @param assembler makes the candidates
 * @param space the genes
 * @param decoder turns genomes into recipes
 * @param template what all candidates share
 */
record BoundSearch(
    MergeOperator operator,
    CandidateAssembler assembler,
    SearchSpace space,
    RecipeDecoder decoder,
    MergeRecipe template)
    implements AutoCloseable {

  private static final String MERGED = "merged";

  /** A model that is made by a recipe and comes first on a path. */
  record First(String name, MergeRecipe recipe) {}

  /**
   * Binds.
   *
   * @param first the model at which paths start; the first source if there is none
   * @throws ConfigurationException with the problems found so far and every one found here
   */
  static BoundSearch bind(
      EvoMerge.Builder settings, OpenModels models, Optional<First> first, List<String> problems) {
    return new Binder(settings, models, first, problems).bind();
  }

  @Override
  public void close() {
    assembler.close();
  }

  /** Collects problems while it binds. */
  private static final class Binder {
    private final EvoMerge.Builder settings;
    private final OpenModels models;
    private final Optional<First> first;
    private final List<String> problems;
    private final SpaceChoice choice;
    private final boolean pathOnly;

    Binder(
        EvoMerge.Builder settings,
        OpenModels models,
        Optional<First> first,
        List<String> problems) {
      this.settings = settings;
      this.models = models;
      this.first = first;
      this.problems = problems;
      if (settings.space == null) {
        throw failed();
      }
      this.choice = settings.space;
      this.pathOnly = choice instanceof SpaceChoice.Path;
    }

    BoundSearch bind() {
      MergeOperator operator = operator();
      if (operator == null) {
        throw failed();
      }
      List<Checkpoint> pathModels = pathModels();
      // Without digests, which are slow: they do not matter for what fits.
      MergeRecipe structure = collect(() -> template(operator, pathModels, Binder::undigested));
      if (structure == null) {
        throw failed();
      }
      CandidateAssembler assembler = collect(() -> assembler(operator, structure, pathModels));
      boolean bound = false;
      try {
        SearchSpace space =
            assembler == null ? null : collect(() -> space(assembler, operator, pathModels));
        if (space != null && !settings.objectives.isEmpty()) {
          List<Direction> directions =
              settings.objectives.stream().map(Objective::direction).toList();
          collect(() -> tryOptimizer(settings.searchOptimizer(), space, directions, settings.seed));
        }
        if (!problems.isEmpty() || assembler == null || space == null) {
          throw failed();
        }
        MergeRecipe template = template(operator, pathModels, Checkpoint::ref);
        if (template.dataFlow().isPresent()) {
          template = asItIs(template, assembler.layout().layerCount());
        }
        BoundSearch search =
            new BoundSearch(operator, assembler, space, decoder(space, template), template);
        bound = true;
        return search;
      } finally {
        if (!bound && assembler != null) {
          assembler.close();
        }
      }
    }

    private ConfigurationException failed() {
      return new ConfigurationException("EvoMerge", problems);
    }

    private @Nullable MergeOperator operator() {
      if (!pathOnly) {
        return settings.operator;
      }
      if (first.isEmpty()) {
        return MergeOperators.passthrough();
      }
      String wanted = first.get().recipe().operator();
      if (settings.operator != null && settings.operator.name().equals(wanted)) {
        return settings.operator;
      }
      MergeOperator standard = MergeOperators.standard().get(wanted);
      if (standard == null) {
        problems.add(
            "the recipe of '"
                + first.get().name()
                + "' has the operator '"
                + wanted
                + "', which is none of this library: give it with operator(...)");
      }
      return standard;
    }

    /** The models whose layers paths may use as they are, besides the first one. */
    private List<Checkpoint> pathModels() {
      List<Checkpoint> candidates = models.sources();
      if (choice instanceof SpaceChoice.Weights
          || (choice instanceof SpaceChoice.Joint joint && !joint.space().addsSources())) {
        candidates = List.of();
      } else if (pathOnly && first.isEmpty()) {
        candidates = candidates.subList(1, candidates.size());
      }
      if (settings.pathModels.isEmpty()) {
        return candidates;
      }
      List<String> names = candidates.stream().map(Checkpoint::name).toList();
      for (String wanted : settings.pathModels) {
        if (!names.contains(wanted)) {
          problems.add(
              "pathModels: '"
                  + wanted
                  + "' is none of the sources that can join the path"
                  + DidYouMean.hint(wanted, names));
        }
      }
      return candidates.stream().filter(m -> settings.pathModels.contains(m.name())).toList();
    }

    private MergeRecipe template(
        MergeOperator operator,
        List<Checkpoint> pathModels,
        Function<Checkpoint, CheckpointRef> ref) {
      MergeRecipe.Builder recipe;
      String name = MERGED;
      if (pathOnly && first.isPresent()) {
        recipe = first.get().recipe().toBuilder();
        name = first.get().name();
      } else if (pathOnly) {
        Checkpoint source = models.sources().get(0);
        name = source.name();
        recipe = settings.start(operator).source(ref.apply(source));
        recipe = settings.customised(recipe);
      } else {
        recipe = settings.start(operator).sources(models.sources().stream().map(ref).toList());
        models.base().map(ref).ifPresent(recipe::base);
        recipe = settings.customised(recipe);
      }
      if (!(choice instanceof SpaceChoice.Weights)) {
        List<CheckpointRef> others = pathModels.stream().map(ref).toList();
        recipe.dataFlow(new DataFlow(name, others, List.of(new Hop(name, 0, 1)), scaling()));
      }
      return recipe.build();
    }

    private HopScaling scaling() {
      return path().orElseThrow().scaling();
    }

    private Optional<DataFlowSpace> path() {
      if (choice instanceof SpaceChoice.Path path) {
        return Optional.of(path.space());
      }
      return choice instanceof SpaceChoice.Joint joint
          ? Optional.of(joint.space().path())
          : Optional.empty();
    }

    /** The path through the first model's layers, one after the other. */
    private static MergeRecipe asItIs(MergeRecipe template, int layers) {
      DataFlow flow = template.dataFlow().orElseThrow();
      List<Hop> hops = new ArrayList<>();
      for (int layer = 0; layer < layers; layer++) {
        hops.add(new Hop(flow.merged(), layer, 1));
      }
      return template.toBuilder().dataFlow(flow.withHops(hops)).build();
    }

    private CandidateAssembler assembler(
        MergeOperator operator, MergeRecipe structure, List<Checkpoint> pathModels) {
      CandidateAssembler.Builder builder =
          CandidateAssembler.builder(operator)
              .semantics(structure.semantics())
              .sources(models.sourcesOf(structure))
              .pathModels(pathModels)
              .structure(structure)
              .shareMerged(pathOnly)
              .threads(settings.mergeThreads());
      models.baseOf(structure).ifPresent(builder::base);
      return builder.build();
    }

    private SearchSpace space(
        CandidateAssembler assembler, MergeOperator operator, List<Checkpoint> pathModels) {
      if (choice instanceof SpaceChoice.Weights weights) {
        return weights.space().bind(assembler.layout(), operator.parameters(), sourceNames());
      }
      List<LayeredModel> layered = new ArrayList<>();
      String name = MERGED;
      if (pathOnly) {
        name = first.map(First::name).orElseGet(() -> models.sources().get(0).name());
      }
      layered.add(new LayeredModel(name, assembler.layout().layerCount()));
      pathModels.forEach(
          model -> layered.add(new LayeredModel(model.name(), model.layout().layerCount())));
      DataFlowSearchSpace path = path().orElseThrow().bind(layered);
      if (choice instanceof SpaceChoice.Joint joint) {
        ParameterSearchSpace weights =
            joint.space().weights().bind(assembler.layout(), operator.parameters(), sourceNames());
        return joint.space().bind(weights, path);
      }
      return path;
    }

    private List<String> sourceNames() {
      return models.sources().stream().map(Checkpoint::name).toList();
    }

    private static RecipeDecoder decoder(SearchSpace space, MergeRecipe template) {
      if (space instanceof ParameterSearchSpace weights) {
        return new ParameterRecipeDecoder(weights, template);
      }
      return space instanceof JointSearchSpace joint
          ? new JointRecipeDecoder(joint, template)
          : new DataFlowRecipeDecoder((DataFlowSearchSpace) space, template);
    }

    private static CheckpointRef undigested(Checkpoint model) {
      // Not ref(), which computes the digest.
      return new CheckpointRef(
          model.name(),
          model.location().toString().replace('\\', '/'),
          model.adapter().map(adapter -> adapter.toString().replace('\\', '/')),
          "");
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

    private <T> @Nullable T collect(Supplier<T> make) {
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
