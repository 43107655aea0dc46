package io.evomerge.recipe;

import io.evomerge.genome.Genome;

/**
 * Turns a point of a search space into the recipe of a model.
 *
 * <p>Immutable and safe for concurrent use; the same genome always gives an equal recipe.
 */
@FunctionalInterface
public interface RecipeDecoder {

  /**
   * Decodes a genome.
   *
   * @param genome of the space that this decoder belongs to
   * @throws IllegalArgumentException if it is not of that space
   */
  MergeRecipe decode(Genome genome);
}
