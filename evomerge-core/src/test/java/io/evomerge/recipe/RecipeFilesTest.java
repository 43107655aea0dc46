package io.evomerge.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.HopScaling;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipeFilesTest {

  private static final String SHA = "0123456789abcdef".repeat(4);

  @Test
  void aFriendlyFileIsRead() {
    MergeRecipe recipe =
        RecipeFiles.fromYaml(
            """
            evomerge: 1
            operator: dare_ties
            semantics: mergekit
            base: {name: base, path: zoo/base, sha256: SHA}
            sources:
              - {name: math-en, path: zoo/math-en}
              - zoo/ja          # the name is the last part
            parameters: {lambda: 1, normalize: false, weight: [1.0, 5e-1]}
            groups:
              - {select: layers.0.attention, weight: {ja: 0.5, math-en: 0.25}, density: 0.5}
              - {select: embeddings, weight: 1}
            seed: 42
            dtype: bfloat16
            tokenizer: base
            """
                .replace("SHA", SHA));
    assertThat(recipe)
        .isEqualTo(
            MergeRecipe.builder("dare_ties")
                .semantics(Semantics.MERGEKIT)
                .base(new CheckpointRef("base", "zoo/base", SHA))
                .source(new CheckpointRef("math-en", "zoo/math-en", ""))
                .source(new CheckpointRef("ja", "zoo/ja", ""))
                .parameter("lambda", 1)
                .parameter("normalize", ParameterValue.of(false))
                .perSource("weight", 1.0, 0.5)
                .group(
                    TensorSelector.parse("layers.0.attention"),
                    Map.of(
                        "weight",
                        ParameterValue.perSource(List.of(0.25, 0.5)),
                        "density",
                        ParameterValue.of(0.5)))
                .group(TensorSelector.parse("embeddings"), Map.of("weight", ParameterValue.of(1)))
                .seed(42)
                .dtype(DType.BF16)
                .tokenizer("base")
                .build());
  }

  @Test
  void aPathIsRead() {
    MergeRecipe recipe =
        RecipeFiles.fromYaml(
            """
            evomerge: 1
            operator: passthrough
            sources: [zoo/math-en]
            data_flow: {merged: math-en, scaling: stream}
            models:
              - {name: ja, path: zoo/ja}
            hops:
              - [math-en, 0]
              - [ja, 3, 0.75]
              - [math-en, 5, 1]
            """);
    assertThat(recipe.dataFlow())
        .contains(
            new DataFlow(
                "math-en",
                List.of(new CheckpointRef("ja", "zoo/ja", "")),
                List.of(new Hop("math-en", 0, 1), new Hop("ja", 3, 0.75), new Hop("math-en", 5, 1)),
                HopScaling.STREAM));
    assertThat(RecipeFiles.fromYaml(RecipeFiles.toYaml(recipe))).isEqualTo(recipe);
    assertThat(RecipeFiles.fromJson(RecipeFiles.toJson(recipe))).isEqualTo(recipe);
    MergeRecipe without =
        recipe.toBuilder()
            .dataFlow(
                recipe.dataFlow().get().withHops(recipe.dataFlow().get().hops().subList(0, 2)))
            .build();
    assertThat(without.digest()).isNotEqualTo(recipe.digest());
  }

  @Test
  void mistakesOnAPathAreAllNamed() {
    assertThatThrownBy(
            () ->
                RecipeFiles.fromYaml(
                    """
                    evomerge: 1
                    operator: passthrough
                    sources: [zoo/math-en]
                    data_flow: {merged: math-en, scaling: residual, first: x}
                    hops:
                      - [math-en, zero]
                      - math-en
                    """))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("line 4: scaling 'residual', wanted branch or stream")
        .hasMessageContaining("unknown key 'first'")
        .hasMessageContaining("'layer' is 'zero', wanted a whole number")
        .hasMessageContaining("line 7: a hop is a model, its layer and a scale");
    assertThatThrownBy(
            () ->
                RecipeFiles.fromYaml(
                    """
                    evomerge: 1
                    operator: passthrough
                    sources: [zoo/math-en]
                    data_flow: {merged: math-en}
                    models: [zoo/ja, zoo/math-en]
                    hops: [[math-en, 0], [jaa, 1], [ja, -1]]
                    """))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("two models share a name")
        .hasMessageContaining("hop 1: 'jaa' is none of the models")
        .hasMessageContaining("did you mean 'ja'")
        .hasMessageContaining("hop 2: layer -1");
    assertThatThrownBy(
            () ->
                RecipeFiles.fromYaml(
                    "{evomerge: 1, operator: passthrough, sources: [a], models: [b]}"))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("'models' are for a path");
  }

  @Test
  void randomRecipesComeBackAsTheyWere(@TempDir Path folder) throws Exception {
    long seed = 20_240_313;
    Random random = new Random(seed);
    for (int i = 0; i < 150; i++) {
      MergeRecipe recipe = random(random);
      String why = "seed " + seed + ", recipe " + i;
      assertThat(RecipeFiles.fromYaml(RecipeFiles.toYaml(recipe))).as(why).isEqualTo(recipe);
      assertThat(RecipeFiles.fromJson(RecipeFiles.toJson(recipe))).as(why).isEqualTo(recipe);
      assertThat(RecipeFiles.fromYaml(RecipeFiles.toJson(recipe)))
          .as(why + ": JSON is YAML")
          .isEqualTo(recipe);
      if (i < 10) {
        Path file = folder.resolve(i % 2 == 0 ? "r.yaml" : "r.json");
        RecipeFiles.write(recipe, file);
        MergeRecipe read = RecipeFiles.read(file);
        MergeRecipe.Builder back = read.toBuilder().sources(recipe.sources());
        recipe.statistics().forEach(back::statistics);
        assertThat(back.build()).as(why).isEqualTo(recipe);
      }
    }
  }

  private static MergeRecipe random(Random random) {
    String[] oddNames = {"ja", "null", "1.5", "Yes", "a b: c", "日本", "\"q\"\\", "#x", "- y", "e1"};
    int count = 1 + random.nextInt(4);
    int first = random.nextInt(oddNames.length);
    List<CheckpointRef> sources = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String name = oddNames[(first + i) % oddNames.length];
      Optional<String> adapter =
          random.nextInt(4) == 0 ? Optional.of("adapters/a: " + i) : Optional.empty();
      sources.add(
          new CheckpointRef(name, "models/m " + i + "#", adapter, random.nextBoolean() ? SHA : ""));
    }
    MergeRecipe.Builder recipe =
        MergeRecipe.builder("op_" + random.nextInt(9))
            .semantics(Semantics.values()[random.nextInt(2)])
            .sources(sources)
            .parameters(parameters(random, count))
            .seed(random.nextLong());
    if (random.nextBoolean()) {
      recipe.base(new CheckpointRef("base", "/models/base", SHA));
    }
    for (String select : List.of("all", "layers.3-5.mlp", "head", "embeddings", "layers.1:q: x")) {
      if (random.nextBoolean()) {
        recipe.group(TensorSelector.parse(select), parameters(random, count));
      }
    }
    if (random.nextBoolean()) {
      recipe.dtype(List.of(DType.F16, DType.BF16, DType.F32, DType.F64).get(random.nextInt(4)));
    }
    if (random.nextBoolean()) {
      recipe.tokenizer(sources.get(random.nextInt(count)).name());
    }
    if (random.nextBoolean()) {
      recipe.slices(List.of(slice(random, sources), slice(random, sources)));
    }
    if (random.nextBoolean()) {
      recipe.vocabulary(vocabulary(random, oddNames, sources.get(0).name()));
    }
    if (random.nextBoolean()) {
      recipe.chatTemplate("{% for m in messages %}\n'\"{{ m }}: #\"'\n\t{% endfor %}");
    }
    if (random.nextBoolean()) {
      String name = sources.get(0).name();
      recipe.statistics(name, new CheckpointRef(name, "stats/file", SHA));
    }
    return recipe.build();
  }

  private static LayerSlice slice(Random random, List<CheckpointRef> sources) {
    int length = 1 + random.nextInt(8);
    List<LayerRange> ranges = new ArrayList<>();
    for (CheckpointRef source : sources) {
      int first = random.nextInt(30);
      ranges.add(new LayerRange(source.name(), first, first + length));
    }
    return new LayerSlice(ranges);
  }

  private static VocabularyChoice vocabulary(Random random, String[] tokens, String model) {
    Map<String, TokenEmbedding> embeddings = new LinkedHashMap<>();
    for (String token : tokens) {
      TokenEmbedding embedding =
          switch (random.nextInt(6)) {
            case 0 -> TokenEmbedding.zero();
            case 1 -> TokenEmbedding.byDefault();
            case 2 -> TokenEmbedding.ofModel(model);
            case 3 -> TokenEmbedding.ofToken(model, tokens[random.nextInt(tokens.length)]);
            default -> TokenEmbedding.ofId(model, random.nextInt(1000));
          };
      embeddings.put(token, random.nextBoolean() ? embedding.forced() : embedding);
    }
    VocabularyChoice choice =
        switch (random.nextInt(3)) {
          case 0 -> VocabularyChoice.base();
          case 1 -> VocabularyChoice.union();
          default -> VocabularyChoice.of(model);
        };
    VocabularyChoice full = random.nextBoolean() ? choice.withTokens(embeddings) : choice;
    return random.nextBoolean() ? full.paddedTo(64) : full;
  }

  private static Map<String, ParameterValue> parameters(Random random, int sources) {
    Map<String, ParameterValue> values = new LinkedHashMap<>();
    for (String name : List.of("weight", "density", "lambda", "t")) {
      if (random.nextBoolean()) {
        values.put(name, ParameterValue.of(number(random)));
      } else if (random.nextBoolean()) {
        List<Double> numbers = new ArrayList<>();
        for (int i = 0; i < sources; i++) {
          numbers.add(number(random));
        }
        values.put(name, ParameterValue.perSource(numbers));
      }
    }
    return values;
  }

  private static double number(Random random) {
    double any = Double.longBitsToDouble(random.nextLong());
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(3);
      case 1 -> random.nextGaussian();
      case 2 -> -0.0;
      default -> Double.isFinite(any) ? any : Double.MIN_VALUE;
    };
  }

  @Test
  void everyMistakeIsNamedWithItsLine() {
    String yaml =
        """
        evomerge: 1
        operater: ties
        sources:
          - {name: ja, path: ja, sha: x}
          - math
        semantics: papr
        parameters: {weight: [1.0], density: {ja: 0.5, maht: 1}, lambda: high}
        groups:
          - {select: layer.0, weight: 1}
          - {weight: 1}
        seed: 1.5
        dtype: bfloat
        """;
    assertThatThrownBy(() -> RecipeFiles.fromYaml(yaml))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("line 2: unknown key 'operater'; did you mean 'operator'?")
        .hasMessageContaining("'operator' is missing")
        .hasMessageContaining("line 4: unknown key 'sha'")
        .hasMessageContaining("line 6: unknown semantics 'papr'; did you mean 'paper'?")
        .hasMessageContaining("line 7: 'weight' has 1 numbers for 2 sources")
        .hasMessageContaining("line 7: unknown key 'maht'; did you mean 'math'?")
        .hasMessageContaining("line 7: 'density' gives no number for the source 'math'")
        .hasMessageContaining("line 7: 'lambda' is 'high', wanted a finite number")
        .hasMessageContaining("line 9: 'layer.0' selects nothing")
        .hasMessageContaining("line 10: a group needs 'select'")
        .hasMessageContaining("line 11: seed is '1.5'")
        .hasMessageContaining("line 12: unknown dtype 'bfloat'; did you mean 'bfloat16'?");
  }

  @Test
  void brokenTextsAreRefused() {
    for (String text :
        List.of(
            "",
            "- 1",
            "evomerge: 1\nevomerge: 1",
            "evomerge: [",
            "evomerge: 2\noperator: ties\nsources: [a]",
            "operator: ties\nsources: [a]",
            "evomerge: 1\noperator: ties\nsources: []",
            "evomerge: 1\noperator: ties\nsources: [x/a, y/a]",
            "evomerge: 1\noperator: ties\nsources: [a]\ntokenizer: b",
            "evomerge: 1\noperator: ties\nsources: [a]\nparameters: {w: .inf}",
            "evomerge: 1\noperator: ties\nsources: [a]\nparameters: {w: 1f}",
            "evomerge: 1\noperator: ties\nsources: [a]\nparameters: {w: 1e999}",
            "evomerge: 1\noperator: ties\nsources: [&x a, *x]",
            "evomerge: 1\noperator: ties\nsources: [a]\n---\nevomerge: 1")) {
      assertThatThrownBy(() -> RecipeFiles.fromYaml(text))
          .as(text)
          .isInstanceOf(RecipeException.class);
    }
    assertThatThrownBy(() -> RecipeFiles.fromJson("{\"evomerge\": 1,}"))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("line 1");
  }

  @Test
  void relativePathsBelongToTheFilesFolder(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("recipes").resolve("r.yaml");
    Files.createDirectories(file.getParent());
    Files.writeString(file, "evomerge: 1\noperator: ties\nsources: [../zoo/ja, /models/en]\n");
    MergeRecipe recipe = RecipeFiles.read(file);
    assertThat(recipe.sources())
        .extracting(CheckpointRef::location)
        .containsExactly(
            folder.resolve("zoo").resolve("ja").toString().replace('\\', '/'), "/models/en");

    MergeRecipe local =
        MergeRecipe.builder("ties").source(new CheckpointRef("ja", "zoo/ja", "")).build();
    RecipeFiles.write(local, file);
    assertThat(Path.of(RecipeFiles.read(file).sources().get(0).location()))
        .as("a path relative to the working directory still names the same folder")
        .isEqualTo(Path.of("zoo", "ja").toAbsolutePath());
    try (var left = Files.list(file.getParent())) {
      assertThat(left).containsExactly(file);
    }
    assertThatThrownBy(() -> RecipeFiles.write(local, folder.resolve("r.txt")))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining(".yaml, .yml or .json");
  }

  @Test
  void aMistakeInAFileNamesTheFile(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("wrong.yml");
    Files.writeString(file, "evomerge: 1\n");
    assertThatThrownBy(() -> RecipeFiles.read(file)).hasMessageContaining("wrong.yml");
  }

  @Test
  void slicesVocabularyAndAdaptersAreReadAsPeopleWriteThem() {
    MergeRecipe recipe =
        RecipeFiles.fromYaml(
            """
            evomerge: 1
            operator: passthrough
            sources:
              - {path: zoo/a, adapter: zoo/lora}
              - zoo/b
            slices:
              - {a: [0, 8]}
              - {b: [4, 12]}
            vocabulary:
              source: union
              tokens:
                <|im_start|>: {model: b}
                <pad>: zero
                <new>: default
                <x>: {model: a, token: <y>, force: true}
              pad_to_multiple_of: 8
            chat_template: |-
              {{ messages }}
            statistics: {a: stats/a.safetensors}
            """);
    assertThat(recipe)
        .isEqualTo(
            MergeRecipe.builder("passthrough")
                .source(new CheckpointRef("a", "zoo/a", Optional.of("zoo/lora"), ""))
                .source(new CheckpointRef("b", "zoo/b", ""))
                .slices(
                    List.of(
                        new LayerSlice(List.of(new LayerRange("a", 0, 8))),
                        new LayerSlice(List.of(new LayerRange("b", 4, 12)))))
                .vocabulary(
                    VocabularyChoice.union()
                        .withTokens(
                            Map.of(
                                "<|im_start|>", TokenEmbedding.ofModel("b"),
                                "<pad>", TokenEmbedding.zero(),
                                "<new>", TokenEmbedding.byDefault(),
                                "<x>", TokenEmbedding.ofToken("a", "<y>").forced()))
                        .paddedTo(8))
                .chatTemplate("{{ messages }}")
                .statistics("a", new CheckpointRef("a.safetensors", "stats/a.safetensors", ""))
                .build());
  }

  @Test
  void mistakesInSlicesAndVocabulariesAreNamed() {
    assertThatThrownBy(
            () ->
                RecipeFiles.fromYaml(
                    """
                    evomerge: 1
                    operator: passthrough
                    sources: [zoo/a]
                    slices:
                      - {a: [0]}
                      - a
                    vocabulary:
                      sauce: union
                      tokens:
                        x: {id: 5}
                        y: nothing
                    """))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("line 5: slice of 'a': wanted two layers, e.g. [0, 12]")
        .hasMessageContaining("line 6: a slice is a text")
        .hasMessageContaining("unknown key 'sauce'; did you mean 'source'?")
        .hasMessageContaining("token 'x' says no 'model'")
        .hasMessageContaining("token 'y' is 'nothing', wanted zero, default or {model: ...}");
    assertThatThrownBy(
            () ->
                RecipeFiles.fromYaml(
                    """
                    evomerge: 1
                    operator: passthrough
                    sources: [zoo/a, zoo/b]
                    slices: [{a: [0, 4], b: [0, 3]}, {c: [2, 2]}]
                    vocabulary: d
                    """))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("'b' gives 3 layers, 'a' gives 4")
        .hasMessageContaining("slice 1: 'c' is none of the models")
        .hasMessageContaining("layers [2, 2) of 'c' are no range")
        .hasMessageContaining("vocabulary: 'd' is none of the models");
  }
}
