package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.candidate.TinyModels.Family;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.ParameterSearchSpace;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.ForwardingOperator;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.TensorMerge;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterRecipeDecoder;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CandidateAssemblerTest {

  @TempDir Path folder;

  private static CandidateAssembler assembler(Family family) {
    return CandidateAssembler.builder(MergeOperators.dareTies())
        .base(family.base())
        .sources(family.sources())
        .build();
  }

  private static void assertSame(Map<String, float[]> actual, Map<String, float[]> expected) {
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    actual.forEach((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
  }

  @Test
  void theScoredModelIsTheWrittenModelBitForBit() throws Exception {
    for (DType stored : List.of(DType.BF16, DType.F16, DType.F32)) {
      try (Family family = Family.write(folder.resolve(stored.name()), stored, false);
          CandidateAssembler assembler = assembler(family);
          WeightStore store = assembler.newStore()) {
        for (Optional<DType> type :
            List.of(
                Optional.<DType>empty(),
                Optional.of(DType.F32),
                Optional.of(DType.F16),
                Optional.of(DType.BF16),
                Optional.of(DType.F64))) {
          MergeRecipe.Builder builder = family.dareTies();
          type.ifPresent(builder::dtype);
          CandidateModel candidate = assembler.assemble(builder.build(), store);
          String name = stored + "-" + type.map(DType::name).orElse("own");
          Path out = folder.resolve("out-" + name);
          MergedModelWriter.create()
              .write(candidate.recipe(), Optional.of(family.base()), family.sources(), out);
          try (Checkpoint written = Checkpoints.open(out);
              WeightStore read = CandidateModels.newStore(written)) {
            assertSame(
                TinyModels.floats(candidate.weights()),
                TinyModels.floats(CandidateModels.load(written, read).weights()));
            assertThat(written.config()).isEqualTo(candidate.config());
            assertThat(written.tensors().get("model.norm.weight").dtype())
                .isEqualTo(type.orElse(stored));
            assertThat(written.tensors().get("model.layers.0.input_layernorm.weight").dtype())
                .as("a tensor of another type keeps it")
                .isEqualTo(type.orElse(DType.F32));
          }
        }
      }
    }
  }

  @Test
  void aTensorThatIsHeldAlreadyIsNotMergedAgainAndNothingElseChanges() throws Exception {
    List<String> merges = new ArrayList<>();
    MergeOperator spy = new Delegate(MergeOperators.dareTies(), merges);
    long seed = 77;
    Random random = new Random(seed);
    try (Family family = Family.write(folder, DType.BF16, false);
        CandidateAssembler assembler =
            CandidateAssembler.builder(spy).base(family.base()).sources(family.sources()).build();
        WeightStore reused = assembler.newStore()) {
      for (int i = 0; i < 25; i++) {
        MergeRecipe.Builder builder = family.dareTies().seed(random.nextInt(2));
        if (random.nextBoolean()) {
          builder.dtype(random.nextBoolean() ? DType.F32 : DType.F16);
        }
        for (String group : List.of("embeddings", "layers.0", "layers.1.mlp", "head")) {
          builder.group(
              TensorSelector.parse(group),
              Map.of("weight", ParameterValue.of(random.nextInt(3) / 2.0)));
        }
        assembler.assemble(builder.build(), reused);
        try (WeightStore fresh = assembler.newStore()) {
          assembler.assemble(builder.build(), fresh);
          assertThat(TinyModels.floats(reused).keySet()).hasSize(9);
          assertSame(TinyModels.floats(reused), TinyModels.floats(fresh));
        }
      }
      MergeRecipe last = family.dareTies().build();
      assembler.assemble(last, reused);
      merges.clear();
      MergeRecipe changed =
          last.toBuilder()
              .group(TensorSelector.parse("layers.1.mlp"), Map.of("density", ParameterValue.of(1)))
              .build();
      assembler.assemble(changed, reused);
      assertThat(merges).as("seed %d", seed).containsExactly("model.layers.1.mlp.up_proj.weight");
      merges.clear();
      assembler.assemble(changed.toBuilder().tokenizer("ja").build(), reused);
      assertThat(merges).isEmpty();
    }
  }

  @Test
  void aTiedHeadHasNoTensor() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, true);
        CandidateAssembler assembler = assembler(family);
        WeightStore store = assembler.newStore()) {
      CandidateModel candidate = assembler.assemble(family.dareTies().build(), store);
      assertThat(candidate.layout().tiedEmbeddings()).isTrue();
      assertThat(candidate.weights().tensors()).doesNotContainKey("lm_head.weight").hasSize(8);
      assertThat(candidate.parameterCount()).isEqualTo(11 * 8 + 2 * (64 + 128 + 8) + 8);
      Path out = folder.resolve("out");
      MergedModelWriter.create()
          .write(candidate.recipe(), Optional.of(family.base()), family.sources(), out);
      try (Checkpoint written = Checkpoints.open(out)) {
        assertThat(written.layout().tiedEmbeddings()).isTrue();
        assertThat(written.tensors().keySet()).isEqualTo(candidate.weights().tensors().keySet());
      }
    }
  }

  @Test
  void severalStoresAreFilledAtOnceWithTheSameResults() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try (Family family = Family.write(folder, DType.BF16, false);
        CandidateAssembler assembler = assembler(family);
        CandidateAssembler uncached =
            CandidateAssembler.builder(MergeOperators.dareTies())
                .base(family.base())
                .sources(family.sources())
                .cacheBytes(0)
                .build();
        WeightStore alone = uncached.newStore()) {
      List<Callable<Map<String, float[]>>> workers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        MergeRecipe recipe = family.dareTies().perSource("density", 0.1 * (i + 1), 0.5).build();
        workers.add(
            () -> {
              try (WeightStore store = assembler.newStore()) {
                return TinyModels.floats(assembler.assemble(recipe, store).weights());
              }
            });
      }
      List<Future<Map<String, float[]>>> results = pool.invokeAll(workers);
      for (int i = 0; i < 8; i++) {
        MergeRecipe recipe = family.dareTies().perSource("density", 0.1 * (i + 1), 0.5).build();
        assertSame(
            results.get(i).get(), TinyModels.floats(uncached.assemble(recipe, alone).weights()));
      }
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void anotherModelUnderTheSameNameIsRefusedWithBothDigests() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false);
        CandidateAssembler assembler = assembler(family);
        WeightStore store = assembler.newStore()) {
      String wrong = "0".repeat(64);
      MergeRecipe other =
          family
              .dareTies()
              .sources(List.of(family.refs().get(0), new CheckpointRef("math", "math", wrong)))
              .build();
      assertThatThrownBy(() -> assembler.assemble(other, store))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("'math'")
          .hasMessageContaining(wrong)
          .hasMessageContaining(family.sources().get(1).sha256());
      MergeRecipe unknownDigest =
          family
              .dareTies()
              .sources(List.of(family.refs().get(0), new CheckpointRef("math", "math", "")))
              .build();
      assertThat(assembler.assemble(unknownDigest, store).recipe()).isEqualTo(unknownDigest);
      assertThatThrownBy(
              () ->
                  assembler.assemble(
                      family.dareTies().semantics(Semantics.MERGEKIT).build(), store))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("MERGEKIT");
      assertThatThrownBy(
              () ->
                  assembler.assemble(
                      MergeRecipe.builder("linear").source(family.refs().get(1)).build(), store))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("operator is 'linear', not 'dare_ties'")
          .hasMessageContaining("it names no base, but there is 'base'")
          .hasMessageContaining("it names 1 sources, there are 2");
      List<CheckpointRef> swapped = List.of(family.refs().get(1), family.refs().get(0));
      assertThatThrownBy(
              () -> assembler.assemble(family.dareTies().sources(swapped).build(), store))
          .hasMessageContaining("it names 'math' where 'ja' was given");
    }
  }

  @Test
  void tensorsThatAreNotFloatingMustBeTheSameAndAreNoWeights() throws Exception {
    List<TensorInfo> tensors = new ArrayList<>(TinyModels.tensors(DType.F16, true));
    tensors.add(0, new TensorInfo(TinyModels.POSITIONS, DType.I64, List.of(5L)));
    Path same = TinyModels.write(folder.resolve("same"), tensors, DType.F16, true, 3);
    Path twin = TinyModels.write(folder.resolve("twin"), tensors, DType.F16, true, 3);
    Path other = TinyModels.write(folder.resolve("other"), tensors, DType.F16, true, 4);
    try (Checkpoint a = Checkpoints.open(same);
        Checkpoint b = Checkpoints.open(twin);
        Checkpoint c = Checkpoints.open(other);
        CandidateAssembler assembler =
            CandidateAssembler.builder(MergeOperators.linear()).sources(List.of(a, b)).build();
        WeightStore store = assembler.newStore()) {
      assertThat(store.tensors()).doesNotContainKey(TinyModels.POSITIONS);
      MergeRecipe recipe =
          MergeRecipe.builder("linear")
              .source(a.ref())
              .source(b.ref())
              .parameter("weight", 1)
              .build();
      MergedModelWriter.create()
          .write(recipe, Optional.empty(), List.of(a, b), folder.resolve("out"));
      try (Checkpoint written = Checkpoints.open(folder.resolve("out"))) {
        byte[] expected = new byte[40];
        byte[] actual = new byte[40];
        a.tensor(TinyModels.POSITIONS).readBytes(0, expected, 0, 40);
        written.tensor(TinyModels.POSITIONS).readBytes(0, actual, 0, 40);
        assertThat(actual).isEqualTo(expected);
      }
      assertThatThrownBy(
              () ->
                  CandidateAssembler.builder(MergeOperators.linear())
                      .sources(List.of(a, b, c))
                      .build())
          .isInstanceOf(IncompatibleCheckpointsException.class)
          .hasMessageContaining("'" + TinyModels.POSITIONS + "' (I64) of 'other'");
    }
  }

  @Test
  void everythingThatDoesNotFitIsSaidBeforeWorkStarts() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      assertThatThrownBy(() -> CandidateAssembler.builder(MergeOperators.dareTies()).build())
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("'dare_ties' needs a base model")
          .hasMessageContaining("got 0");
      assertThatThrownBy(
              () ->
                  CandidateAssembler.builder(MergeOperators.passthrough())
                      .base(family.base())
                      .sources(
                          List.of(
                              family.sources().get(0),
                              family.sources().get(1),
                              family.sources().get(0)))
                      .build())
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("takes no base model; leave 'base' out")
          .hasMessageContaining("takes 1 to 1 sources, got 3")
          .hasMessageContaining("share a name");
      Path tied = TinyModels.write(folder.resolve("tied"), DType.BF16, true, 5);
      try (Checkpoint stranger = Checkpoints.open(tied)) {
        assertThatThrownBy(
                () ->
                    CandidateAssembler.builder(MergeOperators.dareTies())
                        .base(family.base())
                        .sources(List.of(stranger))
                        .build())
            .isInstanceOf(IncompatibleCheckpointsException.class)
            .hasMessageContaining("lm_head.weight");
      }
    }
  }

  @Test
  void anOperatorOfTheHostJoinsTheGenomeWithItsOwnParameters() throws Exception {
    MergeOperator pull =
        new MergeOperator() {
          @Override
          public String name() {
            return "host_pull";
          }

          @Override
          public List<ParameterSpec> parameters() {
            return List.of(
                ParameterSpec.perSource("gain", 0, 2, 1, "How far towards a source."),
                ParameterSpec.global("shift", -1, 1, 0, true, "Added to every element."));
          }

          @Override
          public BaseModel baseModel() {
            return BaseModel.REQUIRED;
          }

          @Override
          public void merge(TensorMerge task, TensorSink sink) {
            float[] sum = TinyModels.floats(task.base().orElseThrow());
            float[] base = sum.clone();
            for (int s = 0; s < task.sources().size(); s++) {
              float[] source = TinyModels.floats(task.sources().get(s));
              for (int i = 0; i < sum.length; i++) {
                sum[i] += (float) task.parameters().perSource("gain", s) * (source[i] - base[i]);
              }
            }
            for (int i = 0; i < sum.length; i++) {
              sum[i] += (float) task.parameters().scalar("shift");
            }
            sink.writeFloats(0, sum, 0, sum.length);
          }
        };
    try (Family family = Family.write(folder, DType.F32, false);
        CandidateAssembler assembler =
            CandidateAssembler.builder(pull).base(family.base()).sources(family.sources()).build();
        WeightStore store = assembler.newStore()) {
      ParameterSearchSpace space =
          ParameterSpace.perLayerGroup(2)
              .share("shift")
              .bind(family.base().layout(), pull.parameters(), List.of("ja", "math"));
      assertThat(space.genes().stream().map(Gene::name))
          .contains("shift", "layers.0-1.gain[ja]", "head.gain[math]")
          .hasSize(1 + 3 * 2);
      double[] genes = new double[7];
      genes[0] = 0.25;
      genes[3] = 0.5;
      MergeRecipe template =
          MergeRecipe.builder("host_pull").base(family.base().ref()).sources(family.refs()).build();
      MergeRecipe recipe = new ParameterRecipeDecoder(space, template).decode(Genome.of(genes));
      CandidateModel candidate = assembler.assemble(recipe, store);
      String name = "model.layers.1.mlp.up_proj.weight";
      float[] base = TinyModels.floats(family.base().tensor(name));
      float[] ja = TinyModels.floats(family.sources().get(0).tensor(name));
      float[] merged = TinyModels.floats(candidate.weights().tensors().get(name));
      for (int i = 0; i < base.length; i++) {
        assertThat(merged[i]).isEqualTo(base[i] + 0.5f * (ja[i] - base[i]) + 0f + 0.25f);
      }
      Path out = folder.resolve("out");
      MergedModelWriter.builder().operator(pull).build().write(recipe, out);
      try (Checkpoint written = Checkpoints.open(out)) {
        assertThat(TinyModels.floats(written.tensor(name))).isEqualTo(merged);
      }
    }
  }

  @Test
  void anOperatorThatLeavesElementsOutIsNamedAndTheStoreRecovers() throws Exception {
    List<String> merges = new ArrayList<>();
    Delegate flaky = new Delegate(MergeOperators.dareTies(), merges);
    try (Family family = Family.write(folder, DType.BF16, false);
        CandidateAssembler assembler =
            CandidateAssembler.builder(flaky)
                .base(family.base())
                .sources(family.sources())
                .build();
        WeightStore store = assembler.newStore();
        WeightStore fresh = assembler.newStore()) {
      assembler.assemble(family.dareTies().parameter("lambda", 0.5).build(), store);
      flaky.lazy = true;
      assertThatThrownBy(() -> assembler.assemble(family.dareTies().build(), store))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("operator 'dare_ties' wrote 0 of");
      flaky.lazy = false;
      assembler.assemble(family.dareTies().build(), store);
      assembler.assemble(family.dareTies().build(), fresh);
      assertSame(TinyModels.floats(store), TinyModels.floats(fresh));
    }
  }

  @Test
  void useAfterCloseIsRefused() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      CandidateAssembler assembler = assembler(family);
      CandidateAssembler another = assembler(family);
      WeightStore store = assembler.newStore();
      assertThatThrownBy(() -> another.assemble(family.dareTies().build(), store))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("newStore");
      WeightStore gone = assembler.newStore();
      gone.close();
      assertThatThrownBy(() -> assembler.assemble(family.dareTies().build(), gone))
          .isInstanceOf(IllegalStateException.class);
      assembler.close();
      assembler.close();
      another.close();
      assertThatThrownBy(() -> assembler.assemble(family.dareTies().build(), store))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
      assertThatThrownBy(assembler::newStore).isInstanceOf(IllegalStateException.class);
      store.close();
    }
  }

  @Test
  void theCandidateSaysWhoseTokenizerItTakes() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false);
        CandidateAssembler assembler = assembler(family);
        WeightStore store = assembler.newStore()) {
      CandidateModel candidate = assembler.assemble(family.dareTies().build(), store);
      assertThat(candidate.tokenizerFolder()).contains(folder.resolve("base"));
      assertThat(candidate.config()).isEqualTo(family.base().config());
      candidate =
          assembler.assemble(family.dareTies().tokenizer("math").dtype(DType.F16).build(), store);
      assertThat(candidate.tokenizerFolder()).contains(folder.resolve("math"));
      assertThat(candidate.config().orElseThrow().text("torch_dtype")).contains("float16");
    }
  }

  /** Notes which tensors are merged. */
  private static final class Delegate extends ForwardingOperator {
    private final List<String> merges;
    private boolean lazy;

    Delegate(MergeOperator operator, List<String> merges) {
      super(operator);
      this.merges = merges;
    }

    @Override
    public void merge(TensorMerge task, TensorSink sink) {
      merges.add(task.info().name());
      if (!lazy) {
        super.merge(task, sink);
      }
    }
  }
}
