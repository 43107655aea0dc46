package io.evomerge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.MemberAssembler;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.exception.SearchFailedException;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.Outcome;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.Lineage;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.StopCondition;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PopulationTest {

  @TempDir Path folder;

  private Path base;
  private Path one;
  private Path two;

  @BeforeEach
  void writeModels() {
    base = TestCheckpoints.writeLlama(folder.resolve("base"), 2, 4, DType.BF16, 1);
    one = TestCheckpoints.writeLlama(folder.resolve("one"), 2, 4, DType.BF16, 2);
    two = TestCheckpoints.writeLlama(folder.resolve("two"), 2, 4, DType.BF16, 3);
  }

  /** Twelve weights are items: what is high in one source scores there. */
  private static final class Weights implements FitnessFunction {
    private final int from;

    Weights(int from) {
      this.from = from;
    }

    @Override
    public double score(CandidateModel candidate) {
      return evaluate(candidate).score();
    }

    @Override
    public Fitness evaluate(CandidateModel candidate) {
      float[] values = new float[12];
      candidate.tensors().get("lm_head.weight").readFloats(from, values, 0, values.length);
      double[] items = new double[values.length];
      double sum = 0;
      for (int i = 0; i < items.length; i++) {
        items[i] = values[i] > 0 ? 1 : 0;
        sum += items[i];
      }
      return new Fitness(sum / items.length, items, Map.of());
    }
  }

  private Population.Builder m2n2() {
    return Population.builder()
        .sources(one, two)
        .optimizer(Optimizers.m2n2().archive(4).mutation(0.05))
        .maximize("weights", new Weights(0))
        .stopWhen(StopCondition.evaluations(24))
        .seed(3);
  }

  private Population.Builder cycleQd() {
    return Population.builder()
        .base(base)
        .sources(one, two)
        .optimizer(Optimizers.cycleQd())
        .maximize("first", new Weights(0))
        .maximize("second", new Weights(20))
        .stopWhen(StopCondition.evaluations(24))
        .seed(3);
  }

  private static Map<String, List<Float>> weights(CandidateModel model) {
    Map<String, List<Float>> all = new TreeMap<>();
    for (Map.Entry<String, TensorBuffer> tensor : model.tensors().entrySet()) {
      float[] values = new float[(int) tensor.getValue().info().elementCount()];
      tensor.getValue().readFloats(0, values, 0, values.length);
      List<Float> list = new ArrayList<>();
      for (float value : values) {
        list.add(value);
      }
      all.put(tensor.getKey(), list);
    }
    return all;
  }

  private static Map<String, List<Float>> weights(Population population, MergeRecipe recipe) {
    List<Map<String, List<Float>>> seen = new ArrayList<>();
    population.evaluate(
        recipe,
        candidate -> {
          seen.add(weights(candidate));
          return 0;
        });
    return seen.get(0);
  }

  @Test
  void theResultScoresAtLeastAsMuchAsTheSourcesWhichAreItsFirstTrials() {
    try (Population population = m2n2().build()) {
      EvolutionResult result = population.run();
      assertThat(result.trials()).hasSize(24);
      assertThat(result.failures()).isEmpty();
      for (int source = 0; source < 2; source++) {
        assertThat(result.trials().get(source).outcome())
            .isNotNull()
            .extracting(outcome -> ((Outcome.Scored) outcome).fitness().get(0))
            .satisfies(
                fitness -> assertThat(fitness.score()).isLessThanOrEqualTo(result.best().score()));
      }
      assertThat(population.evaluate(result.best().recipe(), new Weights(0)).score())
          .isEqualTo(result.best().score());
    }
  }

  @Test
  void neitherParallelismNorMemoryNorTheFolderChangeAnyTrial() {
    for (boolean cycle : new boolean[] {false, true}) {
      EvolutionResult plain;
      try (Population population = (cycle ? cycleQd() : m2n2()).build()) {
        plain = population.run();
      }
      Path kept = folder.resolve("kept" + cycle);
      List<Population.Builder> others =
          List.of(
              (cycle ? cycleQd() : m2n2()).parallelism(4),
              (cycle ? cycleQd() : m2n2()).memberMemory(0),
              (cycle ? cycleQd() : m2n2()).memberMemory(0).parallelism(3).memberFolder(kept));
      for (Population.Builder other : others) {
        try (Population population = other.build()) {
          assertThat(population.run().trials()).isEqualTo(plain.trials());
        }
      }
      assertThat(kept).isEmptyDirectory();
    }
  }

  @Test
  void aJournalCutAnywhereContinuesWithTheSameTrialsAndParentsBornAgainBitForBit()
      throws IOException {
    for (boolean cycle : new boolean[] {false, true}) {
      Path journal = folder.resolve("journal" + cycle);
      EvolutionResult whole;
      Map<String, List<Float>> bestWeights;
      try (Population population = (cycle ? cycleQd() : m2n2()).journal(journal).build()) {
        whole = population.run();
        bestWeights = weights(population, population.member(23));
      }
      Path file;
      try (var files = Files.walk(journal)) {
        file = files.filter(path -> path.toString().endsWith(".jsonl")).findFirst().orElseThrow();
      }
      List<String> lines = Files.readAllLines(file);
      for (int keep : new int[] {1, 3, 14, lines.size() - 1}) {
        Files.write(file, lines.subList(0, Math.min(keep, lines.size())));
        try (Population population =
            (cycle ? cycleQd() : m2n2()).journal(journal).parallelism(2).build()) {
          EvolutionResult resumed = population.run();
          assertThat(resumed.trials()).as("%s lines", keep).isEqualTo(whole.trials());
          assertThat(weights(population, population.member(23))).isEqualTo(bestWeights);
        }
      }
    }
  }

  @Test
  void aWrittenMemberLoadsAndItsLineageRebuildsItBitForBit() throws IOException {
    for (boolean cycle : new boolean[] {false, true}) {
      Path written = folder.resolve("written" + cycle);
      Path rebuilt = folder.resolve("rebuilt" + cycle);
      Map<String, List<Float>> scored;
      try (Population population = (cycle ? cycleQd() : m2n2()).build()) {
        EvolutionResult result = population.run();
        MergeRecipe recipe = cycle ? population.mixture(result) : population.member(23);
        scored = weights(population, recipe);
        population.write(recipe, written);
      }
      try (Checkpoint model = Checkpoints.open(written)) {
        assertThat(model.config()).isPresent();
        scored.forEach(
            (name, values) -> {
              float[] read = TestCheckpoints.read(model, name);
              List<Float> list = new ArrayList<>();
              for (float value : read) {
                list.add(value);
              }
              assertThat(list).as(name).isEqualTo(values);
            });
      }
      Lineage lineage =
          Lineage.fromJson(Files.readString(written.resolve(MemberAssembler.LINEAGE_FILE)));
      assertThat(lineage.births()).isNotEmpty();
      try (Population another = (cycle ? cycleQd() : m2n2()).build()) {
        another.write(lineage, rebuilt);
      }
      assertThat(Files.readAllBytes(rebuilt.resolve("model.safetensors")))
          .isEqualTo(Files.readAllBytes(written.resolve("model.safetensors")));
      assertThat(Files.readString(rebuilt.resolve(MemberAssembler.LINEAGE_FILE)))
          .isEqualTo(Files.readString(written.resolve(MemberAssembler.LINEAGE_FILE)));
    }
  }

  @Test
  void anAlteredLineageAndOneOfOtherSourcesAreRefused() throws IOException {
    Path written = folder.resolve("member");
    try (Population population = m2n2().build()) {
      population.run();
      population.write(population.member(23), written);
    }
    String text = Files.readString(written.resolve(MemberAssembler.LINEAGE_FILE));
    assertThat(text).contains("\"noise\" : 0.05");
    Lineage lineage = Lineage.fromJson(text);
    try (Population other = m2n2().build()) {
      assertThatExceptionOfType(RecipeException.class)
          .isThrownBy(
              () -> {
                Lineage changed =
                    Lineage.fromJson(text.replace("\"noise\" : 0.05", "\"noise\" : 0.06"));
                other.write(changed, folder.resolve("no"));
              })
          .withMessageContaining("lineage");
    }
    Path three = TestCheckpoints.writeLlama(folder.resolve("three"), 2, 4, DType.BF16, 9);
    Path four = TestCheckpoints.writeLlama(folder.resolve("four"), 2, 4, DType.BF16, 10);
    try (Population strangers =
        Population.builder().sources(three, four).maximize("weights", new Weights(0)).build()) {
      assertThatExceptionOfType(RecipeException.class)
          .isThrownBy(() -> strangers.write(lineage, folder.resolve("no")))
          .withMessageContaining("neither a source nor");
    }
    assertThat(folder.resolve("no")).doesNotExist();
  }

  @Test
  void failedTrialsAreSurvivedAndHaveNoChildren() {
    AtomicInteger calls = new AtomicInteger();
    Weights weights = new Weights(0);
    FitnessFunction failing =
        new FitnessFunction() {
          @Override
          public double score(CandidateModel candidate) {
            return evaluate(candidate).score();
          }

          @Override
          public Fitness evaluate(CandidateModel candidate) {
            if (calls.incrementAndGet() % 3 == 0) {
              throw new IllegalStateException("no");
            }
            return weights.evaluate(candidate);
          }
        };
    try (Population population =
        Population.builder()
            .sources(one, two)
            .optimizer(Optimizers.m2n2())
            .maximize("weights", failing)
            .stopWhen(StopCondition.evaluations(30))
            .build()) {
      EvolutionResult result = population.run();
      assertThat(result.failures()).isNotEmpty();
      assertThat(result.trials()).hasSize(30);
    }
  }

  @Test
  void aFitnessWithoutItemsEndsTheSearchWithTheReason() {
    try (Population population =
        Population.builder().sources(one, two).maximize("score", candidate -> 0.5).build()) {
      assertThatExceptionOfType(RuntimeException.class)
          .isThrownBy(population::run)
          .withStackTraceContaining("without items");
    }
  }

  @Test
  void everyMistakeIsReportedAtOnce() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(
            () ->
                Population.builder()
                    .sources(one)
                    .source("trial-7", two)
                    .source("again", two)
                    .optimizer(Optimizers.cycleQd())
                    .maximize("a", candidate -> 1)
                    .maximize("a", candidate -> 1)
                    .parallelism(0)
                    .build())
        .withMessageContaining("named like a trial")
        .withMessageContaining("same weights")
        .withMessageContaining("two objectives")
        .withMessageContaining("give their base")
        .withMessageContaining("parallelism");
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> Population.builder().sources(one).maximize("a", c -> 1).build())
        .withMessageContaining("at least 2");
    assertThatExceptionOfType(EvoMergeException.class)
        .isThrownBy(
            () -> {
              try (Population population = m2n2().build()) {
                population.mixture(population.run());
              }
            })
        .withMessageContaining("CycleQD");
  }

  @Test
  void allSourcesFailingEndsTheSearch() {
    try (Population population =
        Population.builder()
            .sources(one, two)
            .maximize(
                "no",
                candidate -> {
                  throw new IllegalStateException("no");
                })
            .build()) {
      assertThatExceptionOfType(SearchFailedException.class)
          .isThrownBy(population::run)
          .withMessageContaining("in a row failed");
    }
  }
}
