package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.RecipeException;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LayerModelsTest {

  @TempDir Path folder;

  private final List<Checkpoint> opened = new ArrayList<>();

  @AfterEach
  void closeModels() {
    opened.forEach(Checkpoint::close);
  }

  private Checkpoint model(String name, int layers, String config) throws Exception {
    return model(name, PathModels.tensors(layers, 8, false), layers, config);
  }

  private Checkpoint model(String name, List<TensorInfo> tensors, int layers, String config)
      throws Exception {
    Checkpoint model =
        PathModels.write(folder.resolve(name), tensors, layers, false, config, name.hashCode());
    opened.add(model);
    return model;
  }

  private static CandidateAssembler assembler(Checkpoint source, Checkpoint... others) {
    List<Checkpoint> models = List.of(others);
    MergeRecipe recipe =
        PathModels.passthrough(source, PathModels.path(source.name(), models, source.name(), 0));
    return PathModels.assembler(MergeOperators.passthrough(), List.of(source), models, recipe)
        .build();
  }

  private static Throwable refusal(Checkpoint source, Checkpoint... others) {
    return catchThrowable(() -> assembler(source, others).close());
  }

  @Test
  void hopsAndModelsThatAreNotThereAreNamed() throws Exception {
    Checkpoint a = model("a", 2, "");
    Checkpoint b = model("b", 3, "");
    List<Checkpoint> others = List.of(b);
    try (CandidateAssembler assembler = assembler(a, b);
        WeightStore store = assembler.newStore()) {
      DataFlow outside = PathModels.path("a", others, "a", 1, "b", 3, "a", 2);
      assertThatThrownBy(() -> assembler.assemble(PathModels.passthrough(a, outside), store))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("hop 1 wants layer 3 of 'b', which has the layers 0 to 2")
          .hasMessageContaining("hop 2 wants layer 2 of 'a', which has the layers 0 to 1");
      DataFlow stranger = PathModels.path("a", others, "a", 1, "c", 0);
      assertThatThrownBy(() -> PathModels.passthrough(a, stranger))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("hop 1: 'c' is none of the models");
      DataFlow fewer = PathModels.path("a", List.of(), "a", 1);
      assertThatThrownBy(() -> assembler.assemble(PathModels.passthrough(a, fewer), store))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("its path is over the models [a], here are [a, b]");
      DataFlow wrong =
          new DataFlow(
              "a",
              List.of(new CheckpointRef("b", "b", "0".repeat(64))),
              outside.hops().subList(0, 1),
              outside.scaling());
      assertThatThrownBy(() -> assembler.assemble(PathModels.passthrough(a, wrong), store))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("'b' at ")
          .hasMessageContaining("0".repeat(64))
          .hasMessageContaining(b.sha256());
    }
    try (CandidateAssembler plain =
            CandidateAssembler.builder(MergeOperators.passthrough()).sources(List.of(a)).build();
        WeightStore store = plain.newStore()) {
      MergeRecipe recipe = PathModels.passthrough(a, PathModels.path("a", others, "a", 1));
      assertThatThrownBy(() -> plain.assemble(recipe, store))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("no models were checked for one");
      assertThatThrownBy(
              () ->
                  CandidateAssembler.builder(MergeOperators.passthrough())
                      .sources(List.of(a))
                      .structure(recipe)
                      .build())
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("the path is over the models [b], open are []");
    }
  }

  @Test
  void layersOfOtherShapesOrTensorsAreRefused() throws Exception {
    Checkpoint a = model("a", 2, "");
    assertThat(refusal(a, model("wide", PathModels.tensors(2, 16, false), 2, "")))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageContaining("'wide'")
        .hasMessageContaining("[11, 16] against [11, 8]");

    List<TensorInfo> more = new ArrayList<>(PathModels.tensors(2, 8, false));
    String bias = "model.layers.1.self_attn.q_proj.bias";
    more.add(new TensorInfo(bias, DType.BF16, List.of(8L)));
    Checkpoint biased = model("biased", more, 2, "");
    assertThat(refusal(a, biased))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageContaining("only 'biased' has '" + bias + "'");
    assertThat(refusal(biased, a)).hasMessageContaining("only 'biased' has '" + bias + "'");

    List<TensorInfo> narrow = new ArrayList<>(PathModels.tensors(2, 8, false));
    String up = "model.layers.1.mlp.up_proj.weight";
    narrow.replaceAll(
        info -> info.name().equals(up) ? new TensorInfo(up, DType.BF16, List.of(12L, 8L)) : info);
    assertThat(refusal(a, model("narrow", narrow, 2, "")))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageContaining("'" + up + "' of 'narrow' [12, 8] against [16, 8]");

    List<TensorInfo> fewer = new ArrayList<>(PathModels.tensors(2, 8, false));
    fewer.removeIf(info -> info.name().equals(up));
    assertThat(refusal(a, model("fewer", fewer, 2, "")))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageContaining("'fewer' lacks '" + up + "'");

    List<TensorInfo> integers = new ArrayList<>(PathModels.tensors(2, 8, false));
    integers.replaceAll(
        info -> info.name().equals(up) ? new TensorInfo(up, DType.I32, List.of(16L, 8L)) : info);
    assertThat(refusal(a, model("integers", integers, 2, "")))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageContaining("of 'integers' I32 [16, 8] against BF16 [16, 8]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "\"num_attention_heads\": 4; \"num_attention_heads\": 2; num_attention_heads 2",
        "\"num_key_value_heads\": 4; \"num_key_value_heads\": 2; num_key_value_heads 2",
        "\"head_dim\": 4; \"head_dim\": 2; head_dim 2",
        "\"hidden_act\": \"silu\"; \"hidden_act\": \"gelu\"; hidden_act \"gelu\"",
        "\"rope_theta\": 10000.0; \"rope_theta\": 500000; rope_theta 500000",
        "\"rms_norm_eps\": 1e-05; \"rms_norm_eps\": 1e-06; rms_norm_eps 1.0E-6",
        "\"rope_theta\": 1; \"rope_parameters\": {\"rope_theta\": 2}; rope_theta 2",
        "\"rope_scaling\": null; \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2};"
            + " rope_scaling {\"factor\":2,\"rope_type\":\"linear\"}",
        "\"sliding_window\": 64; \"sliding_window\": 32; sliding_window 32",
        "\"use_sliding_window\": true; \"use_sliding_window\": false; use_sliding_window false",
      })
  void layersThatComputeDifferentlyAreRefused(String ours, String theirs, String said)
      throws Exception {
    Checkpoint a = model("a", 2, ", " + ours);
    Checkpoint b = model("b", 2, ", " + theirs);
    assertThat(refusal(a, model("c", 1, ", " + ours), b))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageContaining("'b' has " + said)
        .hasMessageContaining("'a'")
        .hasMessageNotContaining("'c'");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "\"rope_theta\": 10000; \"rope_theta\": 10000.0",
        "\"rope_theta\": 10000; \"rope_parameters\": {\"rope_theta\": 1e4, \"rope_type\":"
            + " \"default\"}",
        "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.0}; \"rope_scaling\": {\"factor\":"
            + " 2, \"rope_type\": \"linear\"}",
        "\"rms_norm_eps\": 1e-06; \"hidden_act\": \"silu\"",
        "\"head_dim\": null; \"head_dim\": 4",
        "\"use_sliding_window\": false, \"sliding_window\": 64; \"sliding_window\": 32",
        "\"max_position_embeddings\": 64; \"max_position_embeddings\": 128",
      })
  void whatMeansTheSameOrIsNotSaidIsNoDifference(String ours, String theirs) throws Exception {
    Checkpoint a = model("a", 2, ", " + ours);
    Checkpoint b = model("b", 2, ", " + theirs);
    assembler(a, b).close();
    assembler(b, a).close();
  }

  @Test
  void theConfigurationThatARecipeTakesMustFitTheLayers() throws Exception {
    Checkpoint a = model("a", 2, ", \"rope_theta\": 1");
    Checkpoint b = model("b", 2, ", \"rope_theta\": 2");
    Checkpoint c = model("c", 2, ", \"rope_theta\": 2");
    MergeRecipe recipe =
        MergeRecipe.builder("linear")
            .source(a.ref())
            .source(b.ref())
            .parameter("weight", 1)
            .dataFlow(PathModels.path("m", List.of(c), "m", 0, "c", 1))
            .build();
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.linear(), List.of(a, b), List.of(c), recipe)
                .build();
        WeightStore store = assembler.newStore()) {
      assertThatThrownBy(() -> assembler.assemble(recipe, store))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("'c' has rope_theta 2, 'a', whose configuration counts, has 1");
      CandidateModel candidate =
          assembler.assemble(recipe.toBuilder().tokenizer("b").build(), store);
      assertThat(candidate.config().orElseThrow().number("rope_theta")).hasValue(2);
      assertThat(candidate.recipe().tokenizer()).isEqualTo(Optional.of("b"));
    }
  }
}
