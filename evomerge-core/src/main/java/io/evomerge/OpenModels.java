package io.evomerge;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.RecipeException;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.MergeRecipe;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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
