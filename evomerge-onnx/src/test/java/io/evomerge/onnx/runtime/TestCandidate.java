package io.evomerge.onnx.runtime;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** A candidate whose weights come from a small file or from a seed. */
record TestCandidate(Optional<ModelConfig> config, WeightStore weights)
    implements CandidateModel, AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Reads a bfloat16 safetensors checkpoint from the test resources. */
  static TestCandidate zoo(String model) {
    try {
      Path folder = Path.of(TestCandidate.class.getResource("/zoo/" + model).toURI());
      ModelConfig config =
          ModelConfig.of((ObjectNode) JSON.readTree(folder.resolve("config.json").toFile()));
      ByteBuffer file =
          ByteBuffer.wrap(Files.readAllBytes(folder.resolve("model.safetensors")))
              .order(ByteOrder.LITTLE_ENDIAN);
      byte[] header = new byte[(int) file.getLong()];
      file.get(header);
      int start = file.position();
      Map<String, float[]> values = new LinkedHashMap<>();
      List<TensorInfo> infos = new ArrayList<>();
      for (Map.Entry<String, JsonNode> entry : JSON.readTree(header).properties()) {
        if (entry.getKey().equals("__metadata__")) {
          continue;
        }
        List<Long> shape = new ArrayList<>();
        entry.getValue().path("shape").forEach(size -> shape.add(size.longValue()));
        TensorInfo info = new TensorInfo(entry.getKey(), DType.F32, shape);
        float[] floats = new float[(int) info.elementCount()];
        int at = start + entry.getValue().path("data_offsets").get(0).intValue();
        for (int i = 0; i < floats.length; i++) {
          floats[i] = Float.intBitsToFloat(file.getShort(at + 2 * i) << 16);
        }
        infos.add(info);
        values.put(info.name(), floats);
      }
      TestCandidate candidate = new TestCandidate(Optional.of(config), WeightStore.allocate(infos));
      values.forEach((name, floats) -> candidate.floats(name).put(floats));
      return candidate;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Makes a model of random weights. */
  static TestCandidate random(ModelConfig config, long seed) {
    List<TensorInfo> infos = new ArrayList<>();
    DecoderConfig.from(config)
        .weightShapes()
        .forEach((name, shape) -> infos.add(new TensorInfo(name, DType.F32, shape)));
    TestCandidate candidate = new TestCandidate(Optional.of(config), WeightStore.allocate(infos));
    candidate.fill(seed);
    return candidate;
  }

  /** Overwrites the weights with random ones: norms near 1, the rest of a moderate size. */
  void fill(long seed) {
    fill(weights.tensors().values(), 1.5, seed);
  }

  /** Does so with linear layers that lengthen their input {@code gain} times. */
  static void fill(Collection<TensorBuffer> tensors, double gain, long seed) {
    Random random = new Random(seed);
    for (TensorBuffer tensor : tensors) {
      boolean norm = tensor.info().name().endsWith("norm.weight");
      List<Long> shape = tensor.info().shape();
      double scale = norm ? 0.2 : gain / Math.sqrt(shape.get(shape.size() - 1));
      FloatBuffer floats = tensor.floats();
      while (floats.hasRemaining()) {
        floats.put((float) ((norm ? 1 : 0) + scale * random.nextGaussian()));
      }
    }
  }

  /** Returns another candidate in the same memory. */
  TestCandidate next() {
    return new TestCandidate(config, weights);
  }

  FloatBuffer floats(String tensor) {
    return weights.tensors().get(tensor).floats();
  }

  Map<String, float[]> copy() {
    Map<String, float[]> copy = new LinkedHashMap<>();
    weights
        .tensors()
        .forEach(
            (name, tensor) -> {
              float[] floats = new float[(int) tensor.info().elementCount()];
              tensor.floats().get(floats);
              copy.put(name, floats);
            });
    return copy;
  }

  @Override
  public MergeRecipe recipe() {
    return MergeRecipe.builder("passthrough")
        .source(new CheckpointRef("model", "model", ""))
        .build();
  }

  @Override
  public ModelLayout layout() {
    return ModelLayout.of(weights.tensors().keySet(), false);
  }

  @Override
  public Optional<Path> tokenizerFolder() {
    return Optional.empty();
  }

  @Override
  public long parameterCount() {
    return weights.tensors().values().stream()
        .mapToLong(tensor -> tensor.info().elementCount())
        .sum();
  }

  @Override
  public void close() {
    weights.close();
  }
}
