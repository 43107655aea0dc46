package io.evomerge.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.Genome;
import io.evomerge.genome.ParameterSearchSpace;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.tensor.DType;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MergeRecipeTest {

  private static final String SHA = "ab".repeat(32);
  private static final List<ParameterSpec> SPECS =
      List.of(
          ParameterSpec.perSource("weight", -10, 10, Double.NaN, "How much of a source."),
          ParameterSpec.perSource("density", 0, 1, 1, "Share of kept elements."),
          ParameterSpec.global("lambda", -10, 10, 1, false, "Scale of the sum."),
          ParameterSpec.flag("normalize", true, "Whether weights sum to one."));
  private static final TensorRole MLP_0 = new TensorRole(Part.LAYER, 0, Component.MLP);
  private static final TensorRole HEAD = new TensorRole(Part.HEAD, -1, Component.OTHER);

  private static MergeRecipe.Builder two() {
    return MergeRecipe.builder("dare_ties")
        .source(new CheckpointRef("a", "zoo/a", SHA))
        .source(new CheckpointRef("b", "zoo/b", ""));
  }

  @Test
  void theDigestForgetsPathsWhereTheWeightsAreKnown() {
    MergeRecipe recipe = two().parameter("weight", 0.5).build();
    MergeRecipe moved =
        recipe.toBuilder()
            .sources(
                List.of(
                    new CheckpointRef("a", "elsewhere/a", SHA),
                    new CheckpointRef("b", "zoo/b", "")))
            .build();
    assertThat(moved.digest()).isEqualTo(recipe.digest()).hasSize(64);
    assertThat(recipe.canonicalJson())
        .isEqualTo(
            "{\"evomerge\":1,\"operator\":\"dare_ties\",\"semantics\":\"paper\",\"sources\":"
                + "[{\"name\":\"a\",\"sha256\":\""
                + SHA
                + "\"},{\"name\":\"b\",\"path\":\"zoo/b\"}],\"parameters\":{\"weight\":0.5},"
                + "\"groups\":[],\"seed\":0,\"tokenizer\":\"a\"}");
    assertThat(
            List.of(
                recipe.toBuilder().seed(1).build().digest(),
                recipe.toBuilder().parameter("weight", Math.nextUp(0.5)).build().digest(),
                recipe.toBuilder().dtype(DType.F16).build().digest(),
                recipe.toBuilder().tokenizer("b").build().digest(),
                recipe.toBuilder().group(TensorSelector.all(), Map.of()).build().digest(),
                recipe.digest()))
        .doesNotHaveDuplicates();
    assertThat(recipe.toBuilder().tokenizer("a").build().digest())
        .as("a tokenizer that is implied anyway")
        .isEqualTo(recipe.digest());
  }

  @Test
  void numbersAreWrittenTheSameWayOnEveryJdk() {
    assertThat(Numbers.text(1)).isEqualTo("1.0");
    assertThat(Numbers.text(0.1)).isEqualTo("0.1");
    assertThat(Numbers.text(-1.0 / 3)).isEqualTo("-0.3333333333333333");
    assertThat(Numbers.text(2e-3)).isEqualTo("0.002");
    assertThat(Numbers.text(1e-5)).isEqualTo("1.0E-5");
    assertThat(Numbers.text(-2.5e300)).isEqualTo("-2.5E+300");
    assertThat(Numbers.text(2.0e23)).isEqualTo("2.0E+23");
    for (double value :
        new double[] {Double.MAX_VALUE, Double.MIN_VALUE, Math.PI, 1e9, 123456789}) {
      assertThat(Double.parseDouble(Numbers.text(value))).isEqualTo(value);
    }
  }

  @Test
  void laterGroupsWinAndDefaultsFillTheRest() {
    MergeRecipe recipe =
        two()
            .perSource("weight", 0.1, 0.2)
            .group(
                TensorSelector.parse("layers.0"),
                Map.of("weight", ParameterValue.of(0.3), "density", ParameterValue.of(0.4)))
            .group(
                TensorSelector.parse("layers.0.mlp"),
                Map.of("density", ParameterValue.perSource(List.of(0.5, 0.6))))
            .build();
    assertThat(recipe.parametersFor("", MLP_0, SPECS))
        .isEqualTo(
            ParameterValues.of(
                Map.of(
                    "weight", new double[] {0.3, 0.3},
                    "density", new double[] {0.5, 0.6},
                    "lambda", new double[] {1},
                    "normalize", new double[] {1})));
    assertThat(recipe.parametersFor("", HEAD, SPECS).asMap().get("weight"))
        .containsExactly(0.1, 0.2);
    assertThat(recipe.parametersFor("", HEAD, SPECS).asMap().get("density")).containsExactly(1, 1);
  }

  @Test
  void parametersThatDoNotFitTheOperatorAreAllNamed() {
    MergeRecipe recipe =
        two()
            .parameter("densty", 0.5)
            .parameter("density", 1.5)
            .perSource("lambda", 1, 2)
            .parameter("normalize", 0.5)
            .build();
    assertThatThrownBy(() -> recipe.parametersFor("", HEAD, SPECS))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("dare_ties has no parameter 'densty'; did you mean 'density'?")
        .hasMessageContaining("'density' is 1.5, 1.5, wanted a number in [0.0, 1.0]")
        .hasMessageContaining("'lambda' is [1.0, 2.0], wanted one number for all sources")
        .hasMessageContaining("'normalize' is 0.5, wanted true or false")
        .hasMessageContaining("dare_ties needs 'weight' for head");
  }

  @Test
  void aRecipeThatContradictsItselfIsRefused() {
    assertThatThrownBy(
            () ->
                two()
                    .base(new CheckpointRef("a", "other", ""))
                    .perSource("weight", 1, 2, 3)
                    .tokenizer("c")
                    .dtype(DType.I8)
                    .build())
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("two models are called 'a'")
        .hasMessageContaining("'weight' has 3 numbers for 2 sources")
        .hasMessageContaining("tokenizer 'c' is none of the models")
        .hasMessageContaining("dtype I8");
    CheckpointRef a = new CheckpointRef("a", "zoo/a", SHA);
    assertThat(two().base(a).build().tokenizerSource()).isEqualTo(a);
    assertThatThrownBy(() -> two().base(a).source(a).build()).isInstanceOf(RecipeException.class);
  }

  @Test
  void genomesDecodeOnTopOfTheTemplate() {
    ModelLayout layout =
        ModelLayout.of(
            Set.of("model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight"), true);
    ParameterSearchSpace space =
        ParameterSpace.perLayer().share("density").bind(layout, SPECS, List.of("a", "b"));
    MergeRecipe template = two().parameter("lambda", 0.9).parameter("density", 0.1).seed(7).build();
    MergeRecipe recipe =
        new ParameterRecipeDecoder(space, template).decode(Genome.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6));
    assertThat(recipe)
        .isEqualTo(
            two()
                .parameter("lambda", 0.9)
                .parameter("normalize", 0)
                .perSource("density", 0.1, 0.2)
                .group(
                    TensorSelector.parse("embeddings"),
                    Map.of("weight", ParameterValue.perSource(List.of(0.3, 0.4))))
                .group(
                    TensorSelector.parse("layers.0"),
                    Map.of("weight", ParameterValue.perSource(List.of(0.5, 0.6))))
                .seed(7)
                .build());
    MergeRecipe grouped =
        new ParameterRecipeDecoder(
                space,
                template.toBuilder()
                    .group(TensorSelector.all(), Map.of("density", ParameterValue.of(0.9)))
                    .build())
            .decode(Genome.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6));
    assertThat(grouped.parametersFor("", MLP_0, SPECS).asMap().get("density"))
        .as("the genome's value stands above the template's groups")
        .containsExactly(0.1, 0.2);
    assertThatThrownBy(() -> new ParameterRecipeDecoder(space, MergeRecipe.builder("ties").build()))
        .isInstanceOf(RecipeException.class);
  }
}
