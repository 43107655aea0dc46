package io.evomerge.result.picture;

import io.evomerge.recipe.MergeRecipe;

/**
 * Draws what a recipe says.
 *
 * <p>Stateless and safe for threads. Equal recipes give equal pictures, on every machine. Pictures
 * are at most 1200 units wide, unless one table alone is wider, and as high as it takes. Colours:
 * Okabe and Ito, "Color Universal Design", 2008, which people with any colour vision can tell
 * apart; what a colour says is also said by place, outline or number.
 *
 * @since 0.1
 */
public final class Pictures {

  private Pictures() {}

  /**
   * Draws the path of a recipe, hop by hop: a lane per model, in which a hop stands as high as its
   * layer, with the layer's number; beneath, the scales. A layer that was passed before is drawn as
   * an outline. Paths of more than some 65 hops continue in a further row.
   *
   * @param recipe with a data flow path
   * @throws IllegalArgumentException if it has none
   */
  public static Picture path(MergeRecipe recipe) {
    return PathDrawing.of(
        recipe
            .dataFlow()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "the recipe has no data flow path (operator "
                            + recipe.operator()
                            + ", "
                            + recipe.sources().size()
                            + " sources): draw its weights")));
  }

  /**
   * Draws the parameters of a recipe as heat maps: a row per group of layers that the recipe tells
   * apart, a column per source, and per component where the recipe distinguishes components; {@code
   * weight} first, then every other parameter that varies. What is the same everywhere is said in a
   * line of text.
   *
   * <p>Numbers are what the recipe gives: by the last group that matches, else by the recipe
   * itself. Where it gives none, the operator's default holds, which a recipe does not know.
   *
   * @param recipe any; without parameters, the picture says so
   */
  public static Picture weights(MergeRecipe recipe) {
    return HeatMapDrawing.of(recipe);
  }

  /**
   * Draws the path of a recipe if it has one, else its parameters.
   *
   * @param recipe any
   */
  public static Picture of(MergeRecipe recipe) {
    return recipe.dataFlow().isPresent() ? path(recipe) : weights(recipe);
  }
}
