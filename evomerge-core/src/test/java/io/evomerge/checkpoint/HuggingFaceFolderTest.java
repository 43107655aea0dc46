package io.evomerge.checkpoint;

import static io.evomerge.checkpoint.TestCheckpoints.encode;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.exception.CheckpointException;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HuggingFaceFolderTest {

  @TempDir Path folder;

  private static TensorInfo info(String name, DType dtype, Long... shape) {
    return new TensorInfo(name, dtype, List.of(shape));
  }

  private static String sha256(byte[] content) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
  }

  @Test
  void goldenBytesAreReadByTheLetterOfTheFormat() throws Exception {
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,1],\"data_offsets\":[0,4]},"
            + "\"a\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[4,7]}}";
    byte[] data = {(byte) 0x80, 0x3f, 0, (byte) 0xc0, 1, 2, -1};
    byte[] content = TestCheckpoints.safetensors(header, data);
    Path file = Files.write(folder.resolve("golden.safetensors"), content);

    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.name()).isEqualTo("golden.safetensors");
      assertThat(checkpoint.location()).isEqualTo(file);
      assertThat(checkpoint.metadata()).isEqualTo(Map.of("format", "pt"));
      assertThat(checkpoint.config()).isEmpty();
      assertThat(checkpoint.companionFiles()).isEmpty();
      assertThat(checkpoint.tensors().values())
          .containsExactly(info("a", DType.I8, 3L), info("b", DType.BF16, 2L, 1L));
      assertThat(TestCheckpoints.read(checkpoint, "b")).containsExactly(1f, -2f);
      byte[] raw = new byte[3];
      checkpoint.tensor("a").readBytes(0, raw, 0, 3);
      assertThat(raw).containsExactly(1, 2, -1);
      assertThat(checkpoint.sha256()).isEqualTo(sha256(content));
      assertThat(checkpoint.ref())
          .isEqualTo(
              new CheckpointRef(
                  "golden.safetensors", file.toString().replace('\\', '/'), sha256(content)));
      assertThatThrownBy(() -> checkpoint.tensor("c"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'golden.safetensors' has no tensor 'c'");
    }
  }

  @Test
  void everyElementTypeIsReadAtAnyAlignmentAndAcrossWindows() throws IOException {
    Map<TensorInfo, byte[]> contents = new LinkedHashMap<>();
    contents.put(info("odd", DType.BOOL, 1L), new byte[] {1});
    float[] values = {1.5f, -0.25f, 3, 0, -7};
    for (DType type : DType.values()) {
      byte[] bytes = new byte[5 * type.size()];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) (i + type.ordinal());
      }
      contents.put(info(type.name(), type, 5L), type.isFloating() ? encode(type, values) : bytes);
    }
    Path file = folder.resolve("all.safetensors");
    Files.write(file, TestCheckpoints.safetensors(contents));

    for (int window : new int[] {1, 7, 64, 1 << 20}) {
      try (Checkpoint checkpoint = HuggingFaceCheckpoint.open(file, "all", window)) {
        for (Map.Entry<TensorInfo, byte[]> tensor : contents.entrySet()) {
          TensorView view = checkpoint.tensor(tensor.getKey().name());
          byte[] raw = new byte[tensor.getValue().length];
          view.readBytes(0, raw, 0, raw.length);
          assertThat(view.info()).isEqualTo(tensor.getKey());
          assertThat(raw).isEqualTo(tensor.getValue());
          if (tensor.getKey().dtype().isFloating()) {
            assertThat(TestCheckpoints.read(checkpoint, view.info().name()))
                .containsExactly(values);
          } else {
            assertThatThrownBy(() -> view.readFloats(0, new float[1], 0, 1))
                .isInstanceOf(IllegalStateException.class);
          }
        }
      }
    }
  }

  @Test
  void tensorsBeyondTwoGibibytesAreReadInFilesWithHoles() throws IOException {
    long bytes = 3L << 30;
    long elements = (1L << 30) + 5;
    String header =
        String.format(
            java.util.Locale.ROOT,
            "{\"big\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},"
                + "\"wide\":{\"dtype\":\"BF16\",\"shape\":[%d],\"data_offsets\":[%d,%d]}}",
            bytes,
            bytes,
            elements,
            bytes,
            bytes + 2 * elements);
    Path file = folder.resolve("sparse.safetensors");
    long start = 8 + header.length();
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      channel.write(ByteBuffer.wrap(TestCheckpoints.safetensors(header, new byte[0])), 0);
      channel.write(ByteBuffer.wrap(new byte[] {42}), start + bytes - 1);
      channel.write(
          ByteBuffer.wrap(encode(DType.BF16, 1, 2, 3)), start + bytes + 2 * (elements - 3));
      // Across the first boundary of 1 GiB windows.
      channel.write(ByteBuffer.wrap(new byte[] {5, 6}), (1L << 30) - 1);
    }
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      byte[] raw = new byte[2];
      checkpoint.tensor("big").readBytes(bytes - 2, raw, 0, 2);
      assertThat(raw).containsExactly(0, 42);
      checkpoint.tensor("big").readBytes((1L << 30) - 1 - start, raw, 0, 2);
      assertThat(raw).containsExactly(5, 6);
      float[] values = new float[4];
      checkpoint.tensor("wide").readFloats(elements - 4, values, 0, 4);
      assertThat(values).containsExactly(0, 1, 2, 3);
    }
  }

  private Path writeShards() throws IOException {
    Files.write(
        folder.resolve("model-00001-of-00002.safetensors"),
        TestCheckpoints.safetensors(Map.of(info("a", DType.F32, 1L), encode(DType.F32, 1))));
    Files.write(
        folder.resolve("model-00002-of-00002.safetensors"),
        TestCheckpoints.safetensors(
            new LinkedHashMap<>(Map.of(info("b", DType.F16, 1L), encode(DType.F16, 2)))));
    return writeIndex(
        "{\"a\":\"model-00001-of-00002.safetensors\",\"b\":\"model-00002-of-00002.safetensors\"}");
  }

  private Path writeIndex(String weightMap) throws IOException {
    return Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\":{\"total_size\":6},\"weight_map\":" + weightMap + "}");
  }

  private void assertRefused(String... messages) {
    assertThatThrownBy(() -> Checkpoints.open(folder))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(folder.toString())
        .hasMessageContainingAll(messages);
  }

  @Test
  void shardsAreOneCheckpoint() throws Exception {
    writeShards();
    try (Checkpoint checkpoint = Checkpoints.open(folder, "sharded")) {
      assertThat(checkpoint.name()).isEqualTo("sharded");
      assertThat(checkpoint.tensors()).containsOnlyKeys("a", "b");
      assertThat(TestCheckpoints.read(checkpoint, "a")).containsExactly(1);
      assertThat(TestCheckpoints.read(checkpoint, "b")).containsExactly(2);
      String lines = "";
      for (String name :
          List.of("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")) {
        lines += sha256(Files.readAllBytes(folder.resolve(name))) + " " + name + "\n";
      }
      assertThat(checkpoint.sha256()).isEqualTo(sha256(lines.getBytes(StandardCharsets.UTF_8)));
    }
  }

  @Test
  void anIndexThatNamesAMissingShardIsRefused() throws IOException {
    writeShards();
    Files.delete(folder.resolve("model-00002-of-00002.safetensors"));
    assertRefused("names 2 shards, of which the folder lacks 'model-00002-of-00002.safetensors'");
  }

  @Test
  void aTensorThatItsShardLacksIsRefused() throws IOException {
    writeShards();
    writeIndex(
        "{\"a\":\"model-00001-of-00002.safetensors\",\"c\":\"model-00001-of-00002.safetensors\","
            + "\"b\":\"model-00002-of-00002.safetensors\"}");
    assertRefused("model-00001-of-00002.safetensors: lacks 'c', which");
  }

  @Test
  void aShardWithTensorsThatTheIndexDoesNotNameIsRefused() throws IOException {
    writeShards();
    Files.write(
        folder.resolve("model-00002-of-00002.safetensors"),
        TestCheckpoints.safetensors(
            new java.util.TreeMap<>(
                    Map.of("b", info("b", DType.F16, 1L), "z", info("z", DType.F16, 1L)))
                .values().stream()
                    .collect(
                        java.util.stream.Collectors.toMap(
                            t -> t, t -> encode(DType.F16, 2), (x, y) -> x, LinkedHashMap::new))));
    assertRefused("model-00002-of-00002.safetensors: holds 'z', which");
  }

  @Test
  void anIndexThatPointsOutOfItsFolderIsRefused() throws IOException {
    writeIndex("{\"a\":\"../secret.safetensors\"}");
    assertRefused("tensor 'a' is mapped to \"../secret.safetensors\"", "in the same folder");
  }

  @Test
  void anIndexThatIsNoIndexIsRefused() throws IOException {
    Path index = folder.resolve("model.safetensors.index.json");
    Files.writeString(index, "{\"weight_map\":{}}");
    assertRefused("'weight_map' must be an object from tensor names to shards");
    Files.writeString(index, "[]");
    assertRefused("is a JSON array, but an object is wanted");
    Files.writeString(index, "");
    assertRefused("is empty, but a JSON object is wanted");
    Files.writeString(index, "{\"weight_map\"");
    assertRefused("is not valid JSON");
    Files.writeString(index, "{\"weight_map\":{\"a\":\"x.safetensors\",\"a\":\"y.safetensors\"}}");
    assertRefused("is not valid JSON", "Duplicate");
  }

  @Test
  void aFolderOfPickledWeightsIsRefusedWithAHint() throws IOException {
    Files.write(folder.resolve("pytorch_model.bin"), new byte[3]);
    assertRefused("the weights are in 'pytorch_model.bin'", "safe_serialization=True");
  }

  @Test
  void shardsWithoutAnIndexAreRefusedWithAHint() throws IOException {
    writeShards();
    Files.delete(folder.resolve("model.safetensors.index.json"));
    assertRefused("but 'model-00001-of-00002.safetensors', 'model-00002", "add the index");
  }

  @Test
  void aFolderWithoutWeightsAndAFileOfAnotherKindAreRefused() throws IOException {
    assertRefused("the folder has neither model.safetensors nor", "supported are Hugging Face");
    Path file = Files.writeString(folder.resolve("model.gguf"), "GGUF");
    assertThatThrownBy(() -> Checkpoints.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("model.gguf: files of this kind cannot be opened");
  }

  @Test
  void aDamagedConfigurationIsRefused() throws IOException {
    TestCheckpoints.writeLlama(folder, 1, 4, DType.F32, 1);
    Files.writeString(folder.resolve("config.json"), "{\"a\": 1,}");
    assertRefused("config.json: is not valid JSON");
  }

  @Test
  void companionFilesAreWhatACopyNeedsAndNothingElse() throws IOException {
    TestCheckpoints.writeLlama(folder, 1, 4, DType.F32, 1);
    List<String> wanted =
        List.of(
            "LICENSE.txt",
            "added_tokens.json",
            "chat_template.jinja",
            "chat_template.json",
            "config.json",
            "generation_config.json",
            "merges.txt",
            "modeling_custom.py",
            "preprocessor_config.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json",
            "vocab.json",
            "vocab.txt");
    List<String> unwanted =
        List.of(
            "README.md",
            ".gitattributes",
            "pytorch_model.bin",
            "training_args.bin",
            "trainer_state.json",
            "notes.txt");
    for (String name : wanted) {
      Files.writeString(folder.resolve(name), "{}");
    }
    for (String name : unwanted) {
      Files.writeString(folder.resolve(name), "x");
    }
    Files.createDirectory(folder.resolve("tokenizer.json.d"));
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.companionFiles())
          .containsExactlyElementsOf(wanted.stream().map(folder::resolve).toList());
    }
  }

  private static ObjectNode tiedConfig(boolean tied) {
    return JsonNodeFactory.instance.objectNode().put("tie_word_embeddings", tied);
  }

  private static Map<String, float[]> headAndEmbedding() {
    return Map.of(
        "lm_head.weight", new float[] {1, 2}, "model.embed_tokens.weight", new float[] {1, 2});
  }

  @Test
  void aTiedHeadIsLeftOut() throws IOException {
    TestCheckpoints.write(folder, headAndEmbedding(), Map.of(), DType.F32, tiedConfig(true));
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.tensors()).containsOnlyKeys("model.embed_tokens.weight");
      assertThat(checkpoint.layout().tiedEmbeddings()).isTrue();
      assertThat(checkpoint.layout().roles()).containsOnlyKeys("model.embed_tokens.weight");
      assertThatThrownBy(() -> checkpoint.tensor("lm_head.weight"))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aHeadThatIsNotTiedStays() throws IOException {
    for (ObjectNode config : List.of(tiedConfig(false), JsonNodeFactory.instance.objectNode())) {
      TestCheckpoints.write(folder, headAndEmbedding(), Map.of(), DType.F32, config);
      try (Checkpoint checkpoint = Checkpoints.open(folder)) {
        assertThat(checkpoint.tensors()).hasSize(2);
        assertThat(checkpoint.layout().tiedEmbeddings()).isFalse();
      }
    }
  }

  @Test
  void tyingIsAlsoReadFromTheTextConfigurationOfAVisionModel() throws IOException {
    ObjectNode config = JsonNodeFactory.instance.objectNode();
    config.set("text_config", tiedConfig(true));
    Map<String, float[]> tensors =
        Map.of(
            "language_model.lm_head.weight", new float[] {1, 2},
            "language_model.model.embed_tokens.weight", new float[] {1, 2});
    TestCheckpoints.write(folder, tensors, Map.of(), DType.F32, config);
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.tensors()).containsOnlyKeys("language_model.model.embed_tokens.weight");
    }
  }

  @Test
  void aTiedHeadOfAnotherShapeIsRefused() throws IOException {
    Map<String, float[]> tensors =
        Map.of("lm_head.weight", new float[] {1, 2, 3}, "transformer.wte.weight", new float[] {1});
    TestCheckpoints.write(folder, tensors, Map.of(), DType.F32, tiedConfig(true));
    assertRefused("tie_word_embeddings, but 'lm_head.weight' has shape [3]");
  }

  @Test
  void theNameIsTheLastPartOfThePathUnlessGiven() throws IOException {
    Path model = TestCheckpoints.writeLlama(folder.resolve("math-en"), 1, 4, DType.BF16, 3);
    try (Checkpoint checkpoint = Checkpoints.open(model.resolve("..").resolve("math-en"))) {
      assertThat(checkpoint.name()).isEqualTo("math-en");
      assertThat(checkpoint.config().orElseThrow().architecture()).isEqualTo("LlamaForCausalLM");
      assertThat(checkpoint.layout().layerCount()).isEqualTo(1);
    }
    assertThatThrownBy(() -> Checkpoints.open(model, " "))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aClosedCheckpointIsNotReadButKeepsItsKnownDigest() throws IOException {
    Path model = TestCheckpoints.writeLlama(folder, 1, 4, DType.F32, 3);
    Checkpoint checkpoint = Checkpoints.open(model);
    TensorView view = checkpoint.tensor("model.norm.weight");
    String digest = checkpoint.sha256();
    checkpoint.close();
    checkpoint.close();
    assertThatThrownBy(() -> view.readFloats(0, new float[1], 0, 1))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> checkpoint.tensor("model.norm.weight"))
        .isInstanceOf(IllegalStateException.class);
    assertThat(checkpoint.sha256()).isEqualTo(digest);
    Checkpoint unread = Checkpoints.open(model);
    unread.close();
    assertThatThrownBy(unread::sha256).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void manyThreadsReadTheSameTensors() throws Exception {
    Path model = TestCheckpoints.writeLlama(folder, 2, 16, DType.BF16, 9);
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try (Checkpoint checkpoint = HuggingFaceCheckpoint.open(model, "m", 1000)) {
      Map<String, float[]> expected = new LinkedHashMap<>();
      checkpoint
          .tensors()
          .keySet()
          .forEach(t -> expected.put(t, TestCheckpoints.read(checkpoint, t)));
      String digest = sha256(Files.readAllBytes(model.resolve("model.safetensors")));
      List<Future<?>> reads = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        reads.add(
            pool.submit(
                () -> {
                  for (Map.Entry<String, float[]> tensor : expected.entrySet()) {
                    assertThat(TestCheckpoints.read(checkpoint, tensor.getKey()))
                        .isEqualTo(tensor.getValue());
                  }
                  assertThat(checkpoint.sha256()).isEqualTo(digest);
                }));
      }
      for (Future<?> read : reads) {
        read.get();
      }
    } finally {
      pool.shutdownNow();
    }
  }
}
