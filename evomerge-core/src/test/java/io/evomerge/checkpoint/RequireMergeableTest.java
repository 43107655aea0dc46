package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.exception.CheckpointException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RequireMergeableTest {

  @TempDir Path root;
  private final List<Checkpoint> opened = new ArrayList<>();
  private Checkpoint base;

  @BeforeEach
  void openBase() throws IOException {
    base = model("base", DType.F16, shapes -> {}, config -> {});
  }

  @AfterEach
  void closeAll() {
    opened.forEach(Checkpoint::close);
  }

  private Checkpoint model(
      String name,
      DType dtype,
      Consumer<Map<String, List<Long>>> changeShapes,
      Consumer<ObjectNode> changeConfig)
      throws IOException {
    Map<String, List<Long>> shapes = new TreeMap<>(TestCheckpoints.llamaShapes(2, 4, 8, 12));
    changeShapes.accept(shapes);
    ObjectNode config = TestCheckpoints.llamaConfig(2, 4);
    changeConfig.accept(config);
    Path folder = root.resolve(name);
    TestCheckpoints.write(folder, TestCheckpoints.random(shapes, 1), shapes, dtype, config);
    return open(folder);
  }

  private Checkpoint open(Path folder) throws IOException {
    Checkpoint checkpoint = Checkpoints.open(folder);
    opened.add(checkpoint);
    return checkpoint;
  }

  private void assertRefused(Checkpoint other, String... messages) {
    assertThatThrownBy(() -> Checkpoints.requireMergeable(base, List.of(other)))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageStartingWith("the models cannot be merged with 'base': ")
        .hasMessageContainingAll(messages);
  }

  @Test
  void modelsOfOneFamilyAreMergeable() throws IOException {
    Checkpoint twin = model("twin", DType.F16, s -> {}, c -> c.put("rope_theta", 5e5));
    assertThatCode(() -> Checkpoints.requireMergeable(base, List.of(twin, base)))
        .doesNotThrowAnyException();
  }

  @Test
  void anotherArchitectureIsNamed() throws IOException {
    Checkpoint other =
        model("m", DType.F16, s -> {}, c -> c.putArray("architectures").add("MistralForCausalLM"));
    assertRefused(
        other, "another architecture: 'm' is MistralForCausalLM, 'base' is LlamaForCausalLM");
  }

  @Test
  void anotherNumberOfHeadsIsNamedThoughTheShapesAgree() throws IOException {
    Checkpoint other = model("m", DType.F16, s -> {}, c -> c.put("num_attention_heads", 4));
    assertRefused(other, "another attention: 'm' has num_attention_heads 4, 'base' has 2");
  }

  @Test
  void anotherVocabularyIsNamedWithItsSizesAndNotAsShapes() throws IOException {
    Checkpoint other =
        model(
            "m",
            DType.F16,
            s -> {
              s.put("model.embed_tokens.weight", List.of(13L, 4L));
              s.put("lm_head.weight", List.of(13L, 4L));
            },
            c -> c.put("vocab_size", 13));
    assertThatThrownBy(() -> Checkpoints.requireMergeable(base, List.of(other)))
        .hasMessage(
            "the models cannot be merged with 'base': another vocabulary: 'm' against 'base':"
                + " vocab_size 13 against 12, 'lm_head.weight' 13 rows against 12,"
                + " 'model.embed_tokens.weight' 13 rows against 12");
  }

  private Checkpoint withTokenizer(String name, String file, String content) throws IOException {
    model(name, DType.F16, s -> {}, c -> {});
    Files.writeString(root.resolve(name).resolve(file), content);
    return open(root.resolve(name));
  }

  private static String tokenizer(String vocab, String added) {
    return "{\"version\":\"1.0\",\"added_tokens\":["
        + added
        + "],\"model\":{\"type\":\"BPE\",\"dropout\":null,\"vocab\":"
        + vocab
        + ",\"merges\":[\"a b\"]}}";
  }

  @Test
  void aVocabularyOfEqualSizeButOtherContentIsNamed() throws IOException {
    base = withTokenizer("base", "tokenizer.json", tokenizer("{\"a\":0,\"b\":1}", ""));
    assertRefused(
        withTokenizer("m", "tokenizer.json", tokenizer("{\"b\":0,\"a\":1}", "")),
        "another vocabulary: 'm' against 'base': equal sizes (2 tokens) but another content in"
            + " tokenizer.json: 2 ids differ, first id 0, which is 'b' against 'a'");
    assertRefused(
        withTokenizer("u", "tokenizer.json", tokenizer("[[\"a\",-1.5],[\"c\",0]]", "")),
        "1 ids differ, first id 1, which is 'c' against 'b'");
    assertRefused(
        withTokenizer("g", "tokenizer.json", tokenizer("{\"a\":0,\"b\":5}", "")),
        "2 ids differ, first id 1, which is unused against 'b'");
  }

  @Test
  void theSameTokensInAnotherLayoutAreTheSameVocabulary() throws IOException {
    base = withTokenizer("base", "tokenizer.json", tokenizer("{\"a\":0,\"b\":1}", ""));
    Checkpoint same = withTokenizer("m", "vocab.json", "{\"b\": 1, \"a\": 0}");
    Checkpoint larger =
        withTokenizer(
            "l",
            "tokenizer.json",
            tokenizer("{\"b\":1,\"a\":0}", "{\"id\":2,\"content\":\"<x>\",\"special\":true}"));
    assertThatCode(() -> Checkpoints.requireMergeable(base, List.of(same, larger)))
        .doesNotThrowAnyException();
  }

  @Test
  void aLargerVocabularyWithOtherMeaningsIsNamed() throws IOException {
    base = withTokenizer("base", "tokenizer.json", tokenizer("{\"a\":0,\"b\":1}", ""));
    assertRefused(
        withTokenizer("m", "tokenizer.json", tokenizer("{\"a\":0,\"x\":1,\"b\":2}", "")),
        "3 tokens against 2 in tokenizer.json: 1 ids differ, first id 1, which is 'x' against 'b'");
  }

  @Test
  void otherVocabulariesAreNoDifferenceWhereTheyMayDiffer() throws IOException {
    base = withTokenizer("base", "tokenizer.json", tokenizer("{\"a\":0,\"b\":1}", ""));
    Checkpoint other =
        model(
            "m",
            DType.F16,
            s -> {
              s.put("model.embed_tokens.weight", List.of(13L, 4L));
              s.put("lm_head.weight", List.of(13L, 4L));
            },
            c -> c.put("vocab_size", 13));
    Checkpoint reordered = withTokenizer("r", "tokenizer.json", tokenizer("{\"b\":0,\"a\":1}", ""));
    MergeableOptions options = MergeableOptions.strict().withOtherVocabularies(true);
    assertThatCode(
            () -> Checkpoints.requireMergeable(base, List.of(other, reordered, base), options))
        .doesNotThrowAnyException();
    assertRefused(other, "another vocabulary");
  }

  @Test
  void otherWidthsAndHeadsAreDifferencesThoughVocabulariesMayDiffer() throws IOException {
    Checkpoint other =
        model(
            "m",
            DType.BF16,
            s -> {
              s.put("model.embed_tokens.weight", List.of(13L, 5L));
              s.remove("lm_head.weight");
              s.put("model.norm.weight", List.of(5L));
            },
            c -> {});
    MergeableOptions options = new MergeableOptions(true, true, false);
    assertThatThrownBy(() -> Checkpoints.requireMergeable(base, List.of(other), options))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageContaining("'model.embed_tokens.weight' [13, 5] against [12, 4]")
        .hasMessageContaining("'model.norm.weight' [5] against [4]")
        .hasMessageContaining("'m' lacks 'lm_head.weight'")
        .hasMessageNotContaining("element types");
  }

  @Test
  void aDamagedTokenizerIsNamed() throws IOException {
    base = withTokenizer("base", "tokenizer.json", tokenizer("{}", ""));
    Checkpoint other = withTokenizer("m", "tokenizer.json", "{\"model\":");
    assertThatThrownBy(() -> Checkpoints.requireMergeable(base, List.of(other)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tokenizer.json: is not valid JSON");
  }

  @Test
  void allDifferencesOfAllModelsAreListed() throws IOException {
    Checkpoint missing = model("short", DType.F16, s -> s.remove("model.norm.weight"), c -> {});
    Checkpoint several =
        model(
            "wide",
            DType.F16,
            s -> {
              s.put("model.norm.weight", List.of(2L, 2L));
              s.put("model.layers.0.extra.weight", List.of(1L));
            },
            c -> {});
    assertThatThrownBy(() -> Checkpoints.requireMergeable(base, List.of(missing, several)))
        .hasMessage(
            String.join(
                System.lineSeparator(),
                "the models cannot be merged with 'base': 3 differences",
                "  1. missing tensors: 'short' lacks 'model.norm.weight'",
                "  2. extra tensors: only 'wide' has 'model.layers.0.extra.weight'",
                "  3. other shapes: 'wide' against 'base': 'model.norm.weight' [2, 2] against"
                    + " [4]"));
  }

  @Test
  void manyDifferencesOfOneKindAreCounted() throws IOException {
    Checkpoint deep =
        model("deep", DType.F16, s -> s.putAll(TestCheckpoints.llamaShapes(4, 4, 8, 12)), c -> {});
    assertRefused(deep, "extra tensors: only 'deep' has 'model.layers.2.", " and 10 more");
  }

  @Test
  void aTiedHeadExplainsAMissingTensor() throws IOException {
    Checkpoint tied = model("tied", DType.F16, s -> {}, c -> c.put("tie_word_embeddings", true));
    assertRefused(tied, "'tied' lacks 'lm_head.weight' ('tied' ties its head to its embeddings)");
  }

  @Test
  void otherElementTypesAreRefusedUnlessMixingIsAllowed() throws IOException {
    Checkpoint half = model("m", DType.BF16, s -> {}, c -> {});
    assertRefused(
        half,
        "other element types: 'm' against 'base': 'lm_head.weight' BF16 against F16, ",
        " and 13 more (convert the models to one type, or allow mixed floating-point types)");
    assertThatCode(() -> Checkpoints.requireMergeable(base, List.of(half), true))
        .doesNotThrowAnyException();
  }

  @Test
  void integersAreNeverMixedWithOtherTypes() throws IOException {
    Path a = root.resolve("a.safetensors");
    Path b = root.resolve("b.safetensors");
    Files.write(
        a,
        TestCheckpoints.safetensors(
            "{\"x\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}", new byte[4]));
    Files.write(
        b,
        TestCheckpoints.safetensors(
            "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", new byte[4]));
    Checkpoint left = open(a);
    Checkpoint right = open(b);
    assertThatThrownBy(() -> Checkpoints.requireMergeable(left, List.of(right), true))
        .hasMessageContaining("'x' F32 against I32");
    assertThat(left.tensors()).hasSize(1);
  }
}
