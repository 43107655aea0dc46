package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.RunnableModels.Kind;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.HopScaling;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.testing.TestSeeds;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PathWriterTest {

  private static final int RUNS = 8;

  @TempDir Path folder;

  private WrittenModel write(MergeRecipe recipe, PathForm form, String out) {
    try {
      return MergedModelWriter.builder()
          .pathForm(form)
          .parallelism(2)
          .build()
          .write(recipe, folder.resolve(out));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Checkpoint open(WrittenModel written) {
    try {
      return Checkpoints.open(written.folder());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Draws models and a path, and hands over what the definition computes and the recipe. */
  private void check(String purpose, HopScaling scaling, double epsilon, Case test) {
    int[] run = {0};
    TestSeeds.check(
        purpose,
        RUNS,
        random -> {
          Path models = folder.resolve(purpose + run[0]++);
          DType type = random.nextBoolean() ? DType.F32 : DType.BF16;
          Kind kind = new Kind(type, random.nextBoolean(), random.nextBoolean(), epsilon);
          try (Checkpoint a = kind.open(models.resolve("a"), 3, random.nextLong());
              Checkpoint b = kind.open(models.resolve("b"), 2, random.nextLong());
              Checkpoint c = kind.open(models.resolve("c"), 4, random.nextLong())) {
            boolean zeros = scaling == HopScaling.BRANCH;
            List<Hop> hops = RunnableModels.hops(random, zeros, Map.of("a", 3, "b", 2, "c", 4));
            MergeRecipe recipe = RunnableModels.recipe(scaling, hops, a, b, c);
            test.run(
                recipe, RunnableModels.logits(recipe, a, b, c), models.resolve("out").toString());
          }
        });
  }

  private interface Case {
    void run(MergeRecipe recipe, double[][] wanted, String out);
  }

  private void checkFolded(String purpose, HopScaling scaling, double epsilon) {
    check(
        purpose,
        scaling,
        epsilon,
        (recipe, wanted, out) -> {
          WrittenModel written = write(recipe, PathForm.FOLDED, out);
          try (Checkpoint model = open(written)) {
            assertThat(model.layout().layerCount())
                .isEqualTo(recipe.dataFlow().orElseThrow().hops().size())
                .isEqualTo(model.config().orElseThrow().requiredInteger("num_hidden_layers"));
            assertThat(model.config().orElseThrow().architecture()).isEqualTo("LlamaForCausalLM");
            double[][] got = new PathDecoder(model).logits(RunnableModels.TOKENS);
            assertThat(PathDecoder.error(got, wanted)).as("%s", recipe.dataFlow()).isLessThan(1e-5);
          }
        });
  }

  @Test
  void anOrdinaryModelComputesThePathWithScaledBranches() {
    checkFolded("folded branches", HopScaling.BRANCH, 1e-5);
  }

  @Test
  void anOrdinaryModelComputesThePathWithAScaledStream() {
    checkFolded("folded stream", HopScaling.STREAM, 1e-13);
  }

  @ParameterizedTest
  @EnumSource(HopScaling.class)
  void theCompactFormHoldsThePathAsItIs(HopScaling scaling) {
    check(
        "compact " + scaling,
        scaling,
        1e-5,
        (recipe, wanted, out) -> {
          List<Hop> hops = recipe.dataFlow().orElseThrow().hops();
          WrittenModel written = write(recipe, PathForm.COMPACT, out);
          try (Checkpoint model = open(written)) {
            ObjectNode config = model.config().orElseThrow().json();
            assertThat(config.path("num_hops").intValue()).isEqualTo(hops.size());
            long distinct = hops.stream().map(h -> h.model() + h.layer()).distinct().count();
            assertThat(config.path("num_hidden_layers").longValue())
                .isEqualTo(distinct)
                .isEqualTo(model.layout().layerCount());
            assertThat(config.path("model_type").asText()).isEqualTo("evollama");
            assertThat(config.path("architectures").get(0).asText())
                .isEqualTo("EvoLlamaForCausalLM");
            assertThat(config.path("evomerge_scaling").asText())
                .isEqualTo(scaling == HopScaling.STREAM ? "stream" : "");
            PathDecoder decoder = new PathDecoder(model);
            float[] scales = TinyModels.floats(model.tensor("model.input_scales"));
            long[] layers = longs(model, "model.input_layers");
            List<PathDecoder.Step> steps = new ArrayList<>();
            for (int t = 0; t < layers.length; t++) {
              steps.add(new PathDecoder.Step(decoder, (int) layers[t], scales[t]));
            }
            assertThat(decoder.logits(steps, scaling, RunnableModels.TOKENS)).isDeepEqualTo(wanted);
          }
        });
  }

  private static long[] longs(Checkpoint model, String tensor) {
    TensorInfo info = model.tensors().get(tensor);
    assertThat(info.dtype()).isEqualTo(DType.I64);
    byte[] bytes = new byte[(int) info.byteSize()];
    model.tensor(tensor).readBytes(0, bytes, 0, bytes.length);
    long[] values = new long[(int) info.elementCount()];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(values);
    return values;
  }

  private static byte[] bytes(Checkpoint model, String tensor) {
    byte[] bytes = new byte[(int) model.tensors().get(tensor).byteSize()];
    model.tensor(tensor).readBytes(0, bytes, 0, bytes.length);
    return bytes;
  }

  @Test
  void storedLayersAreNumberedByModelThenLayerAndKeepTheirBytes() throws Exception {
    Kind kind = new Kind(DType.BF16, false, true, 1e-5);
    try (Checkpoint a = kind.open(folder.resolve("a"), 3, 1);
        Checkpoint b = kind.open(folder.resolve("b"), 3, 2)) {
      List<Hop> hops =
          List.of(
              new Hop("b", 2, 0.5),
              new Hop("a", 2, 0.7),
              new Hop("b", 0, 1),
              new Hop("a", 1, -2),
              new Hop("b", 2, 0.25));
      WrittenModel written =
          write(RunnableModels.recipe(HopScaling.BRANCH, hops, a, b), PathForm.COMPACT, "out");
      try (Checkpoint model = Checkpoints.open(written.folder())) {
        assertThat(longs(model, "model.input_layers")).containsExactly(3, 1, 2, 0, 3);
        assertThat(TinyModels.floats(model.tensor("model.input_scales")))
            .containsExactly(0.5f, 0.7f, 1f, -2f, 0.25f);
        Map<Integer, Map.Entry<Checkpoint, Integer>> stored =
            Map.of(0, Map.entry(a, 1), 1, Map.entry(a, 2), 2, Map.entry(b, 0), 3, Map.entry(b, 2));
        stored.forEach(
            (k, from) ->
                kind.shapes(1).keySet().stream()
                    .filter(name -> name.startsWith("model.layers."))
                    .forEach(
                        name ->
                            assertThat(bytes(model, name.replace(".0.", "." + k + ".")))
                                .as("%s of layer %s", name, k)
                                .isEqualTo(
                                    bytes(
                                        from.getKey(),
                                        name.replace(".0.", "." + from.getValue() + ".")))));
        for (String name :
            List.of("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight")) {
          assertThat(bytes(model, name)).isEqualTo(bytes(a, name));
        }
        assertThat(written.parameterCount())
            .isEqualTo(
                model.tensors().values().stream()
                    .filter(info -> !info.name().startsWith("model.input_"))
                    .mapToLong(TensorInfo::elementCount)
                    .sum());
      }
    }
  }

  @Test
  void whatHasNoScaleKeepsItsBytes() throws Exception {
    Kind kind = new Kind(DType.BF16, false, true, 1e-5);
    try (Checkpoint a = kind.open(folder.resolve("a"), 2, 1);
        Checkpoint b = kind.open(folder.resolve("b"), 2, 2)) {
      // Layer 1 of b has a scale behind it at hop 1, none at hops 0 and 3.
      List<Hop> hops =
          List.of(new Hop("b", 1, 1), new Hop("b", 1, 1), new Hop("a", 0, 1.5), new Hop("b", 1, 1));
      try (Checkpoint model =
          open(
              write(
                  RunnableModels.recipe(HopScaling.BRANCH, hops, a, b), PathForm.FOLDED, "out"))) {
        for (String name : model.tensors().keySet()) {
          int hop = model.layout().role(name).layer();
          Checkpoint from = hop < 0 || hop == 2 ? a : b;
          String own = name.replace("layers." + hop + ".", hop == 2 ? "layers.0." : "layers.1.");
          if (hop == 1 && name.contains("down_proj")) {
            float[] wanted = TinyModels.floats(from.tensor(own));
            float[] got = TinyModels.floats(model.tensor(name));
            for (int i = 0; i < wanted.length; i++) {
              assertThat(got[i]).isEqualTo(1.5f * wanted[i]);
            }
          } else {
            assertThat(bytes(model, name)).as(name).isEqualTo(bytes(from, own));
          }
        }
      }
    }
  }

  @Test
  void aTiedHeadKeepsTheEmbeddingsAsTheyWere() throws Exception {
    Kind kind = new Kind(DType.F32, true, false, 1e-5);
    try (Checkpoint a = kind.open(folder.resolve("a"), 2, 1)) {
      List<Hop> hops = List.of(new Hop("a", 0, 0.5), new Hop("a", 1, 1));
      MergeRecipe recipe = RunnableModels.recipe(HopScaling.BRANCH, hops, a);
      try (Checkpoint model = open(write(recipe, PathForm.FOLDED, "out"))) {
        assertThat(model.config().orElseThrow().flag("tie_word_embeddings", true)).isFalse();
        assertThat(bytes(model, "lm_head.weight"))
            .isEqualTo(bytes(a, "model.embed_tokens.weight"))
            .isNotEqualTo(bytes(model, "model.embed_tokens.weight"));
      }
      MergeRecipe plain =
          RunnableModels.recipe(
              HopScaling.BRANCH, List.of(new Hop("a", 0, 1), new Hop("a", 1, 2)), a);
      try (Checkpoint model = open(write(plain, PathForm.FOLDED, "plain"))) {
        assertThat(model.config().orElseThrow().flag("tie_word_embeddings", false)).isTrue();
        assertThat(model.tensors()).doesNotContainKey("lm_head.weight");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(PathForm.class)
  void theFirstModelMayBeAMergeWithParametersPerLayer(PathForm form) throws Exception {
    Kind kind = Kind.plain();
    try (Checkpoint a = kind.open(folder.resolve("a"), 3, 1);
        Checkpoint b = kind.open(folder.resolve("b"), 3, 2)) {
      MergeRecipe merge =
          MergeRecipe.builder("dare_linear")
              .base(RunnableModels.ref(a))
              .sources(List.of(RunnableModels.ref(b)))
              .parameter("weight", 0.8)
              .parameter("density", 0.5)
              .group(TensorSelector.parse("layers.1"), Map.of("weight", ParameterValue.of(0.25)))
              .seed(7)
              .build();
      List<Hop> hops =
          List.of(
              new Hop("m", 1, 0.5), new Hop("b", 2, 1.25), new Hop("m", 0, 1), new Hop("m", 1, 2));
      MergeRecipe recipe =
          merge.toBuilder()
              .dataFlow(new DataFlow("m", List.of(RunnableModels.ref(b)), hops, HopScaling.BRANCH))
              .build();
      write(merge, form, "merge");
      try (Checkpoint m = Checkpoints.open(folder.resolve("merge"), "m");
          Checkpoint model = open(write(recipe, form, "out"))) {
        if (form == PathForm.FOLDED) {
          assertThat(
                  PathDecoder.error(
                      new PathDecoder(model).logits(RunnableModels.TOKENS),
                      RunnableModels.logits(recipe, m, b)))
              .isLessThan(1e-5);
          assertThat(bytes(model, "model.layers.3.mlp.down_proj.weight"))
              .isEqualTo(bytes(m, "model.layers.1.mlp.down_proj.weight"));
        } else {
          assertThat(bytes(model, "model.layers.1.mlp.down_proj.weight"))
              .isEqualTo(bytes(m, "model.layers.1.mlp.down_proj.weight"));
        }
      }
    }
  }

  @Test
  void theFolderIsCompleteAndItsRecipeMakesItAgain() throws Exception {
    Kind kind = new Kind(DType.BF16, false, false, 1e-5);
    try (Checkpoint a = kind.open(folder.resolve("a"), 2, 1);
        Checkpoint b = kind.open(folder.resolve("b"), 2, 2)) {
      List<Hop> hops =
          List.of(
              new Hop("a", 0, 1), new Hop("b", 1, 0.5), new Hop("b", 1, -1), new Hop("a", 1, 2));
      MergeRecipe recipe = RunnableModels.recipe(HopScaling.STREAM, hops, a, b);
      for (PathForm form : PathForm.values()) {
        WrittenModel written = write(recipe, form, form + "-one");
        MergeRecipe read = RecipeFiles.read(written.folder().resolve("recipe.yaml"));
        assertThat(read).isEqualTo(written.recipe());
        assertThat(read.dataFlow().orElseThrow().models().get(0).sha256()).isEqualTo(b.sha256());
        MergedModelWriter.builder()
            .pathForm(form)
            .parallelism(4)
            .build()
            .write(read, folder.resolve(form + "-two"));
        assertThat(TinyModels.files(folder.resolve(form + "-two")))
            .isEqualTo(TinyModels.files(written.folder()));
        try (Checkpoint model = Checkpoints.open(written.folder())) {
          assertThat(model.metadata())
              .containsEntry("format", "pt")
              .containsEntry("evomerge.recipe", read.canonicalJson());
        }
      }
    }
  }

  @Test
  void withoutAPathTheFormDoesNotMatter() throws Exception {
    try (Checkpoint a = Kind.plain().open(folder.resolve("a"), 2, 1)) {
      MergeRecipe recipe = MergeRecipe.builder("passthrough").source(RunnableModels.ref(a)).build();
      write(recipe, PathForm.FOLDED, "one");
      write(recipe, PathForm.COMPACT, "two");
      assertThat(TinyModels.files(folder.resolve("two")))
          .isEqualTo(TinyModels.files(folder.resolve("one")));
    }
  }

  @Test
  void progressTellsOfEveryCopy() throws Exception {
    try (Checkpoint a = Kind.plain().open(folder.resolve("a"), 1, 1)) {
      List<Hop> hops = List.of(new Hop("a", 0, 1), new Hop("a", 0, 2), new Hop("a", 0, 3));
      List<MergeProgress> seen = new ArrayList<>();
      WrittenModel written =
          MergedModelWriter.builder()
              .progress(seen::add)
              .build()
              .write(RunnableModels.recipe(HopScaling.BRANCH, hops, a), folder.resolve("out"));
      assertThat(seen).extracting(MergeProgress::tensor).doesNotHaveDuplicates().hasSize(30);
      MergeProgress last = seen.get(29);
      assertThat(last.tensorsDone()).isEqualTo(last.tensors()).isEqualTo(30);
      assertThat(last.bytesDone()).isEqualTo(last.bytes()).isEqualTo(written.bytes());
    }
  }

  @Test
  void windowsOfLayersMoveWithThem() throws Exception {
    Kind kind = Kind.plain();
    ObjectNode config = kind.config(4);
    config.putArray("architectures").add("Qwen2ForCausalLM");
    config.put("model_type", "qwen2");
    config.put("use_sliding_window", true);
    config.put("sliding_window", 16);
    config.put("max_window_layers", 2);
    try (Checkpoint a = kind.open(folder.resolve("a"), 4, 1, config)) {
      List<Hop> hops =
          List.of(new Hop("a", 0, 1), new Hop("a", 3, 1), new Hop("a", 1, 2), new Hop("a", 2, 1));
      try (Checkpoint model =
          open(write(RunnableModels.recipe(HopScaling.BRANCH, hops, a), PathForm.FOLDED, "out"))) {
        ObjectNode json = model.config().orElseThrow().json();
        assertThat(json.path("layer_types"))
            .extracting(type -> type.asText().replace("_attention", ""))
            .containsExactly("full", "sliding", "full", "sliding");
        assertThat(json.path("max_window_layers").intValue()).isEqualTo(1);
      }
    }
  }

  @Test
  void aLayerKeepsWhatItsOwnModelListsForIt() throws Exception {
    Kind kind = Kind.plain();
    ObjectNode first = kind.config(2);
    first.putArray("layer_types").add("full_attention").add("full_attention");
    ObjectNode second = kind.config(2);
    second.putArray("layer_types").add("sliding_attention").add("full_attention");
    try (Checkpoint a = kind.open(folder.resolve("a"), 2, 1, first);
        Checkpoint b = kind.open(folder.resolve("b"), 2, 2, second)) {
      List<Hop> hops = List.of(new Hop("b", 0, 1), new Hop("a", 1, 1), new Hop("b", 1, 1));
      try (Checkpoint model =
          open(
              write(
                  RunnableModels.recipe(HopScaling.BRANCH, hops, a, b), PathForm.FOLDED, "out"))) {
        assertThat(model.config().orElseThrow().json().path("layer_types"))
            .extracting(type -> type.asText().replace("_attention", ""))
            .containsExactly("sliding", "full", "full");
      }
    }
  }

  @Test
  void whatHasNoFoldedFormIsRefusedBeforeAnythingIsWritten() throws Exception {
    try (Checkpoint a = Kind.plain().open(folder.resolve("a"), 2, 1)) {
      List<Hop> zero = List.of(new Hop("a", 0, 0), new Hop("a", 1, 0));
      assertThatThrownBy(
              () ->
                  write(RunnableModels.recipe(HopScaling.STREAM, zero, a), PathForm.FOLDED, "out"))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("hop 1: scale 0")
          .hasMessageContaining("write the compact form");
      List<Hop> tiny = new ArrayList<>();
      for (int t = 0; t < 5; t++) {
        tiny.add(new Hop("a", 0, 1e-12));
      }
      assertThatThrownBy(
              () ->
                  write(RunnableModels.recipe(HopScaling.STREAM, tiny, a), PathForm.FOLDED, "out"))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("hop 4: the product of the scales");
      List<Hop> beyond = List.of(new Hop("a", 0, 1), new Hop("a", 2, 1));
      assertThatThrownBy(
              () ->
                  write(
                      RunnableModels.recipe(HopScaling.STREAM, beyond, a), PathForm.FOLDED, "out"))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("hop 1 wants layer 2 of 'a', which has the layers 0 to 1");
      assertLeft("a");
      write(RunnableModels.recipe(HopScaling.STREAM, zero, a), PathForm.COMPACT, "out");
    }
  }

  @Test
  void anUnknownArchitectureCanBeStackedButNotScaled() throws Exception {
    try (TinyModels.Family family = TinyModels.Family.write(folder, DType.BF16, false)) {
      Checkpoint ja = family.sources().get(0);
      List<Hop> stacked = List.of(new Hop("ja", 0, 1), new Hop("ja", 0, 1), new Hop("ja", 1, 1));
      write(RunnableModels.recipe(HopScaling.BRANCH, stacked, ja), PathForm.FOLDED, "out");
      List<Hop> scaled = List.of(new Hop("ja", 0, 1), new Hop("ja", 1, 0.5));
      assertThatThrownBy(
              () ->
                  write(
                      RunnableModels.recipe(HopScaling.BRANCH, scaled, ja), PathForm.FOLDED, "no"))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("the blocks have no 'mlp.down_proj.weight'");
      assertLeft("base", "ja", "math", "out");
    }
  }

  @Test
  void normsBehindTheProjectionsAreNotScaledBlindly() throws Exception {
    Kind kind = Kind.plain();
    Map<String, List<Long>> shapes = kind.shapes(1);
    shapes.put("model.layers.0.post_feedforward_layernorm.weight", List.of(32L));
    Path model =
        TestCheckpoints.write(
            folder.resolve("a"),
            TestCheckpoints.random(shapes, 1),
            shapes,
            DType.F32,
            kind.config(1));
    try (Checkpoint a = Checkpoints.open(model)) {
      List<Hop> hops = List.of(new Hop("a", 0, 1), new Hop("a", 0, 0.5));
      assertThatThrownBy(
              () ->
                  write(RunnableModels.recipe(HopScaling.BRANCH, hops, a), PathForm.FOLDED, "out"))
          .hasMessageContaining("post_feedforward_layernorm");
    }
  }

  @Test
  void onlyReleasedArchitecturesHaveACompactForm() throws Exception {
    Kind kind = Kind.plain();
    ObjectNode config = kind.config(1);
    config.putArray("architectures").add("Qwen2ForCausalLM");
    try (Checkpoint a = kind.open(folder.resolve("a"), 1, 1, config)) {
      List<Hop> hops = List.of(new Hop("a", 0, 1));
      assertThatThrownBy(
              () ->
                  write(RunnableModels.recipe(HopScaling.BRANCH, hops, a), PathForm.COMPACT, "out"))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("config.json says Qwen2ForCausalLM; write the folded form");
      assertLeft("a");
    }
  }

  @Test
  void aWeightThatItsScaleMakesTooLargeIsNamed() throws Exception {
    Kind kind = new Kind(DType.F16, false, false, 1e-5);
    try (Checkpoint a = kind.open(folder.resolve("a"), 1, 1)) {
      List<Hop> hops = List.of(new Hop("a", 0, 1), new Hop("a", 0, 1e6));
      MergeRecipe recipe =
          RunnableModels.recipe(HopScaling.BRANCH, hops, a).toBuilder().dtype(DType.F16).build();
      assertThatThrownBy(() -> write(recipe, PathForm.FOLDED, "out"))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("model.layers.0.mlp.down_proj.weight")
          .hasMessageContaining("too large for F16");
      assertLeft("a");
      write(recipe.toBuilder().dtype(DType.BF16).build(), PathForm.FOLDED, "out");
    }
  }

  @Test
  void aModelOfThePathIsNeverReplaced() throws Exception {
    try (Checkpoint a = Kind.plain().open(folder.resolve("a"), 1, 1);
        Checkpoint b = Kind.plain().open(folder.resolve("b"), 1, 2)) {
      MergeRecipe recipe =
          RunnableModels.recipe(
              HopScaling.BRANCH, List.of(new Hop("a", 0, 1), new Hop("b", 0, 1)), a, b);
      MergedModelWriter writer =
          MergedModelWriter.builder()
              .writeOptions(WriteOptions.defaults().withOverwrite(true))
              .build();
      assertThatThrownBy(() -> writer.write(recipe, folder.resolve("b")))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("'b'")
          .hasMessageContaining("choose another folder");
    }
  }

  @Test
  void anInterruptLeavesNothingBehind() throws Exception {
    try (Checkpoint a = Kind.plain().open(folder.resolve("a"), 2, 1)) {
      List<Hop> hops = List.of(new Hop("a", 0, 1), new Hop("a", 1, 2), new Hop("a", 0, 3));
      Thread caller = Thread.currentThread();
      MergedModelWriter writer =
          MergedModelWriter.builder()
              .parallelism(2)
              .progress(
                  done -> {
                    if (done.tensorsDone() == 5) {
                      caller.interrupt();
                    }
                  })
              .build();
      MergeRecipe recipe = RunnableModels.recipe(HopScaling.BRANCH, hops, a);
      assertThatThrownBy(() -> writer.write(recipe, folder.resolve("out")))
          .isInstanceOf(InterruptedIOException.class);
      assertThat(Thread.interrupted()).as("the interrupt is kept for the caller").isTrue();
      assertLeft("a");
    }
  }

  private void assertLeft(String... names) throws IOException {
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).extracting(path -> path.getFileName().toString()).containsOnly(names);
    }
  }
}
