package io.evomerge.candidate;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.genome.HopScaling;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Tiny decoders that can be run, and paths through them. */
final class RunnableModels {

  static final int HIDDEN = 32;
  static final int VOCABULARY = 29;
  static final int[] TOKENS = {3, 17, 5, 28, 0, 11, 11};

  private RunnableModels() {}

  /** What a family of models is like. */
  record Kind(DType dtype, boolean tied, boolean biases, double epsilon) {

    static Kind plain() {
      return new Kind(DType.F32, false, false, 1e-5);
    }

    ObjectNode config(int layers) {
      ObjectNode config = JsonNodeFactory.instance.objectNode();
      config.putArray("architectures").add("LlamaForCausalLM");
      config.put("model_type", "llama");
      config.put("num_hidden_layers", layers);
      config.put("hidden_size", HIDDEN);
      config.put("intermediate_size", 40);
      config.put("vocab_size", VOCABULARY);
      config.put("num_attention_heads", 4);
      config.put("num_key_value_heads", 2);
      config.put("max_position_embeddings", 64);
      config.put("rope_theta", 10_000.0);
      config.put("rms_norm_eps", epsilon);
      config.put("attention_bias", biases);
      config.put("mlp_bias", biases);
      config.put("tie_word_embeddings", tied);
      config.put("torch_dtype", dtype.configName());
      return config;
    }

    Map<String, List<Long>> shapes(int layers) {
      Map<String, List<Long>> shapes = new TreeMap<>();
      long h = HIDDEN;
      shapes.put("model.embed_tokens.weight", List.of((long) VOCABULARY, h));
      for (int layer = 0; layer < layers; layer++) {
        String block = "model.layers." + layer + ".";
        linear(shapes, block + "self_attn.q_proj", h, h);
        linear(shapes, block + "self_attn.k_proj", h / 2, h);
        linear(shapes, block + "self_attn.v_proj", h / 2, h);
        linear(shapes, block + "self_attn.o_proj", h, h);
        linear(shapes, block + "mlp.gate_proj", 40, h);
        linear(shapes, block + "mlp.up_proj", 40, h);
        linear(shapes, block + "mlp.down_proj", h, 40);
        shapes.put(block + "input_layernorm.weight", List.of(h));
        shapes.put(block + "post_attention_layernorm.weight", List.of(h));
      }
      shapes.put("model.norm.weight", List.of(h));
      if (!tied) {
        shapes.put("lm_head.weight", List.of((long) VOCABULARY, h));
      }
      return shapes;
    }

    private void linear(Map<String, List<Long>> shapes, String name, long out, long in) {
      shapes.put(name + ".weight", List.of(out, in));
      if (biases) {
        shapes.put(name + ".bias", List.of(out));
      }
    }

    Checkpoint open(Path folder, int layers, long seed) {
      return open(folder, layers, seed, config(layers));
    }

    Checkpoint open(Path folder, int layers, long seed, ObjectNode config) {
      Map<String, List<Long>> shapes = shapes(layers);
      Map<String, float[]> tensors = new TreeMap<>();
      Random random = new Random(seed);
      shapes.forEach(
          (name, shape) -> {
            boolean norm = name.endsWith("norm.weight");
            long count = shape.stream().reduce(1L, (a, b) -> a * b);
            double scale = norm ? 0.2 : 1.5 / Math.sqrt(shape.get(shape.size() - 1));
            float[] values = new float[(int) count];
            for (int i = 0; i < values.length; i++) {
              values[i] = (float) ((norm ? 1 : 0) + scale * random.nextGaussian());
            }
            tensors.put(name, values);
          });
      try {
        return Checkpoints.open(TestCheckpoints.write(folder, tensors, shapes, dtype, config));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  static CheckpointRef ref(Checkpoint model) {
    return new CheckpointRef(model.name(), model.location().toString(), "");
  }

  /** A recipe of a path whose first model is a source as it is. */
  static MergeRecipe recipe(
      HopScaling scaling, List<Hop> hops, Checkpoint first, Checkpoint... others) {
    List<CheckpointRef> models = new ArrayList<>();
    for (Checkpoint other : others) {
      models.add(ref(other));
    }
    return MergeRecipe.builder("passthrough")
        .source(ref(first))
        .dataFlow(new DataFlow(first.name(), models, hops, scaling))
        .build();
  }

  /** Computes a path by its definition. */
  static double[][] logits(DataFlow flow, Map<String, PathDecoder> models) {
    List<PathDecoder.Step> steps = new ArrayList<>();
    for (Hop hop : flow.hops()) {
      steps.add(new PathDecoder.Step(models.get(hop.model()), hop.layer(), (float) hop.scale()));
    }
    return models.get(flow.merged()).logits(steps, flow.scaling(), TOKENS);
  }

  static double[][] logits(MergeRecipe recipe, Checkpoint... models) {
    Map<String, PathDecoder> decoders = new HashMap<>();
    for (Checkpoint model : models) {
      decoders.put(model.name(), new PathDecoder(model));
    }
    return logits(recipe.dataFlow().orElseThrow(), decoders);
  }

  /** Draws a path: repeated layers are likely, and so are scales of 1. */
  static List<Hop> hops(Random random, boolean zeros, Map<String, Integer> layers) {
    List<String> names = List.copyOf(new TreeMap<>(layers).keySet());
    List<Hop> hops = new ArrayList<>();
    int count = 1 + random.nextInt(8);
    for (int t = 0; t < count; t++) {
      String model = names.get(random.nextInt(names.size()));
      double scale = (random.nextInt(3) == 0 ? -1 : 1) * (0.3 + 1.7 * random.nextDouble());
      if (random.nextInt(4) == 0) {
        scale = zeros && random.nextInt(3) == 0 ? 0 : 1;
      }
      hops.add(new Hop(model, random.nextInt(layers.get(model)), scale));
    }
    return hops;
  }
}
