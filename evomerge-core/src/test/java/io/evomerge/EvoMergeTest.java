package io.evomerge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.allocation.ItemAllocations;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.exception.JournalException;
import io.evomerge.exception.RecipeException;
import io.evomerge.exception.SearchFailedException;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.version.Version;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.TensorMerge;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.StopReason;
import io.evomerge.run.EvolutionRun;
import io.evomerge.run.StopCondition;
import io.evomerge.run.TrialEvaluator;
import io.evomerge.run.TrialTask;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorSink;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The facade from end to end: tiny models, and fitness that reads the weights. */
class EvoMergeTest {

  private static final String HEAD = "lm_head.weight";

  @TempDir Path root;
  private Path base;
  private Path ja;
  private Path math;

  @BeforeEach
  void writeModels() {
    base = TestCheckpoints.writeLlama(root.resolve("base"), 2, 8, DType.F32, 1);
    ja = TestCheckpoints.writeLlama(root.resolve("ja"), 2, 8, DType.F32, 2);
    math = TestCheckpoints.writeLlama(root.resolve("math"), 2, 8, DType.F32, 3);
  }

  /** How near the head is to three parts of ja and one of math, 0 at best. */
  private FitnessFunction nearThreeToOne() throws IOException {
    float[] a;
    float[] b;
    try (Checkpoint first = Checkpoints.open(ja);
        Checkpoint second = Checkpoints.open(math)) {
      a = TestCheckpoints.read(first, HEAD);
      b = TestCheckpoints.read(second, HEAD);
    }
    return candidate -> {
      float[] head = head(candidate);
      double squares = 0;
      for (int i = 0; i < head.length; i++) {
        double off = head[i] - (0.75 * a[i] + 0.25 * b[i]);
        squares += off * off;
      }
      return -squares;
    };
  }

  private static float[] head(CandidateModel candidate) {
    float[] head = new float[(int) candidate.weights().tensors().get(HEAD).info().elementCount()];
    candidate.weights().tensors().get(HEAD).readFloats(0, head, 0, head.length);
    return head;
  }

  private EvoMerge.Builder linear(FitnessFunction fitness) {
    return EvoMerge.builder()
        .sources(ja, math)
        .operator(MergeOperators.linear())
        .searchSpace(ParameterSpace.perModel())
        .maximize("near", fitness)
        .stopWhen(StopCondition.evaluations(24))
        .seed(5);
  }

  // Items

  /** Each weight of the head is an item. */
  private static final class PerWeight implements ItemFitness {

    @Override
    public int itemCount() {
      return 32;
    }

    @Override
    public double score(CandidateModel candidate) {
      return evaluate(candidate).score();
    }

    @Override
    public Fitness evaluate(CandidateModel candidate) {
      return evaluate(candidate, ItemSubset.all());
    }

    @Override
    public Fitness evaluate(CandidateModel candidate, ItemSubset items) {
      float[] head = head(candidate);
      IntStream indices = items.isAll() ? IntStream.range(0, 32) : Arrays.stream(items.indices());
      double[] scores = indices.mapToDouble(i -> -Math.abs(head[i] - 0.01 * (i % 5))).toArray();
      double mean = Arrays.stream(scores).average().orElseThrow();
      return new Fitness(mean, scores, Map.of()).onItems(items);
    }
  }

  @Test
  void candidatesAreScoredOnItemsAndTheBestOnAllOfThem() {
    try (EvoMerge search =
        linear(new PerWeight())
            .items(ItemAllocations.successiveHalving())
            .stopWhen(StopCondition.itemEvaluations(1000))
            .build()) {
      EvolutionResult result = search.run();
      assertThat(result.best().fitness().get(0).exact()).isTrue();
      assertThat(result.best().score())
          .isEqualTo(search.evaluate(result.best().recipe(), new PerWeight()).score());
      assertThat(result.trials()).hasSizeGreaterThan(40);
      assertThat(result.provenance().settings())
          .containsEntry("items", "successive-halving")
          .containsEntry("items.eta", "2.0")
          .containsEntry("optimizer", "cma-es");
    }
  }

  @Test
  void aFitnessWithoutItemsIsRefusedWithWhatToDo() {
    assertThatThrownBy(
            () ->
                linear(candidate -> 0)
                    .maximize("other", new PerWeight())
                    .items(ItemAllocations.racing())
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("items(racing) works on one objective, got 2");
    assertThatThrownBy(() -> linear(candidate -> 0).items(ItemAllocations.racing()).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("the fitness of 'near' has no items to choose from")
        .hasMessageContaining("implement ItemFitness");
  }

  // Building

  @Test
  void aBuilderWithFiveMistakesListsFive() {
    ConfigurationException refusal =
        catchThrowableOfType(
            ConfigurationException.class,
            () ->
                EvoMerge.builder()
                    .sources(ja, root.resolve("nowhere"))
                    .operator(MergeOperators.ties())
                    .maximize("score", candidate -> 0)
                    .minimize("score", candidate -> 0)
                    .parallelism(0)
                    .build());
    assertThat(refusal.problems())
        .hasSize(5)
        .anySatisfy(p -> assertThat(p).contains("operator 'ties' works on task vectors"))
        .anySatisfy(p -> assertThat(p).contains("no search space"))
        .anySatisfy(p -> assertThat(p).contains("two objectives are named 'score'"))
        .anySatisfy(p -> assertThat(p).isEqualTo("parallelism: got 0, wanted at least 1"))
        .anySatisfy(p -> assertThat(p).contains("nowhere").contains("there is no checkpoint"));
    assertThat(refusal).hasMessageStartingWith("EvoMerge: 5 problems").hasMessageContaining("5. ");
  }

  @Test
  void anEmptyBuilderSaysWhatIsMissing() {
    assertThatThrownBy(() -> EvoMerge.builder().build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("no sources")
        .hasMessageContaining("no merge operator")
        .hasMessageContaining("no search space")
        .hasMessageContaining("no objective");
  }

  @Test
  void twoSourcesWithTheSameNameAreToldHowToBeNamedApart() throws IOException {
    Path other = TestCheckpoints.writeLlama(root.resolve("more/ja"), 2, 8, DType.F32, 9);
    EvoMerge.Builder clash = linear(candidate -> 0).sources(other);
    assertThatThrownBy(clash::build)
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("'ja'")
        .hasMessageContaining("source(name, path)");
    try (EvoMerge apart = linear(candidate -> 0).source("ja-2", other).build()) {
      assertThat(apart.template().sources())
          .extracting(ref -> ref.name())
          .containsExactly("ja", "math", "ja-2");
    }
  }

  @Test
  void aSourceNamedLikeTheBaseIsToldHowToBeNamedApart() {
    Path other = TestCheckpoints.writeLlama(root.resolve("more/base"), 2, 8, DType.F32, 9);
    assertThatThrownBy(
            () ->
                linear(candidate -> 0)
                    .operator(MergeOperators.taskArithmetic())
                    .base(base)
                    .sources(other)
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("'base'")
        .hasMessageContaining("source(name, path)");
  }

  @Test
  void aParameterThatTheOperatorDoesNotHaveIsRefused() {
    assertThatThrownBy(
            () ->
                linear(candidate -> 0)
                    .searchSpace(ParameterSpace.perModel().freeze("densty", 1))
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("densty");
  }

  @Test
  void toBuilderDerivesASearchThatOutlivesTheFirst() throws IOException {
    EvoMerge first = linear(nearThreeToOne()).build();
    EvoMerge.Builder derived = first.toBuilder().seed(6).searchSpace(ParameterSpace.perLayer());
    first.close();
    try (EvoMerge second = derived.build()) {
      assertThat(second.template().seed()).isEqualTo(6);
      assertThat(second.template().sources()).isEqualTo(first.template().sources());
      assertThat(second.space().genes()).hasSizeGreaterThan(first.space().genes().size());
      assertThat(second.run().trials()).hasSize(24);
    }
  }

  // Whose checkpoints are closed

  @Test
  void pathsAreClosedAndOpenCheckpointsStayTheCallers() throws IOException {
    Path tracked = TrackedFormat.leadingTo(ja);
    try (Checkpoint open = Checkpoints.open(math)) {
      EvoMerge search =
          EvoMerge.builder()
              .sources(tracked)
              .sources(open)
              .operator(MergeOperators.linear())
              .searchSpace(ParameterSpace.perModel())
              .maximize("near", nearThreeToOne())
              .stopWhen(StopCondition.evaluations(5))
              .build();
      assertThat(TrackedFormat.open(tracked)).isEqualTo(1);
      EvolutionResult result = search.run();
      assertThat(TrackedFormat.open(tracked)).isEqualTo(1);
      search.close();
      search.close();
      assertThat(TrackedFormat.open(tracked)).isZero();
      assertThat(TestCheckpoints.read(open, HEAD)).isNotEmpty();
      assertThatThrownBy(() -> search.evaluate(result.best().recipe(), nearThreeToOne()))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void aBuildThatFailsLeavesNothingOpen() throws IOException {
    Path tracked = TrackedFormat.leadingTo(ja);
    assertThatThrownBy(() -> linear(candidate -> 0).source("t", tracked).failureLimit(0).build())
        .isInstanceOf(ConfigurationException.class);
    Path other = TestCheckpoints.writeLlama(root.resolve("wide"), 2, 16, DType.F32, 4);
    assertThatThrownBy(() -> linear(candidate -> 0).source("t", tracked).sources(other).build())
        .isInstanceOf(EvoMergeException.class)
        .hasMessageContaining("wide");
    assertThat(TrackedFormat.open(tracked)).isZero();
  }

  // Using recipes by hand

  @Test
  void aRecipeDerivedFromTheTemplateIsScoredAndWritten() throws IOException {
    try (EvoMerge search = linear(candidate -> 0).build()) {
      MergeRecipe best = search.template().toBuilder().perSource("weight", 0.75, 0.25).build();
      MergeRecipe average = search.template().toBuilder().perSource("weight", 1, 1).build();
      FitnessFunction near = nearThreeToOne();
      assertThat(search.evaluate(best, near).score()).isCloseTo(0, within(1e-9));
      assertThat(search.evaluate(average, near).score()).isLessThan(-0.01);

      Path merged = root.resolve("merged");
      search.write(best, merged);
      assertThat(merged.resolve("config.json")).exists();
      MergeRecipe written = RecipeFiles.read(merged.resolve("recipe.yaml"));
      assertThat(written.parameters()).isEqualTo(best.parameters());
      try (Checkpoint model = Checkpoints.open(merged)) {
        float[] head = TestCheckpoints.read(model, HEAD);
        search.evaluate(
            best,
            candidate -> {
              assertThat(head).isEqualTo(head(candidate));
              return 0;
            });
      }
    }
  }

  @Test
  void writingOverFilesIsRefusedAndLeavesThemAlone() throws IOException {
    Path folder = Files.createDirectory(root.resolve("full"));
    Files.writeString(folder.resolve("mine.txt"), "mine");
    try (EvoMerge search = linear(candidate -> 0).build()) {
      MergeRecipe recipe = search.template().toBuilder().perSource("weight", 1, 1).build();
      assertThatThrownBy(() -> search.write(recipe, folder))
          .isInstanceOf(FileSystemException.class)
          .hasMessageContaining(folder.toString());
    }
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactly(folder.resolve("mine.txt"));
    }
    try (Stream<Path> left = Files.list(root)) {
      assertThat(left).containsExactlyInAnyOrder(base, ja, math, folder);
    }
  }

  @Test
  void fitnessGivenByHandFailsAsItDoes() {
    try (EvoMerge search = linear(candidate -> 0).build()) {
      MergeRecipe recipe = search.template().toBuilder().perSource("weight", 1, 1).build();
      IOException checked = new IOException("no data");
      assertThatThrownBy(
              () ->
                  search.evaluate(
                      recipe,
                      candidate -> {
                        throw checked;
                      }))
          .isInstanceOf(EvoMergeException.class)
          .hasMessageContaining("no data")
          .hasCause(checked);
      IllegalStateException unchecked = new IllegalStateException("mine");
      assertThatThrownBy(
              () ->
                  search.evaluate(
                      recipe,
                      candidate -> {
                        throw unchecked;
                      }))
          .isSameAs(unchecked);
    }
  }

  @Test
  void aRecipeOfAnotherOperatorOrSourceIsRefused() {
    try (EvoMerge search = linear(candidate -> 0).build();
        EvoMerge other = linear(candidate -> 0).operator(MergeOperators.slerp()).build();
        EvoMerge fewer =
            EvoMerge.builder()
                .sources(math, base)
                .operator(MergeOperators.linear())
                .searchSpace(ParameterSpace.perModel())
                .maximize("zero", candidate -> 0)
                .build()) {
      assertThatThrownBy(() -> search.evaluate(other.template(), candidate -> 0))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("slerp");
      assertThatThrownBy(() -> search.evaluate(fewer.template(), candidate -> 0))
          .isInstanceOf(RecipeException.class);
      Path folder = root.resolve("refused");
      assertThatThrownBy(() -> search.write(fewer.template(), folder))
          .isInstanceOf(RecipeException.class);
      assertThat(folder).doesNotExist();
    }
  }

  // Searching

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void parallelismChangesNeitherTrialsNorBytes(int parallelism) throws IOException {
    EvoMerge.Builder settings =
        linear(nearThreeToOne())
            .base(base)
            .operator(MergeOperators.dareTies())
            .searchSpace(ParameterSpace.perLayerGroup(1));
    try (EvoMerge one = settings.build();
        EvoMerge more = one.toBuilder().parallelism(parallelism).build();
        EvoMerge otherSeed = one.toBuilder().seed(6).build()) {
      EvolutionResult expected = one.run();
      EvolutionResult result = more.run();
      assertThat(result.trials()).isEqualTo(expected.trials()).hasSize(24);
      assertThat(result.best()).isEqualTo(expected.best());
      assertThat(otherSeed.run().trials()).isNotEqualTo(expected.trials());

      one.write(expected.best().recipe(), root.resolve("one"));
      more.write(result.best().recipe(), root.resolve("more"));
      assertThat(root.resolve("more/model.safetensors"))
          .hasSameBinaryContentAs(root.resolve("one/model.safetensors"));
    }
  }

  @Test
  void evolutionFindsTheMixtureThatFitnessWants() throws IOException {
    try (EvoMerge search =
        linear(nearThreeToOne())
            .searchSpace(ParameterSpace.perModel().range("weight", 0.01, 1))
            .stopWhen(StopCondition.evaluations(200))
            .build()) {
      EvolutionResult result = search.run();
      List<Double> weights = result.best().recipe().parameters().get("weight").numbers();
      assertThat(weights.get(0) / weights.get(1)).isCloseTo(3, within(0.05));
    }
  }

  @Test
  void validationChoosesAmongTheFinalists() throws IOException {
    FitnessFunction near = nearThreeToOne();
    try (EvoMerge search =
        EvoMerge.builder()
            .sources(ja, math)
            .operator(MergeOperators.linear())
            .searchSpace(ParameterSpace.perModel())
            .maximize("near", near, candidate -> -near.score(candidate))
            .stopWhen(StopCondition.evaluations(24))
            .build()) {
      EvolutionResult result = search.run();
      double best = result.best().validation().get(0).score();
      assertThat(result.finalists()).hasSizeGreaterThan(1);
      assertThat(result.finalists())
          .allSatisfy(f -> assertThat(f.validation().get(0).score()).isLessThanOrEqualTo(best));
      assertThat(result.best().score()).isLessThan(result.bestOnSearch().score());
      assertThat(result.chosenBy()).contains("validation");
    }
  }

  @Test
  void provenanceSaysWhatMadeTheResult() throws IOException {
    FitnessFunction near = nearThreeToOne();
    FitnessFunction described =
        new FitnessFunction() {
          @Override
          public double score(CandidateModel candidate) throws Exception {
            return near.score(candidate);
          }

          @Override
          public String description() {
            return "three parts of ja";
          }

          @Override
          public String runtime() {
            return "plain Java";
          }
        };
    try (EvoMerge search =
            linear(described)
                .base(base)
                .operator(MergeOperators.taskArithmetic())
                .semantics(Semantics.MERGEKIT)
                .dtype(DType.BF16)
                .parallelism(2)
                .build();
        Checkpoint opened = Checkpoints.open(ja)) {
      EvolutionResult result = search.run();
      assertThat(result.provenance().settings())
          .containsEntry("source.0", "ja sha256:" + opened.sha256())
          .containsKeys("base", "source.1")
          .containsEntry("operator", "task_arithmetic")
          .containsEntry("semantics", "MERGEKIT")
          .containsEntry("dtype", "BF16")
          .containsEntry("space.groups", "model")
          .containsEntry("optimizer", Optimizers.cmaEs().name())
          .containsEntry("objective.near", "MAXIMIZE three parts of ja")
          .containsEntry("seed", "5")
          .doesNotContainKey("parallelism");
      assertThat(result.provenance().environment())
          .containsEntry("evomerge", Version.current())
          .containsEntry("parallelism", "2")
          .containsEntry("runtime", "plain Java")
          .hasEntrySatisfying(
              "java", java -> assertThat(java).startsWith(System.getProperty("java.version")))
          .hasEntrySatisfying("os", os -> assertThat(os).contains(System.getProperty("os.arch")));
    }
  }

  @Test
  void elapsedTimeStopsASearch() {
    FitnessFunction slow =
        candidate -> {
          Thread.sleep(2);
          return 0;
        };
    StopCondition time = StopCondition.elapsed(Duration.ofMillis(1));
    try (EvoMerge search =
        linear(slow).stopWhen(time.or(StopCondition.evaluations(10_000))).build()) {
      EvolutionResult result = search.run();
      assertThat(result.trials()).hasSize(1);
      assertThat(result.stopReason()).isEqualTo(StopReason.CONDITION);
      assertThat(result.stopDetail()).contains("time limit");
    }
  }

  // Journal

  @Test
  void aJournalIsResumedWithoutEvaluatingAgain() throws IOException {
    FitnessFunction near = nearThreeToOne();
    AtomicInteger calls = new AtomicInteger();
    FitnessFunction counted =
        candidate -> {
          calls.incrementAndGet();
          return near.score(candidate);
        };
    EvoMerge.Builder settings = linear(counted).stopWhen(StopCondition.evaluations(9));
    EvolutionResult uninterrupted;
    try (EvoMerge whole = settings.build()) {
      uninterrupted = whole.toBuilder().stopWhen(StopCondition.evaluations(20)).build().run();
      calls.set(0);
      try (EvoMerge part = whole.toBuilder().journal(root.resolve("new/journal")).build();
          EvoMerge rest =
              part.toBuilder().stopWhen(StopCondition.evaluations(20)).parallelism(2).build()) {
        part.run();
        assertThat(calls).hasValue(9);
        EvolutionResult resumed = rest.run();
        assertThat(calls).hasValue(20);
        assertThat(resumed.trials()).isEqualTo(uninterrupted.trials());
        assertThat(resumed.best()).isEqualTo(uninterrupted.best());
      }
    }
  }

  @Test
  void aJournalOfAnotherSearchIsRefusedWithTheDifferences() throws IOException {
    Path journal = root.resolve("journal");
    try (EvoMerge first = linear(nearThreeToOne()).journal(journal).build();
        EvoMerge second =
            first.toBuilder()
                .seed(77)
                .searchSpace(ParameterSpace.perModel().range("weight", 0, 2))
                .build()) {
      first.run();
      byte[] before = Files.readAllBytes(journal.resolve("journal.jsonl"));
      assertThatThrownBy(second::run)
          .isInstanceOf(JournalException.class)
          .hasMessageContaining("seed: journal has '5', this search has '77'")
          .hasMessageContaining(
              "space.parameter.weight.range: journal has '(absent)', this search has '[0.0, 2.0]'")
          .hasMessageNotContaining("operator:");
      assertThat(Files.readAllBytes(journal.resolve("journal.jsonl"))).isEqualTo(before);
    }
  }

  @Test
  void aJournalInUseIsRefused() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    FitnessFunction waiting =
        candidate -> {
          started.countDown();
          go.await();
          return 0;
        };
    try (EvoMerge search =
        linear(waiting)
            .journal(root.resolve("journal"))
            .stopWhen(StopCondition.evaluations(2))
            .build()) {
      EvolutionRun run = search.start();
      started.await();
      try {
        assertThatThrownBy(search::run)
            .isInstanceOf(JournalException.class)
            .hasMessageContaining("journal");
      } finally {
        go.countDown();
      }
      assertThat(run.await().trials()).hasSize(2);
    }
  }

  // Failing fitness

  static Stream<Arguments> faultyFitness() {
    FitnessFunction throwing =
        new FitnessFunction() {
          final AtomicInteger calls = new AtomicInteger();

          @Override
          public double score(CandidateModel candidate) throws Exception {
            throw new IOException("call " + calls.incrementAndGet());
          }
        };
    FitnessFunction none =
        new FitnessFunction() {
          @Override
          public double score(CandidateModel candidate) {
            return 0;
          }

          @Override
          @SuppressWarnings("NullAway")
          public @Nullable Fitness evaluate(CandidateModel candidate) {
            return null;
          }
        };
    FitnessFunction notANumber = candidate -> Double.NaN;
    FitnessFunction error =
        candidate -> {
          throw new AssertionError("an assertion of the host's");
        };
    return Stream.of(
        Arguments.of(throwing, "java.io.IOException: call 1"),
        Arguments.of(none, "fitness 'near' returned null, wanted a finite number"),
        Arguments.of(notANumber, "fitness 'near' returned NaN, wanted a finite number"),
        Arguments.of(error, "java.lang.AssertionError: an assertion of the host's"));
  }

  @ParameterizedTest
  @MethodSource("faultyFitness")
  void fitnessThatAlwaysFailsEndsTheSearchWithTheFirstCause(FitnessFunction faulty, String cause) {
    try (EvoMerge search = linear(faulty).failureLimit(3).build()) {
      assertThatThrownBy(search::run)
          .isInstanceOf(SearchFailedException.class)
          .hasMessageContaining("3 trials in a row failed; the first of them: " + cause);
    }
  }

  @Test
  void fitnessThatSometimesFailsCostsItsTrialsOnly() throws IOException {
    FitnessFunction near = nearThreeToOne();
    FitnessFunction faulty =
        candidate -> {
          List<Double> weights = candidate.recipe().parameters().get("weight").numbers();
          if (weights.get(0) < weights.get(1)) {
            throw new IllegalStateException("too little of ja");
          }
          return near.score(candidate);
        };
    try (EvoMerge search = linear(faulty).stopWhen(StopCondition.evaluations(40)).build()) {
      EvolutionResult result = search.run();
      long failed =
          result.trials().stream().filter(t -> t.outcome() instanceof Outcome.Failed).count();
      assertThat(failed).isBetween(1L, 39L);
      assertThat(result.failures())
          .isEqualTo(Map.of("java.lang.IllegalStateException: too little of ja", (int) failed));
      assertThat(result.best().fitness()).isNotEmpty();
    }
  }

  // Background, cancellation, interrupts

  @Test
  void cancelEndsARunWithWhatItHas() throws Exception {
    CountDownLatch five = new CountDownLatch(5);
    CountDownLatch go = new CountDownLatch(1);
    FitnessFunction near = nearThreeToOne();
    FitnessFunction gated =
        candidate -> {
          double score = near.score(candidate);
          five.countDown();
          if (five.getCount() == 0) {
            go.await();
          }
          return score;
        };
    try (EvoMerge search = linear(gated).stopWhen(StopCondition.evaluations(10_000)).build()) {
      EvolutionRun run = search.start();
      CompletableFuture<EvolutionResult> completion = run.completion();
      five.await();
      assertThat(completion).isNotDone();
      assertThat(run.progress().evaluations()).isBetween(0L, 5L);
      run.cancel();
      run.cancel();
      go.countDown();
      EvolutionResult result = completion.join();
      assertThat(result.stopReason()).isEqualTo(StopReason.CANCELLED);
      // The fifth was under way: it is in the journal, if there is one, but does not count.
      assertThat(result.trials()).hasSizeBetween(3, 5);
      assertThat(run.await()).isSameAs(result);
    }
  }

  @Test
  void aFailedSearchFailsItsFuture() {
    FitnessFunction faulty = candidate -> Double.POSITIVE_INFINITY;
    try (EvoMerge search = linear(faulty).failureLimit(2).build()) {
      EvolutionRun run = search.start();
      assertThatThrownBy(() -> run.completion().join())
          .isInstanceOf(CompletionException.class)
          .cause()
          .isInstanceOf(SearchFailedException.class)
          .hasMessageContaining("returned Infinity");
    }
  }

  @Test
  void anInterruptOfTheWaitingThreadCancelsTheRun() throws Exception {
    CountDownLatch five = new CountDownLatch(5);
    FitnessFunction near = nearThreeToOne();
    FitnessFunction counted =
        candidate -> {
          five.countDown();
          Thread.sleep(1);
          return near.score(candidate);
        };
    AtomicReference<EvolutionResult> result = new AtomicReference<>();
    AtomicBoolean interrupted = new AtomicBoolean();
    try (EvoMerge search =
        linear(counted)
            .stopWhen(StopCondition.evaluations(1_000_000))
            .journal(root.resolve("journal"))
            .build()) {
      Thread host =
          new Thread(
              () -> {
                result.set(search.run());
                interrupted.set(Thread.currentThread().isInterrupted());
              });
      host.start();
      five.await();
      host.interrupt();
      host.join();
      assertThat(interrupted).isTrue();
      assertThat(result.get().stopReason()).isEqualTo(StopReason.CANCELLED);
      int found = result.get().trials().size();
      assertThat(found).isBetween(3, 999_999);
      // The header, what counts, and what was under way.
      assertThat(Files.readAllLines(root.resolve("journal/journal.jsonl")))
          .hasSizeBetween(1 + found, 2 + found);
    }
  }

  // Plug-ins

  /** The sources' weighted sum, shifted: an operator that this library does not know. */
  private static final class ShiftedSum implements MergeOperator {

    @Override
    public String name() {
      return "shifted_sum";
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of(
          ParameterSpec.perSource("share", 0, 10, 1, "Factor of a source."),
          ParameterSpec.global("shift", -1, 1, 0, true, "Added to every element."));
    }

    @Override
    public BaseModel baseModel() {
      return BaseModel.UNUSED;
    }

    @Override
    public void merge(TensorMerge task, TensorSink sink) {
      int length = (int) task.info().elementCount();
      float[] out = new float[length];
      float[] in = new float[length];
      for (int s = 0; s < task.sources().size(); s++) {
        task.sources().get(s).readFloats(0, in, 0, length);
        for (int i = 0; i < length; i++) {
          out[i] += (float) task.parameters().perSource("share", s) * in[i];
        }
      }
      for (int i = 0; i < length; i++) {
        out[i] += (float) task.parameters().scalar("shift");
      }
      sink.writeFloats(0, out, 0, length);
    }
  }

  @Test
  void aHostsOwnOperatorJoinsGenomeAndRecipe() throws IOException {
    FitnessFunction shifted =
        candidate -> {
          double sum = 0;
          for (float weight : head(candidate)) {
            sum += weight;
          }
          return sum;
        };
    try (EvoMerge search =
        linear(shifted)
            .operator(new ShiftedSum())
            .searchSpace(ParameterSpace.perModel().range("shift", -0.5, 0.5))
            .stopWhen(StopCondition.evaluations(60))
            .build()) {
      assertThat(search.space().genes())
          .extracting(Gene::name)
          .anySatisfy(name -> assertThat(name).contains("share").contains("ja"))
          .anySatisfy(name -> assertThat(name).contains("share").contains("math"))
          .anySatisfy(name -> assertThat(name).contains("shift"))
          .hasSize(3);
      EvolutionResult result = search.run();
      MergeRecipe best = result.best().recipe();
      assertThat(best.parameters().get("shift").numbers().get(0)).isGreaterThan(0.2);

      Path merged = root.resolve("merged");
      search.write(best, merged);
      MergeRecipe written = RecipeFiles.read(merged.resolve("recipe.yaml"));
      assertThat(written.operator()).isEqualTo("shifted_sum");
      assertThat(written.parameters()).isEqualTo(best.parameters());
      assertThat(search.evaluate(written, shifted).score()).isEqualTo(result.best().score());
      Path again = root.resolve("again");
      search.write(written, again);
      assertThat(again.resolve("model.safetensors"))
          .hasSameBinaryContentAs(merged.resolve("model.safetensors"));
    }
  }

  @Test
  void aHostsOwnEvaluatorGetsRecipesAndIsClosed() {
    AtomicBoolean closed = new AtomicBoolean();
    Map<String, Integer> seen = new HashMap<>();
    TrialEvaluator remote =
        new TrialEvaluator() {
          @Override
          public int capacity() {
            return 4;
          }

          @Override
          public CompletableFuture<Outcome> submit(TrialTask task) {
            seen.merge(task.recipe().digest(), 1, Integer::sum);
            double weight = task.recipe().parameters().get("weight").numbers().get(0);
            return CompletableFuture.completedFuture(Outcome.Scored.of(weight));
          }

          @Override
          public void close() {
            closed.set(true);
          }
        };
    try (EvoMerge search = linear(candidate -> Double.NaN).evaluator(() -> remote).build()) {
      EvolutionResult result = search.run();
      assertThat(closed).isTrue();
      assertThat(seen.values()).containsOnly(1);
      assertThat(seen).containsKey(result.best().recipe().digest());
      assertThat(result.trials()).hasSize(24);
      assertThat(Optional.of(result.best().score()))
          .contains(result.best().recipe().parameters().get("weight").numbers().get(0));
    }
  }
}
