package io.evomerge.candidate;

import static io.evomerge.candidate.TinyModels.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.merge.ForwardingOperator;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.TensorMerge;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorSink;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SharedMergedModelTest {

  private static final String Q = "model.layers.0.self_attn.q_proj.weight";

  @TempDir Path folder;

  private List<Checkpoint> sources;
  private List<Checkpoint> others;

  @BeforeEach
  void writeModels() throws Exception {
    sources =
        List.of(
            PathModels.write(folder.resolve("ja"), 4, false, "", 1),
            PathModels.write(folder.resolve("math"), 4, false, "", 2));
    others = List.of(PathModels.write(folder.resolve("other"), 3, false, "", 3));
  }

  @AfterEach
  void closeModels() {
    sources.forEach(Checkpoint::close);
    others.forEach(Checkpoint::close);
  }

  private MergeRecipe.Builder recipe(Object... modelsAndLayers) {
    return MergeRecipe.builder("linear")
        .sources(sources.stream().map(Checkpoint::ref).toList())
        .perSource("weight", 0.5, 0.25)
        .dataFlow(PathModels.path("m", others, modelsAndLayers));
  }

  private CandidateAssembler assembler(MergeOperator operator, boolean shareMerged) {
    return PathModels.assembler(operator, sources, others, recipe("m", 0).build())
        .shareMerged(shareMerged)
        .threads(2)
        .build();
  }

  @Test
  void storesAreDistinctAndHoldOneCopyOfAllWeights() {
    try (CandidateAssembler assembler = assembler(MergeOperators.linear(), true);
        WeightStore one = assembler.newStore();
        WeightStore two = assembler.newStore()) {
      assertThat(one).isNotSameAs(two).isNotEqualTo(two);
      Map<String, TensorBuffer> first =
          assembler.assemble(recipe("m", 0, "other", 2).build(), one).tensors();
      Map<String, TensorBuffer> second =
          assembler.assemble(recipe("other", 2, "m", 0).build(), two).tensors();
      assertThat(first.keySet()).isEqualTo(second.keySet()).hasSize(3 + 2 * 3);
      first.forEach(
          (name, buffer) -> {
            String moved =
                name.contains(".layers.0.")
                    ? name.replace(".0.", ".1.")
                    : name.replace(".1.", ".0.");
            assertThat(second.get(moved)).as(name).isSameAs(buffer);
          });
      one.tensors().forEach((name, buffer) -> assertThat(two.tensors().get(name)).isSameAs(buffer));
    }
    try (CandidateAssembler assembler = assembler(MergeOperators.linear(), false);
        WeightStore one = assembler.newStore();
        WeightStore two = assembler.newStore()) {
      MergeRecipe recipe = recipe("m", 0, "other", 2).build();
      Map<String, TensorBuffer> first = assembler.assemble(recipe, one).tensors();
      Map<String, TensorBuffer> second = assembler.assemble(recipe, two).tensors();
      assertThat(first.get(Q)).as("merged weights are the worker's own").isNotSameAs(second.get(Q));
      String other = Q.replace(".0.", ".1.");
      assertThat(first.get(other)).as("layers as they are").isSameAs(second.get(other));
    }
  }

  @Test
  void severalThreadsGetTheSameModelsAsOneThatMergesAlone() throws Exception {
    long seed = 99;
    Random random = new Random(seed);
    List<MergeRecipe> recipes = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      recipes.add(recipe("m", 0).dataFlow(PathModels.random("m", 4, others, random)).build());
    }
    Map<String, Integer> merges = new ConcurrentHashMap<>();
    MergeOperator counting = new Delegate(tensor -> merges.merge(tensor, 1, Integer::sum));
    Map<String, TensorBuffer> buffers = new ConcurrentHashMap<>();
    ExecutorService pool = Executors.newFixedThreadPool(6);
    try (CandidateAssembler assembler = assembler(counting, true);
        CandidateAssembler alone = assembler(MergeOperators.linear(), false)) {
      List<Callable<Map<String, float[]>>> tasks = new ArrayList<>();
      for (MergeRecipe recipe : recipes) {
        tasks.add(
            () -> {
              try (WeightStore store = assembler.newStore()) {
                Map<String, float[]> values = new HashMap<>();
                CandidateModel candidate = assembler.assemble(recipe, store);
                candidate
                    .tensors()
                    .forEach(
                        (name, buffer) -> {
                          values.put(name, floats(buffer));
                          String stored = buffer.info().name();
                          if (others.get(0).tensors().containsKey(stored)
                              && !store.tensors().containsValue(buffer)) {
                            assertThat(buffers.merge(stored, buffer, (a, b) -> a)).isSameAs(buffer);
                          }
                        });
                return values;
              }
            });
      }
      List<Future<Map<String, float[]>>> results = pool.invokeAll(tasks);
      for (int i = 0; i < recipes.size(); i++) {
        Map<String, float[]> actual = results.get(i).get();
        try (WeightStore store = alone.newStore()) {
          Map<String, TensorBuffer> expected = alone.assemble(recipes.get(i), store).tensors();
          assertThat(actual.keySet()).isEqualTo(expected.keySet());
          expected.forEach(
              (name, buffer) ->
                  assertThat(actual.get(name))
                      .as("seed %s, %s of %s", seed, name, actual.keySet())
                      .isEqualTo(floats(buffer)));
        }
      }
      assertThat(buffers).as("layers of the other model").hasSize(3 * 3);
      assertThat(merges).hasSize(3 + 4 * 3);
      assertThat(merges.values()).allMatch(times -> times == 1);
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void othersWaitForTheFirstMerge() throws Exception {
    CountDownLatch merging = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    MergeOperator slow =
        new Delegate(
            tensor -> {
              merging.countDown();
              try {
                assertThat(goOn.await(20, TimeUnit.SECONDS)).isTrue();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    ExecutorService pool = Executors.newFixedThreadPool(2);
    try (CandidateAssembler assembler = assembler(slow, true);
        WeightStore one = assembler.newStore();
        WeightStore two = assembler.newStore()) {
      MergeRecipe recipe = recipe("m", 0).build();
      Future<CandidateModel> first = pool.submit(() -> assembler.assemble(recipe, one));
      assertThat(merging.await(20, TimeUnit.SECONDS)).isTrue();
      Future<CandidateModel> second = pool.submit(() -> assembler.assemble(recipe, two));
      Thread.sleep(100);
      assertThat(second.isDone()).isFalse();
      goOn.countDown();
      assertThat(floats(second.get().tensors().get(Q)))
          .isEqualTo(floats(first.get().tensors().get(Q)));
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void recipesThatWouldChangeTheMergedModelAreRefused() {
    try (CandidateAssembler assembler = assembler(MergeOperators.linear(), true);
        WeightStore one = assembler.newStore();
        WeightStore two = assembler.newStore()) {
      CandidateModel held = assembler.assemble(recipe("m", 0, "m", 1).build(), one);
      float[] before = floats(held.tensors().get(Q));
      assertThatThrownBy(
              () ->
                  assembler.assemble(
                      recipe("m", 0).perSource("weight", 0.75, 0.25).seed(3).build(), two))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("would change 15 of its 15 tensors")
          .hasMessageContaining("'lm_head.weight' is made with")
          .hasMessageContaining("weight [0.5, 0.25], seed 0, BF16")
          .hasMessageContaining("weight [0.75, 0.25], seed 3, BF16")
          .hasMessageContaining("make another assembler");
      assertThatThrownBy(() -> assembler.assemble(recipe("m", 0).dtype(DType.F16).build(), two))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("seed 0, F16");
      // Layer 3 is on no path yet; whether a recipe fits does not hang on who came first.
      MergeRecipe unused =
          recipe("m", 0)
              .group(
                  TensorSelector.parse("layers.3"),
                  Map.of("weight", ParameterValue.perSource(List.of(1.0, 0.0))))
              .build();
      assertThatThrownBy(() -> assembler.assemble(unused, two))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("3 of its 15 tensors");
      assertThat(floats(held.tensors().get(Q))).isEqualTo(before);
      MergeRecipe plain =
          MergeRecipe.builder("linear")
              .sources(sources.stream().map(Checkpoint::ref).toList())
              .perSource("weight", 0.5, 0.25)
              .build();
      try (CandidateAssembler alone = assembler(MergeOperators.linear(), false);
          WeightStore expected = alone.newStore()) {
        CandidateModel whole = assembler.assemble(plain, two);
        alone
            .assemble(plain, expected)
            .tensors()
            .forEach(
                (name, buffer) ->
                    assertThat(floats(whole.tensors().get(name))).isEqualTo(floats(buffer)));
      }
    }
  }

  @Test
  void aFirstMergeThatFailsFixesNothing() {
    boolean[] broken = {true};
    MergeOperator flaky =
        new Delegate(
            tensor -> {
              if (broken[0] && tensor.equals(Q)) {
                throw new MergeException("not today");
              }
            });
    try (CandidateAssembler assembler = assembler(flaky, true);
        WeightStore one = assembler.newStore();
        WeightStore two = assembler.newStore()) {
      assertThatThrownBy(() -> assembler.assemble(recipe("m", 0).build(), one))
          .hasMessage("not today");
      broken[0] = false;
      MergeRecipe another = recipe("m", 0).perSource("weight", 1, 0).build();
      assertThat(floats(assembler.assemble(another, two).tensors().get(Q)))
          .isEqualTo(floats(sources.get(0).tensor(Q)));
      assertThatThrownBy(() -> assembler.assemble(recipe("m", 0).build(), one))
          .isInstanceOf(RecipeException.class);
    }
  }

  @Test
  void closingOneStoreDoesNotHarmTheOthers() {
    CandidateAssembler assembler = assembler(MergeOperators.linear(), true);
    WeightStore one = assembler.newStore();
    WeightStore two = assembler.newStore();
    List<String> log = new ArrayList<>();
    one.onClose(() -> log.add("one"));
    two.onClose(() -> log.add("two"));
    MergeRecipe recipe = recipe("m", 0, "other", 1).build();
    CandidateModel gone = assembler.assemble(recipe, one);
    CandidateModel kept = assembler.assemble(recipe, two);
    float[] before = floats(kept.tensors().get(Q));
    one.close();
    assertThat(log).containsExactly("one");
    assertThatThrownBy(gone::tensors).isInstanceOf(IllegalStateException.class);
    assertThat(floats(kept.tensors().get(Q))).isEqualTo(before);
    assertThat(assembler.assemble(recipe, two).tensors()).hasSize(3 + 2 * 3);
    assembler.close();
    assertThat(floats(kept.tensors().get(Q))).as("the store is its owner's").isEqualTo(before);
    two.close();
    assertThat(log).containsExactly("one", "two");
    assertThatThrownBy(assembler::newStore).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void theMemoryGoesWithTheAssemblerAndTheLastStore() throws Exception {
    CandidateAssembler assembler = assembler(MergeOperators.linear(), true);
    WeightStore one = assembler.newStore();
    WeightStore two = assembler.newStore();
    Map<WeakReference<TensorBuffer>, String> buffers = new IdentityHashMap<>();
    assembler
        .assemble(recipe("m", 0, "other", 1).build(), one)
        .tensors()
        .forEach((name, buffer) -> buffers.put(new WeakReference<>(buffer), name));
    one.close();
    assembler.close();
    WeakReference<TensorBuffer> merged =
        buffers.keySet().stream().filter(ref -> buffers.get(ref).equals(Q)).findFirst().get();
    System.gc();
    assertThat(merged.get()).as("the second store has it").isNotNull();
    two.close();
    for (int i = 0; i < 100 && !cleared(buffers); i++) {
      System.gc();
      Thread.sleep(20);
    }
    assertThat(buffers.entrySet())
        .filteredOn(entry -> entry.getKey().get() != null)
        .as("buffers that something still refers to")
        .isEmpty();
    assertThatThrownBy(one::tensors).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(assembler::newStore).isInstanceOf(IllegalStateException.class);
  }

  private static boolean cleared(Map<WeakReference<TensorBuffer>, String> buffers) {
    return buffers.keySet().stream().allMatch(ref -> ref.get() == null);
  }

  /** Hears of every tensor before it is merged. */
  private interface Listener {
    void merging(String tensor);
  }

  /** A linear merge that tells. */
  private static final class Delegate extends ForwardingOperator {
    private final Listener listener;

    Delegate(Listener listener) {
      super(MergeOperators.linear());
      this.listener = listener;
    }

    @Override
    public void merge(TensorMerge task, TensorSink sink) {
      listener.merging(task.info().name());
      super.merge(task, sink);
    }
  }
}
