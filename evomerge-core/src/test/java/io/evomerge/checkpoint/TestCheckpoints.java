package io.evomerge.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Makes tiny checkpoints for tests, independently of the writer under test. */
public final class TestCheckpoints {

  private TestCheckpoints() {}

  /**
   * Writes a Hugging Face folder with one weights file.
   *
   * @param tensors values by name
   * @param shapes by name; a tensor without one is a vector
   */
  public static Path write(
      Path folder,
      Map<String, float[]> tensors,
      Map<String, List<Long>> shapes,
      DType dtype,
      ObjectNode config) {
    try {
      Files.createDirectories(folder);
      Files.writeString(folder.resolve("config.json"), config.toPrettyString());
      Map<TensorInfo, byte[]> contents = new LinkedHashMap<>();
      new TreeMap<>(tensors)
          .forEach(
              (name, values) -> {
                List<Long> shape = shapes.getOrDefault(name, List.of((long) values.length));
                contents.put(new TensorInfo(name, dtype, shape), encode(dtype, values));
              });
      Files.write(folder.resolve("model.safetensors"), safetensors(contents));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes a folder of a tiny Llama: random weights from the seed, head not tied. */
  public static Path writeLlama(Path folder, int layers, int hidden, DType dtype, long seed) {
    Map<String, List<Long>> shapes = llamaShapes(layers, hidden, 2 * hidden, 3 * hidden);
    return write(folder, random(shapes, seed), shapes, dtype, llamaConfig(layers, hidden));
  }

  /** Returns a configuration that fits {@link #llamaShapes}. */
  public static ObjectNode llamaConfig(int layers, int hidden) {
    ObjectNode config = JsonNodeFactory.instance.objectNode();
    config.putArray("architectures").add("LlamaForCausalLM");
    config.put("model_type", "llama");
    config.put("num_hidden_layers", layers);
    config.put("hidden_size", hidden);
    config.put("intermediate_size", 2 * hidden);
    config.put("vocab_size", 3 * hidden);
    config.put("num_attention_heads", 2);
    config.put("num_key_value_heads", 2);
    config.put("rms_norm_eps", 1e-5);
    config.put("tie_word_embeddings", false);
    return config;
  }

  /** Returns the tensors of a Llama and their shapes. */
  public static Map<String, List<Long>> llamaShapes(
      int layers, int hidden, int intermediate, int vocabulary) {
    Map<String, List<Long>> shapes = new TreeMap<>();
    long h = hidden;
    long f = intermediate;
    long v = vocabulary;
    shapes.put("model.embed_tokens.weight", List.of(v, h));
    for (int i = 0; i < layers; i++) {
      String layer = "model.layers." + i + ".";
      for (String projection : List.of("q", "k", "v", "o")) {
        shapes.put(layer + "self_attn." + projection + "_proj.weight", List.of(h, h));
      }
      shapes.put(layer + "mlp.gate_proj.weight", List.of(f, h));
      shapes.put(layer + "mlp.up_proj.weight", List.of(f, h));
      shapes.put(layer + "mlp.down_proj.weight", List.of(h, f));
      shapes.put(layer + "input_layernorm.weight", List.of(h));
      shapes.put(layer + "post_attention_layernorm.weight", List.of(h));
    }
    shapes.put("model.norm.weight", List.of(h));
    shapes.put("lm_head.weight", List.of(v, h));
    return shapes;
  }

  /** Returns normal random values for each shape, a fixed function of the seed. */
  public static Map<String, float[]> random(Map<String, List<Long>> shapes, long seed) {
    Map<String, float[]> tensors = new TreeMap<>();
    shapes.forEach(
        (name, shape) -> {
          Random random = new Random(seed * 31 + name.hashCode());
          int count = Math.toIntExact(shape.stream().reduce(1L, (a, b) -> a * b));
          float[] values = new float[count];
          for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian() * 0.1f;
          }
          tensors.put(name, values);
        });
    return tensors;
  }

  /** Returns a safetensors file with the tensors in the given order. */
  public static byte[] safetensors(Map<TensorInfo, byte[]> contents) {
    ObjectNode header = JsonNodeFactory.instance.objectNode();
    header.putObject("__metadata__").put("format", "pt");
    long end = 0;
    for (Map.Entry<TensorInfo, byte[]> tensor : contents.entrySet()) {
      ObjectNode entry = header.putObject(tensor.getKey().name());
      entry.put("dtype", tensor.getKey().dtype().name());
      tensor.getKey().shape().forEach(entry.putArray("shape")::add);
      entry.putArray("data_offsets").add(end).add(end + tensor.getValue().length);
      end += tensor.getValue().length;
    }
    ByteBuffer data = ByteBuffer.allocate((int) end);
    contents.values().forEach(data::put);
    return safetensors(header.toString(), data.array());
  }

  /** Returns a file with any header text, valid or not. */
  public static byte[] safetensors(String header, byte[] data) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + text.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(text.length)
        .put(text)
        .put(data)
        .array();
  }

  /** Returns the little-endian bytes of values. */
  public static byte[] encode(DType dtype, float... values) {
    byte[] bytes = new byte[values.length * dtype.size()];
    FloatCodec.encode(dtype, values, 0, bytes, 0, values.length);
    return bytes;
  }

  /** Reads a whole tensor. */
  public static float[] read(Checkpoint checkpoint, String tensor) {
    var view = checkpoint.tensor(tensor);
    float[] values = new float[Math.toIntExact(view.info().elementCount())];
    view.readFloats(0, values, 0, values.length);
    return values;
  }
}
