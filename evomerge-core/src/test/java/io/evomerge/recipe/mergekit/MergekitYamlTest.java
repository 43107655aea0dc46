package io.evomerge.recipe.mergekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.recipe.TokenEmbedding;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.tensor.DType;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class MergekitYamlTest {

  private static CheckpointRef ref(String name) {
    return new CheckpointRef(name, "zoo/" + name, "");
  }

  private static Function<String, ModelLayout> layouts(int layers) {
    ModelLayout layout = TestModels.llama(layers);
    return name -> layout;
  }

  private static MergeRecipe back(String yaml, int layers) {
    return MergekitConfig.parse(yaml).toRecipe(TestModels.of(layers));
  }

  private static MergeRecipe.Builder ties() {
    return MergeRecipe.builder("ties")
        .semantics(Semantics.MERGEKIT)
        .base(ref("base"))
        .source(ref("one"))
        .source(ref("two"));
  }

  @Test
  void aSimpleRecipeReadsLikeOneWrittenByHand() {
    MergekitYaml.Export export =
        MergekitYaml.write(
            ties()
                .perSource("weight", 0.5, 0.25)
                .parameter("density", 0.5)
                .parameter("normalize", ParameterValue.of(false))
                .dtype(DType.BF16)
                .build(),
            layouts(4));
    assertThat(export.yaml())
        .isEqualTo(
            """
            merge_method: ties
            base_model: zoo/base
            models:
              - model: zoo/base
              - model: zoo/one
                parameters:
                  weight: 0.5
              - model: zoo/two
                parameters:
                  weight: 0.25
            parameters:
              density: 0.5
              normalize: false
            dtype: float32
            out_dtype: bfloat16
            """);
    assertThat(export.notes()).isEmpty();
  }

  @Test
  void layersBecomeGradientsAndComponentsFilters() {
    MergeRecipe.Builder recipe =
        MergeRecipe.builder("slerp")
            .semantics(Semantics.MERGEKIT)
            .base(ref("a"))
            .source(ref("b"))
            .parameter("t", 0.5);
    for (int i = 0; i < 3; i++) {
      recipe.group(
          TensorSelector.parse("layers." + i + ".attention"),
          Map.of("t", ParameterValue.of(i / 4.0)));
    }
    recipe.group(TensorSelector.parse("head"), Map.of("t", ParameterValue.of(1)));
    assertThat(MergekitYaml.write(recipe.build(), layouts(3)).yaml())
        .contains(
            """
            parameters:
              t:
                - {filter: lm_head.weight, value: 1.0}
                - {filter: self_attn, value: [0.0, 0.25, 0.5]}
                - {value: 0.5}
            """);
  }

  @Test
  void randomRecipesComeBackWithTheSameParametersForEveryTensor() {
    TestSeeds.check("mergekit-round-trip", 60, MergekitYamlTest::roundTrip);
  }

  private static void roundTrip(Random random) {
    int layers = 1 + random.nextInt(60);
    List<String> operators = List.of("linear", "ties", "slerp", "passthrough", "dare_ties");
    String operator = operators.get(random.nextInt(operators.size()));
    List<ParameterSpec> specs = MergeOperators.standard().get(operator).parameters();
    int count =
        operator.equals("slerp") || operator.equals("passthrough") ? 1 : 1 + random.nextInt(3);
    MergeRecipe.Builder builder = MergeRecipe.builder(operator).semantics(Semantics.MERGEKIT);
    List<CheckpointRef> sources = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      sources.add(ref("m" + i));
    }
    builder.sources(sources);
    boolean base = !operator.equals("linear") && !operator.equals("passthrough");
    if (base || random.nextBoolean()) {
      builder.base(ref("base"));
    }
    int depth = layers;
    if (random.nextBoolean()) {
      List<LayerSlice> slices = slices(random, layers, sources, base);
      builder.slices(slices);
      depth = slices.stream().mapToInt(LayerSlice::length).sum();
    }
    for (ParameterSpec spec : specs) {
      builder.parameter(spec.name(), value(random, spec, count));
    }
    int groups = random.nextInt(12);
    for (int i = 0; i < groups; i++) {
      Map<String, ParameterValue> values = new LinkedHashMap<>();
      for (ParameterSpec spec : specs) {
        if (random.nextInt(3) > 0) {
          values.put(spec.name(), value(random, spec, count));
        }
      }
      builder.group(selector(random, depth), values);
    }
    MergeRecipe recipe = builder.build();
    String yaml = MergekitYaml.write(recipe, layouts(layers)).yaml();
    MergeRecipe again = back(yaml, layers);

    assertThat(again.operator()).isEqualTo(recipe.operator());
    assertThat(again.tokenizerSource().location()).isEqualTo(recipe.tokenizerSource().location());
    ModelLayout result = TestModels.llama(depth);
    for (Map.Entry<String, TensorRole> tensor : result.roles().entrySet()) {
      ParameterValues wanted = recipe.parametersFor(tensor.getKey(), tensor.getValue(), specs);
      ParameterValues got = again.parametersFor(tensor.getKey(), tensor.getValue(), specs);
      for (ParameterSpec spec : specs) {
        for (int i = 0; i < count; i++) {
          String path = sources.get(i).location();
          int there = again.sources().stream().map(CheckpointRef::location).toList().indexOf(path);
          if (there < 0 || !takesPart(recipe, sources.get(i).name(), tensor.getValue())) {
            continue;
          }
          assertThat(got.perSource(spec.name(), there))
              .as("%s of %s for %s in%n%s", spec.name(), path, tensor.getKey(), yaml)
              .isEqualTo(wanted.perSource(spec.name(), i));
        }
      }
    }
    assertThat(layersOf(again, layers)).isEqualTo(layersOf(recipe, layers));
  }

  private static List<String> layersOf(MergeRecipe recipe, int layers) {
    List<String> all = new ArrayList<>();
    List<LayerSlice> slices = recipe.slices();
    for (LayerSlice slice : slices) {
      for (int i = 0; i < slice.length(); i++) {
        int offset = i;
        all.add(
            String.join(
                " ",
                slice.ranges().stream()
                    .map(range -> range.model() + (range.first() + offset))
                    .sorted()
                    .toList()));
      }
    }
    if (slices.isEmpty()) {
      List<String> names = new ArrayList<>();
      boolean base = !List.of("linear", "passthrough").contains(recipe.operator());
      recipe.base().filter(b -> base).ifPresent(ref -> names.add(ref.name()));
      recipe.sources().forEach(ref -> names.add(ref.name()));
      for (int i = 0; i < layers; i++) {
        int layer = i;
        all.add(String.join(" ", names.stream().map(name -> name + layer).sorted().toList()));
      }
    }
    return all;
  }

  private static boolean takesPart(MergeRecipe recipe, String source, TensorRole role) {
    List<LayerSlice> slices = recipe.slices();
    if (slices.isEmpty()) {
      return true;
    }
    int slice =
        role.part() == TensorRole.Part.HEAD || role.part() == TensorRole.Part.FINAL_NORM
            ? slices.size() - 1
            : 0;
    int layer = role.layer();
    while (layer >= 0 && layer >= slices.get(slice).length()) {
      layer -= slices.get(slice++).length();
    }
    return slices.get(slice).ranges().stream().anyMatch(range -> range.model().equals(source));
  }

  private static List<LayerSlice> slices(
      Random random, int layers, List<CheckpointRef> sources, boolean base) {
    List<LayerSlice> slices = new ArrayList<>();
    int count = 1 + random.nextInt(3);
    for (int i = 0; i < count; i++) {
      int length = 1 + random.nextInt(layers);
      List<LayerRange> ranges = new ArrayList<>();
      for (CheckpointRef source : sources) {
        if (ranges.isEmpty() || random.nextBoolean()) {
          int first = random.nextInt(layers - length + 1);
          ranges.add(new LayerRange(source.name(), first, first + length));
        }
      }
      if (base) {
        int first = random.nextInt(layers - length + 1);
        ranges.add(new LayerRange("base", first, first + length));
      }
      slices.add(new LayerSlice(ranges));
    }
    return slices;
  }

  private static ParameterValue value(Random random, ParameterSpec spec, int sources) {
    if (spec.kind() == ParameterSpec.Kind.FLAG) {
      return ParameterValue.of(random.nextBoolean());
    }
    List<Double> numbers = new ArrayList<>();
    for (int i = 0; i < sources; i++) {
      numbers.add(random.nextBoolean() ? random.nextInt(5) / 4.0 : random.nextDouble());
    }
    boolean perSource = spec.scope() == ParameterSpec.Scope.PER_SOURCE && random.nextBoolean();
    return perSource ? ParameterValue.perSource(numbers) : ParameterValue.of(numbers.get(0));
  }

  private static TensorSelector selector(Random random, int depth) {
    int first = random.nextInt(depth);
    int last = first + random.nextInt(depth - first);
    List<String> texts =
        List.of(
            "all",
            "embeddings",
            "head",
            "final_norm",
            "all:mlp",
            "layers." + first,
            "layers." + first + "-" + last,
            "layers." + first + "-" + last + ".mlp",
            "layers." + first + ".attention",
            "layers." + first + "-" + last + ".norm",
            "layers." + first + "-" + last + ":q_proj",
            "layers." + first + "-" + last + ":proj");
    return TensorSelector.parse(texts.get(random.nextInt(texts.size())));
  }

  @Test
  void vocabularyTemplateAndAdaptersComeBack() {
    MergeRecipe recipe =
        MergeRecipe.builder("task_arithmetic")
            .semantics(Semantics.MERGEKIT)
            .base(ref("base"))
            .source(new CheckpointRef("base-lora", "zoo/base", Optional.of("zoo/lora"), ""))
            .source(new CheckpointRef("odd@1", "zoo/odd@1", ""))
            .parameter("weight", 1e-7)
            .dtype(DType.F32)
            .vocabulary(
                VocabularyChoice.of("base-lora")
                    .paddedTo(8)
                    .withTokens(
                        Map.of(
                            "<|a|>",
                            TokenEmbedding.ofToken("base", "\"x\"\n").forced(),
                            "yes",
                            TokenEmbedding.ofId("base", 3),
                            "0",
                            TokenEmbedding.zero(),
                            "\u00e9",
                            TokenEmbedding.ofModel("odd@1"))))
            .chatTemplate("{% for m in messages %}\n  {{ m.content }}\n{% endfor %}")
            .build();
    MergekitYaml.Export export = MergekitYaml.write(recipe, layouts(2));
    assertThat(back(export.yaml(), 2)).isEqualTo(recipe);
  }

  @Test
  void aBaseThatOnlyGivesTheTokenizerIsNotMerged() {
    MergeRecipe recipe =
        MergeRecipe.builder("linear")
            .semantics(Semantics.MERGEKIT)
            .base(ref("base"))
            .source(ref("one"))
            .parameter("weight", 1)
            .dtype(DType.F32)
            .build();
    assertThat(back(MergekitYaml.write(recipe, layouts(2)).yaml(), 2)).isEqualTo(recipe);
  }

  @Test
  void slerpOfTwoSourcesBecomesSlerpOfABaseAndASource() {
    MergeRecipe recipe =
        MergeRecipe.builder("slerp")
            .semantics(Semantics.MERGEKIT)
            .source(ref("a"))
            .source(ref("b"))
            .parameter("t", 0.25)
            .build();
    MergeRecipe again = back(MergekitYaml.write(recipe, layouts(2)).yaml(), 2);
    assertThat(again.base()).contains(ref("a"));
    assertThat(again.sources()).containsExactly(ref("b"));
  }

  @Test
  void everyReasonIsSaid() {
    MergeRecipe recipe =
        MergeRecipe.builder("dare_ties")
            .source(ref("one"))
            .source(new CheckpointRef("again", "zoo/one", ""))
            .parameter("weight", 1)
            .parameter("shrink", 1)
            .perSource("lambda", 1, 2)
            .statistics("one", ref("statistics"))
            .dtype(DType.F64)
            .chatTemplate("chat")
            .build();
    assertThatThrownBy(() -> MergekitYaml.write(recipe, layouts(2)))
        .isInstanceOf(RecipeException.class)
        .hasMessageContainingAll(
            "follows the paper's dare_ties",
            "no activation statistics",
            "no parameter 'shrink'",
            "'lambda' is one number for all models",
            "needs a base",
            "'one' and 'again' are the same model");
  }

  @Test
  void otherReasonsAreSaid() {
    assertThatThrownBy(
            () ->
                MergekitYaml.write(
                    MergeRecipe.builder("evolved").source(ref("a")).build(), layouts(1)))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("no merge method 'evolved'");
    assertThatThrownBy(() -> MergekitYaml.write(ties().build(), layouts(1)))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("ties needs 'weight'");
    assertThatThrownBy(
            () ->
                MergekitYaml.write(
                    ties()
                        .parameter("weight", 1)
                        .dtype(DType.F64)
                        .chatTemplate("chat")
                        .vocabulary(
                            VocabularyChoice.union()
                                .withTokens(Map.of("x", TokenEmbedding.byDefault())))
                        .build(),
                    layouts(1)))
        .isInstanceOf(RecipeException.class)
        .hasMessageContainingAll("float64", "'chat' as a chat template", "token 'x'");
    assertThatThrownBy(
            () ->
                MergekitYaml.write(
                    ties().source(ref("base")).parameter("weight", 1).build(), layouts(1)))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("the base cannot also be a source");
  }

  @Test
  void aPapersDefinitionIsWrittenOnlyIfAskedFor() {
    MergeRecipe recipe =
        MergeRecipe.builder("dare_ties")
            .base(ref("base"))
            .source(ref("one"))
            .parameter("weight", 1)
            .seed(42)
            .build();
    assertThatThrownBy(() -> MergekitYaml.write(recipe, layouts(1)))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("the paper's dare_ties");
    assertThat(MergekitYaml.writeEvenIfResultsDiffer(recipe, layouts(1)).notes())
        .anyMatch(note -> note.contains("paper's"))
        .anyMatch(note -> note.contains("seed 42"))
        .anyMatch(note -> note.contains("float32"));
    // Linear merges are the same for everybody.
    assertThat(
            MergekitYaml.write(
                    MergeRecipe.builder("linear").source(ref("a")).parameter("weight", 1).build(),
                    layouts(1))
                .yaml())
        .contains("merge_method: linear");
  }
}
