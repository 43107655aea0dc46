package io.evomerge.onnx.runtime;

import static io.evomerge.onnx.runtime.TestConfigs.LLAMA;
import static io.evomerge.onnx.runtime.TestConfigs.MISTRAL;
import static io.evomerge.onnx.runtime.TestConfigs.QWEN2;
import static io.evomerge.onnx.runtime.TestConfigs.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.candidate.Alignment;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.CandidateModels;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An alignment reorders a model and leaves alone what it computes. */
class AlignmentFunctionTest {

  private static final List<int[]> PROMPTS =
      List.of(new int[] {1, 2, 3, 9, 30, 4}, new int[] {5, 6, 7, 8, 9, 10, 11});

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {LLAMA, MISTRAL, QWEN2})
  void anAlignedModelComputesTheSameLogits(String json) throws IOException {
    // Four query heads in two groups, so that there is something to reorder at every level.
    ModelConfig config =
        with(
            json,
            """
            {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}""");
    try (OnnxBackend backend = OnnxBackend.cpu();
        Checkpoint reference = checkpoint("reference", config, 1);
        Checkpoint source = checkpoint("source", config, 2)) {
      Alignment alignment = Alignment.of(source, reference);
      assertThat(alignment.isIdentity()).isFalse();
      float[][] expected = logits(backend, source);
      float[][] actual = logits(backend, alignment.view(source));
      float[][] others = logits(backend, reference);
      for (int row = 0; row < PROMPTS.size(); row++) {
        assertThat(actual[row]).containsExactly(expected[row], within(1e-4f));
        assertThat(others[row][0]).isNotCloseTo(expected[row][0], within(1e-3f));
      }
    }
  }

  private static float[][] logits(OnnxBackend backend, Checkpoint model) {
    CandidateModel candidate = CandidateModels.load(model);
    try {
      return backend.languageModel(candidate).lastLogits(PROMPTS);
    } finally {
      candidate.weights().close();
    }
  }

  private Checkpoint checkpoint(String name, ModelConfig config, long seed) throws IOException {
    Path path = folder.resolve(name);
    try (TestCandidate candidate = TestCandidate.random(config, seed)) {
      Map<String, float[]> weights = candidate.copy();
      List<TensorInfo> infos = new ArrayList<>();
      candidate
          .weights()
          .tensors()
          .forEach(
              (tensor, buffer) ->
                  infos.add(new TensorInfo(tensor, DType.F32, buffer.info().shape())));
      try (CheckpointWriter writer =
          CheckpointWriter.create(path, infos, Map.of(), WriteOptions.defaults())) {
        weights.forEach(
            (tensor, values) -> writer.sink(tensor).writeFloats(0, values, 0, values.length));
        writer.write("config.json", config.json().toString().getBytes(StandardCharsets.UTF_8));
        writer.commit();
      }
    }
    return Checkpoints.open(path);
  }
}
