package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Writes model folders of a few hundred weights with random values. */
final class TinyModels {

  static final String POSITIONS = "model.position_ids";

  private TinyModels() {}

  static List<TensorInfo> tensors(DType dtype, boolean tied) {
    List<TensorInfo> tensors = new ArrayList<>();
    tensors.add(new TensorInfo("model.embed_tokens.weight", dtype, List.of(11L, 8L)));
    for (int i = 0; i < 2; i++) {
      String block = "model.layers." + i + ".";
      tensors.add(new TensorInfo(block + "self_attn.q_proj.weight", dtype, List.of(8L, 8L)));
      tensors.add(new TensorInfo(block + "mlp.up_proj.weight", dtype, List.of(16L, 8L)));
      tensors.add(new TensorInfo(block + "input_layernorm.weight", DType.F32, List.of(8L)));
    }
    tensors.add(new TensorInfo("model.norm.weight", dtype, List.of(8L)));
    if (!tied) {
      tensors.add(new TensorInfo("lm_head.weight", dtype, List.of(11L, 8L)));
    }
    return tensors;
  }

  static Path write(Path folder, DType dtype, boolean tied, long seed) throws IOException {
    return write(folder, tensors(dtype, tied), dtype, tied, seed);
  }

  static Path write(Path folder, List<TensorInfo> tensors, DType dtype, boolean tied, long seed)
      throws IOException {
    Random random = new Random(seed);
    try (CheckpointWriter writer =
        CheckpointWriter.create(folder, tensors, Map.of(), WriteOptions.defaults())) {
      for (TensorInfo info : tensors) {
        TensorSink sink = writer.sink(info.name());
        if (!info.dtype().isFloating()) {
          byte[] bytes = new byte[(int) info.byteSize()];
          random.nextBytes(bytes);
          sink.writeBytes(0, bytes, 0, bytes.length);
          continue;
        }
        float[] values = new float[(int) info.elementCount()];
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) random.nextGaussian();
        }
        sink.writeFloats(0, values, 0, values.length);
      }
      String config =
          """
          {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama",
            "num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 11,
            "tie_word_embeddings": TIED, "torch_dtype": "DTYPE"
          }
          """
              .replace("TIED", Boolean.toString(tied))
              .replace("DTYPE", dtype.configName());
      writer.write("config.json", config.getBytes(StandardCharsets.UTF_8));
      writer.write(
          "generation_config.json", "{\"eos_token_id\": 2}".getBytes(StandardCharsets.UTF_8));
      writer.write(
          "tokenizer_config.json",
          ("{\"of\": \"" + folder.getFileName() + "\"}").getBytes(StandardCharsets.UTF_8));
      writer.commit();
    }
    return folder;
  }

  /** A base and two sources, open. */
  record Family(Checkpoint base, List<Checkpoint> sources) implements AutoCloseable {

    static Family write(Path folder, DType dtype, boolean tied) throws IOException {
      Checkpoint base = Checkpoints.open(TinyModels.write(folder.resolve("base"), dtype, tied, 1));
      List<Checkpoint> sources = new ArrayList<>();
      for (String name : List.of("ja", "math")) {
        Path model = TinyModels.write(folder.resolve(name), dtype, tied, name.hashCode());
        sources.add(Checkpoints.open(model));
      }
      return new Family(base, sources);
    }

    MergeRecipe.Builder dareTies() {
      return MergeRecipe.builder("dare_ties")
          .base(base.ref())
          .sources(sources.stream().map(Checkpoint::ref).toList())
          .perSource("weight", 0.7, 0.4)
          .perSource("density", 0.5, 0.8)
          .seed(42);
    }

    List<CheckpointRef> refs() {
      return sources.stream().map(Checkpoint::ref).toList();
    }

    @Override
    public void close() {
      base.close();
      sources.forEach(Checkpoint::close);
    }
  }

  static float[] floats(TensorView view) {
    float[] values = new float[(int) view.info().elementCount()];
    view.readFloats(0, values, 0, values.length);
    return values;
  }

  static Map<String, float[]> floats(WeightStore store) {
    Map<String, float[]> values = new TreeMap<>();
    store.tensors().forEach((name, buffer) -> values.put(name, floats(buffer)));
    return values;
  }

  /** All files of a folder with their content as Latin-1, so that differences are shown. */
  static Map<String, String> files(Path folder) throws IOException {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> all = Files.list(folder)) {
      for (Path file : all.toList()) {
        files.put(
            file.getFileName().toString(), Files.readString(file, StandardCharsets.ISO_8859_1));
      }
    }
    return files;
  }
}
