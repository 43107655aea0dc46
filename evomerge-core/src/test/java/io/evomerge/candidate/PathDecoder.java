package io.evomerge.candidate;

import com.fasterxml.jackson.databind.JsonNode;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.genome.HopScaling;
import io.evomerge.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Decoders of the Llama family, and data flow paths through their layers, in plain loops and double
 * arithmetic: written from the definitions, without any code of the library but reading tensors.
 */
final class PathDecoder {

  private final JsonNode config;
  private final Map<String, float[]> weights = new HashMap<>();
  private final int hidden;
  private final int heads;
  private final int keyValueHeads;
  private final int headDim;

  PathDecoder(Checkpoint model) {
    config = model.config().orElseThrow().json();
    for (TensorInfo info : model.tensors().values()) {
      if (info.dtype().isFloating()) {
        weights.put(info.name(), TinyModels.floats(model.tensor(info.name())));
      }
    }
    hidden = config.path("hidden_size").intValue();
    heads = config.path("num_attention_heads").intValue();
    keyValueHeads = config.path("num_key_value_heads").asInt(heads);
    headDim = config.path("head_dim").asInt(hidden / heads);
  }

  /** A layer on a path. */
  record Step(PathDecoder model, int layer, double scale) {}

  /** Returns the logits of the model itself after every position. */
  double[][] logits(int... tokens) {
    List<Step> steps = new ArrayList<>();
    for (int layer = 0; layer < config.path("num_hidden_layers").intValue(); layer++) {
      steps.add(new Step(this, layer, 1));
    }
    return logits(steps, HopScaling.STREAM, tokens);
  }

  /** Returns the logits of a path with this model's embeddings, final norm and head. */
  double[][] logits(List<Step> steps, HopScaling scaling, int... tokens) {
    double[][] x = new double[tokens.length][hidden];
    float[] embeddings = weights.get("model.embed_tokens.weight");
    for (int t = 0; t < tokens.length; t++) {
      for (int i = 0; i < hidden; i++) {
        x[t][i] = steps.get(0).scale() * embeddings[tokens[t] * hidden + i];
      }
    }
    for (int hop = 0; hop < steps.size(); hop++) {
      PathDecoder model = steps.get(hop).model();
      String block = "model.layers." + steps.get(hop).layer() + ".";
      double next = hop + 1 < steps.size() ? steps.get(hop + 1).scale() : 1;
      boolean branch = scaling == HopScaling.BRANCH;
      add(x, model.attention(block, model.norm(x, block + "input_layernorm")), 1);
      add(
          x,
          model.mlp(block, model.norm(x, block + "post_attention_layernorm")),
          branch ? next : 1);
      if (!branch) {
        for (double[] row : x) {
          for (int i = 0; i < row.length; i++) {
            row[i] *= next;
          }
        }
      }
    }
    boolean tied = config.path("tie_word_embeddings").asBoolean(false);
    return linear(norm(x, "model.norm"), tied ? "model.embed_tokens" : "lm_head");
  }

  /** Returns the largest difference, relative to the largest logit. */
  static double error(double[][] got, double[][] wanted) {
    double difference = 0;
    double largest = 0;
    for (int t = 0; t < wanted.length; t++) {
      for (int i = 0; i < wanted[t].length; i++) {
        difference = Math.max(difference, Math.abs(got[t][i] - wanted[t][i]));
        largest = Math.max(largest, Math.abs(wanted[t][i]));
      }
    }
    return difference / largest;
  }

  private double[][] mlp(String block, double[][] x) {
    double[][] gate = linear(x, block + "mlp.gate_proj");
    double[][] up = linear(x, block + "mlp.up_proj");
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < gate[t].length; i++) {
        gate[t][i] = gate[t][i] / (1 + Math.exp(-gate[t][i])) * up[t][i];
      }
    }
    return linear(gate, block + "mlp.down_proj");
  }

  private double[][] attention(String block, double[][] x) {
    double[][] q = linear(x, block + "self_attn.q_proj");
    double[][] k = linear(x, block + "self_attn.k_proj");
    double[][] v = linear(x, block + "self_attn.v_proj");
    double[][] out = new double[x.length][heads * headDim];
    for (int t = 0; t < x.length; t++) {
      rotate(q[t], t);
      rotate(k[t], t);
    }
    for (int head = 0; head < heads; head++) {
      int from = head * headDim;
      int shared = head / (heads / keyValueHeads) * headDim;
      for (int t = 0; t < x.length; t++) {
        double[] attends = new double[t + 1];
        double sum = 0;
        for (int s = 0; s <= t; s++) {
          double dot = 0;
          for (int i = 0; i < headDim; i++) {
            dot += q[t][from + i] * k[s][shared + i];
          }
          attends[s] = Math.exp(dot / Math.sqrt(headDim));
          sum += attends[s];
        }
        for (int s = 0; s <= t; s++) {
          for (int i = 0; i < headDim; i++) {
            out[t][from + i] += attends[s] / sum * v[s][shared + i];
          }
        }
      }
    }
    return linear(out, block + "self_attn.o_proj");
  }

  private void rotate(double[] row, int position) {
    int half = headDim / 2;
    for (int from = 0; from < row.length; from += headDim) {
      for (int i = 0; i < half; i++) {
        double angle =
            position * Math.pow(config.path("rope_theta").asDouble(10_000), -2.0 * i / headDim);
        double a = row[from + i];
        double b = row[from + half + i];
        row[from + i] = a * Math.cos(angle) - b * Math.sin(angle);
        row[from + half + i] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
  }

  private double[][] norm(double[][] x, String name) {
    float[] weight = weights.get(name + ".weight");
    double[][] out = new double[x.length][hidden];
    for (int t = 0; t < x.length; t++) {
      double squares = 0;
      for (double value : x[t]) {
        squares += value * value;
      }
      double root = Math.sqrt(squares / hidden + config.path("rms_norm_eps").asDouble());
      for (int i = 0; i < hidden; i++) {
        out[t][i] = x[t][i] / root * weight[i];
      }
    }
    return out;
  }

  private double[][] linear(double[][] x, String name) {
    float[] weight = weights.get(name + ".weight");
    float[] bias = weights.get(name + ".bias");
    int in = x[0].length;
    int rows = weight.length / in;
    double[][] out = new double[x.length][rows];
    for (int t = 0; t < x.length; t++) {
      for (int r = 0; r < rows; r++) {
        double sum = bias == null ? 0 : bias[r];
        for (int i = 0; i < in; i++) {
          sum += x[t][i] * weight[r * in + i];
        }
        out[t][r] = sum;
      }
    }
    return out;
  }

  private static void add(double[][] x, double[][] more, double factor) {
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < x[t].length; i++) {
        x[t][i] += factor * more[t][i];
      }
    }
  }
}
