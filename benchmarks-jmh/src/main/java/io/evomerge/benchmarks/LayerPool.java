package io.evomerge.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/** Models of random weights in memory, in Llama's shapes, and paths through their layers. */
final class LayerPool {

  /** Layers of each model. */
  static final int LAYERS = 8;

  private static final int MODELS = 3;

  private final int hidden;
  private final Map<String, TensorBuffer> outer = new LinkedHashMap<>();
  private final List<Map<String, TensorBuffer>> layers = new ArrayList<>();

  /**
   * Allocates three models.
   *
   * @param hidden width, a multiple of 64
   */
  LayerPool(int hidden) {
    this.hidden = hidden;
    SplittableRandom random = new SplittableRandom(1);
    DecoderConfig.from(config(MODELS * LAYERS))
        .weightShapes()
        .forEach(
            (name, shape) -> {
              TensorBuffer buffer = TensorBuffer.allocate(new TensorInfo(name, DType.F32, shape));
              fill(buffer, random);
              String[] parts = name.split("\\.", 4);
              if (!name.startsWith("model.layers.")) {
                outer.put(name, buffer);
                return;
              }
              int layer = Integer.parseInt(parts[2]);
              if (layer == layers.size()) {
                layers.add(new LinkedHashMap<>());
              }
              layers.get(layer).put(parts[3], buffer);
            });
  }

  private static void fill(TensorBuffer buffer, SplittableRandom random) {
    List<Long> shape = buffer.info().shape();
    boolean norm = shape.size() == 1;
    double scale = norm ? 0.2 : 0.9 * Math.sqrt(3.0 / shape.get(1));
    FloatBuffer floats = buffer.floats();
    while (floats.hasRemaining()) {
      floats.put((float) ((norm ? 1 : 0) + scale * (2 * random.nextDouble() - 1)));
    }
  }

  private ModelConfig config(int layerCount) {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.putArray("architectures").add("LlamaForCausalLM");
    json.put("vocab_size", 1000)
        .put("hidden_size", hidden)
        .put("intermediate_size", hidden * 5 / 2)
        .put("num_hidden_layers", layerCount)
        .put("num_attention_heads", hidden / 64)
        .put("num_key_value_heads", hidden / 128)
        .put("max_position_embeddings", 2048);
    return ModelConfig.of(json);
  }

  /** Returns the bytes of all weights. */
  long bytes() {
    long sum = 0;
    for (TensorBuffer buffer : outer.values()) {
      sum += buffer.info().byteSize();
    }
    for (Map<String, TensorBuffer> layer : layers) {
      for (TensorBuffer buffer : layer.values()) {
        sum += buffer.info().byteSize();
      }
    }
    return sum;
  }

  /** Draws a path with scales between 0.5 and 1.5. */
  DataFlow draw(int length, SplittableRandom random) {
    List<Hop> hops = new ArrayList<>();
    for (int hop = 0; hop < length; hop++) {
      String model = "m" + random.nextInt(MODELS);
      hops.add(new Hop(model, random.nextInt(LAYERS), 0.5 + random.nextDouble()));
    }
    return flow(hops);
  }

  /** Returns the path with scales of 1, which is what an ordinary model computes. */
  static DataFlow unscaled(DataFlow flow) {
    return flow.withHops(
        flow.hops().stream().map(hop -> new Hop(hop.model(), hop.layer(), 1)).toList());
  }

  private static DataFlow flow(List<Hop> hops) {
    List<CheckpointRef> others =
        List.of(new CheckpointRef("m1", "m1", ""), new CheckpointRef("m2", "m2", ""));
    return new DataFlow("m0", others, hops, HopScaling.BRANCH);
  }

  /** Returns a path as a candidate of a worker. */
  CandidateModel candidate(DataFlow flow, WeightStore worker) {
    MergeRecipe recipe = passthrough().dataFlow(flow).build();
    return new InMemory(recipe, config(flow.hops().size()), tensors(flow), worker);
  }

  /** Returns the layers of a path as an ordinary model, with weights of its own. */
  CandidateModel stacked(DataFlow flow) {
    Map<String, TensorBuffer> tensors = tensors(flow);
    List<TensorInfo> infos = new ArrayList<>();
    tensors.forEach(
        (name, buffer) -> infos.add(new TensorInfo(name, DType.F32, buffer.info().shape())));
    WeightStore store = WeightStore.allocate(infos);
    tensors.forEach((name, buffer) -> store.tensors().get(name).floats().put(buffer.floats()));
    return again(new InMemory(passthrough().build(), config(flow.hops().size()), Map.of(), store));
  }

  /** Returns the next candidate in the memory of an ordinary model: the same once more. */
  static CandidateModel again(CandidateModel model) {
    return new InMemory(
        model.recipe(), model.config().orElseThrow(), model.weights().tensors(), model.weights());
  }

  private static MergeRecipe.Builder passthrough() {
    return MergeRecipe.builder("passthrough").source(new CheckpointRef("m0", "m0", ""));
  }

  private Map<String, TensorBuffer> tensors(DataFlow flow) {
    Map<String, TensorBuffer> tensors = new LinkedHashMap<>(outer);
    for (int t = 0; t < flow.hops().size(); t++) {
      Hop hop = flow.hops().get(t);
      int layer = Integer.parseInt(hop.model().substring(1)) * LAYERS + hop.layer();
      String block = "model.layers." + t + ".";
      layers.get(layer).forEach((name, buffer) -> tensors.put(block + name, buffer));
    }
    return tensors;
  }

  /** A candidate over buffers that are there. */
  private record InMemory(
      MergeRecipe recipe, ModelConfig json, Map<String, TensorBuffer> tensors, WeightStore weights)
      implements CandidateModel {

    @Override
    public Optional<ModelConfig> config() {
      return Optional.of(json);
    }

    @Override
    public ModelLayout layout() {
      return ModelLayout.of(tensors.keySet(), false);
    }

    @Override
    public Optional<Path> tokenizerFolder() {
      return Optional.empty();
    }

    @Override
    public long parameterCount() {
      return tensors.values().stream()
          .distinct()
          .mapToLong(buffer -> buffer.info().elementCount())
          .sum();
    }
  }
}
