package io.evomerge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.RecipeException;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.HopScaling;
import io.evomerge.genome.JointSpace;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.PathVariants;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.result.Ablation;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.Journals;
import io.evomerge.run.RunListener;
import io.evomerge.run.StopCondition;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The facade over paths, stages and ablations: tiny models, fitness that reads the candidate. */
class EvoMergePathsTest {

  private static final int LAYERS = 3;

  @TempDir Path root;
  private Path base;
  private Path ja;
  private Path math;

  @BeforeEach
  void writeModels() {
    base = TestCheckpoints.writeLlama(root.resolve("base"), LAYERS, 8, DType.F32, 1);
    ja = TestCheckpoints.writeLlama(root.resolve("ja"), LAYERS, 8, DType.F32, 2);
    math = TestCheckpoints.writeLlama(root.resolve("math"), LAYERS, 8, DType.F32, 3);
  }

  /** The more layers of {@code ja} are in the middle, the better; long paths cost a little. */
  private static double japanese(CandidateModel candidate) {
    List<Hop> hops = hops(candidate.recipe());
    double score = -0.1 * hops.size();
    for (Hop hop : hops) {
      score += hop.model().equals("ja") ? 1 : 0;
      score -= Math.abs(hop.scale() - 1.2);
    }
    return score;
  }

  private static List<Hop> hops(MergeRecipe recipe) {
    return recipe.dataFlow().orElseThrow().hops();
  }

  private EvoMerge.Builder paths(FitnessFunction fitness) {
    return EvoMerge.builder()
        .sources(math, ja)
        .searchSpace(DataFlowSpace.repeats(2).maxLayers(6).scales(DataFlowSpace.Scales.PER_HOP))
        .optimizer(Optimizers.cmaEs())
        .maximize("japanese", fitness)
        .stopWhen(StopCondition.evaluations(200))
        .seed(3);
  }

  @Test
  void aSearchFindsAPathWhateverTheParallelism() throws IOException {
    EvolutionResult one;
    try (EvoMerge search = paths(EvoMergePathsTest::japanese).build()) {
      assertThat(hops(search.template()))
          .containsExactly(new Hop("math", 0, 1), new Hop("math", 1, 1), new Hop("math", 2, 1));
      one = search.run();
    }
    List<Hop> found = hops(one.best().recipe());
    assertThat(found).hasSizeLessThanOrEqualTo(6);
    assertThat(found.get(0)).extracting(Hop::model, Hop::layer).containsExactly("math", 0);
    assertThat(found.get(found.size() - 1))
        .extracting(Hop::model, Hop::layer)
        .containsExactly("math", 2);
    assertThat(found).filteredOn(hop -> hop.model().equals("ja")).hasSizeGreaterThanOrEqualTo(3);
    try (EvoMerge search = paths(EvoMergePathsTest::japanese).parallelism(3).build()) {
      assertThat(search.run().best().recipe()).isEqualTo(one.best().recipe());
    }
  }

  @Test
  void theModelAsItIsCompetesOnTheValidationData() {
    FitnessFunction changed = candidate -> hops(candidate.recipe()).size();
    FitnessFunction unchanged = candidate -> -Math.abs(hops(candidate.recipe()).size() - LAYERS);
    EvoMerge.Builder builder =
        EvoMerge.builder()
            .sources(math, ja)
            .searchSpace(DataFlowSpace.repeats(2).scales(DataFlowSpace.Scales.NONE).minLayers(4))
            .maximize("length", changed, unchanged)
            .stopWhen(StopCondition.evaluations(30));
    try (EvoMerge search = builder.build()) {
      // At least four layers, so even the start has one more than the model.
      assertThat(search.run().finalists()).anyMatch(model -> model.origin().equals("start"));
    }
  }

  @Test
  void aPathIsWrittenAsAnOrdinaryModelAndFoundAgain() throws IOException {
    EvolutionResult result;
    Path out = root.resolve("out");
    try (EvoMerge search = paths(EvoMergePathsTest::japanese).build()) {
      result = search.run();
      search.write(result.best().recipe(), out);
    }
    int hops = hops(result.best().recipe()).size();
    try (Checkpoint written = Checkpoints.open(out)) {
      assertThat(written.layout().layerCount()).isEqualTo(hops);
      assertThat(written.config().orElseThrow().json().get("num_hidden_layers").asInt())
          .isEqualTo(hops);
    }
    MergeRecipe read = RecipeFiles.read(out.resolve("recipe.yaml"));
    assertThat(read.digest()).isEqualTo(result.best().recipe().digest());
  }

  // Stages

  private EvoMerge.Builder hybrid(AtomicInteger evaluations) {
    return EvoMerge.builder()
        .base(base)
        .sources(ja, math)
        .maximize(
            "score",
            candidate -> {
              evaluations.incrementAndGet();
              double weight = candidate.recipe().parameters().get("weight").numbers().get(0);
              double path = candidate.recipe().dataFlow().isPresent() ? japanese(candidate) : 0;
              return path - Math.abs(weight - 0.7);
            })
        .seed(11)
        .stage(
            "ps",
            stage ->
                stage
                    .operator(MergeOperators.taskArithmetic())
                    .searchSpace(ParameterSpace.perModel())
                    .stopWhen(StopCondition.evaluations(40)))
        .stage(
            "dfs",
            stage ->
                stage
                    .addBestOf("ps")
                    .pathModels("ja")
                    .searchSpace(DataFlowSpace.repeats(1).scales(DataFlowSpace.Scales.PER_HOP))
                    .stopWhen(StopCondition.evaluations(60)));
  }

  @Test
  void aSecondStageSearchesPathsFromTheModelOfTheFirst() throws IOException {
    AtomicInteger evaluations = new AtomicInteger();
    Path journal = root.resolve("runs");
    EvolutionResult result;
    Path out = root.resolve("hybrid");
    List<String> heard = new ArrayList<>();
    RunListener listener =
        new RunListener() {
          @Override
          public void onStage(String name, int index, int count) {
            heard.add(name + " " + index + " of " + count);
          }
        };
    try (EvoMerge search = hybrid(evaluations).journal(journal).listener(listener).build()) {
      result = search.run();
      search.write(result.best().recipe(), out);
      assertThat(search.evaluate(result.best().recipe(), EvoMergePathsTest::weightAndPath).score())
          .isEqualTo(result.best().score());
      MergeRecipe weights = result.stages().get("ps").best().recipe();
      assertThat(search.evaluate(weights, candidate -> 7).score()).isEqualTo(7);
    }
    assertThat(heard).containsExactly("ps 0 of 2", "dfs 1 of 2");
    MergeRecipe first = result.stages().get("ps").best().recipe();
    MergeRecipe second = result.best().recipe();
    assertThat(second.parameters()).isEqualTo(first.parameters());
    assertThat(second.base()).isEqualTo(first.base());
    DataFlow flow = second.dataFlow().orElseThrow();
    assertThat(flow.merged()).isEqualTo("ps");
    assertThat(flow.models()).extracting(CheckpointRef::name).containsExactly("ja");
    assertThat(flow.hops()).anyMatch(hop -> hop.model().equals("ja"));
    try (Checkpoint written = Checkpoints.open(out)) {
      assertThat(written.layout().layerCount()).isEqualTo(flow.hops().size());
    }
    assertThat(Journals.read(journal.resolve("dfs")).best().recipe().digest())
        .isEqualTo(second.digest());

    // All of it is in the journals.
    int before = evaluations.get();
    try (EvoMerge again = hybrid(evaluations).journal(journal).build()) {
      assertThat(again.run().best().recipe()).isEqualTo(second);
    }
    assertThat(evaluations.get()).isEqualTo(before);

    // A crash in the second stage: the journals end somewhere.
    Path file = journal.resolve("dfs/journal.jsonl");
    List<String> lines = Files.readAllLines(file);
    Files.writeString(file, String.join("\n", lines.subList(0, 20)) + "\n");
    try (EvoMerge again = hybrid(evaluations).journal(journal).build()) {
      assertThat(again.run().best().recipe()).isEqualTo(second);
    }
    assertThat(evaluations.get()).isGreaterThan(before).isLessThan(before + 60);
  }

  private static double weightAndPath(CandidateModel candidate) {
    double weight = candidate.recipe().parameters().get("weight").numbers().get(0);
    return japanese(candidate) - Math.abs(weight - 0.7);
  }

  @Test
  void aStageMayHaveObjectivesOfItsOwn() {
    EvoMerge.Builder builder =
        hybrid(new AtomicInteger())
            .stage(
                "last",
                stage ->
                    stage
                        .addBestOf("ps")
                        .searchSpace(DataFlowSpace.fixedDepth())
                        .maximize("hops", candidate -> hops(candidate.recipe()).size())
                        .stopWhen(StopCondition.evaluations(5)));
    try (EvoMerge search = builder.build()) {
      EvolutionResult result = search.run();
      assertThat(result.best().score()).isEqualTo(LAYERS);
      assertThat(result.stages()).containsOnlyKeys("ps", "dfs");
      assertThat(result.provenance().settings()).containsKey("objective.hops");
      assertThat(result.provenance().settings()).doesNotContainKey("objective.score");
    }
  }

  @Test
  void weightsAndPathAreSearchedAtOnce() {
    try (EvoMerge search =
        EvoMerge.builder()
            .base(base)
            .sources(ja, math)
            .operator(MergeOperators.taskArithmetic())
            .searchSpace(
                JointSpace.of(
                        ParameterSpace.perLayer(),
                        DataFlowSpace.repeats(1).scales(DataFlowSpace.Scales.PER_HOP))
                    .withSources())
            .maximize("japanese", EvoMergePathsTest::japanese)
            .stopWhen(StopCondition.evaluations(150))
            .seed(2)
            .build()) {
      EvolutionResult result = search.run();
      DataFlow flow = result.best().recipe().dataFlow().orElseThrow();
      assertThat(flow.modelNames()).containsExactly("merged", "ja", "math");
      assertThat(result.best().recipe().groups()).isNotEmpty();
      assertThat(flow.hops()).anyMatch(hop -> hop.model().equals("ja"));
      assertThat(result.failures()).isEmpty();
    }
  }

  // Ablation

  /** An item per layer: whether it is passed in {@code ja}. */
  private static final class JapaneseLayers implements FitnessFunction {
    @Override
    public double score(CandidateModel candidate) {
      return evaluate(candidate).score();
    }

    @Override
    public Fitness evaluate(CandidateModel candidate) {
      double[] items = new double[LAYERS];
      hops(candidate.recipe()).stream()
          .filter(hop -> hop.model().equals("ja"))
          .forEach(hop -> items[hop.layer()] = 1);
      return new Fitness(Arrays.stream(items).average().orElseThrow(), items, Map.of());
    }
  }

  @Test
  void anAblationScoresThePathWithoutEachPart() {
    try (EvoMerge search = paths(EvoMergePathsTest::japanese).parallelism(2).build()) {
      MergeRecipe recipe =
          search.template().toBuilder()
              .dataFlow(
                  search
                      .template()
                      .dataFlow()
                      .orElseThrow()
                      .withHops(
                          List.of(
                              new Hop("math", 0, 1), new Hop("ja", 1, 0.5), new Hop("math", 2, 1))))
              .build();
      FitnessFunction items = new JapaneseLayers();
      Ablation ablation = search.ablation(recipe, items);
      assertThat(ablation.fitness().score()).isEqualTo(1 / 3.0);
      assertThat(ablation.variants())
          .extracting(Ablation.Variant::name)
          .containsExactly(
              PathVariants.SCALES_ONE,
              PathVariants.MODELS_SWAPPED,
              "without hop 0 (math 0)",
              "without hop 1 (ja 1)",
              "without hop 2 (math 2)");
      Ablation.Variant without = ablation.variants().get(3);
      assertThat(without.fitness().orElseThrow().score()).isEqualTo(0);
      assertThat(without.comparison().orElseThrow().lost()).isEqualTo(1);

      Ablation broken =
          search.ablation(
              recipe,
              candidate -> {
                if (hops(candidate.recipe()).size() < 3) {
                  throw new IllegalStateException("too short");
                }
                return 1;
              });
      assertThat(broken.variants().get(3).fitness()).isEmpty();
      assertThat(broken.variants().get(3).failure().orElseThrow()).contains("too short");
      assertThatThrownBy(
              () ->
                  search.ablation(
                      MergeRecipe.builder("passthrough").sources(recipe.sources()).build(), items))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("no data flow path");
    }
  }

  // Mistakes

  @Test
  void aPathSearchSaysWhatItDoesNotTake() {
    ConfigurationException refusal =
        catchThrowableOfType(
            ConfigurationException.class,
            () ->
                paths(EvoMergePathsTest::japanese)
                    .base(base)
                    .operator(MergeOperators.linear())
                    .addBestOf("ps")
                    .pathModels("jaa")
                    .build());
    assertThat(refusal.problems())
        .anySatisfy(p -> assertThat(p).contains("operator 'linear' merges weights"))
        .anySatisfy(p -> assertThat(p).contains("a DataFlowSpace uses no base"))
        .anySatisfy(p -> assertThat(p).contains("addBestOf(\"ps\") is for stages"));
    assertThatThrownBy(() -> paths(EvoMergePathsTest::japanese).pathModels("jaa").build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("'jaa' is none of the sources that can join the path")
        .hasMessageContaining("did you mean 'ja'");
  }

  @Test
  void stagesSayWhatIsWrongWithThem() {
    ConfigurationException refusal =
        catchThrowableOfType(
            ConfigurationException.class,
            () ->
                EvoMerge.builder()
                    .base(base)
                    .sources(ja, math)
                    .maximize("score", candidate -> 0)
                    .stage("ps", stage -> stage.operator(MergeOperators.ties()))
                    .stage(
                        "dfs",
                        stage -> stage.addBestOf("pss").searchSpace(DataFlowSpace.fixedDepth()))
                    .stage(
                        "dfs",
                        stage ->
                            stage
                                .operator(MergeOperators.ties())
                                .searchSpace(ParameterSpace.perLayer())
                                .addBestOf("dfs"))
                    .stage("more/", stage -> stage.sources(base))
                    .build());
    assertThat(refusal.problems())
        .anySatisfy(p -> assertThat(p).startsWith("stage 'ps': no search space"))
        .anySatisfy(
            p -> assertThat(p).startsWith("stage 'dfs': addBestOf(\"pss\"): there is no earlier"))
        .anySatisfy(p -> assertThat(p).contains("two stages are named 'dfs'"))
        .anySatisfy(
            p -> assertThat(p).contains("addBestOf(\"dfs\") is for stages with a DataFlowSpace"))
        .anySatisfy(p -> assertThat(p).contains("stage 'more/': wanted letters"))
        .anySatisfy(p -> assertThat(p).contains("all stages have the same base and sources"));
  }

  @Test
  void aPathThroughPathsIsRefused() {
    assertThatThrownBy(
            () ->
                EvoMerge.builder()
                    .sources(ja, math)
                    .maximize("score", candidate -> 0)
                    .searchSpace(DataFlowSpace.fixedDepth())
                    .stage("one", stage -> stage)
                    .stage("two", stage -> stage.addBestOf("one"))
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("a path cannot lead through paths");
  }

  @Test
  void modelsWhoseLayersDoNotFitAreRefusedBeforeTheSearch() {
    Path wide = TestCheckpoints.writeLlama(root.resolve("wide"), LAYERS, 16, DType.F32, 4);
    assertThatThrownBy(() -> paths(EvoMergePathsTest::japanese).sources(wide).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("wide");
  }

  @Test
  void workersShareTheWeights() throws IOException {
    Set<TensorBuffer> seen =
        Collections.synchronizedSet(Collections.newSetFromMap(new IdentityHashMap<>()));
    FitnessFunction fitness =
        candidate -> {
          seen.addAll(candidate.tensors().values());
          return japanese(candidate);
        };
    try (EvoMerge search =
        paths(fitness).parallelism(3).stopWhen(StopCondition.evaluations(60)).build()) {
      search.run();
      try (Checkpoint one = Checkpoints.open(math);
          Checkpoint two = Checkpoints.open(ja)) {
        long layers =
            two.layout().roles().values().stream().filter(role -> role.layer() >= 0).count();
        assertThat(seen.size()).isLessThanOrEqualTo((int) (one.tensors().size() + layers));
      }
    }
  }

  @Test
  void theScalingOfTheSpaceIsThatOfTheRecipes() {
    try (EvoMerge search =
        paths(EvoMergePathsTest::japanese)
            .searchSpace(DataFlowSpace.fixedDepth().scaling(HopScaling.STREAM))
            .build()) {
      assertThat(search.template().dataFlow().orElseThrow().scaling()).isEqualTo(HopScaling.STREAM);
    }
  }
}
