package io.evomerge.candidate;

import static io.evomerge.candidate.TinyModels.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.evomerge.candidate.TinyModels.Family;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.tensor.DType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SlicedMergeTest {

  private static final String Q = "model.layers.%d.self_attn.q_proj.weight";

  @TempDir Path folder;

  private static LayerSlice slice(Object... modelsAndLayers) {
    List<LayerRange> ranges = new ArrayList<>();
    for (int i = 0; i < modelsAndLayers.length; i += 3) {
      ranges.add(
          new LayerRange(
              (String) modelsAndLayers[i],
              (Integer) modelsAndLayers[i + 1],
              (Integer) modelsAndLayers[i + 2]));
    }
    return new LayerSlice(ranges);
  }

  private static String q(int layer) {
    return Q.replace("%d", Integer.toString(layer));
  }

  @Test
  void stackedLayersAreThoseOfTheirModels() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      MergeRecipe recipe =
          MergeRecipe.builder("passthrough")
              .sources(family.refs())
              .slices(List.of(slice("ja", 0, 2), slice("math", 1, 2), slice("ja", 1, 2)))
              .build();
      Path out = folder.resolve("stacked");
      MergedModelWriter.create().write(recipe, out);
      Checkpoint ja = family.sources().get(0);
      Checkpoint math = family.sources().get(1);
      try (Checkpoint model = Checkpoints.open(out)) {
        assertThat(model.layout().layerCount()).isEqualTo(4);
        assertThat(floats(model.tensor(q(0)))).isEqualTo(floats(ja.tensor(q(0))));
        assertThat(floats(model.tensor(q(1)))).isEqualTo(floats(ja.tensor(q(1))));
        assertThat(floats(model.tensor(q(2)))).isEqualTo(floats(math.tensor(q(1))));
        assertThat(floats(model.tensor(q(3)))).isEqualTo(floats(ja.tensor(q(1))));
        for (String outside : List.of("model.embed_tokens.weight", "lm_head.weight")) {
          assertThat(floats(model.tensor(outside))).isEqualTo(floats(ja.tensor(outside)));
        }
        var config = JsonMapper.builder().build().readTree(out.resolve("config.json").toFile());
        assertThat(config.path("num_hidden_layers").asInt()).isEqualTo(4);
      }
      try (CandidateAssembler assembler =
              CandidateAssembler.builder(MergeOperators.passthrough())
                  .sources(family.sources())
                  .structure(recipe)
                  .build();
          WeightStore store = assembler.newStore();
          Checkpoint model = Checkpoints.open(out)) {
        CandidateModel candidate = assembler.assemble(recipe, store);
        assertThat(candidate.layout().layerCount()).isEqualTo(4);
        assertThat(candidate.config().orElseThrow().integer("num_hidden_layers")).hasValue(4);
        assertThat(candidate.weights().tensors().keySet())
            .containsExactlyInAnyOrderElementsOf(model.tensors().keySet());
        model
            .tensors()
            .keySet()
            .forEach(
                name ->
                    assertThat(floats(store.tensors().get(name)))
                        .as(name)
                        .isEqualTo(floats(model.tensor(name))));
      }
    }
  }

  @Test
  void theHeadComesFromTheLastSliceAndTheEmbeddingsFromTheFirst() throws Exception {
    try (Family family = Family.write(folder, DType.F32, false)) {
      Path out = folder.resolve("out");
      MergedModelWriter.create()
          .write(
              MergeRecipe.builder("passthrough")
                  .sources(family.refs())
                  .slices(List.of(slice("ja", 0, 1), slice("math", 0, 1)))
                  .build(),
              out);
      try (Checkpoint model = Checkpoints.open(out)) {
        assertThat(floats(model.tensor("model.embed_tokens.weight")))
            .isEqualTo(floats(family.sources().get(0).tensor("model.embed_tokens.weight")));
        for (String end : List.of("model.norm.weight", "lm_head.weight")) {
          assertThat(floats(model.tensor(end)))
              .isEqualTo(floats(family.sources().get(1).tensor(end)));
        }
      }
    }
  }

  @Test
  void layersOfOneModelAreMergedWithOtherLayersOfIt() throws Exception {
    try (Family family = Family.write(folder, DType.F32, false)) {
      CheckpointRef ja = family.refs().get(0);
      CheckpointRef again = new CheckpointRef("ja-2", ja.location(), ja.sha256());
      Path out = folder.resolve("out");
      MergedModelWriter.create()
          .write(
              MergeRecipe.builder("linear")
                  .source(ja)
                  .source(again)
                  .perSource("weight", 0.25, 0.75)
                  .group(
                      TensorSelector.parse("layers.0:q_proj"),
                      Map.of("weight", ParameterValue.perSource(List.of(0.5, 0.5))))
                  .slices(List.of(slice("ja", 0, 1, "ja-2", 1, 2)))
                  .build(),
              out);
      try (Checkpoint model = Checkpoints.open(out)) {
        Checkpoint source = family.sources().get(0);
        assertMean(model, source, "self_attn.q_proj.weight", 0.5f, 0.5f);
        assertMean(model, source, "mlp.up_proj.weight", 0.25f, 0.75f);
      }
    }
  }

  private static void assertMean(
      Checkpoint model, Checkpoint source, String tensor, float w0, float w1) {
    float[] merged = floats(model.tensor("model.layers.0." + tensor));
    float[] first = floats(source.tensor("model.layers.0." + tensor));
    float[] second = floats(source.tensor("model.layers.1." + tensor));
    for (int i = 0; i < merged.length; i++) {
      assertThat(merged[i]).isCloseTo(w0 * first[i] + w1 * second[i], within(1e-6f));
    }
  }

  @Test
  void onlyTheModelsOfASliceTakePartInIt() throws Exception {
    try (Family family = Family.write(folder, DType.F32, false)) {
      MergeRecipe recipe =
          family
              .dareTies()
              .perSource("density", 1, 1)
              .slices(List.of(slice("base", 0, 1, "math", 0, 1), slice("ja", 1, 2, "base", 1, 2)))
              .build();
      Path out = folder.resolve("out");
      MergedModelWriter.create().write(recipe, out);
      try (Checkpoint model = Checkpoints.open(out)) {
        float[] merged = floats(model.tensor(q(0)));
        float[] base = floats(family.base().tensor(q(0)));
        float[] math = floats(family.sources().get(1).tensor(q(0)));
        for (int i = 0; i < merged.length; i++) {
          assertThat(merged[i]).isCloseTo(base[i] + 0.4f * (math[i] - base[i]), within(1e-6f));
        }
      }
    }
  }

  @Test
  void slicesThatDoNotFitAreRefusedBeforeAnythingIsWritten() throws Exception {
    try (Family family = Family.write(folder, DType.F32, false)) {
      MergeRecipe.Builder recipe = MergeRecipe.builder("passthrough").sources(family.refs());
      Path out = folder.resolve("out");
      assertThatThrownBy(
              () ->
                  MergedModelWriter.create()
                      .write(recipe.slices(List.of(slice("ja", 1, 3))).build(), out))
          .isInstanceOf(IncompatibleCheckpointsException.class)
          .hasMessageContaining("'ja' has 2 layers, a slice wants [1, 3)");
      assertThatThrownBy(
              () ->
                  MergedModelWriter.create()
                      .write(recipe.slices(List.of(slice("ja", 0, 1, "math", 0, 1))).build(), out))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("slice 0: operator 'passthrough' takes 1 to 1 sources, got 2");
      assertThat(out).doesNotExist();
    }
  }

  @Test
  void aBaseThatTheMethodDoesNotUseLendsConfigurationAndTokenizerToMergekitsRecipes()
      throws Exception {
    try (Family family = Family.write(folder, DType.F32, false)) {
      MergeRecipe.Builder recipe =
          MergeRecipe.builder("linear")
              .base(family.base().ref())
              .sources(family.refs())
              .perSource("weight", 1, 0);
      assertThatThrownBy(
              () -> MergedModelWriter.create().write(recipe.build(), folder.resolve("out")))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("takes no base model");
      Path out = folder.resolve("out");
      MergedModelWriter.create().write(recipe.semantics(Semantics.MERGEKIT).build(), out);
      try (Checkpoint model = Checkpoints.open(out)) {
        assertThat(floats(model.tensor(q(0))))
            .isEqualTo(floats(family.sources().get(0).tensor(q(0))));
      }
      assertThat(out.resolve("tokenizer_config.json")).content().contains("\"base\"");
    }
  }
}
