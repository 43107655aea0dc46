package io.evomerge.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.HopScaling;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PathVariantsTest {

  private static final Map<String, Integer> LAYERS = Map.of("a", 3, "b", 2);

  private static MergeRecipe path(Hop... hops) {
    return MergeRecipe.builder("passthrough")
        .source(new CheckpointRef("a", "a", ""))
        .dataFlow(
            new DataFlow(
                "a", List.of(new CheckpointRef("b", "b", "")), List.of(hops), HopScaling.BRANCH))
        .build();
  }

  @Test
  void everyPartIsTakenAwayInTurn() {
    Map<String, MergeRecipe> variants =
        PathVariants.ablation(
            path(new Hop("a", 0, 1), new Hop("b", 1, 0.5), new Hop("a", 2, 2)), LAYERS::get);
    assertThat(variants.keySet())
        .containsExactly(
            PathVariants.SCALES_ONE,
            PathVariants.MODELS_SWAPPED,
            "without hop 0 (a 0)",
            "without hop 1 (b 1)",
            "without hop 2 (a 2)");
    assertThat(hops(variants.get(PathVariants.SCALES_ONE)))
        .containsExactly(new Hop("a", 0, 1), new Hop("b", 1, 1), new Hop("a", 2, 1));
    assertThat(hops(variants.get(PathVariants.MODELS_SWAPPED)))
        .containsExactly(new Hop("b", 0, 1), new Hop("a", 1, 0.5), new Hop("b", 1, 2));
    assertThat(hops(variants.get("without hop 1 (b 1)")))
        .containsExactly(new Hop("a", 0, 1), new Hop("a", 2, 2));
  }

  @Test
  void whatChangesNothingIsLeftOut() {
    assertThat(PathVariants.ablation(path(new Hop("a", 0, 1)), LAYERS::get).keySet())
        .containsExactly(PathVariants.MODELS_SWAPPED);
  }

  @Test
  void aRecipeWithoutAPathIsRefused() {
    MergeRecipe merge =
        MergeRecipe.builder("linear").source(new CheckpointRef("a", "a", "")).build();
    assertThatThrownBy(() -> PathVariants.ablation(merge, LAYERS::get))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("no data flow path");
  }

  private static List<Hop> hops(MergeRecipe recipe) {
    return recipe.dataFlow().orElseThrow().hops();
  }
}
