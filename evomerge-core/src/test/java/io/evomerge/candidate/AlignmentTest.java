package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.merge.ParallelFor;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import io.evomerge.testing.TestSeeds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AlignmentTest {

  private static final int HIDDEN = 12;
  private static final int UNITS = 70;
  private static final int HEADS = 6;
  private static final int KEY_VALUE_HEADS = 3;
  private static final int WIDTH = 4;
  private static final int BLOCKS = 2;

  @TempDir Path folder;
  private int models;

  @Test
  void aShuffledModelIsRestoredExactly() {
    TestSeeds.check(
        "alignment restores",
        6,
        random -> {
          DType dtype = random.nextBoolean() ? DType.F32 : DType.BF16;
          Map<String, float[]> weights = weights(random);
          try (Checkpoint original = model("original", dtype, weights);
              Checkpoint shuffled = model("shuffled", dtype, shuffled(weights, random))) {
            Alignment alignment = Alignment.of(shuffled, original);
            assertThat(alignment.isIdentity()).isFalse();
            Checkpoint view = alignment.view(shuffled);
            assertThat(view.tensors()).isEqualTo(original.tensors());
            for (String name : original.tensors().keySet()) {
              assertThat(bytes(view.tensor(name))).as(name).isEqualTo(bytes(original.tensor(name)));
              assertThat(floats(view.tensor(name))).isEqualTo(floats(original.tensor(name)));
            }
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  @Test
  void aShuffledModelThatWasTrainedOnIsPutInOrder() throws IOException {
    Random random = TestSeeds.random("alignment of a trained model", 0);
    Map<String, float[]> weights = weights(random);
    Map<String, float[]> trained = new LinkedHashMap<>();
    weights.forEach(
        (name, values) -> {
          float[] changed = values.clone();
          for (int i = 0; i < changed.length; i++) {
            changed[i] += (float) (0.2 * random.nextGaussian());
          }
          trained.put(name, changed);
        });
    try (Checkpoint original = model("original", DType.F32, weights);
        Checkpoint inOrder = model("in-order", DType.F32, trained);
        Checkpoint shuffled = model("shuffled", DType.F32, shuffled(trained, random))) {
      Checkpoint view = Alignment.of(shuffled, original).view(shuffled);
      for (String name : original.tensors().keySet()) {
        assertThat(floats(view.tensor(name))).as(name).isEqualTo(floats(inOrder.tensor(name)));
      }
    }
  }

  @Test
  void unrelatedModelsComeNoFurtherApart() throws IOException {
    Random random = TestSeeds.random("alignment of strangers", 0);
    try (Checkpoint reference = model("reference", DType.F32, weights(random));
        Checkpoint stranger = model("stranger", DType.F32, weights(random))) {
      Checkpoint view = Alignment.of(stranger, reference).view(stranger);
      assertThat(likeness(view, reference)).isGreaterThan(likeness(stranger, reference));
      // What is aligned already stays as it is.
      Alignment again = Alignment.of(view, reference);
      assertThat(again.isIdentity()).isTrue();
      assertThat(again.view(view)).isSameAs(view);
    }
  }

  @Test
  void aModelIsInOrderWithItself() throws IOException {
    try (Checkpoint model = model("model", DType.F32, weights(new Random(1)))) {
      Alignment alignment = Alignment.of(model, model);
      assertThat(alignment.isIdentity()).isTrue();
      assertThat(alignment.view(model)).isSameAs(model);
    }
  }

  @Test
  void theOrderOfWorkDoesNotMatter() throws IOException {
    Random random = TestSeeds.random("alignment order", 0);
    ParallelFor backwards =
        (count, work) -> IntStream.range(0, count).map(i -> count - 1 - i).forEach(work);
    try (Checkpoint reference = model("reference", DType.F32, weights(random));
        Checkpoint source = model("source", DType.F32, weights(random))) {
      assertThat(Alignment.of(source, reference, backwards).view(source).sha256())
          .isEqualTo(Alignment.of(source, reference).view(source).sha256())
          .isNotEqualTo(source.sha256());
    }
  }

  @Test
  void partsAreReadAsTheWhole() throws IOException {
    Random random = TestSeeds.random("parts of a permuted tensor", 0);
    try (Checkpoint reference = model("reference", DType.BF16, weights(random));
        Checkpoint source = model("source", DType.BF16, weights(random))) {
      Checkpoint view = Alignment.of(source, reference).view(source);
      for (String name : view.tensors().keySet()) {
        TensorView tensor = view.tensor(name);
        float[] floats = floats(tensor);
        byte[] bytes = bytes(tensor);
        for (int i = 0; i < 20; i++) {
          int from = random.nextInt(floats.length);
          float[] part = new float[random.nextInt(floats.length - from) + 1];
          tensor.readFloats(from, part, 0, part.length);
          assertThat(part).isEqualTo(Arrays.copyOfRange(floats, from, from + part.length));
          from = random.nextInt(bytes.length);
          byte[] raw = new byte[random.nextInt(bytes.length - from) + 1];
          tensor.readBytes(from, raw, 0, raw.length);
          assertThat(raw).isEqualTo(Arrays.copyOfRange(bytes, from, from + raw.length));
        }
        assertThatThrownBy(() -> tensor.readFloats(floats.length, new float[1], 0, 1))
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
    }
  }

  @Test
  void anAlignedModelIsWrittenAsACompleteFolder() throws IOException {
    Random random = TestSeeds.random("alignment written", 0);
    Map<String, float[]> weights = weights(random);
    Path target = folder.resolve("aligned");
    try (Checkpoint original = model("original", DType.BF16, weights);
        Checkpoint shuffled = model("shuffled", DType.BF16, shuffled(weights, random))) {
      Alignment alignment = Alignment.of(shuffled, original);
      alignment.write(shuffled, target, WriteOptions.defaults());
      try (Checkpoint written = Checkpoints.open(target)) {
        assertThat(written.sha256()).isEqualTo(original.sha256());
        assertThat(written.config()).isEqualTo(original.config());
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> alignment.view(original))
          .withMessageContaining(original.sha256());
    }
  }

  @Test
  void whatIsNoLlamaIsRefused() throws IOException {
    Map<String, float[]> weights = weights(new Random(2));
    Map<String, float[]> unknown = new LinkedHashMap<>(weights);
    unknown.put("model.layers.0.mlp.experts.0.up_proj.weight", new float[4]);
    refused(unknown, "experts");
    Map<String, float[]> missing = new LinkedHashMap<>(weights);
    missing.remove("model.layers.1.mlp.up_proj.weight");
    refused(missing, "[mlp.up_proj.weight]");
    refused(Map.of("model.norm.weight", new float[3]), "nothing to align");
    Map<String, float[]> other = new LinkedHashMap<>(weights);
    other.put("model.layers.1.self_attn.k_proj.weight", new float[HIDDEN * WIDTH]);
    refused(other, "by config.json dimension 0 is " + KEY_VALUE_HEADS * WIDTH);
    try (Checkpoint model = model("model", DType.F32, weights);
        Checkpoint bad = model("bad", DType.F32, missing)) {
      assertThatThrownBy(() -> Alignment.of(model, bad))
          .isInstanceOf(IncompatibleCheckpointsException.class);
      Path file = model.location().resolve("model.safetensors");
      try (Checkpoint plain = Checkpoints.open(file)) {
        assertThatThrownBy(() -> Alignment.of(plain, plain))
            .isInstanceOf(UnsupportedModelException.class)
            .hasMessageContaining("config.json");
      }
    }
  }

  private void refused(Map<String, float[]> weights, String message) throws IOException {
    try (Checkpoint model = model("refused", DType.F32, weights)) {
      assertThatThrownBy(() -> Alignment.of(model, model))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining(message)
          .hasMessageContaining("refused");
    }
  }

  private static double likeness(Checkpoint a, Checkpoint b) {
    double sum = 0;
    for (String name : a.tensors().keySet()) {
      float[] left = floats(a.tensor(name));
      float[] right = floats(b.tensor(name));
      for (int i = 0; i < left.length; i++) {
        sum += (double) left[i] * right[i];
      }
    }
    return sum;
  }

  private static Map<String, float[]> weights(Random random) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("model.embed_tokens.weight", 7 * HIDDEN);
    sizes.put("model.norm.weight", HIDDEN);
    for (int block = 0; block < BLOCKS; block++) {
      String attention = "model.layers." + block + ".self_attn.";
      String mlp = "model.layers." + block + ".mlp.";
      sizes.put(attention + "q_proj.weight", HEADS * WIDTH * HIDDEN);
      sizes.put(attention + "q_proj.bias", HEADS * WIDTH);
      sizes.put(attention + "k_proj.weight", KEY_VALUE_HEADS * WIDTH * HIDDEN);
      sizes.put(attention + "k_proj.bias", KEY_VALUE_HEADS * WIDTH);
      sizes.put(attention + "v_proj.weight", KEY_VALUE_HEADS * WIDTH * HIDDEN);
      sizes.put(attention + "v_proj.bias", KEY_VALUE_HEADS * WIDTH);
      sizes.put(attention + "o_proj.weight", HIDDEN * HEADS * WIDTH);
      sizes.put(mlp + "gate_proj.weight", UNITS * HIDDEN);
      sizes.put(mlp + "up_proj.weight", UNITS * HIDDEN);
      sizes.put(mlp + "down_proj.weight", HIDDEN * UNITS);
    }
    sizes.forEach(
        (name, size) -> {
          float[] values = new float[size];
          for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
          }
          weights.put(name, values);
        });
    return weights;
  }

  /** Shuffles units and heads so that the function stays. */
  private static Map<String, float[]> shuffled(Map<String, float[]> weights, Random random) {
    Map<String, float[]> result = new LinkedHashMap<>(weights);
    int group = HEADS / KEY_VALUE_HEADS;
    for (int block = 0; block < BLOCKS; block++) {
      String attention = "model.layers." + block + ".self_attn.";
      String mlp = "model.layers." + block + ".mlp.";
      int[] units = order(UNITS, random);
      rows(result, mlp + "gate_proj.weight", units, 1);
      rows(result, mlp + "up_proj.weight", units, 1);
      columns(result, mlp + "down_proj.weight", units, 1);
      int[] groups = order(KEY_VALUE_HEADS, random);
      int[] heads = new int[HEADS];
      for (int i = 0; i < KEY_VALUE_HEADS; i++) {
        int[] inner = order(group, random);
        for (int q = 0; q < group; q++) {
          heads[i * group + q] = groups[i] * group + inner[q];
        }
      }
      for (String kind : new String[] {"weight", "bias"}) {
        rows(result, attention + "k_proj." + kind, groups, WIDTH);
        rows(result, attention + "v_proj." + kind, groups, WIDTH);
        rows(result, attention + "q_proj." + kind, heads, WIDTH);
      }
      columns(result, attention + "o_proj.weight", heads, WIDTH);
    }
    return result;
  }

  private static int[] order(int count, Random random) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    Collections.shuffle(order, random);
    return order.stream().mapToInt(Integer::intValue).toArray();
  }

  private static void rows(Map<String, float[]> weights, String name, int[] order, int size) {
    float[] from = weights.get(name);
    float[] to = new float[from.length];
    int length = from.length / order.length;
    assertThat(length % size).isZero();
    for (int i = 0; i < order.length; i++) {
      System.arraycopy(from, order[i] * length, to, i * length, length);
    }
    weights.put(name, to);
  }

  private static void columns(Map<String, float[]> weights, String name, int[] order, int size) {
    float[] from = weights.get(name);
    float[] to = new float[from.length];
    int width = order.length * size;
    for (int row = 0; row < from.length; row += width) {
      for (int i = 0; i < order.length; i++) {
        System.arraycopy(from, row + order[i] * size, to, row + i * size, size);
      }
    }
    weights.put(name, to);
  }

  private Checkpoint model(String name, DType dtype, Map<String, float[]> weights)
      throws IOException {
    List<TensorInfo> infos = new ArrayList<>();
    weights.forEach(
        (tensor, values) -> {
          long rows = values.length;
          boolean vector = tensor.endsWith("bias") || tensor.endsWith("norm.weight");
          long width =
              tensor.contains("o_proj")
                  ? HEADS * WIDTH
                  : tensor.contains("down_proj") ? UNITS : Math.min(HIDDEN, rows);
          infos.add(
              new TensorInfo(tensor, dtype, vector ? List.of(rows) : List.of(rows / width, width)));
        });
    Path path = folder.resolve(models++ + name);
    try (CheckpointWriter writer =
        CheckpointWriter.create(path, infos, Map.of(), WriteOptions.defaults())) {
      weights.forEach(
          (tensor, values) -> writer.sink(tensor).writeFloats(0, values, 0, values.length));
      String config =
          """
          {"architectures": ["Qwen2ForCausalLM"], "hidden_size": 12, "num_attention_heads": 6,
           "num_key_value_heads": 3, "head_dim": 4, "vocab_size": 7, "num_hidden_layers": 2,
           "tie_word_embeddings": true}
          """;
      writer.write("config.json", config.getBytes(StandardCharsets.UTF_8));
      writer.commit();
    }
    return Checkpoints.open(path, name);
  }

  private static float[] floats(TensorView view) {
    float[] values = new float[(int) view.info().elementCount()];
    view.readFloats(0, values, 0, values.length);
    return values;
  }

  private static byte[] bytes(TensorView view) {
    byte[] values = new byte[(int) view.info().byteSize()];
    view.readBytes(0, values, 0, values.length);
    return values;
  }
}
