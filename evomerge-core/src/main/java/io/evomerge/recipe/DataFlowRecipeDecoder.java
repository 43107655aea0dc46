package io.evomerge.recipe;

import io.evomerge.exception.RecipeException;
import io.evomerge.genome.DataFlowSearchSpace;
import io.evomerge.genome.Genome;
import io.evomerge.genome.LayeredModel;
import java.util.ArrayList;
import java.util.List;

/**
 * Decodes genomes of a data flow space: a template recipe with the genome's hops.
 *
 * <p>What the scales multiply comes from the space; everything else comes from the template.
 */
public final class DataFlowRecipeDecoder implements RecipeDecoder {

  private final DataFlowSearchSpace space;
  private final MergeRecipe template;
  private final List<String> names;

  /**
   * Creates a decoder.
   *
   * @param space the genes and the path they mean
   * @param template with a data flow over the same models in the same order; its hops are replaced
   * @throws RecipeException if the template has no data flow, or one over other models
   */
  public DataFlowRecipeDecoder(DataFlowSearchSpace space, MergeRecipe template) {
    this.space = space;
    this.template = template;
    this.names = space.models().stream().map(LayeredModel::name).toList();
    List<String> models =
        template
            .dataFlow()
            .orElseThrow(
                () ->
                    new RecipeException(
                        "the template has no data flow, the search space was made for one over "
                            + names))
            .modelNames();
    if (!models.equals(names)) {
      throw new RecipeException(
          "the template's data flow has the models "
              + models
              + ", the search space was made for "
              + names);
    }
  }

  @Override
  public MergeRecipe decode(Genome genome) {
    return decode(genome, template);
  }

  /** Puts the path of a genome into a recipe with the template's models. */
  MergeRecipe decode(Genome genome, MergeRecipe recipe) {
    List<Hop> hops = new ArrayList<>();
    for (DataFlowSearchSpace.Step step : space.decode(genome)) {
      hops.add(new Hop(names.get(step.model()), step.layer(), step.scale()));
    }
    DataFlow flow = recipe.dataFlow().orElseThrow();
    return recipe.toBuilder()
        .dataFlow(new DataFlow(flow.merged(), flow.models(), hops, space.scaling()))
        .build();
  }
}
