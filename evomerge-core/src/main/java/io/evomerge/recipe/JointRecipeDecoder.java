package io.evomerge.recipe;

import io.evomerge.exception.RecipeException;
import io.evomerge.genome.Genome;
import io.evomerge.genome.JointSearchSpace;

/**
 * Decodes genomes of a joint space: a template recipe with the genome's weights, as {@link
 * ParameterRecipeDecoder} sets them, and hops, as {@link DataFlowRecipeDecoder} does.
 */
public final class JointRecipeDecoder implements RecipeDecoder {

  private final JointSearchSpace space;
  private final ParameterRecipeDecoder weights;
  private final DataFlowRecipeDecoder path;

  /**
   * Creates a decoder.
   *
   * @param space the genes of both
   * @param template with the sources and the data flow's models that the space was made for
   * @throws RecipeException if it has others
   */
  public JointRecipeDecoder(JointSearchSpace space, MergeRecipe template) {
    this.space = space;
    this.weights = new ParameterRecipeDecoder(space.weights(), template);
    this.path = new DataFlowRecipeDecoder(space.path(), template);
  }

  @Override
  public MergeRecipe decode(Genome genome) {
    return path.decode(space.pathOf(genome), weights.decode(space.weightsOf(genome)));
  }
}
