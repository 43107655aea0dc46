package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.genome.HopScaling;
import io.evomerge.merge.MergeOperator;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Models of different depths, and paths through their layers. */
final class PathModels {

  /** The weights of one layer. */
  static final int LAYER_WEIGHTS = 8 * 8 + 16 * 8 + 8;

  private PathModels() {}

  static List<TensorInfo> tensors(int layers, long hidden, boolean tied) {
    List<TensorInfo> tensors = new ArrayList<>();
    tensors.add(new TensorInfo("model.embed_tokens.weight", DType.BF16, List.of(11L, hidden)));
    for (int i = 0; i < layers; i++) {
      String block = "model.layers." + i + ".";
      tensors.add(
          new TensorInfo(block + "self_attn.q_proj.weight", DType.BF16, List.of(8L, hidden)));
      tensors.add(new TensorInfo(block + "mlp.up_proj.weight", DType.BF16, List.of(16L, hidden)));
      tensors.add(new TensorInfo(block + "input_layernorm.weight", DType.F32, List.of(hidden)));
    }
    tensors.add(new TensorInfo("model.norm.weight", DType.BF16, List.of(hidden)));
    if (!tied) {
      tensors.add(new TensorInfo("lm_head.weight", DType.BF16, List.of(11L, hidden)));
    }
    return tensors;
  }

  /**
   * Writes a model and opens it under the folder's name.
   *
   * @param config further entries of {@code config.json}, which begin with a comma
   */
  static Checkpoint write(Path folder, int layers, boolean tied, String config, long seed)
      throws IOException {
    return write(folder, tensors(layers, 8, tied), layers, tied, config, seed);
  }

  static Checkpoint write(
      Path folder, List<TensorInfo> tensors, int layers, boolean tied, String config, long seed)
      throws IOException {
    TinyModels.write(folder, tensors, DType.BF16, tied, seed);
    Files.writeString(
        folder.resolve("config.json"),
        """
        {
          "architectures": ["LlamaForCausalLM"], "num_hidden_layers": LAYERS, "hidden_size": 8,
          "vocab_size": 11, "tie_word_embeddings": TIED, "torch_dtype": "bfloat16" MORE
        }
        """
            .replace("LAYERS", Integer.toString(layers))
            .replace("TIED", Boolean.toString(tied))
            .replace("MORE", config));
    return Checkpoints.open(folder);
  }

  /** A path; scales grow from hop to hop, so that they differ. */
  static DataFlow path(String merged, List<Checkpoint> others, Object... modelsAndLayers) {
    List<Hop> hops = new ArrayList<>();
    for (int i = 0; i < modelsAndLayers.length; i += 2) {
      hops.add(
          new Hop((String) modelsAndLayers[i], (Integer) modelsAndLayers[i + 1], 1 + i / 16.0));
    }
    return new DataFlow(
        merged, others.stream().map(Checkpoint::ref).toList(), hops, HopScaling.BRANCH);
  }

  /** A path of 1 to 8 hops through the layers of a merged model and of others. */
  static DataFlow random(String merged, int mergedLayers, List<Checkpoint> others, Random random) {
    List<Object> hops = new ArrayList<>();
    for (int i = random.nextInt(8); i >= 0; i--) {
      int model = random.nextInt(others.size() + 1) - 1;
      hops.add(model < 0 ? merged : others.get(model).name());
      hops.add(random.nextInt(model < 0 ? mergedLayers : others.get(model).layout().layerCount()));
    }
    return path(merged, others, hops.toArray());
  }

  /** One source as it is, on a path. */
  static MergeRecipe passthrough(Checkpoint source, DataFlow flow) {
    return MergeRecipe.builder("passthrough").source(source.ref()).dataFlow(flow).build();
  }

  static CandidateAssembler.Builder assembler(
      MergeOperator operator, List<Checkpoint> sources, List<Checkpoint> others, MergeRecipe any) {
    return CandidateAssembler.builder(operator).sources(sources).pathModels(others).structure(any);
  }
}
