package io.evomerge.onnx.architecture;

import com.fasterxml.jackson.databind.JsonNode;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.exception.UnsupportedModelException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * A decoder-only language model of the Llama family: everything of its {@code config.json} that
 * decides what it computes; immutable.
 *
 * <p>Supported: {@code LlamaForCausalLM} (Touvron et al., arXiv 2302.13971), {@code
 * MistralForCausalLM} (Jiang et al., arXiv 2310.06825) and {@code Qwen2ForCausalLM} (Yang et al.,
 * arXiv 2407.10671), as transformers computes them.
 *
 * @param architecture name of the model class in transformers
 * @param vocabSize number of tokens that the model can read and write
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width inside the MLP
 * @param heads number of query heads
 * @param keyValueHeads number of key and value heads; divides {@code heads}
 * @param headDim width of a head, a multiple of 16
 * @param normEpsilon added to the mean square in RMSNorm
 * @param rotary position embeddings
 * @param maxPositions longest sequence, in tokens
 * @param slidingWindows per layer: how many tokens, itself included, a token attends to; 0 for all
 *     before it
 * @param queryKeyValueBias whether these projections have biases
 * @param attentionOutputBias whether the attention's output projection has one
 * @param mlpBias whether the MLP's projections have biases
 * @param tiedHead whether the head is the embeddings' tensor
 */
public record DecoderConfig(
    String architecture,
    int vocabSize,
    int hiddenSize,
    int intermediateSize,
    int heads,
    int keyValueHeads,
    int headDim,
    double normEpsilon,
    RotaryEmbedding rotary,
    int maxPositions,
    List<Integer> slidingWindows,
    boolean queryKeyValueBias,
    boolean attentionOutputBias,
    boolean mlpBias,
    boolean tiedHead) {

  private static final String LLAMA = "LlamaForCausalLM";
  private static final String MISTRAL = "MistralForCausalLM";
  private static final String QWEN2 = "Qwen2ForCausalLM";
  private static final List<String> SUPPORTED = List.of(LLAMA, MISTRAL, QWEN2);

  /** Validates and copies. */
  public DecoderConfig {
    slidingWindows = List.copyOf(slidingWindows);
    atLeastOne("vocab_size", vocabSize);
    atLeastOne("hidden_size", hiddenSize);
    atLeastOne("intermediate_size", intermediateSize);
    atLeastOne("num_attention_heads", heads);
    atLeastOne("num_key_value_heads", keyValueHeads);
    atLeastOne("head_dim", headDim);
    atLeastOne("max_position_embeddings", maxPositions);
    atLeastOne("num_hidden_layers", slidingWindows.size());
    if (!(normEpsilon >= 0)) {
      throw new UnsupportedModelException(
          "rms_norm_eps is " + normEpsilon + ", wanted a number of at least 0");
    }
    if (heads % keyValueHeads != 0) {
      throw new UnsupportedModelException(
          "num_attention_heads "
              + heads
              + " is not a multiple of num_key_value_heads "
              + keyValueHeads);
    }
    if (headDim % 16 != 0) {
      throw new UnsupportedModelException(
          "head_dim is " + headDim + "; the attention kernel takes multiples of 16");
    }
  }

  /** Returns the number of transformer blocks. */
  public int layerCount() {
    return slidingWindows.size();
  }

  /** Returns the names of the supported architectures. */
  public static List<String> supportedArchitectures() {
    return SUPPORTED;
  }

  /**
   * Reads a configuration.
   *
   * @param config of the checkpoint
   * @throws UnsupportedModelException if it needs something that is not supported; the message
   *     names it
   */
  public static DecoderConfig from(ModelConfig config) {
    String architecture = config.architecture();
    if (!SUPPORTED.contains(architecture)) {
      throw new UnsupportedModelException(
          "config.json: architecture '"
              + architecture
              + "' cannot be run; supported are "
              + String.join(", ", SUPPORTED));
    }
    JsonNode json = config.json();
    refuse(json, "quantization_config", "quantised weights are not supported");
    double rotatedPart = config.number("partial_rotary_factor").orElse(1);
    if (rotatedPart != 1) {
      throw new UnsupportedModelException(
          "config.json: partial_rotary_factor " + rotatedPart + " is not supported, only 1");
    }
    String activation = config.text("hidden_act").orElse("silu");
    if (!activation.equals("silu")) {
      throw new UnsupportedModelException(
          "config.json: hidden_act '" + activation + "' is not supported, only 'silu'");
    }
    int hidden = config.requiredInteger("hidden_size");
    int heads = config.requiredInteger("num_attention_heads");
    boolean bias = architecture.equals(LLAMA) && config.flag("attention_bias", false);
    return new DecoderConfig(
        architecture,
        config.requiredInteger("vocab_size"),
        hidden,
        config.requiredInteger("intermediate_size"),
        heads,
        config.integer("num_key_value_heads").orElse(heads),
        headDim(config, hidden, heads),
        config.number("rms_norm_eps").orElse(1e-6),
        rotary(config, json),
        config.requiredInteger("max_position_embeddings"),
        slidingWindows(config, json, architecture),
        bias || architecture.equals(QWEN2),
        bias,
        architecture.equals(LLAMA) && config.flag("mlp_bias", false),
        config.flag("tie_word_embeddings", false));
  }

  private static int headDim(ModelConfig config, int hidden, int heads) {
    OptionalInt given = config.integer("head_dim");
    if (given.isPresent()) {
      return given.getAsInt();
    }
    if (heads < 1 || hidden % heads != 0) {
      throw new UnsupportedModelException(
          "config.json: hidden_size "
              + hidden
              + " is not a multiple of num_attention_heads "
              + heads
              + " and there is no head_dim");
    }
    return hidden / heads;
  }

  private static RotaryEmbedding rotary(ModelConfig config, JsonNode json) {
    // transformers 5 renamed rope_scaling to rope_parameters and moved rope_theta into it.
    String key = json.path("rope_parameters").isObject() ? "rope_parameters" : "rope_scaling";
    JsonNode rope = json.path(key);
    if (rope.isMissingNode() || rope.isNull()) {
      return new RotaryEmbedding(
          config.number("rope_theta").orElse(10_000), new RotaryEmbedding.Unscaled());
    }
    if (!rope.isObject()) {
      throw new UnsupportedModelException(
          "config.json: " + key + " is " + rope + ", wanted an object");
    }
    for (Map.Entry<String, JsonNode> entry : rope.properties()) {
      if (entry.getValue().isObject()) {
        throw new UnsupportedModelException(
            "config.json: "
                + key
                + " differs by layer type ('"
                + entry.getKey()
                + "'),"
                + " which is not supported");
      }
    }
    double rotatedPart = rope.path("partial_rotary_factor").asDouble(1);
    if (rotatedPart != 1) {
      throw new UnsupportedModelException(
          "config.json: "
              + key
              + ".partial_rotary_factor "
              + rotatedPart
              + " is not supported, only 1");
    }
    double theta =
        rope.path("rope_theta").isNumber()
            ? rope.path("rope_theta").doubleValue()
            : config.number("rope_theta").orElse(10_000);
    String type = rope.path("rope_type").asText(rope.path("type").asText("default"));
    RotaryEmbedding.Scaling scaling =
        switch (type) {
          case "default" -> new RotaryEmbedding.Unscaled();
          case "linear" -> new RotaryEmbedding.Linear(positive(rope, key, "factor"));
          case "llama3" ->
              new RotaryEmbedding.Llama3(
                  positive(rope, key, "factor"),
                  positive(rope, key, "low_freq_factor"),
                  positive(rope, key, "high_freq_factor"),
                  (int) positive(rope, key, "original_max_position_embeddings"));
          default ->
              throw new UnsupportedModelException(
                  "config.json: "
                      + key
                      + " type '"
                      + type
                      + "' is not supported; supported are default, linear, llama3");
        };
    return new RotaryEmbedding(theta, scaling);
  }

  private static double positive(JsonNode rope, String key, String name) {
    JsonNode value = rope.path(name);
    if (!value.isNumber() || !(value.doubleValue() > 0)) {
      throw new UnsupportedModelException(
          "config.json: "
              + key
              + "."
              + name
              + " is "
              + (value.isMissingNode() ? "absent" : value)
              + ", wanted a number above 0");
    }
    return value.doubleValue();
  }

  private static List<Integer> slidingWindows(
      ModelConfig config, JsonNode json, String architecture) {
    int layers = config.requiredInteger("num_hidden_layers");
    atLeastOne("num_hidden_layers", layers);
    // In transformers an absent key means 4096 and a null means no window.
    int window = json.has("sliding_window") ? config.integer("sliding_window").orElse(0) : 4096;
    if (window < 0) {
      throw new UnsupportedModelException(
          "config.json: sliding_window is " + window + ", wanted at least 1 or null");
    }
    return switch (architecture) {
      case MISTRAL -> Collections.nCopies(layers, window);
      case QWEN2 -> qwen2Windows(config, json, layers, window);
      default -> Collections.nCopies(layers, 0);
    };
  }

  private static List<Integer> qwen2Windows(
      ModelConfig config, JsonNode json, int layers, int window) {
    if (!config.flag("use_sliding_window", false)) {
      return Collections.nCopies(layers, 0);
    }
    Integer[] windows = new Integer[layers];
    JsonNode types = json.path("layer_types");
    if (types.isArray() && types.size() != layers) {
      throw new UnsupportedModelException(
          "config.json: layer_types has " + types.size() + " entries for " + layers + " layers");
    }
    int first = config.integer("max_window_layers").orElse(28);
    for (int layer = 0; layer < layers; layer++) {
      boolean sliding = layer >= first;
      if (types.isArray()) {
        String type = types.get(layer).asText();
        if (!type.equals("sliding_attention") && !type.equals("full_attention")) {
          throw new UnsupportedModelException(
              "config.json: layer type '"
                  + type
                  + "' is not supported; supported are full_attention, sliding_attention");
        }
        sliding = type.equals("sliding_attention");
      }
      windows[layer] = sliding ? window : 0;
    }
    return List.of(windows);
  }

  private static void refuse(JsonNode json, String key, String why) {
    JsonNode value = json.path(key);
    if (!value.isMissingNode() && !value.isNull()) {
      throw new UnsupportedModelException("config.json has '" + key + "': " + why);
    }
  }

  private static void atLeastOne(String name, int value) {
    if (value < 1) {
      throw new UnsupportedModelException(name + " is " + value + ", wanted at least 1");
    }
  }

  /** Returns the shape of every weight that the model computes with, by its checkpoint name. */
  public Map<String, List<Long>> weightShapes() {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    long hidden = hiddenSize;
    long inner = intermediateSize;
    long query = (long) heads * headDim;
    long keyValue = (long) keyValueHeads * headDim;
    shapes.put("model.embed_tokens.weight", List.of((long) vocabSize, hidden));
    for (int layer = 0; layer < layerCount(); layer++) {
      String block = "model.layers." + layer + ".";
      String attention = block + "self_attn.";
      shapes.put(block + "input_layernorm.weight", List.of(hidden));
      linear(shapes, attention + "q_proj", query, hidden, queryKeyValueBias);
      linear(shapes, attention + "k_proj", keyValue, hidden, queryKeyValueBias);
      linear(shapes, attention + "v_proj", keyValue, hidden, queryKeyValueBias);
      linear(shapes, attention + "o_proj", hidden, query, attentionOutputBias);
      shapes.put(block + "post_attention_layernorm.weight", List.of(hidden));
      linear(shapes, block + "mlp.gate_proj", inner, hidden, mlpBias);
      linear(shapes, block + "mlp.up_proj", inner, hidden, mlpBias);
      linear(shapes, block + "mlp.down_proj", hidden, inner, mlpBias);
    }
    shapes.put("model.norm.weight", List.of(hidden));
    if (!tiedHead) {
      shapes.put("lm_head.weight", List.of((long) vocabSize, hidden));
    }
    return shapes;
  }

  /**
   * Returns the weights of all linear layers, those together that are fed the same: per first
   * weight all that share its input. A tied head is not among them.
   */
  public Map<String, List<String>> linearInputs() {
    Map<String, List<String>> inputs = new LinkedHashMap<>();
    for (int layer = 0; layer < layerCount(); layer++) {
      String attention = "model.layers." + layer + ".self_attn.";
      String mlp = "model.layers." + layer + ".mlp.";
      share(inputs, attention + "q_proj", attention + "k_proj", attention + "v_proj");
      share(inputs, attention + "o_proj");
      share(inputs, mlp + "gate_proj", mlp + "up_proj");
      share(inputs, mlp + "down_proj");
    }
    if (!tiedHead) {
      share(inputs, "lm_head");
    }
    return inputs;
  }

  private static void share(Map<String, List<String>> inputs, String... layers) {
    List<String> weights = Stream.of(layers).map(layer -> layer + ".weight").toList();
    inputs.put(weights.get(0), weights);
  }

  private static void linear(
      Map<String, List<Long>> shapes, String name, long out, long in, boolean bias) {
    shapes.put(name + ".weight", List.of(out, in));
    if (bias) {
      shapes.put(name + ".bias", List.of(out));
    }
  }
}
