package io.evomerge;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.MergeRecipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The open checkpoints of a search; closes those that it opened itself.
 *
 * @param base the common base, if there is one
 * @param sources in order
 * @param owned those to close
 */
record OpenModels(Optional<Checkpoint> base, List<Checkpoint> sources, List<Checkpoint> owned)
    implements AutoCloseable {

  OpenModels {
    sources = List.copyOf(sources);
    owned = List.copyOf(owned);
  }

  /** A model as it was given: a path that we open, or an open checkpoint of the caller's. */
  record Model(
      @Nullable String name,
      @Nullable Path path,
      @Nullable Path adapter,
      @Nullable Checkpoint open) {

    @Nullable String shortName() {
      if (name != null || open != null) {
        return name != null ? name : open.name();
      }
      Path last = path == null ? null : path.getFileName();
      return last == null ? null : last.toString();
    }
  }

  /**
   * Opens the models of a search.
   *
   * @param base as it was given, if there is one
   * @param sources as they were given
   * @param problems gets what is wrong with them; those that could be opened are open
   */
  static OpenModels open(@Nullable Model base, List<Model> sources, List<String> problems) {
    List<Checkpoint> owned = new ArrayList<>();
    Optional<Checkpoint> openBase =
        base == null ? Optional.empty() : open(base, "base", owned, problems);
    List<Checkpoint> open = new ArrayList<>();
    for (Model model : sources) {
      open(model, "source", owned, problems).ifPresent(open::add);
    }
    checkNames(openBase, open, problems);
    return new OpenModels(openBase, open, owned);
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

  /** Returns the base that a recipe names, if it names one. */
  Optional<Checkpoint> baseOf(MergeRecipe recipe) {
    return recipe.base().map(ref -> base.orElseGet(() -> find(ref)));
  }

  List<Checkpoint> sourcesOf(MergeRecipe recipe) {
    return recipe.sources().stream().map(this::find).toList();
  }

  /** Returns the models whose layers a recipe's path uses as they are. */
  List<Checkpoint> pathModelsOf(MergeRecipe recipe) {
    return recipe.dataFlow().map(DataFlow::models).orElse(List.of()).stream()
        .map(this::find)
        .toList();
  }

  private Checkpoint find(CheckpointRef ref) {
    Map<String, Checkpoint> known = new LinkedHashMap<>();
    base.ifPresent(model -> known.put(model.name(), model));
    sources.forEach(model -> known.put(model.name(), model));
    Checkpoint model = known.get(ref.name());
    if (model == null) {
      throw new RecipeException(
          "the recipe names '"
              + ref.name()
              + "', which is none of the models of this search"
              + DidYouMean.hint(ref.name(), known.keySet()));
    }
    return model;
  }

  @Override
  public void close() {
    owned.forEach(Checkpoint::close);
  }
}
