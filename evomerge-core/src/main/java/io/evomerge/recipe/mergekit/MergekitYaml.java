package io.evomerge.recipe.mergekit;

import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.exception.RecipeException;
import io.evomerge.recipe.MergeRecipe;
import java.util.List;
import java.util.function.Function;

/** Writes recipes as configurations of mergekit; stateless. */
public final class MergekitYaml {

  private MergekitYaml() {}

  /**
   * A configuration.
   *
   * @param yaml the text
   * @param notes in what mergekit's result will differ, a sentence each: random masks, rounding,
   *     where configuration and tokenizer come from
   */
  public record Export(String yaml, List<String> notes) {
    /** Copies. */
    public Export {
      notes = List.copyOf(notes);
    }
  }

  /**
   * Writes a recipe, if mergekit computes the same for it.
   *
   * <p>Every tensor gets exactly the recipe's parameters: as one number, as gradients with a point
   * per layer of a slice, by filters for components, and by the tensor's name where none of these
   * would give the number to the last bit. Embeddings, final norm and head are named, as gradients
   * give them their first value. A recipe with an element type is written so that mergekit computes
   * in float32, as this library does. {@link MergekitConfig} reads it back.
   *
   * @param recipe any
   * @param layouts gives the layout of each model by its name in the recipe
   * @throws RecipeException listing everything that keeps the recipe from being said: an operator
   *     or parameters that mergekit does not have, the paper's definition where mergekit has
   *     another one (the dare and della families, breadcrumbs, sce, model_stock, ramplus_tl), a
   *     base that is also a source, one model under two names, activation statistics, float64
   */
  public static Export write(MergeRecipe recipe, Function<String, ModelLayout> layouts) {
    return RecipeExporter.export(recipe, layouts, false);
  }

  /**
   * Writes a recipe, also if it follows a paper's definition and mergekit computes another one; the
   * notes say so.
   *
   * @param recipe any
   * @param layouts gives the layout of each model by its name in the recipe
   * @throws RecipeException listing everything else that keeps the recipe from being said
   */
  public static Export writeEvenIfResultsDiffer(
      MergeRecipe recipe, Function<String, ModelLayout> layouts) {
    return RecipeExporter.export(recipe, layouts, true);
  }
}
