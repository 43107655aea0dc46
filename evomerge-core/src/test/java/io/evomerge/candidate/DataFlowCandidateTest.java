package io.evomerge.candidate;

import static io.evomerge.candidate.TinyModels.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.TensorMerge;
import io.evomerge.merge.WholeModelOperator;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorSink;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataFlowCandidateTest {

  private static final List<String> LAYER =
      List.of("input_layernorm.weight", "mlp.up_proj.weight", "self_attn.q_proj.weight");

  @TempDir Path folder;

  private final List<Checkpoint> opened = new ArrayList<>();

  @AfterEach
  void closeModels() {
    opened.forEach(Checkpoint::close);
  }

  private Checkpoint model(String name, int layers) throws Exception {
    return model(name, layers, false, "");
  }

  private Checkpoint model(String name, int layers, boolean tied, String config) throws Exception {
    long seed = name.hashCode();
    Checkpoint model = PathModels.write(folder.resolve(name), layers, tied, config, seed);
    opened.add(model);
    return model;
  }

  private static String tensor(int layer, String rest) {
    return "model.layers." + layer + "." + rest;
  }

  /** Compares a candidate with its parts, read from elsewhere. */
  private static void assertPath(
      CandidateModel candidate,
      Map<String, float[]> merged,
      Map<String, Checkpoint> others,
      String what) {
    DataFlow flow = candidate.recipe().dataFlow().orElseThrow();
    Set<String> expected = new HashSet<>();
    merged.forEach(
        (name, values) -> {
          if (!name.contains(".layers.")) {
            assertThat(floats(candidate.tensors().get(name))).as(what + name).isEqualTo(values);
            expected.add(name);
          }
        });
    for (int t = 0; t < flow.hops().size(); t++) {
      Hop hop = flow.hops().get(t);
      for (String rest : LAYER) {
        String source = tensor(hop.layer(), rest);
        float[] values =
            hop.model().equals(flow.merged())
                ? merged.get(source)
                : floats(others.get(hop.model()).tensor(source));
        assertThat(floats(candidate.tensors().get(tensor(t, rest))))
            .as(what + "hop " + t + " of " + flow.hops() + " " + rest)
            .isEqualTo(values);
        expected.add(tensor(t, rest));
      }
    }
    assertThat(candidate.tensors().keySet()).as(what).isEqualTo(expected);
    assertThat(candidate.layout().roles().keySet()).as(what).isEqualTo(expected);
    assertThat(candidate.layout().layerCount()).as(what).isEqualTo(flow.hops().size());
    assertThat(candidate.config().orElseThrow().integer("num_hidden_layers"))
        .as(what)
        .hasValue(flow.hops().size());
  }

  private static Map<String, float[]> floatsOf(Checkpoint model) {
    Map<String, float[]> values = new HashMap<>();
    model.tensors().keySet().forEach(name -> values.put(name, floats(model.tensor(name))));
    return values;
  }

  @Test
  void everyTensorOfAPathIsThatOfItsLayer() throws Exception {
    long seed = 20240313;
    Random random = new Random(seed);
    List<Checkpoint> models = List.of(model("a", 3), model("b", 5), model("c", 1));
    for (int count = 1; count <= 3; count++) {
      Checkpoint source = models.get(0);
      List<Checkpoint> others = models.subList(1, count);
      Map<String, Checkpoint> byName = new HashMap<>();
      others.forEach(other -> byName.put(other.name(), other));
      MergeRecipe any = PathModels.passthrough(source, PathModels.random("a", 3, others, random));
      try (CandidateAssembler assembler =
              PathModels.assembler(MergeOperators.passthrough(), List.of(source), others, any)
                  .threads(2)
                  .build();
          WeightStore store = assembler.newStore()) {
        assertThat(assembler.layout().layerCount()).isEqualTo(3);
        for (int i = 0; i < 20; i++) {
          MergeRecipe recipe =
              PathModels.passthrough(source, PathModels.random("a", 3, others, random));
          CandidateModel candidate = assembler.assemble(recipe, store);
          assertThat(candidate.weights()).isSameAs(store);
          assertPath(candidate, floatsOf(source), byName, "seed " + seed + ", path " + i + ": ");
        }
      }
    }
  }

  @Test
  void hopsThroughOneLayerShareItsMemoryAndItCountsOnce() throws Exception {
    Checkpoint a = model("a", 3);
    List<Checkpoint> others = List.of(model("b", 2));
    MergeRecipe recipe =
        PathModels.passthrough(
            a, PathModels.path("a", others, "a", 1, "b", 0, "a", 1, "b", 0, "b", 1, "a", 2));
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.passthrough(), List.of(a), others, recipe).build();
        WeightStore store = assembler.newStore()) {
      CandidateModel candidate = assembler.assemble(recipe, store);
      for (String rest : LAYER) {
        assertThat(candidate.tensors().get(tensor(2, rest)))
            .isSameAs(candidate.tensors().get(tensor(0, rest)))
            .isSameAs(store.tensors().get(tensor(1, rest)));
        assertThat(candidate.tensors().get(tensor(3, rest)))
            .isSameAs(candidate.tensors().get(tensor(1, rest)));
      }
      // Embeddings, final norm, head; the layers 1 and 2 of a, 0 and 1 of b.
      assertThat(candidate.parameterCount())
          .isEqualTo(11 * 8 + 8 + 11 * 8 + 4 * PathModels.LAYER_WEIGHTS);
      MergeRecipe asItIs = MergeRecipe.builder("passthrough").source(a.ref()).build();
      assertThat(assembler.assemble(asItIs, store).parameterCount())
          .isEqualTo(11 * 8 + 8 + 11 * 8 + 3 * PathModels.LAYER_WEIGHTS);
    }
  }

  @Test
  void aTiedHeadStaysTied() throws Exception {
    Checkpoint a = model("a", 2, true, "");
    List<Checkpoint> others = List.of(model("b", 2, true, ""));
    MergeRecipe recipe =
        PathModels.passthrough(a, PathModels.path("a", others, "b", 1, "a", 0, "b", 1));
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.passthrough(), List.of(a), others, recipe).build();
        WeightStore store = assembler.newStore()) {
      CandidateModel candidate = assembler.assemble(recipe, store);
      assertThat(candidate.layout().tiedEmbeddings()).isTrue();
      assertThat(candidate.tensors()).doesNotContainKey("lm_head.weight");
      assertThat(candidate.parameterCount()).isEqualTo(11 * 8 + 8 + 2 * PathModels.LAYER_WEIGHTS);
    }
  }

  @Test
  void layersAreRoundedToTheTypesThatAWrittenModelHas() throws Exception {
    Checkpoint a = model("a", 2);
    List<Checkpoint> others = List.of(model("b", 3));
    DataFlow flow = PathModels.path("a", others, "b", 2, "a", 1, "b", 0);
    MergeRecipe any = PathModels.passthrough(a, flow);
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.passthrough(), List.of(a), others, any).build();
        WeightStore store = assembler.newStore()) {
      TensorBuffer own = null;
      for (Optional<DType> type :
          List.of(
              Optional.<DType>empty(),
              Optional.of(DType.F16),
              Optional.of(DType.F32),
              Optional.of(DType.BF16))) {
        MergeRecipe.Builder plain = MergeRecipe.builder("passthrough").source(others.get(0).ref());
        type.ifPresent(plain::dtype);
        Path out = folder.resolve("out-" + type);
        MergedModelWriter.create().write(plain.build(), out);
        MergeRecipe.Builder onPath = any.toBuilder();
        type.ifPresent(onPath::dtype);
        CandidateModel candidate = assembler.assemble(onPath.build(), store);
        try (Checkpoint written = Checkpoints.open(out)) {
          for (String rest : LAYER) {
            assertThat(floats(candidate.tensors().get(tensor(0, rest))))
                .as(type + " " + rest)
                .isEqualTo(floats(written.tensor(tensor(2, rest))));
          }
        }
        if (own == null) {
          own = candidate.tensors().get(tensor(0, LAYER.get(0)));
        }
      }
      assertThat(assembler.assemble(any, store).tensors().get(tensor(0, LAYER.get(0))))
          .as("what was loaded for another type stays")
          .isSameAs(own);
    }
  }

  @Test
  void jointMergesGiveTheLayersThatTheyGiveWithoutAPath() throws Exception {
    long seed = 7;
    Random random = new Random(seed);
    Checkpoint base = model("base", 4);
    List<Checkpoint> sources = List.of(model("ja", 4), model("math", 4));
    List<Checkpoint> others = List.of(model("other", 2));
    Map<String, Checkpoint> byName = Map.of("other", others.get(0));
    for (String operator : List.of("linear", "task_arithmetic", "ties_global")) {
      boolean based = !operator.equals("linear");
      MergeRecipe.Builder template =
          MergeRecipe.builder(operator)
              .sources(sources.stream().map(Checkpoint::ref).toList())
              .perSource("weight", 0.5, 0.25);
      if (based) {
        template.base(base.ref());
      }
      DataFlow any = PathModels.random("merged", 4, others, random);
      CandidateAssembler.Builder builder =
          PathModels.assembler(
              MergeOperators.standard().get(operator),
              sources,
              others,
              template.build().toBuilder().dataFlow(any).build());
      if (based) {
        builder.base(base);
      }
      try (CandidateAssembler assembler = builder.build();
          WeightStore store = assembler.newStore();
          WeightStore full = assembler.newStore()) {
        for (int i = 0; i < 15; i++) {
          MergeRecipe.Builder recipe = template.build().toBuilder().seed(random.nextInt(2));
          for (int layer = 0; layer < 4; layer++) {
            recipe.group(
                TensorSelector.parse("layers." + layer),
                Map.of(
                    "weight",
                    ParameterValue.perSource(
                        List.of(random.nextInt(3) / 2.0, 0.25 + random.nextInt(2)))));
          }
          MergeRecipe merge = recipe.build();
          Map<String, float[]> merged = floats(assembler.assemble(merge, full).weights());
          DataFlow flow = PathModels.random("merged", 4, others, random);
          CandidateModel candidate =
              assembler.assemble(merge.toBuilder().dataFlow(flow).build(), store);
          assertPath(candidate, merged, byName, operator + ", seed " + seed + ", " + i + ": ");
        }
      }
    }
  }

  @Test
  void whatAStoreHeldBeforeDoesNotMatter() throws Exception {
    Checkpoint a = model("a", 3);
    List<Checkpoint> others = List.of(model("b", 3));
    MergeRecipe.Builder linear =
        MergeRecipe.builder("linear")
            .source(a.ref())
            .source(others.get(0).ref())
            .perSource("weight", 0.5, 0.5);
    MergeRecipe first =
        linear.build().toBuilder()
            .dataFlow(PathModels.path("m", others, "m", 0, "b", 2, "m", 0))
            .build();
    MergeRecipe second =
        linear.build().toBuilder()
            .perSource("weight", 0.25, 0.75)
            .dataFlow(PathModels.path("m", others, "m", 2, "m", 1, "b", 1, "m", 2))
            .build();
    List<Checkpoint> sources = List.of(a, others.get(0));
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.linear(), sources, others, first).build();
        WeightStore store = assembler.newStore()) {
      for (MergeRecipe recipe : List.of(first, second, first, linear.build(), second, first)) {
        try (WeightStore fresh = assembler.newStore()) {
          Map<String, TensorBuffer> expected = assembler.assemble(recipe, fresh).tensors();
          Map<String, TensorBuffer> actual = assembler.assemble(recipe, store).tensors();
          assertThat(actual.keySet()).isEqualTo(expected.keySet());
          actual.forEach(
              (name, buffer) ->
                  assertThat(floats(buffer)).as(name).isEqualTo(floats(expected.get(name))));
        }
      }
    }
  }

  @Test
  void layersThatNoHopUsesAreNotMergedButSurveyed() throws Exception {
    Spy spy = new Spy();
    Checkpoint a = model("a", 3);
    DataFlow flow = PathModels.path("a", List.of(), "a", 2, "a", 2);
    MergeRecipe recipe =
        MergeRecipe.builder(spy.name()).source(a.ref()).parameter("gain", 1).dataFlow(flow).build();
    try (CandidateAssembler assembler =
            PathModels.assembler(spy, List.of(a), List.of(), recipe).build();
        WeightStore store = assembler.newStore()) {
      assembler.assemble(recipe, store);
      assertThat(spy.surveyed).containsExactlyInAnyOrderElementsOf(a.tensors().keySet());
      assertThat(spy.merged)
          .hasSize(3 + 3)
          .allMatch(name -> !name.contains(".layers.") || name.contains(".layers.2."));
      spy.merged.clear();
      DataFlow more = PathModels.path("a", List.of(), "a", 2, "a", 0);
      assembler.assemble(recipe.toBuilder().dataFlow(more).build(), store);
      assertThat(spy.merged).hasSize(3).allMatch(name -> name.contains(".layers.0."));
      spy.merged.clear();
      // Layer 2 is then that of another recipe; layer 0 is still the old one.
      MergeRecipe louder = recipe.toBuilder().parameter("gain", 2).build();
      assembler.assemble(louder, store);
      assertThat(spy.merged).hasSize(3 + 3).noneMatch(name -> name.contains(".layers.0."));
      spy.merged.clear();
      assembler.assemble(recipe.toBuilder().dataFlow(more).build(), store);
      assertThat(spy.merged).hasSize(3 + 3).noneMatch(name -> name.contains(".layers.0."));
    }
  }

  @Test
  void onlyLayersThatAPathUsesAreReadAndDamagedOnesAreRefusedByName() throws Exception {
    Checkpoint a = model("a", 2);
    model("b", 3).close();
    byte[] file = Files.readAllBytes(folder.resolve("b").resolve("model.safetensors"));
    Checkpoint intact = Checkpoints.open(folder.resolve("b"), "intact");
    opened.add(intact);
    float[] wanted = floats(intact.tensor(tensor(1, "input_layernorm.weight")));
    int at = find(file, wanted[3]);
    Path damaged = folder.resolve("damaged");
    Files.createDirectories(damaged);
    Files.copy(folder.resolve("b/config.json"), damaged.resolve("config.json"));
    byte[] nan = {0, 0, (byte) 0xc0, 0x7f};
    System.arraycopy(nan, 0, file, at, 4);
    Files.write(damaged.resolve("model.safetensors"), file);
    List<Checkpoint> others = List.of(Checkpoints.open(damaged));
    opened.addAll(others);
    MergeRecipe around =
        PathModels.passthrough(a, PathModels.path("a", others, "damaged", 0, "damaged", 2));
    MergeRecipe through =
        PathModels.passthrough(a, PathModels.path("a", others, "damaged", 0, "damaged", 1));
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.passthrough(), List.of(a), others, around).build();
        WeightStore store = assembler.newStore()) {
      assembler.assemble(around, store);
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> assembler.assemble(through, store))
            .isInstanceOf(MergeException.class)
            .hasMessageContaining(tensor(1, "input_layernorm.weight"))
            .hasMessageContaining("'damaged' has NaN at element 3");
      }
      assertThat(assembler.assemble(around, store).tensors()).hasSize(3 + 2 * 3);
    }
  }

  private static int find(byte[] file, float value) {
    int bits = Float.floatToIntBits(value);
    byte[] wanted = {
      (byte) bits, (byte) (bits >> 8), (byte) (bits >> 16), (byte) (bits >> 24),
    };
    for (int i = 0; i < file.length - 3; i++) {
      if (Arrays.equals(file, i, i + 4, wanted, 0, 4)) {
        return i;
      }
    }
    throw new AssertionError("not found");
  }

  @Test
  void whatIsListedPerLayerFollowsTheHops() throws Exception {
    String types = ", \"layer_types\": [\"full_attention\", \"sliding_attention\"]";
    Checkpoint a = model("a", 2, false, types);
    Checkpoint b =
        model(
            "b",
            3,
            false,
            ", \"layer_types\": [\"sliding_attention\", \"full_attention\", \"sliding_attention\"]");
    List<Checkpoint> others = List.of(b, model("c", 4));
    MergeRecipe recipe =
        PathModels.passthrough(
            a, PathModels.path("a", others, "b", 0, "a", 0, "b", 1, "a", 1, "b", 2, "c", 3));
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.passthrough(), List.of(a), others, recipe).build();
        WeightStore store = assembler.newStore()) {
      CandidateModel candidate = assembler.assemble(recipe, store);
      List<String> found = new ArrayList<>();
      candidate
          .config()
          .orElseThrow()
          .json()
          .path("layer_types")
          .forEach(type -> found.add(type.asText().substring(0, 1)));
      // Of c nothing is known: as in the last layer of a.
      assertThat(found).containsExactly("s", "f", "f", "s", "s", "s");
      MergeRecipe asItIs = MergeRecipe.builder("passthrough").source(a.ref()).build();
      assertThat(assembler.assemble(asItIs, store).config()).isEqualTo(a.config());
    }
  }

  @Test
  void windowsThatBeginAtALayerBecomeTypesOfLayers() throws Exception {
    String windows =
        ", \"use_sliding_window\": true, \"sliding_window\": 64, \"max_window_layers\": ";
    Checkpoint a = model("a", 3, false, windows + 2);
    List<Checkpoint> others = List.of(model("b", 3, false, windows + 1));
    MergeRecipe recipe =
        PathModels.passthrough(
            a, PathModels.path("a", others, "a", 2, "a", 0, "b", 1, "b", 0, "a", 1));
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.passthrough(), List.of(a), others, recipe).build();
        WeightStore store = assembler.newStore()) {
      assertThat(
              assembler.assemble(recipe, store).config().orElseThrow().json().path("layer_types"))
          .extracting(type -> type.asText().substring(0, 1))
          .containsExactly("s", "f", "s", "f", "f");
    }
  }

  @Test
  void aCandidateIsOverWithItsStore() throws Exception {
    Checkpoint a = model("a", 2);
    MergeRecipe recipe = PathModels.passthrough(a, PathModels.path("a", List.of(), "a", 1, "a", 0));
    try (CandidateAssembler assembler =
        PathModels.assembler(MergeOperators.passthrough(), List.of(a), List.of(), recipe).build()) {
      WeightStore store = assembler.newStore();
      CandidateModel candidate = assembler.assemble(recipe, store);
      assertThatThrownBy(() -> candidate.tensors().clear())
          .isInstanceOf(UnsupportedOperationException.class);
      store.close();
      assertThatThrownBy(candidate::tensors).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(candidate::parameterCount).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> assembler.assemble(recipe, store))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the weight store is closed");
    }
  }

  @Test
  void slicesArePartOfTheMergedModel() throws Exception {
    Checkpoint a = model("a", 3);
    List<Checkpoint> others = List.of(model("b", 2));
    MergeRecipe sliced =
        MergeRecipe.builder("passthrough")
            .source(a.ref())
            .slices(List.of(new LayerSlice(List.of(new LayerRange("a", 1, 3)))))
            .dataFlow(PathModels.path("m", others, "m", 1, "b", 1, "m", 0))
            .build();
    try (CandidateAssembler assembler =
            PathModels.assembler(MergeOperators.passthrough(), List.of(a), others, sliced).build();
        WeightStore store = assembler.newStore()) {
      CandidateModel candidate = assembler.assemble(sliced, store);
      int[] layers = {2, -1, 1};
      for (int t : new int[] {0, 2}) {
        for (String rest : LAYER) {
          assertThat(floats(candidate.tensors().get(tensor(t, rest))))
              .isEqualTo(floats(a.tensor(ModelLayout.withLayer(tensor(0, rest), layers[t]))));
        }
      }
    }
  }

  /** Copies its source, and notes what it sees. */
  private static final class Spy implements WholeModelOperator {
    private final List<String> surveyed = new ArrayList<>();
    private final List<String> merged = new ArrayList<>();

    /** A survey without content. */
    private record Nothing() implements Survey {}

    @Override
    public String name() {
      return "spy";
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of(ParameterSpec.global("gain", 0, 2, 1, true, "Not used."));
    }

    @Override
    public BaseModel baseModel() {
      return MergeOperator.BaseModel.UNUSED;
    }

    @Override
    public Survey survey(List<? extends TensorMerge> tensors) {
      tensors.forEach(tensor -> surveyed.add(tensor.info().name()));
      return new Nothing();
    }

    @Override
    public void merge(TensorMerge task, TensorSink sink) {
      merged.add(task.info().name());
      float[] values = floats(task.sources().get(0));
      sink.writeFloats(0, values, 0, values.length);
    }
  }
}
