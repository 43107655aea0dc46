package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.exception.RecipeException;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.mergekit.MergekitConfig;
import io.evomerge.recipe.mergekit.ModelLocations;
import io.evomerge.recipe.mergekit.ModelReference;
import io.evomerge.recipe.mergekit.ReferencedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Compiles mergekit's configurations over models in files; stateless.
 *
 * <pre>
 * MergekitConfig config = MergekitConfig.read(file);
 * MergeRecipe recipe =
 *     MergekitRecipes.compile(config, ModelLocations.asWritten().configFolder(file.toAbsolutePath().getParent()));
 * MergedModelWriter.create().write(recipe, folder);
 * </pre>
 */
public final class MergekitRecipes {

  private MergekitRecipes() {}

  /**
   * Finds the models of a configuration, reads their headers and compiles the recipe, as {@link
   * MergekitConfig#toRecipe}.
   *
   * @param config what to merge
   * @param locations where to look for the models
   * @throws IOException if a model cannot be read
   * @throws RecipeException listing every mistake: models that are not there, what does not fit
   *     them
   * @throws io.evomerge.exception.CheckpointException if a model is not what its format demands
   */
  public static MergeRecipe compile(MergekitConfig config, ModelLocations locations)
      throws IOException {
    Map<ModelReference, ReferencedModel> models = new LinkedHashMap<>();
    for (Map.Entry<ModelReference, ModelLocations.Location> entry :
        locations.findAll(config.referencedModels()).entrySet()) {
      models.put(entry.getKey(), read(entry.getKey(), entry.getValue()));
    }
    return config.toRecipe(models::get);
  }

  private static ReferencedModel read(ModelReference reference, ModelLocations.Location location)
      throws IOException {
    CheckpointRef ref =
        new CheckpointRef(
            reference.shortName(),
            slashes(location.model()),
            location.adapter().map(MergekitRecipes::slashes),
            "");
    try (Checkpoint model = Checkpoints.open(ref)) {
      return new ReferencedModel(ref, model.layout(), OwnChatTemplate.of(model));
    }
  }

  private static String slashes(Path path) {
    return path.toString().replace('\\', '/');
  }
}
