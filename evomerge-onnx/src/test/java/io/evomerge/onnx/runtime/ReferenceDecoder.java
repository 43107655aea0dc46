package io.evomerge.onnx.runtime;

import com.fasterxml.jackson.databind.JsonNode;
import io.evomerge.genome.HopScaling;
import java.util.Arrays;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * A decoder in plain loops and double arithmetic, written from the definitions of the architectures
 * and reading {@code config.json} by itself, without any code of the library. Scales of a data flow
 * path are applied as {@link HopScaling} defines them.
 */
final class ReferenceDecoder {

  private final JsonNode config;
  private final Map<String, float[]> weights;
  private final int hidden;
  private final int heads;
  private final int keyValueHeads;
  private final int headDim;
  private final int layers;
  private final BiConsumer<String, double[][]> onLinear;
  private double[] scales;
  private HopScaling scaling = HopScaling.BRANCH;

  ReferenceDecoder(JsonNode config, Map<String, float[]> weights) {
    this(config, weights, (weight, inputs) -> {});
  }

  /** Makes a decoder that tells what each linear layer is fed. */
  ReferenceDecoder(
      JsonNode config, Map<String, float[]> weights, BiConsumer<String, double[][]> onLinear) {
    this.onLinear = onLinear;
    this.config = config;
    this.weights = weights;
    hidden = config.path("hidden_size").intValue();
    heads = config.path("num_attention_heads").intValue();
    keyValueHeads = config.path("num_key_value_heads").asInt(heads);
    headDim = config.path("head_dim").asInt(hidden / heads);
    layers = config.path("num_hidden_layers").intValue();
    scales = new double[layers];
    Arrays.fill(scales, 1);
  }

  /** Returns the same decoder as a path with a scale per layer. */
  ReferenceDecoder scaled(double[] hopScales, HopScaling what) {
    ReferenceDecoder path = new ReferenceDecoder(config, weights, onLinear);
    path.scales = hopScales;
    path.scaling = what;
    return path;
  }

  /** Returns the logits after every position. */
  double[][] logits(int[] tokens) {
    int length = tokens.length;
    double[][] x = new double[length][hidden];
    float[] embeddings = weights.get("model.embed_tokens.weight");
    for (int t = 0; t < length; t++) {
      for (int i = 0; i < hidden; i++) {
        x[t][i] = scales[0] * embeddings[tokens[t] * hidden + i];
      }
    }
    for (int layer = 0; layer < layers; layer++) {
      String block = "model.layers." + layer + ".";
      double[][] attended = attention(layer, norm(x, block + "input_layernorm"));
      add(x, attended);
      double[][] normed = norm(x, block + "post_attention_layernorm");
      double[][] gate = linear(normed, block + "mlp.gate_proj");
      double[][] up = linear(normed, block + "mlp.up_proj");
      for (int t = 0; t < length; t++) {
        for (int i = 0; i < gate[t].length; i++) {
          gate[t][i] = gate[t][i] / (1 + Math.exp(-gate[t][i])) * up[t][i];
        }
      }
      double[][] branch = linear(gate, block + "mlp.down_proj");
      double scale = layer + 1 < layers ? scales[layer + 1] : 1;
      for (int t = 0; t < length; t++) {
        for (int i = 0; i < hidden; i++) {
          x[t][i] =
              switch (scaling) {
                case BRANCH -> x[t][i] + scale * branch[t][i];
                case STREAM -> scale * (x[t][i] + branch[t][i]);
              };
        }
      }
    }
    boolean tied = config.path("tie_word_embeddings").asBoolean(false);
    return linear(norm(x, "model.norm"), tied ? "model.embed_tokens" : "lm_head");
  }

  double[] lastLogits(int[] tokens) {
    return logits(tokens)[tokens.length - 1];
  }

  double logLikelihood(int[] context, int[] continuation) {
    int[] all = Arrays.copyOf(context, context.length + continuation.length);
    System.arraycopy(continuation, 0, all, context.length, continuation.length);
    double[][] logits = logits(all);
    double sum = 0;
    for (int i = 0; i < continuation.length; i++) {
      double[] row = logits[context.length + i - 1];
      double total = Arrays.stream(row).map(Math::exp).sum();
      sum += row[continuation[i]] - Math.log(total);
    }
    return sum;
  }

  private double[][] attention(int layer, double[][] x) {
    String name = "model.layers." + layer + ".self_attn.";
    double[][] query = linear(x, name + "q_proj");
    double[][] key = linear(x, name + "k_proj");
    double[][] value = linear(x, name + "v_proj");
    rotate(query, heads);
    rotate(key, keyValueHeads);
    int window = window(layer);
    double[][] context = new double[x.length][heads * headDim];
    for (int t = 0; t < x.length; t++) {
      for (int head = 0; head < heads; head++) {
        int shared = head / (heads / keyValueHeads);
        int first = Math.max(0, t - window + 1);
        double[] share = new double[t + 1];
        double total = 0;
        for (int s = first; s <= t; s++) {
          double dot = 0;
          for (int i = 0; i < headDim; i++) {
            dot += query[t][head * headDim + i] * key[s][shared * headDim + i];
          }
          share[s] = Math.exp(dot / Math.sqrt(headDim));
          total += share[s];
        }
        for (int s = first; s <= t; s++) {
          for (int i = 0; i < headDim; i++) {
            context[t][head * headDim + i] += share[s] / total * value[s][shared * headDim + i];
          }
        }
      }
    }
    return linear(context, name + "o_proj");
  }

  private int window(int layer) {
    int all = 1 << 20;
    int window = config.path("sliding_window").asInt(all);
    return switch (config.path("architectures").get(0).asText()) {
      case "MistralForCausalLM" -> window;
      case "Qwen2ForCausalLM" ->
          config.path("use_sliding_window").asBoolean(false) && slides(layer) ? window : all;
      default -> all;
    };
  }

  private boolean slides(int layer) {
    JsonNode types = config.path("layer_types");
    return types.isArray()
        ? types.get(layer).asText().equals("sliding_attention")
        : layer >= config.path("max_window_layers").asInt(28);
  }

  private void rotate(double[][] x, int count) {
    int half = headDim / 2;
    for (int t = 0; t < x.length; t++) {
      for (int head = 0; head < count; head++) {
        for (int i = 0; i < half; i++) {
          double angle = t * frequency(i);
          int at = head * headDim + i;
          double a = x[t][at];
          double b = x[t][at + half];
          x[t][at] = a * Math.cos(angle) - b * Math.sin(angle);
          x[t][at + half] = b * Math.cos(angle) + a * Math.sin(angle);
        }
      }
    }
  }

  private double frequency(int i) {
    JsonNode rope = config.path("rope_parameters");
    double theta = rope.path("rope_theta").asDouble(config.path("rope_theta").asDouble(10000));
    JsonNode scaling = rope.isObject() ? rope : config.path("rope_scaling");
    double frequency = 1 / Math.pow(theta, 2.0 * i / headDim);
    double factor = scaling.path("factor").asDouble();
    String type = scaling.path("rope_type").asText(scaling.path("type").asText("default"));
    if (type.equals("linear")) {
      return frequency / factor;
    }
    if (type.equals("llama3")) {
      double low = scaling.path("low_freq_factor").asDouble();
      double high = scaling.path("high_freq_factor").asDouble();
      double turns =
          scaling.path("original_max_position_embeddings").asDouble() * frequency / (2 * Math.PI);
      // Below `low` turns in the original context: stretched; above `high`: kept.
      double kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
      return frequency * (kept + (1 - kept) / factor);
    }
    return frequency;
  }

  private double[][] norm(double[][] x, String name) {
    float[] scale = weights.get(name + ".weight");
    double epsilon = config.path("rms_norm_eps").asDouble(1e-6);
    double[][] y = new double[x.length][hidden];
    for (int t = 0; t < x.length; t++) {
      double squares = Arrays.stream(x[t]).map(v -> v * v).sum();
      for (int i = 0; i < hidden; i++) {
        y[t][i] = x[t][i] / Math.sqrt(squares / hidden + epsilon) * scale[i];
      }
    }
    return y;
  }

  private double[][] linear(double[][] x, String name) {
    onLinear.accept(name + ".weight", x);
    float[] matrix = weights.get(name + ".weight");
    float[] bias = weights.get(name + ".bias");
    int in = x[0].length;
    int out = matrix.length / in;
    double[][] y = new double[x.length][out];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < out; o++) {
        double sum = bias == null ? 0 : bias[o];
        for (int i = 0; i < in; i++) {
          sum += matrix[o * in + i] * x[t][i];
        }
        y[t][o] = sum;
      }
    }
    return y;
  }

  private static void add(double[][] x, double[][] y) {
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < x[t].length; i++) {
        x[t][i] += y[t][i];
      }
    }
  }
}
