package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.RunnableModels.Kind;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.genome.HopScaling;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PathCheckTest {

  @TempDir Path folder;

  private static MergeReport check(
      PathForm form, MergeRecipe recipe, List<Checkpoint> sources, List<Checkpoint> others) {
    return MergedModelWriter.builder()
        .pathForm(form)
        .build()
        .check(recipe, Optional.empty(), sources, others, Optional.empty());
  }

  /** 65 hops over 44 layers of two models of Mistral 7B's shape, as in EvoLLM-JP-v1-10B. */
  @Test
  void theParametersOfThePublishedModelAreCountedWithoutItsWeights() {
    Checkpoint a = new HeadersOnly("a");
    Checkpoint b = new HeadersOnly("b");
    List<Hop> hops = new ArrayList<>();
    for (int t = 0; t < 65; t++) {
      int layer = t % 44;
      hops.add(layer < 32 ? new Hop("a", layer, 0.9) : new Hop("b", layer - 32, 1.1));
    }
    MergeRecipe recipe =
        MergeRecipe.builder("passthrough")
            .source(new CheckpointRef("a", "a", ""))
            .dataFlow(
                new DataFlow(
                    "a", List.of(new CheckpointRef("b", "b", "")), hops, HopScaling.BRANCH))
            .build();
    MergeReport compact = check(PathForm.COMPACT, recipe, List.of(a), List.of(b));
    assertThat(compact.problems()).isEmpty();
    assertThat(compact.parameterCount()).isEqualTo(9_859_076_096L);
    assertThat(compact.layers()).isEqualTo(44);
    assertThat(compact.bytesWritten()).isEqualTo(2 * 9_859_076_096L + 65 * (8 + 4));
    assertThat(compact.bytesRead()).isEqualTo(2 * 9_859_076_096L);
    MergeReport folded = check(PathForm.FOLDED, recipe, List.of(a), List.of(b));
    assertThat(folded.problems()).isEmpty();
    assertThat(folded.parameterCount()).isEqualTo(65 * 218_112_000L + 2 * 131_072_000L + 4096);
    assertThat(folded.layers()).isEqualTo(65);
    long downProjection = 4096L * 14_336;
    assertThat(folded.bytesWritten())
        .isEqualTo(2 * folded.parameterCount() + 2 * (64 * downProjection + 131_072_000L));
    assertThat(String.join("\n", folded.notes()))
        .contains("65 hops through 44 layers")
        .contains("65 tensors carry a scale and are written as F32");
  }

  @ParameterizedTest
  @EnumSource(PathForm.class)
  void whatIsForeseenIsWhatIsWritten(PathForm form) throws Exception {
    Kind kind = new Kind(DType.BF16, true, true, 1e-5);
    try (Checkpoint a = kind.open(folder.resolve("a"), 3, 1);
        Checkpoint b = kind.open(folder.resolve("b"), 2, 2)) {
      List<Hop> hops =
          List.of(new Hop("a", 0, -2), new Hop("b", 1, 0), new Hop("a", 0, 3), new Hop("a", 2, 1));
      MergeRecipe recipe = RunnableModels.recipe(HopScaling.BRANCH, hops, a, b);
      MergedModelWriter writer = MergedModelWriter.builder().pathForm(form).build();
      Path out = folder.resolve("out");
      MergeReport report = writer.check(recipe, Optional.of(out));
      assertThat(report.problems()).isEmpty();
      assertThat(report.mergeTime()).isPresent();
      WrittenModel written = writer.write(recipe, out);
      assertThat(report.parameterCount()).isEqualTo(written.parameterCount());
      assertThat(report.bytesWritten()).isEqualTo(written.bytes());
      assertThat(report.layers()).isEqualTo(form == PathForm.FOLDED ? 4 : 3);
      try (Checkpoint model = Checkpoints.open(out)) {
        assertThat(report.tensors()).isEqualTo(model.tensors().size());
      }
      assertThat(String.join("\n", report.notes()))
          .contains("scale 0 at hops [1]")
          .contains("negative scales at hops [0]");
    }
  }

  @Test
  void notesTellWhatEachFormCosts() throws Exception {
    Kind kind = new Kind(DType.BF16, false, false, 1e-5);
    try (Checkpoint a = kind.open(folder.resolve("a"), 2, 1)) {
      MergeRecipe stream =
          RunnableModels.recipe(
              HopScaling.STREAM, List.of(new Hop("a", 0, 1), new Hop("a", 1, -0.5)), a);
      assertThat(String.join("\n", check(PathForm.FOLDED, stream, List.of(a), List.of()).notes()))
          .contains("epsilon of the norms")
          .contains("2 tensors carry a scale and are written as F32");
      MergeRecipe rounded = stream.toBuilder().dtype(DType.BF16).build();
      assertThat(String.join("\n", check(PathForm.FOLDED, rounded, List.of(a), List.of()).notes()))
          .contains("2 tensors carry a scale and are rounded to BF16");
      assertThat(String.join("\n", check(PathForm.COMPACT, stream, List.of(a), List.of()).notes()))
          .contains("does not compute this path");
      MergeRecipe exact = stream.toBuilder().dtype(DType.F32).build();
      assertThat(String.join("\n", check(PathForm.FOLDED, exact, List.of(a), List.of()).notes()))
          .doesNotContain("rounded");
    }
  }

  @Test
  void everyProblemOfAPathIsInOneList() throws Exception {
    Kind kind = Kind.plain();
    Map<String, List<Long>> narrow = new TreeMap<>(kind.shapes(2));
    narrow.put("model.layers.1.mlp.up_proj.weight", List.of(20L, 32L));
    TestCheckpoints.write(
        folder.resolve("b"), TestCheckpoints.random(narrow, 1), narrow, DType.F32, kind.config(2));
    Path full = Files.createDirectories(folder.resolve("full"));
    Files.writeString(full.resolve("notes.txt"), "keep me");
    try (Checkpoint a = kind.open(folder.resolve("a"), 2, 1)) {
      CheckpointRef b = new CheckpointRef("b", folder.resolve("b").toString(), "");
      List<Hop> hops = List.of(new Hop("a", 5, 1), new Hop("b", 9, 0));
      MergeRecipe recipe =
          MergeRecipe.builder("passthrough")
              .source(RunnableModels.ref(a))
              .parameter("scal", 1)
              .dataFlow(new DataFlow("a", List.of(b), hops, HopScaling.STREAM))
              .build();
      MergeReport report = MergedModelWriter.create().check(recipe, Optional.of(full));
      assertThat(String.join("\n", report.problems()))
          .contains("did you mean 'scale'?")
          .contains("'model.layers.1.mlp.up_proj.weight' of 'b' [20, 32] against [40, 32]")
          .contains("hop 0 wants layer 5 of 'a', which has the layers 0 to 1")
          .contains("hop 1 wants layer 9 of 'b', which has the layers 0 to 1")
          .contains("hop 1: scale 0")
          .contains("is not empty: choose another");
      assertThat(report.problems()).doesNotHaveDuplicates().hasSize(6);
      CheckpointRef missing = new CheckpointRef("c", folder.resolve("c").toString(), "");
      MergeRecipe unknown =
          recipe.toBuilder()
              .dataFlow(
                  new DataFlow(
                      "a", List.of(missing), List.of(new Hop("c", 0, 1)), HopScaling.STREAM))
              .build();
      assertThat(
              String.join(
                  "\n", MergedModelWriter.create().check(unknown, Optional.empty()).problems()))
          .contains("model of the path 'c': ");
    }
  }

  @Test
  void openModelsMustBeThoseOfTheRecipe() throws Exception {
    try (Checkpoint a = Kind.plain().open(folder.resolve("a"), 1, 1);
        Checkpoint b = Kind.plain().open(folder.resolve("b"), 1, 1)) {
      MergeRecipe recipe =
          RunnableModels.recipe(HopScaling.BRANCH, List.of(new Hop("b", 0, 1)), a, b);
      assertThat(check(PathForm.FOLDED, recipe, List.of(b), List.of()).problems())
          .containsExactly(
              "the recipe names the sources [a], open are [b]",
              "the recipe names the models of the path [b], open are []");
    }
  }

  @Test
  void aTargetThatHoldsAModelOfThePathIsNoticed() throws Exception {
    try (Checkpoint a = Kind.plain().open(folder.resolve("a"), 1, 1);
        Checkpoint b = Kind.plain().open(folder.resolve("b"), 1, 1)) {
      MergeRecipe recipe =
          RunnableModels.recipe(HopScaling.BRANCH, List.of(new Hop("b", 0, 1)), a, b);
      assertThat(
              MergedModelWriter.builder()
                  .writeOptions(WriteOptions.defaults().withOverwrite(true))
                  .build()
                  .check(recipe, Optional.of(folder.resolve("b")))
                  .problems())
          .singleElement()
          .asString()
          .contains("'b', which is merged, lies there");
    }
  }

  /** Names, shapes and configuration of Mistral 7B; whoever reads a weight fails. */
  private record HeadersOnly(String name) implements Checkpoint {

    private static final long HIDDEN = 4096;
    private static final long INNER = 14336;

    @Override
    public Path location() {
      return Path.of(name);
    }

    @Override
    public String sha256() {
      throw new AssertionError("a check computes no digest");
    }

    @Override
    public Map<String, TensorInfo> tensors() {
      Map<String, TensorInfo> tensors = new TreeMap<>();
      add(tensors, "model.embed_tokens", 32_000, HIDDEN);
      for (int layer = 0; layer < 32; layer++) {
        String block = "model.layers." + layer + ".";
        add(tensors, block + "self_attn.q_proj", HIDDEN, HIDDEN);
        add(tensors, block + "self_attn.k_proj", HIDDEN / 4, HIDDEN);
        add(tensors, block + "self_attn.v_proj", HIDDEN / 4, HIDDEN);
        add(tensors, block + "self_attn.o_proj", HIDDEN, HIDDEN);
        add(tensors, block + "mlp.gate_proj", INNER, HIDDEN);
        add(tensors, block + "mlp.up_proj", INNER, HIDDEN);
        add(tensors, block + "mlp.down_proj", HIDDEN, INNER);
        add(tensors, block + "input_layernorm", HIDDEN);
        add(tensors, block + "post_attention_layernorm", HIDDEN);
      }
      add(tensors, "model.norm", HIDDEN);
      add(tensors, "lm_head", 32_000, HIDDEN);
      return tensors;
    }

    private static void add(Map<String, TensorInfo> tensors, String name, long... shape) {
      List<Long> boxed = LongStream.of(shape).boxed().toList();
      TensorInfo info = new TensorInfo(name + ".weight", DType.BF16, boxed);
      tensors.put(info.name(), info);
    }

    @Override
    public TensorView tensor(String tensor) {
      TensorInfo info = tensors().get(tensor);
      return new TensorView() {
        @Override
        public TensorInfo info() {
          return info;
        }

        @Override
        public void readFloats(long offset, float[] target, int targetOffset, int length) {
          throw new AssertionError("a check reads no weights");
        }

        @Override
        public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
          throw new AssertionError("a check reads no weights");
        }
      };
    }

    @Override
    public Optional<ModelConfig> config() {
      ObjectNode config = JsonNodeFactory.instance.objectNode();
      config.putArray("architectures").add("MistralForCausalLM");
      config.put("model_type", "mistral");
      config.put("hidden_size", HIDDEN);
      config.put("intermediate_size", INNER);
      config.put("num_hidden_layers", 32);
      config.put("num_attention_heads", 32);
      config.put("num_key_value_heads", 8);
      config.put("vocab_size", 32_000);
      return Optional.of(ModelConfig.of(config));
    }

    @Override
    public ModelLayout layout() {
      return ModelLayout.of(tensors().keySet(), false);
    }

    @Override
    public List<Path> companionFiles() {
      return List.of();
    }

    @Override
    public Map<String, String> metadata() {
      return Map.of();
    }

    @Override
    public void close() {}
  }
}
