package io.evomerge.recipe;

import io.evomerge.exception.RecipeException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import java.util.function.UnaryOperator;

/**
 * Recipes that differ from one with a data flow path in one respect, to see which parts carry its
 * result; stateless.
 */
public final class PathVariants {

  /** The name of the variant in which all scales are 1. */
  public static final String SCALES_ONE = "all scales 1";

  /** The name of the variant in which the models have changed places. */
  public static final String MODELS_SWAPPED = "models swapped";

  private PathVariants() {}

  /**
   * Returns the variants of an ablation, by name, in order: all scales 1, as published (Akiba et
   * al. 2024, arXiv 2403.13187, section 4.3); the models swapped, if there are several; without
   * each hop in turn.
   *
   * <p>Swapped, every hop takes the layer of the same number of the next model (the first after the
   * last); where that has no such layer, its last one. Embeddings, final norm and head stay. A hop
   * that is left out takes its scale with it. Variants equal to the recipe are left out.
   *
   * @param recipe with a path
   * @param layerCount number of layers of each model of the path, by its name
   * @throws RecipeException if the recipe has no path
   */
  public static Map<String, MergeRecipe> ablation(
      MergeRecipe recipe, ToIntFunction<String> layerCount) {
    DataFlow flow =
        recipe
            .dataFlow()
            .orElseThrow(
                () ->
                    new RecipeException(
                        "the recipe has no data flow path; an ablation changes its hops"));
    Map<String, DataFlow> flows = new LinkedHashMap<>();
    flows.put(SCALES_ONE, each(flow, hop -> new Hop(hop.model(), hop.layer(), 1)));
    List<String> models = flow.modelNames();
    flows.put(
        MODELS_SWAPPED,
        each(
            flow,
            hop -> {
              String other = models.get((models.indexOf(hop.model()) + 1) % models.size());
              int last = layerCount.applyAsInt(other) - 1;
              return new Hop(other, Math.min(hop.layer(), last), hop.scale());
            }));
    List<Hop> hops = flow.hops();
    for (int i = 0; hops.size() > 1 && i < hops.size(); i++) {
      List<Hop> fewer = new ArrayList<>(hops);
      Hop gone = fewer.remove(i);
      flows.put(
          "without hop " + i + " (" + gone.model() + " " + gone.layer() + ")",
          flow.withHops(fewer));
    }
    Map<String, MergeRecipe> variants = new LinkedHashMap<>();
    flows.forEach(
        (name, other) -> {
          if (!other.equals(flow)) {
            variants.put(name, recipe.toBuilder().dataFlow(other).build());
          }
        });
    return Collections.unmodifiableMap(variants);
  }

  private static DataFlow each(DataFlow flow, UnaryOperator<Hop> change) {
    return flow.withHops(flow.hops().stream().map(change).toList());
  }
}
