package io.evomerge.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.DataFlowSearchSpace;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.Genome;
import io.evomerge.genome.HopScaling;
import io.evomerge.genome.JointSearchSpace;
import io.evomerge.genome.JointSpace;
import io.evomerge.genome.LayeredModel;
import io.evomerge.genome.ParameterSearchSpace;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.genome.ParameterSpec;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DataFlowDecodersTest {

  private static final CheckpointRef A = new CheckpointRef("a", "zoo/a", "");
  private static final CheckpointRef B = new CheckpointRef("b", "zoo/b", "");
  private static final List<ParameterSpec> SPECS =
      List.of(ParameterSpec.perSource("weight", -10, 10, Double.NaN, "How much of a source."));

  private static DataFlow flow(String merged, CheckpointRef... others) {
    return new DataFlow(merged, List.of(others), List.of(new Hop(merged, 0, 1)), HopScaling.BRANCH);
  }

  private static MergeRecipe stacked(DataFlow flow) {
    return MergeRecipe.builder("passthrough").source(A).seed(7).dataFlow(flow).build();
  }

  private static DataFlowSearchSpace path(String... names) {
    return DataFlowSpace.pathOf(3)
        .scaling(HopScaling.STREAM)
        .bind(List.of(names).stream().map(name -> new LayeredModel(name, 2)).toList());
  }

  @Test
  void theGenomesHopsReplaceTheTemplates() {
    MergeRecipe template = stacked(flow("a", B));
    MergeRecipe recipe =
        new DataFlowRecipeDecoder(path("a", "b"), template).decode(Genome.of(3, 1, 0.5, 1.5));
    assertThat(recipe)
        .isEqualTo(
            template.toBuilder()
                .dataFlow(
                    new DataFlow(
                        "a",
                        List.of(B),
                        List.of(new Hop("a", 0, 1), new Hop("b", 1, 0.5), new Hop("a", 1, 1.5)),
                        HopScaling.STREAM))
                .build());
    assertThat(recipe.digest()).isNotEqualTo(template.digest());
  }

  @Test
  void genomesOfOnePathGiveOneDigest() {
    DataFlowRecipeDecoder decoder =
        new DataFlowRecipeDecoder(path("a", "b"), stacked(flow("a", B)));
    assertThat(decoder.decode(Genome.of(3, 1, -0.0, 1)).digest())
        .isEqualTo(decoder.decode(Genome.of(3, 1, 0.0, 1)).digest());
    DataFlowSearchSpace slots =
        DataFlowSpace.repeats(1)
            .scales(DataFlowSpace.Scales.NONE)
            .bind(List.of(new LayeredModel("a", 2), new LayeredModel("b", 1)));
    DataFlowRecipeDecoder ofSlots = new DataFlowRecipeDecoder(slots, stacked(flow("a", B)));
    assertThat(ofSlots.decode(Genome.of(0.1, 0.2, -0.3)).digest())
        .isEqualTo(ofSlots.decode(Genome.of(-0.5, 0.9, 0)).digest());
  }

  @Test
  void aTemplateOfOtherModelsIsRefused() {
    assertThatThrownBy(() -> new DataFlowRecipeDecoder(path("a", "c"), stacked(flow("a", B))))
        .isInstanceOf(RecipeException.class)
        .hasMessage(
            "the template's data flow has the models [a, b], the search space was made for [a, c]");
    assertThatThrownBy(
            () ->
                new DataFlowRecipeDecoder(
                    path("a"), MergeRecipe.builder("passthrough").source(A).build()))
        .isInstanceOf(RecipeException.class)
        .hasMessage("the template has no data flow, the search space was made for one over [a]");
    DataFlowRecipeDecoder decoder =
        new DataFlowRecipeDecoder(path("a", "b"), stacked(flow("a", B)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> decoder.decode(Genome.of(4, 1, 1, 1)))
        .withMessage("gene 'position.1' is 4.0, wanted a whole number in [0.0, 3.0]");
  }

  @Test
  void aJointGenomeSetsWeightsAndHops() {
    ParameterSearchSpace weights =
        ParameterSpace.perModel()
            .bind(ModelLayout.of(Set.of("model.norm.weight"), false), SPECS, List.of("a", "b"));
    JointSearchSpace space =
        JointSpace.of(ParameterSpace.perModel(), DataFlowSpace.pathOf(3))
            .withSources()
            .bind(weights, path("merged", "a", "b"));
    MergeRecipe template =
        MergeRecipe.builder("linear").source(A).source(B).dataFlow(flow("merged", A, B)).build();
    JointRecipeDecoder decoder = new JointRecipeDecoder(space, template);
    assertThat(decoder.decode(Genome.of(0.25, 0.75, 5, 1, 0.5, 1)))
        .isEqualTo(
            template.toBuilder()
                .perSource("weight", 0.25, 0.75)
                .dataFlow(
                    new DataFlow(
                        "merged",
                        List.of(A, B),
                        List.of(
                            new Hop("merged", 0, 1), new Hop("b", 1, 0.5), new Hop("merged", 1, 1)),
                        HopScaling.STREAM))
                .build());
    assertThatThrownBy(() -> new JointRecipeDecoder(space, template.toBuilder().source(A).build()))
        .isInstanceOf(RecipeException.class);
    assertThatThrownBy(
            () ->
                new JointRecipeDecoder(
                    space, template.toBuilder().dataFlow(flow("merged", B, A)).build()))
        .isInstanceOf(RecipeException.class);
  }
}
