package io.evomerge.recipe.mergekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.recipe.TokenEmbedding;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each kind of configuration that mergekit documents, and what is wrong with others. */
class MergekitConfigTest {

  private static MergeRecipe recipe(String yaml, int layers) {
    return MergekitConfig.parse(yaml).toRecipe(TestModels.of(layers));
  }

  private static CheckpointRef ref(String name, String path) {
    return new CheckpointRef(name, path, "");
  }

  private static MergeRecipe.Builder like(String operator) {
    return MergeRecipe.builder(operator).semantics(Semantics.MERGEKIT);
  }

  private static ParameterValue each(Double... values) {
    return ParameterValue.perSource(List.of(values));
  }

  // ---- kinds of merges

  @Test
  void aLinearMergeHasNoBase() {
    assertThat(
            recipe(
                """
                models:
                  - model: org/one
                    parameters:
                      weight: 1.0
                  - model: org/two
                    parameters:
                      weight: 0.3
                merge_method: linear
                dtype: float16
                """,
                4))
        .isEqualTo(
            like("linear")
                .source(ref("one", "org/one"))
                .source(ref("two", "org/two"))
                .perSource("weight", 1.0, 0.3)
                .dtype(DType.F16)
                .build());
  }

  @Test
  void theBaseOfALinearMergeIsASourceThatGivesTheTokenizer() {
    MergeRecipe recipe =
        recipe(
            """
            merge_method: linear
            base_model: b
            models: [{model: a}]
            parameters: {weight: 0.5, normalize: false}
            """,
            2);
    assertThat(recipe.base()).isEmpty();
    assertThat(recipe.sources()).containsExactly(ref("a", "a"), ref("b", "b"));
    assertThat(recipe.tokenizer()).contains("b");
    assertThat(recipe.parameters()).containsEntry("normalize", ParameterValue.of(false));
  }

  @Test
  void slerpTakesTheBaseAndOneSourceWhateverTheirOrder() {
    MergeRecipe recipe =
        recipe(
            """
            slices:
              - sources:
                  - {model: org/other, layer_range: [0, 4]}
                  - {model: org/base, layer_range: [0, 4]}
            merge_method: slerp
            base_model: org/base
            parameters:
              t:
                - filter: self_attn
                  value: [0, 0.5, 0.3, 1]
                - filter: mlp
                  value: 0.25
                - value: 0.5
            dtype: bfloat16
            """,
            4);
    assertThat(recipe.slices()).isEmpty();
    assertThat(recipe.base()).contains(ref("base", "org/base"));
    assertThat(recipe.sources()).containsExactly(ref("other", "org/other"));
    assertThat(recipe.groups()).hasSize(4);
    assertThat(recipe.groups())
        .contains(
            new MergeRecipe.Group(
                TensorSelector.parse("layers.0-3.mlp"), Map.of("t", ParameterValue.of(0.25))));
  }

  @Test
  void tiesLeavesTheListedBaseOutOfTheSources() {
    assertThat(
            recipe(
                """
                models:
                  - model: base
                  - model: one
                    parameters: {density: 0.5, weight: 0.5}
                  - model: two
                    parameters: {density: 0.5, weight: 0.3}
                merge_method: ties
                base_model: base
                parameters: {normalize: true, int8_mask: true}
                dtype: float16
                """,
                3))
        .isEqualTo(
            like("ties")
                .base(ref("base", "base"))
                .source(ref("one", "one"))
                .source(ref("two", "two"))
                .parameter("density", 0.5)
                .perSource("weight", 0.5, 0.3)
                .parameter("normalize", ParameterValue.of(true))
                .dtype(DType.F16)
                .build());
  }

  @ParameterizedTest
  @CsvSource({
    "task_arithmetic, lambda: 0.5, lambda, 0.5",
    "dare_ties, rescale: false, rescale, 0",
    "dare_linear, lambda: 2, lambda, 2",
    "breadcrumbs, gamma: 0.02, gamma, 0.02",
    "breadcrumbs_ties, density: 0.9, density, 0.9",
    "della, epsilon: 0.05, epsilon, 0.05",
    "della_linear, normalize: yes, normalize, 1",
    "multislerp, eps: 1e-6, eps, 1e-6",
    "karcher, max_iter: 20, max_iter, 20",
    "nuslerp, nuslerp_row_wise: true, nuslerp_row_wise, 1",
  })
  void methodsTakeTheirOwnParameters(String method, String line, String parameter, double value) {
    MergeRecipe recipe =
        recipe(
            "merge_method: "
                + method
                + "\nbase_model: base\nmodels: [{model: base}, {model: one}, {model: two}]\n"
                + "parameters:\n  weight: 0.5\n  "
                + line
                + "\n",
            2);
    assertThat(recipe.parameters()).containsEntry(parameter, ParameterValue.of(value));
    assertThat(recipe.operator()).isEqualTo(method);
  }

  @ParameterizedTest
  @ValueSource(strings = {"model_stock", "sce", "ram", "ramplus_tl"})
  void methodsWithoutWeightsNeedNoParameters(String method) {
    MergeRecipe recipe =
        recipe(
            "{merge_method: " + method + ", base_model: b, models: [{model: c}, {model: d}]}", 2);
    assertThat(recipe.base()).contains(ref("b", "b"));
    assertThat(recipe.sources()).hasSize(2);
    assertThat(recipe.parameters()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"nearswap", "arcee_fusion"})
  void methodsOfTwoModelsTakeTheBaseAndOneSource(String method) {
    String yaml =
        "{merge_method: "
            + method
            + ", base_model: b, models: [{model: c}, {model: b}],"
            + (method.equals("nearswap") ? " parameters: {t: 0.0001}" : "")
            + "}";
    assertThat(recipe(yaml, 2).sources()).containsExactly(ref("c", "c"));
  }

  @Test
  void nuslerpNeedsNoBase() {
    MergeRecipe recipe =
        recipe(
            """
            merge_method: nuslerp
            models:
              - {model: a, parameters: {weight: 0.25}}
              - {model: b, parameters: {weight: 0.75}}
            """,
            2);
    assertThat(recipe.base()).isEmpty();
    assertThat(recipe.parameters()).containsEntry("weight", each(0.25, 0.75));
  }

  @Test
  void stackedSlicesOfOneModelEachBecomePassthroughSlices() {
    MergeRecipe recipe =
        recipe(
            """
            slices:
              - sources:
                - model: org/a
                  layer_range: [0, 3]
              - sources:
                - model: org/b
                  layer_range: [1, 4]
                  parameters:
                    scale:
                      - filter: down_proj
                        value: 0.5
              - sources:
                - {model: org/a, layer_range: [2, 4]}
            merge_method: passthrough
            dtype: bfloat16
            """,
            4);
    assertThat(recipe.sources()).containsExactly(ref("a", "org/a"), ref("b", "org/b"));
    assertThat(recipe.slices())
        .containsExactly(
            new LayerSlice(List.of(new LayerRange("a", 0, 3))),
            new LayerSlice(List.of(new LayerRange("b", 1, 4))),
            new LayerSlice(List.of(new LayerRange("a", 2, 4))));
    assertThat(recipe.groups()).hasSize(1);
    assertThat(recipe.groups().get(0).select()).hasToString("layers.3-5:down_proj");
  }

  @Test
  void aModelThatASliceListsTwiceBecomesTwoSources() {
    MergekitConfig config =
        MergekitConfig.parse(
            """
            merge_method: linear
            slices:
              - sources:
                  - {model: org/a, layer_range: [0, 2], parameters: {weight: 0.25}}
                  - {model: org/a, layer_range: [2, 4], parameters: {weight: 0.75}}
                  - {model: other/a, layer_range: [0, 2], parameters: {weight: 1}}
            """);
    MergeRecipe recipe = config.toRecipe(TestModels.of(4));
    assertThat(recipe.sources())
        .containsExactly(ref("a", "org/a"), ref("a-2", "org/a"), ref("a-3", "other/a"));
    assertThat(recipe.slices().get(0).ranges())
        .containsExactly(
            new LayerRange("a", 0, 2), new LayerRange("a-2", 2, 4), new LayerRange("a-3", 0, 2));
    assertThat(recipe.parameters()).containsEntry("weight", each(0.25, 0.75, 1.0));
    assertThat(config.warnings()).singleElement().asString().contains("line 3", "listed twice");
  }

  @Test
  void aGradientBeginsAnewInEverySlice() {
    MergeRecipe recipe =
        recipe(
            """
            merge_method: passthrough
            parameters: {scale: [1, 2]}
            slices:
              - sources: [{model: a, layer_range: [0, 3]}]
              - sources: [{model: a, layer_range: [3, 4]}]
              - sources: [{model: a, layer_range: [0, 2]}]
            """,
            4);
    List<Double> scales =
        TestModels.llama(6).roles().entrySet().stream()
            .filter(entry -> entry.getKey().endsWith("q_proj.weight"))
            .map(
                entry ->
                    recipe
                        .parametersFor(
                            entry.getKey(),
                            entry.getValue(),
                            MergeOperators.passthrough().parameters())
                        .perSource("scale", 0))
            .toList();
    assertThat(scales).containsExactly(1.0, 1.5, 2.0, 2.0, 1.0, 2.0);
  }

  @Test
  void anAdapterBelongsToItsModel() {
    MergeRecipe recipe =
        recipe(
            """
            merge_method: task_arithmetic
            base_model: org/base
            models:
              - model: org/base+org/lora
                parameters: {weight: 1}
              - model: {model: {path: org/two, revision: v1}, lora: {path: loras/x}}
                parameters: {weight: 2}
            """,
            2);
    assertThat(recipe.sources())
        .containsExactly(
            new CheckpointRef("base-lora", "org/base", Optional.of("org/lora"), ""),
            new CheckpointRef("two-x", "org/two", Optional.of("loras/x"), ""));
  }

  @Test
  void theOnlyModuleMayBeNamed() {
    MergeRecipe recipe =
        recipe(
            """
            merge_method: linear
            modules:
              default:
                parameters: {weight: 0.75}
                models: [{model: a}, {model: b, parameters: {weight: 0.25}}]
            parameters: {weight: 0.1}
            """,
            2);
    assertThat(recipe.parameters()).containsEntry("weight", each(0.75, 0.25));
  }

  @Test
  void outDtypeWins() {
    assertThat(
            recipe(
                    """
                    {merge_method: passthrough, models: [{model: a}], dtype: float32,
                     out_dtype: torch.bfloat16}
                    """,
                    1)
                .dtype())
        .contains(DType.BF16);
  }

  @Test
  void aliasesRepeatWhatIsAnchored() {
    MergeRecipe recipe =
        recipe(
            """
            merge_method: ties
            base_model: b
            models:
              - {model: one, parameters: &p {weight: 0.5, density: 0.25}}
              - {model: two, parameters: *p}
            """,
            2);
    assertThat(recipe.parameters())
        .containsEntry("weight", ParameterValue.of(0.5))
        .containsEntry("density", ParameterValue.of(0.25));
  }

  // ---- tokenizers and chat templates

  @Test
  void tokensMayBeGivenOneByOne() {
    MergeRecipe recipe =
        recipe(
            """
            merge_method: linear
            parameters: {weight: 1}
            models: [{model: org/a}, {model: org/b}]
            tokenizer:
              source: union
              pad_to_multiple_of: 64
              tokens:
                <|im_start|>: {source: org/b}
                <|im_end|>:
                  source: {kind: model_token, model: org/a, token: </s>}
                  force: true
                <row>: {source: {kind: model_token, model: org/a, token_id: 7}}
                <pad>: {source: {kind: zero}}
            """,
            1);
    assertThat(recipe.vocabulary())
        .contains(
            VocabularyChoice.union()
                .paddedTo(64)
                .withTokens(
                    Map.of(
                        "<|im_start|>",
                        TokenEmbedding.ofModel("b"),
                        "<|im_end|>",
                        TokenEmbedding.ofToken("a", "</s>").forced(),
                        "<row>",
                        TokenEmbedding.ofId("a", 7),
                        "<pad>",
                        TokenEmbedding.zero())));
  }

  @Test
  void theSourceOfTheTokenizerMayBeAModel() {
    String yaml =
        "{merge_method: linear, parameters: {weight: 1}, models: [{model: o/a}, {model: o/b}],"
            + " tokenizer_source: ";
    assertThat(recipe(yaml + "o/b}", 1).vocabulary()).contains(VocabularyChoice.of("b"));
    assertThat(recipe(yaml + "'model:o/b'}", 1).vocabulary()).contains(VocabularyChoice.of("b"));
    assertThat(recipe(yaml + "base}", 1).vocabulary()).contains(VocabularyChoice.base());
    assertThat(recipe(yaml + "union}", 1).vocabulary()).contains(VocabularyChoice.union());
  }

  @Test
  void theMostFrequentChatTemplateIsTaken() {
    MergekitConfig config =
        MergekitConfig.parse(
            """
            merge_method: linear
            parameters: {weight: 1}
            models: [{model: a}, {model: b}, {model: c}]
            chat_template: auto
            """);
    MergeRecipe recipe =
        config.toRecipe(
            reference ->
                TestModels.model(reference, 1, reference.path().equals("a") ? "{{1}}" : "{{2}}\n"));
    assertThat(recipe.chatTemplate()).contains("{{2}}");
    assertThat(config.toRecipe(TestModels.of(1)).chatTemplate()).isEmpty();
  }

  @Test
  void chatTemplatesAreJinjaOrKnownByName() {
    String yaml = "{merge_method: passthrough, models: [{model: a}], chat_template: ";
    assertThat(recipe(yaml + "\"{{ messages }} and more\"}", 1).chatTemplate())
        .contains("{{ messages }} and more");
    assertThat(recipe(yaml + "chatml}", 1).chatTemplate().orElseThrow())
        .contains("<|im_start|>", "<|im_end|>");
    assertThat(recipe(yaml + "llama3}", 1).chatTemplate().orElseThrow()).contains("<|eot_id|>");
    assertThat(recipe(yaml + "alpaca}", 1).chatTemplate().orElseThrow())
        .contains("### Instruction:");
    assertThatThrownBy(() -> recipe(yaml + "chatlm}", 1))
        .isInstanceOf(RecipeException.class)
        .hasMessageContainingAll("line 1", "chatlm", "did you mean 'chatml'?");
  }

  // ---- mistakes

  private static String message(String yaml) {
    return catchThrowableOfType(RecipeException.class, () -> recipe(yaml, 4)).getMessage();
  }

  @Test
  void everyMistakeIsSaidWithItsLine() {
    assertThat(
            message(
                """
                merge_metod: ties
                base_model: a+b+c
                dtype: bfloat17
                models:
                  - modell: a
                  - model: b
                    parameters: {weight: much}
                tokenizer: {sorce: union}
                tokenizer_source: union
                """))
        .contains(
            "unknown key 'merge_metod'; did you mean 'merge_method'?",
            "'merge_method' is missing",
            "line 2: 'a+b+c' has more than one '+'",
            "line 3: unknown dtype 'bfloat17'; did you mean 'bfloat16'?",
            "line 5: unknown key 'modell'",
            "line 5: 'model' is missing",
            "line 7: 'weight' is 'much', wanted a number",
            "line 8: unknown key 'sorce'",
            "line 9: give either 'tokenizer_source' or 'tokenizer'");
  }

  @Test
  void modelsAndSlicesExcludeEachOther() {
    assertThat(
            message(
                """
                merge_method: passthrough
                models: [{model: a}]
                slices: [{sources: [{model: a, layer_range: [0, 1]}]}]
                """))
        .contains("exactly one of 'models', 'slices' and 'modules', got 2");
    assertThat(message("{merge_method: passthrough}")).contains("got none");
  }

  @Test
  void layersMustExistAndSlicesAgree() {
    assertThat(
            message(
                """
                merge_method: passthrough
                slices:
                  - sources:
                      - {model: a, layer_range: [2, 5]}
                """))
        .contains("line 4: layer_range [2, 5] is beyond the 4 layers of a");
    assertThat(
            message(
                """
                merge_method: linear
                parameters: {weight: 1}
                slices:
                  - sources:
                      - {model: a, layer_range: [0, 2]}
                      - {model: b, layer_range: [0, 3]}
                """))
        .contains("line 4: the models of a slice must give the same number of layers", "b: 3");
    assertThat(
            message(
                "{merge_method: passthrough,"
                    + " slices: [{sources: [{model: a, layer_range: [3, 3]}]}]}"))
        .contains("layer_range: wanted the first layer", "got [3, 3]");
  }

  @Test
  void wholeModelsMustBeOfOneDepth() {
    MergekitConfig config =
        MergekitConfig.parse(
            "{merge_method: linear, models: [{model: a}, {model: b}], parameters: {weight: 1}}");
    assertThatThrownBy(
            () ->
                config.toRecipe(
                    reference -> TestModels.model(reference, reference.path().equals("a") ? 2 : 3)))
        .isInstanceOf(RecipeException.class)
        .hasMessageContainingAll("different numbers of layers", "a 2, b 3", "'slices'");
  }

  @Test
  void aMissingWeightIsNamed() {
    assertThat(
            message(
                """
                merge_method: ties
                base_model: b
                models:
                  - model: one
                    parameters: {weight: [{filter: mlp, value: 1}]}
                  - model: two
                """))
        .contains(
            "ties needs 'weight' of one, which is missing for 27 tensors",
            "ties needs 'weight' of two, which is missing for all tensors");
  }

  @Test
  void methodsNeedTheRightNumberOfModels() {
    assertThat(message("{merge_method: ties, models: [{model: a}], parameters: {weight: 1}}"))
        .contains("ties needs a 'base_model'");
    assertThat(message("{merge_method: model_stock, base_model: a, models: [{model: b}]}"))
        .contains("model_stock merges at least 2 models beside the base, got 1");
    assertThat(
            message(
                "{merge_method: slerp, base_model: a, models: [{model: b}, {model: c}],"
                    + " parameters: {t: 1}}"))
        .contains("slerp merges exactly 1 model beside the base, got 2");
    assertThat(message("{merge_method: passthrough, models: [{model: b}, {model: c}]}"))
        .contains("passthrough merges exactly 1 model, got 2");
    assertThat(
            message(
                "{merge_method: ties, base_model: a, parameters: {weight: 1},"
                    + " slices: [{sources: [{model: b, layer_range: [0, 1]}]}]}"))
        .contains("the base model a must be one of the sources of this slice");
  }

  @Test
  void unknownMethodsAndParametersAreRefusedUnusedOnesAreSaid() {
    assertThat(message("{merge_method: dare_tie, models: [{model: a}]}"))
        .contains("there is no merge_method 'dare_tie'; did you mean 'dare_ties'?");
    assertThat(message("{merge_method: linear, models: [{model: a, parameters: {wieght: 1}}]}"))
        .contains("linear has no parameter 'wieght'; did you mean 'weight'?");
    MergekitConfig config =
        MergekitConfig.parse(
            """
            merge_method: slerp
            base_model: a
            models: [{model: a}, {model: b, parameters: {t: 1}}]
            parameters: {t: 0.5, density: 0.5}
            """);
    assertThat(config.warnings())
        .containsExactlyInAnyOrder(
            "line 4: slerp does not use 'density'",
            "line 3: 't' of one model changes nothing: it is one value for all");
  }

  @Test
  void whatIsNotSupportedIsRefusedByName() {
    assertThat(
            message(
                """
                merge_method: linear
                modules:
                  vision_tower: {models: [{model: a}]}
                """))
        .contains("line 3: module 'vision_tower'", "not supported");
    assertThat(
            message(
                """
                merge_method: slerp
                base_model: a
                parameters: {t: 0.5}
                slices:
                  - sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [0, 1]}]
                  - sources: [{model: a, layer_range: [1, 2]}, {model: b, layer_range: [1, 2]}]
                    base_model: b
                """))
        .contains("line 6: the slices have different base models (a, b)");
    assertThat(
            message(
                """
                {merge_method: passthrough, models: [{model: a}], tokenizer_source: other}
                """))
        .contains("the tokenizer uses other, which takes no part in the merge");
    assertThat(
            message(
                """
                {merge_method: passthrough, models: [{model: {model: a,
                 override_architecture: X}}]}
                """))
        .contains("'override_architecture' is not supported");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "text",
        "{merge_method: linear, models: 3}",
        "{merge_method: linear, models: [3, a]}",
        "{merge_method: linear, models: []}",
        "{merge_method: [linear], models: [{model: a}]}",
        "{merge_method: linear, models: [{model: []}]}",
        "{merge_method: linear, models: [{model: a, parameters: 3}]}",
        "{merge_method: linear, models: [{model: a, parameters: {weight: []}}]}",
        "{merge_method: linear, models: [{model: a, parameters: {weight: [1, {value: 2}]}}]}",
        "{merge_method: linear, models: [{model: a, parameters: {weight: [{filter: x}]}}]}",
        "{merge_method: linear, models: [{model: a, parameters: {weight: .inf}}]}",
        "{merge_method: linear, modules: [a]}",
        "{merge_method: linear, modules: {default: 3}}",
        "{merge_method: linear, modules: {default: {}}}",
        "{merge_method: linear, slices: [{sources: [{model: a}]}]}",
        "{merge_method: linear, slices: [{sources: [{model: a, layer_range: [0]}]}]}",
        "{merge_method: linear, slices: [{sources: [{model: a, layer_range: x}]}]}",
        "{merge_method: linear, slices: [{}]}",
        "{merge_method: linear, slices: [3]}",
        "{merge_method: passthrough, models: [{model: a}], tokenizer: 3}",
        "{merge_method: passthrough, models: [{model: a}], tokenizer: {tokens: {x: 3}}}",
        "{merge_method: passthrough, models: [{model: a}], tokenizer: {tokens: {x: {source:"
            + " {kind: model_token, model: a}}}}}",
        "{merge_method: passthrough, models: [{model: a}], tokenizer: {pad_to_multiple_of: 0}}",
        "{merge_method: passthrough, models: [{model: a@b@c}]}",
        "a: *nothing",
        "a: [",
        "",
      })
  void wrongTextsAreRefused(String yaml) {
    assertThatThrownBy(() -> recipe(yaml, 1)).isInstanceOf(RecipeException.class);
  }

  @Test
  void aliasesOfAliasesDoNotFillTheMemory() {
    StringBuilder yaml = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
      String alias = "*a" + (i - 1) + ", ";
      yaml.append("a" + i + ": &a" + i + " [").append(alias.repeat(9)).append("x]\n");
    }
    assertThatThrownBy(() -> MergekitConfig.parse(yaml.toString()))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("too many values");
  }

  @Test
  void theMessageNamesTheFile(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("merge.yml"), "{merge_method: x}");
    assertThatThrownBy(() -> MergekitConfig.read(file))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("merge.yml");
  }

  @Test
  void modelsAreReferencedOnceBaseFirst() {
    assertThat(
            MergekitConfig.parse(
                    """
                    merge_method: ties
                    base_model: z
                    parameters: {weight: 1}
                    models: [{model: b}, {model: z}, {model: b@v2}]
                    """)
                .referencedModels())
        .containsExactly(
            ModelReference.of("z"), ModelReference.of("b"), ModelReference.parse("b@v2"));
  }
}
