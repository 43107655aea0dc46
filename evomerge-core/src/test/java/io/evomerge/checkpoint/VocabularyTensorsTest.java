package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VocabularyTensorsTest {

  @TempDir Path folder;

  private Checkpoint model(Map<String, List<Long>> shapes, boolean tied) throws IOException {
    ObjectNode config = TestCheckpoints.llamaConfig(2, 4).put("tie_word_embeddings", tied);
    TestCheckpoints.write(folder, TestCheckpoints.random(shapes, 1), shapes, DType.F32, config);
    return Checkpoints.open(folder);
  }

  private static List<String> names(List<TensorInfo> tensors) {
    return tensors.stream().map(TensorInfo::name).toList();
  }

  @Test
  void embeddingsHeadAndItsBiasHaveARowPerToken() throws IOException {
    Map<String, List<Long>> shapes = new TreeMap<>(TestCheckpoints.llamaShapes(2, 4, 8, 12));
    shapes.put("lm_head.bias", List.of(12L));
    try (Checkpoint model = model(shapes, false)) {
      assertThat(names(VocabularyTensors.of(model)))
          .containsExactly("lm_head.bias", "lm_head.weight", "model.embed_tokens.weight");
      assertThat(VocabularyTensors.withOtherRows(model)).isEmpty();
    }
  }

  @Test
  void aTiedHeadIsNoTensorOfItsOwn() throws IOException {
    Map<String, List<Long>> shapes = new TreeMap<>(TestCheckpoints.llamaShapes(2, 4, 8, 12));
    shapes.remove("lm_head.weight");
    try (Checkpoint model = model(shapes, true)) {
      assertThat(names(VocabularyTensors.of(model))).containsExactly("model.embed_tokens.weight");
    }
  }

  @Test
  void positionsAndClassifiersHaveNoRowsPerTokenThoughTheNumbersAgree() throws IOException {
    Map<String, List<Long>> shapes = new TreeMap<>();
    shapes.put("transformer.wte.weight", List.of(12L, 4L));
    shapes.put("transformer.wpe.weight", List.of(12L, 4L));
    shapes.put("score.weight", List.of(12L, 4L));
    shapes.put("transformer.h.0.mlp.c_fc.weight", List.of(12L, 4L));
    shapes.put("transformer.h.0.mlp.shared.weight", List.of(12L, 4L));
    try (Checkpoint model = model(shapes, false)) {
      assertThat(names(VocabularyTensors.of(model))).containsExactly("transformer.wte.weight");
      assertThat(VocabularyTensors.withOtherRows(model)).isEmpty();
    }
  }

  @Test
  void aHeadOfAnotherSizeIsToldApart() throws IOException {
    Map<String, List<Long>> shapes = new TreeMap<>(TestCheckpoints.llamaShapes(2, 4, 8, 12));
    shapes.put("lm_head.weight", List.of(16L, 4L));
    try (Checkpoint model = model(shapes, false)) {
      assertThat(names(VocabularyTensors.of(model))).containsExactly("model.embed_tokens.weight");
      assertThat(names(VocabularyTensors.withOtherRows(model))).containsExactly("lm_head.weight");
    }
  }

  @Test
  void ofSeveralEmbeddingsThatWithTheVocabularysSizeCounts() throws IOException {
    Map<String, List<Long>> shapes = new TreeMap<>();
    shapes.put("a.embed_tokens.weight", List.of(5L, 4L));
    shapes.put("b.embed_tokens.weight", List.of(12L, 4L));
    try (Checkpoint model = model(shapes, false)) {
      assertThat(VocabularyTensors.embeddings(model).orElseThrow().name())
          .isEqualTo("b.embed_tokens.weight");
    }
  }
}
