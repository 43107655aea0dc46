package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.exception.CheckpointException;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import io.evomerge.testing.TestSeeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoraAdapterTest {

  private static final String PREFIX = "base_model.model.";
  private static final String Q = "model.layers.0.self_attn.q_proj";
  private static final String UP = "model.layers.1.mlp.up_proj";
  private static final int HIDDEN = 6;

  @TempDir Path temp;

  private final Map<TensorInfo, byte[]> tensors = new LinkedHashMap<>();
  private final ObjectNode config = JsonNodeFactory.instance.objectNode();
  private int made;

  private Path base(DType dtype) {
    return TestCheckpoints.writeLlama(temp.resolve("base"), 2, HIDDEN, dtype, 7);
  }

  private void lora(int rank, double alpha) {
    config.put("peft_type", "LORA").put("r", rank).put("lora_alpha", alpha);
    config.put("base_model_name_or_path", "somewhere/base");
  }

  private float[] add(String key, DType dtype, long... shape) {
    List<Long> sides = Arrays.stream(shape).boxed().toList();
    TensorInfo info = new TensorInfo(key, dtype, sides);
    Random random = new Random(++made);
    float[] values = new float[(int) info.elementCount()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    byte[] bytes = TestCheckpoints.encode(dtype, values);
    tensors.put(info, bytes);
    FloatCodec.decode(dtype, bytes, 0, values, 0, values.length);
    return values;
  }

  private Path adapter() throws IOException {
    Path folder = Files.createDirectories(temp.resolve("adapter"));
    Files.writeString(folder.resolve("adapter_config.json"), config.toPrettyString());
    Files.write(folder.resolve("adapter_model.safetensors"), TestCheckpoints.safetensors(tensors));
    return folder;
  }

  private Checkpoint open(DType dtype) throws IOException {
    return Checkpoints.open(base(dtype), adapter(), "tuned");
  }

  private float[] plain(String tensor) throws IOException {
    try (Checkpoint base = Checkpoints.open(temp.resolve("base"))) {
      return TestCheckpoints.read(base, tensor);
    }
  }

  /** W + scale * L R in float64; L is [rows, rank], R is [rank, columns]. */
  private static double[] sum(float[] w, float[] left, float[] right, int rank, double scale) {
    int columns = right.length / rank;
    double[] result = new double[w.length];
    for (int e = 0; e < w.length; e++) {
      double product = 0;
      for (int k = 0; k < rank; k++) {
        product += (double) left[e / columns * rank + k] * right[k * columns + e % columns];
      }
      result[e] = w[e] + scale * product;
    }
    return result;
  }

  private static float[] transpose(float[] values, int height) {
    int width = values.length / height;
    float[] turned = new float[values.length];
    for (int e = 0; e < values.length; e++) {
      turned[e % width * height + e / width] = values[e];
    }
    return turned;
  }

  private static void assertClose(float[] got, double[] wanted) {
    assertThat(got).hasSize(wanted.length);
    for (int i = 0; i < got.length; i++) {
      assertThat((double) got[i]).as("element %d", i).isCloseTo(wanted[i], within(2e-5));
    }
  }

  @ParameterizedTest
  @CsvSource({"3, 3, false, 1.0", "4, 8, false, 2.0", "4, 8, true, 4.0", "2, 1, false, 0.5"})
  void aLinearLayerGetsTheScaledProduct(int rank, double alpha, boolean rooted, double scale)
      throws IOException {
    lora(rank, alpha);
    config.put("use_rslora", rooted);
    float[] a = add(PREFIX + UP + ".lora_A.weight", DType.F32, rank, HIDDEN);
    float[] b = add(PREFIX + UP + ".lora_B.weight", DType.BF16, 2 * HIDDEN, rank);
    try (Checkpoint tuned = open(DType.F32)) {
      float[] w = plain(UP + ".weight");
      assertClose(TestCheckpoints.read(tuned, UP + ".weight"), sum(w, b, a, rank, scale));
    }
  }

  @Test
  void everythingElseIsTheBase() throws IOException {
    lora(2, 2);
    add(PREFIX + Q + ".lora_A.weight", DType.F32, 2, HIDDEN);
    add(PREFIX + Q + ".lora_B.weight", DType.F32, HIDDEN, 2);
    try (Checkpoint tuned = open(DType.BF16);
        Checkpoint base = Checkpoints.open(temp.resolve("base"))) {
      assertThat(tuned.name()).isEqualTo("tuned");
      assertThat(tuned.tensors()).isEqualTo(base.tensors());
      assertThat(tuned.config()).isEqualTo(base.config());
      assertThat(tuned.layout().roles()).isEqualTo(base.layout().roles());
      assertThat(tuned.companionFiles()).isEqualTo(base.companionFiles());
      assertThat(tuned.metadata()).isEqualTo(base.metadata());
      for (String name : base.tensors().keySet()) {
        if (!name.startsWith(Q)) {
          assertThat(TestCheckpoints.read(tuned, name)).isEqualTo(TestCheckpoints.read(base, name));
        }
      }
      assertThat(TestCheckpoints.read(tuned, Q + ".weight"))
          .isNotEqualTo(TestCheckpoints.read(base, Q + ".weight"));
    }
  }

  @Test
  void patternsGiveAModuleItsOwnRankAndAlpha() throws IOException {
    lora(2, 2);
    config.putObject("rank_pattern").put("up_proj", 3).put("layers\\.0\\.self_attn\\.q_.*", 1);
    config.putObject("alpha_pattern").put("1.mlp.up_proj", 12).put("proj", 99);
    float[] a = add(PREFIX + UP + ".lora_A.weight", DType.F32, 3, HIDDEN);
    float[] b = add(PREFIX + UP + ".lora_B.weight", DType.F32, 2 * HIDDEN, 3);
    float[] qa = add(PREFIX + Q + ".lora_A.weight", DType.F32, 1, HIDDEN);
    float[] qb = add(PREFIX + Q + ".lora_B.weight", DType.F32, HIDDEN, 1);
    try (Checkpoint tuned = open(DType.F32)) {
      assertClose(
          TestCheckpoints.read(tuned, UP + ".weight"), sum(plain(UP + ".weight"), b, a, 3, 4));
      assertClose(
          TestCheckpoints.read(tuned, Q + ".weight"), sum(plain(Q + ".weight"), qb, qa, 1, 2));
    }
  }

  @Test
  void embeddingsAndLayersStoredTheOtherWayRoundGetTheProductTransposed() throws IOException {
    lora(2, 6);
    config.put("fan_in_fan_out", true);
    String down = "model.layers.0.mlp.down_proj";
    float[] ea = add("base_model.model.model.embed_tokens.lora_embedding_A", DType.F32, 2, 18);
    float[] eb = add("base_model.model.model.embed_tokens.lora_embedding_B", DType.F32, HIDDEN, 2);
    // [hidden, 2 hidden] is read as [in, out].
    float[] a = add(PREFIX + down + ".lora_A.default.weight", DType.F32, 2, HIDDEN);
    float[] b = add(PREFIX + down + ".lora_B.default.weight", DType.F32, 2 * HIDDEN, 2);
    try (Checkpoint tuned = open(DType.F32)) {
      assertClose(
          TestCheckpoints.read(tuned, "model.embed_tokens.weight"),
          sum(plain("model.embed_tokens.weight"), transpose(ea, 2), transpose(eb, HIDDEN), 2, 3));
      assertClose(
          TestCheckpoints.read(tuned, down + ".weight"),
          sum(plain(down + ".weight"), transpose(a, 2), transpose(b, 2 * HIDDEN), 2, 3));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void doraGivesTheOutputsTheirMagnitudes(boolean transposed) throws IOException {
    lora(2, 4);
    config.put("use_dora", true).put("fan_in_fan_out", transposed);
    int in = transposed ? 2 * HIDDEN : HIDDEN;
    int out = transposed ? HIDDEN : 2 * HIDDEN;
    float[] a = add(PREFIX + UP + ".lora_A.weight", DType.F32, 2, in);
    float[] b = add(PREFIX + UP + ".lora_B.weight", DType.F32, out, 2);
    float[] m = add(PREFIX + UP + ".lora_magnitude_vector", DType.F32, out);
    try (Checkpoint tuned = open(DType.F32)) {
      float[] w = plain(UP + ".weight");
      double[] wanted =
          transposed ? sum(w, transpose(a, 2), transpose(b, out), 2, 2) : sum(w, b, a, 2, 2);
      double[] squares = new double[out];
      for (int e = 0; e < wanted.length; e++) {
        squares[transposed ? e % out : e / in] += wanted[e] * wanted[e];
      }
      for (int e = 0; e < wanted.length; e++) {
        int output = transposed ? e % out : e / in;
        wanted[e] *= m[output] / Math.sqrt(squares[output]);
      }
      assertClose(TestCheckpoints.read(tuned, UP + ".weight"), wanted);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".modules_to_save", ".modules_to_save.default", ".base_layer"})
  void modulesThatAreSavedWholeReplaceTheBases(String wrapper) throws IOException {
    lora(2, 2);
    float[] norm = add(PREFIX + "model.norm" + wrapper + ".weight", DType.F32, HIDDEN);
    try (Checkpoint tuned = open(DType.BF16)) {
      TensorView view = tuned.tensor("model.norm.weight");
      assertThat(view.info().dtype()).isEqualTo(DType.BF16);
      assertThat(TestCheckpoints.read(tuned, "model.norm.weight")).isEqualTo(norm);
      byte[] bytes = new byte[2 * HIDDEN];
      view.readBytes(0, bytes, 0, bytes.length);
      assertThat(bytes).isEqualTo(TestCheckpoints.encode(DType.BF16, norm));
    }
  }

  @Test
  void anySplitIntoBlocksGivesTheSameBits() throws IOException {
    lora(3, 5);
    add(PREFIX + UP + ".lora_A.weight", DType.BF16, 3, HIDDEN);
    add(PREFIX + UP + ".lora_B.weight", DType.BF16, 2 * HIDDEN, 3);
    try (Checkpoint tuned = open(DType.BF16)) {
      TensorView view = tuned.tensor(UP + ".weight");
      float[] whole = TestCheckpoints.read(tuned, UP + ".weight");
      byte[] bytes = TestCheckpoints.encode(DType.BF16, whole);
      TestSeeds.check(
          "ranges of an adapted tensor",
          50,
          random -> {
            int from = random.nextInt(whole.length + 1);
            int length = random.nextInt(whole.length - from + 1);
            float[] part = new float[length + 2];
            view.readFloats(from, part, 1, length);
            assertThat(Arrays.copyOfRange(part, 1, length + 1))
                .isEqualTo(Arrays.copyOfRange(whole, from, from + length));
            int firstByte = random.nextInt(bytes.length + 1);
            int count = random.nextInt(bytes.length - firstByte + 1);
            byte[] got = new byte[count];
            view.readBytes(firstByte, got, 0, count);
            assertThat(got).isEqualTo(Arrays.copyOfRange(bytes, firstByte, firstByte + count));
          });
    }
  }

  @Test
  void theDigestCoversBaseConfigurationAndWeights() throws IOException {
    lora(2, 2);
    add(PREFIX + "model.norm.weight", DType.F32, HIDDEN);
    String first;
    try (Checkpoint tuned = open(DType.F32);
        Checkpoint base = Checkpoints.open(temp.resolve("base"))) {
      first = tuned.sha256();
      assertThat(first).matches("[0-9a-f]{64}").isNotEqualTo(base.sha256());
      assertThat(tuned.ref())
          .isEqualTo(
              new CheckpointRef(
                  "tuned",
                  base.ref().location(),
                  Optional.of(temp.resolve("adapter").toString().replace('\\', '/')),
                  first));
    }
    config.put("lora_alpha", 3);
    try (Checkpoint tuned = Checkpoints.open(temp.resolve("base"), adapter(), "tuned")) {
      assertThat(tuned.sha256()).isNotEqualTo(first);
    }
  }

  @Test
  void aClosedOneCannotBeRead() throws IOException {
    lora(2, 2);
    add(PREFIX + Q + ".lora_A.weight", DType.F32, 2, HIDDEN);
    add(PREFIX + Q + ".lora_B.weight", DType.F32, HIDDEN, 2);
    Checkpoint tuned = open(DType.F32);
    TensorView view = tuned.tensor(Q + ".weight");
    tuned.close();
    tuned.close();
    assertThatThrownBy(() -> view.readFloats(0, new float[1], 0, 1))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> tuned.tensor(Q + ".weight")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void whatIsMissingIsNamed() throws IOException {
    Path base = base(DType.F32);
    Path folder = temp.resolve("adapter");
    assertThatThrownBy(() -> Checkpoints.open(base, folder, "x"))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("adapter_config.json");
    Files.createDirectories(folder);
    assertThatThrownBy(() -> Checkpoints.open(base, folder, "x"))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("adapter_config.json");
    lora(2, 2);
    Files.writeString(folder.resolve("adapter_config.json"), config.toString());
    assertThatThrownBy(() -> Checkpoints.open(base, folder, "x"))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("adapter_model.safetensors");
    Files.createFile(folder.resolve("adapter_model.bin"));
    assertThatThrownBy(() -> Checkpoints.open(base, folder, "x"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("safe_serialization=True");
    assertThatThrownBy(() -> Checkpoints.open(folder, "x"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("base");
  }

  private void assertRefused(Consumer<ObjectNode> change, String... parts) throws IOException {
    lora(2, 2);
    change.accept(config);
    if (tensors.isEmpty()) {
      add(PREFIX + Q + ".lora_A.weight", DType.F32, 2, HIDDEN);
      add(PREFIX + Q + ".lora_B.weight", DType.F32, HIDDEN, 2);
    }
    assertThatThrownBy(() -> open(DType.F32))
        .isInstanceOf(CheckpointException.class)
        .satisfies(e -> assertThat(e.getMessage()).contains(parts));
  }

  @Test
  void otherKindsOfAdaptersAreRefused() throws IOException {
    assertRefused(c -> c.put("peft_type", "IA3"), "IA3", "merge_and_unload");
    assertRefused(c -> c.put("init_lora_weights", "pissa_niter_16"), "pissa", "conversion");
    config.remove("init_lora_weights");
    assertRefused(c -> c.putArray("layer_replication").addArray().add(0).add(1), "replication");
    config.remove("layer_replication");
    assertRefused(c -> c.put("lora_alpha", "much"), "lora_alpha", "much");
    assertRefused(c -> c.put("r", 0), "'r'", "0");
    assertRefused(c -> c.putObject("rank_pattern").put("((", 3), "((");
    config.remove("rank_pattern");
    assertRefused(c -> c.put("use_dora", true), "use_dora", "lora_magnitude_vector");
  }

  @Test
  void aRankThatIsNotTheConfiguredOneIsRefused() throws IOException {
    add(PREFIX + Q + ".lora_A.weight", DType.F32, 3, HIDDEN);
    add(PREFIX + Q + ".lora_B.weight", DType.F32, HIDDEN, 3);
    assertRefused(c -> {}, Q, "[3, 6]", "rank 2");
  }

  @Test
  void shapesOfAnotherBaseAreRefused() throws IOException {
    add(PREFIX + Q + ".lora_A.weight", DType.F32, 2, HIDDEN + 1);
    add(PREFIX + Q + ".lora_B.weight", DType.F32, HIDDEN, 2);
    assertRefused(c -> {}, Q, "[6, 7]", "[6, 6]", "trained on");
  }

  @Test
  void modulesThatTheBaseDoesNotHaveAreRefused() throws IOException {
    String wrong = Q.replace("q_proj", "q_pro");
    add(PREFIX + wrong + ".lora_A.weight", DType.F32, 2, HIDDEN);
    add(PREFIX + wrong + ".lora_B.weight", DType.F32, HIDDEN, 2);
    assertRefused(c -> {}, wrong, "did you mean '" + Q + ".weight'");
  }

  @Test
  void aBaseWhoseNamesLackTheFirstPartIsFound() throws IOException {
    lora(2, 2);
    float[] a = add(PREFIX + "transformer.h.0.up.lora_A.weight", DType.F32, 2, 3);
    float[] b = add(PREFIX + "transformer.h.0.up.lora_B.weight", DType.F32, 4, 2);
    float[] norm = add(PREFIX + "transformer.norm.weight", DType.F32, 3);
    TestCheckpoints.write(
        temp.resolve("base"),
        Map.of("h.0.up.weight", new float[12], "norm.weight", new float[3]),
        Map.of("h.0.up.weight", List.of(4L, 3L)),
        DType.F32,
        TestCheckpoints.llamaConfig(1, 3));
    try (Checkpoint tuned = Checkpoints.open(temp.resolve("base"), adapter(), "tuned")) {
      assertClose(TestCheckpoints.read(tuned, "h.0.up.weight"), sum(new float[12], b, a, 2, 1));
      assertThat(TestCheckpoints.read(tuned, "norm.weight")).isEqualTo(norm);
    }
  }

  @Test
  void halfAPairIsRefused() throws IOException {
    add(PREFIX + Q + ".lora_B.weight", DType.F32, HIDDEN, 2);
    assertRefused(c -> {}, Q, "pair");
  }

  @Test
  void partsOfAnUnknownKindAreRefused() throws IOException {
    add(PREFIX + Q + ".lora_A.weight", DType.F32, 2, HIDDEN);
    add(PREFIX + Q + ".lora_B.weight", DType.F32, HIDDEN, 2);
    add(PREFIX + Q + ".lora_B.bias", DType.F32, HIDDEN);
    assertRefused(c -> {}, "lora_B.bias", "not supported");
  }

  @Test
  void savedModulesOfAnotherShapeAreRefused() throws IOException {
    add(PREFIX + "lm_head.weight", DType.F32, 19, HIDDEN);
    assertRefused(c -> {}, "lm_head", "[19, 6]", "[18, 6]");
  }
}
