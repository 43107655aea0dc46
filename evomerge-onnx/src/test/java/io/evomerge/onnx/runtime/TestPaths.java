package io.evomerge.onnx.runtime;

import com.fasterxml.jackson.databind.node.ArrayNode;
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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;

/** Random models of one configuration, "m0" and on, and paths through their layers. */
final class TestPaths {

  private final ModelConfig config;
  private final DecoderConfig decoder;
  private final List<Map<String, TensorBuffer>> models = new ArrayList<>();

  TestPaths(ModelConfig config, int models, long seed) {
    this.config = config;
    this.decoder = DecoderConfig.from(config);
    for (int model = 0; model < models; model++) {
      Map<String, TensorBuffer> buffers = new LinkedHashMap<>();
      decoder
          .weightShapes()
          .forEach(
              (name, shape) ->
                  buffers.put(name, TensorBuffer.allocate(new TensorInfo(name, DType.F32, shape))));
      // Moderate layers, so that long paths do not blow up what rounding does.
      TestCandidate.fill(buffers.values(), 0.9, seed + model);
      this.models.add(buffers);
    }
  }

  /** Draws a path: layers of any model, repeats, scales of which some are negative or 0. */
  DataFlow draw(int length, HopScaling scaling, Random random) {
    List<Hop> hops = new ArrayList<>();
    for (int hop = 0; hop < length; hop++) {
      boolean again = hop > 0 && random.nextInt(4) == 0;
      Hop before = again ? hops.get(random.nextInt(hop)) : null;
      String model = again ? before.model() : "m" + random.nextInt(models.size());
      int layer = again ? before.layer() : random.nextInt(decoder.layerCount());
      // A stream that is 0 as a whole has forgotten its tokens.
      boolean zero = hop > 0 && scaling == HopScaling.BRANCH && random.nextInt(8) == 0;
      hops.add(new Hop(model, layer, zero ? 0 : 2 * random.nextDouble() - 0.5));
    }
    return flow(hops, scaling);
  }

  DataFlow flow(List<Hop> hops, HopScaling scaling) {
    List<CheckpointRef> others =
        IntStream.range(1, models.size())
            .mapToObj(model -> new CheckpointRef("m" + model, "m" + model, ""))
            .toList();
    return new DataFlow("m0", others, hops, scaling);
  }

  /** Returns a candidate in memory of its own, as far as a store goes. */
  PathCandidate candidate(DataFlow flow) {
    return candidate(flow, WeightStore.allocate(List.of()));
  }

  PathCandidate candidate(DataFlow flow, WeightStore store) {
    Map<String, TensorBuffer> tensors = new LinkedHashMap<>();
    models
        .get(0)
        .forEach(
            (name, buffer) -> {
              if (!name.startsWith("model.layers.")) {
                tensors.put(name, buffer);
              }
            });
    for (int t = 0; t < flow.hops().size(); t++) {
      Hop hop = flow.hops().get(t);
      String from = "model.layers." + hop.layer() + ".";
      String to = "model.layers." + t + ".";
      models
          .get(Integer.parseInt(hop.model().substring(1)))
          .forEach(
              (name, buffer) -> {
                if (name.startsWith(from)) {
                  tensors.put(to + name.substring(from.length()), buffer);
                }
              });
    }
    return new PathCandidate(flow, config(flow), tensors, store);
  }

  private ModelConfig config(DataFlow flow) {
    ObjectNode json = config.json().deepCopy();
    json.put("num_hidden_layers", flow.hops().size());
    if (decoder.architecture().equals("Qwen2ForCausalLM")) {
      ArrayNode types = json.putArray("layer_types");
      for (Hop hop : flow.hops()) {
        boolean slides = decoder.slidingWindows().get(hop.layer()) > 0;
        types.add(slides ? "sliding_attention" : "full_attention");
      }
    }
    return ModelConfig.of(json);
  }

  /** A path as a candidate. */
  record PathCandidate(
      DataFlow flow, ModelConfig json, Map<String, TensorBuffer> tensors, WeightStore weights)
      implements CandidateModel, AutoCloseable {

    /** Returns the reference for it, reading the same buffers. */
    ReferenceDecoder reference() {
      Map<TensorBuffer, float[]> copies = new IdentityHashMap<>();
      Map<String, float[]> values = new LinkedHashMap<>();
      tensors.forEach(
          (name, buffer) ->
              values.put(
                  name,
                  copies.computeIfAbsent(
                      buffer,
                      b -> {
                        float[] floats = new float[(int) b.info().elementCount()];
                        b.floats().get(floats);
                        return floats;
                      })));
      double[] scales = flow.hops().stream().mapToDouble(Hop::scale).toArray();
      return new ReferenceDecoder(json.json(), values).scaled(scales, flow.scaling());
    }

    /** Returns the same layers as an ordinary model with memory of its own. */
    TestCandidate stacked() {
      List<TensorInfo> infos = new ArrayList<>();
      tensors.forEach(
          (name, buffer) -> infos.add(new TensorInfo(name, DType.F32, buffer.info().shape())));
      TestCandidate candidate = new TestCandidate(Optional.of(json), WeightStore.allocate(infos));
      tensors.forEach((name, buffer) -> candidate.floats(name).put(buffer.floats()));
      return candidate;
    }

    @Override
    public MergeRecipe recipe() {
      return MergeRecipe.builder("passthrough")
          .source(new CheckpointRef("m0", "m0", ""))
          .dataFlow(flow)
          .build();
    }

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
          .mapToLong(tensor -> tensor.info().elementCount())
          .sum();
    }

    @Override
    public void close() {
      weights.close();
    }
  }
}
