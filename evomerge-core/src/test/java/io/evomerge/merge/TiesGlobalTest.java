package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.merge.WholeModelOperator.Survey;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TiesGlobalTest {

  private static final WholeModelOperator OPERATOR =
      (WholeModelOperator) MergeOperators.tiesGlobal();

  @Test
  void whatIsLargeInTheWholeModelIsKept() {
    Model model = new Model(1);
    model.put("a", new float[] {0, 0, 0}, new float[] {1, -2, 3});
    model.put("b", new float[] {1, 1, 1}, new float[] {11, -9, 1.5f});
    Map<String, float[]> merged = model.merge(with("weight", 1).and("density", 0.5));
    assertThat(merged.get("a")).containsExactly(0, 0, 3);
    assertThat(merged.get("b")).containsExactly(11, -9, 1);
  }

  @Test
  void ofEqualMagnitudesThoseInTheFirstTensorByNameAreKeptWhateverTheOrderOfTheTasks() {
    Model model = new Model(1);
    for (String name : new String[] {"b", "a", "c"}) {
      model.put(name, new float[4], new float[] {2, -2, 2, -2});
    }
    for (int kept = 0; kept <= 12; kept++) {
      Map<String, float[]> merged =
          model.merge(with("weight", 1).and("density", (kept + 0.5) / 12));
      int left = kept;
      for (String name : new String[] {"a", "b", "c"}) {
        for (int i = 0; i < 4; i++, left--) {
          assertThat(merged.get(name)[i]).isEqualTo(left <= 0 ? 0 : i % 2 == 0 ? 2 : -2);
        }
      }
    }
  }

  @Test
  void inAModelOfOneTensorItIsTies() {
    TestSeeds.check(
        "ties_global of one tensor",
        30,
        random -> {
          int length = random.nextInt(3000);
          float[] base = numbers(random, length);
          Model model = new Model(3);
          model.put("t", base, shifted(random, base), shifted(random, base), base);
          Given given =
              with("weight", random.nextDouble(), random.nextGaussian(), 1)
                  .and("density", random.nextDouble(), random.nextDouble(), random.nextDouble())
                  .and("lambda", 0.5 + random.nextDouble())
                  .and("normalize", random.nextInt(2));
          float[] expected =
              Arrays32.merge(
                  MergeOperators.ties(),
                  model.tasks(given, MergeCache.none(), 100, ParallelFor.sequential()).get(0));
          assertThat(model.merge(given).get("t")).isEqualTo(expected);
        });
  }

  @Test
  void thresholdsAreThoseOfASortOverAllTensors() {
    TestSeeds.check(
        "ties_global against a sort",
        40,
        random -> {
          Model model = randomModel(random, 2);
          double density = random.nextDouble() * 1.1;
          Given given = with("weight", 1, 0).and("density", density, 0.5);
          Map<String, float[]> merged = model.merge(given);
          Map<String, float[]> expected = model.sorted(density);
          expected.forEach(
              (name, values) -> assertThat(merged.get(name)).as(name).isEqualTo(values));
        });
  }

  @Test
  void tensorsOfSeveralStripesAreCutAtTheSameElementByAnyNumberOfThreads() {
    Random random = TestSeeds.random("ties_global stripes", 0);
    Model model = new Model(1);
    for (String name : List.of("small", "large")) {
      float[] base = new float[name.equals("large") ? 300_000 : 1_000];
      float[] source = new float[base.length];
      for (int i = 0; i < source.length; i++) {
        source[i] = random.nextInt(7) - 3;
      }
      model.put(name, base, source);
    }
    for (double density : new double[] {0.1, 0.4, 0.7}) {
      Given given = with("weight", 1).and("density", density);
      Map<String, float[]> expected = model.sorted(density);
      try (PooledFor pool = new PooledFor()) {
        for (ParallelFor threads : List.of(ParallelFor.sequential(), backwards(), pool)) {
          Map<String, float[]> merged =
              model.merge(model.builders(given, MergeCache.none(), 4096, threads));
          expected.forEach((name, values) -> assertThat(merged.get(name)).isEqualTo(values));
        }
      }
    }
  }

  @Test
  void noResultDependsOnOrderThreadsBlocksOrCache() {
    TestSeeds.check(
        "ties_global, one result",
        15,
        random -> {
          Model model = randomModel(random, 3);
          Given given =
              with("weight", 0.3, 0.7, -0.2)
                  .and("density", random.nextDouble(), random.nextDouble(), random.nextDouble());
          Map<String, float[]> expected = model.merge(given);
          MergeCache cache = MergeCache.ofBytes(1L << (8 + random.nextInt(16)));
          for (int repetition = 0; repetition < 3; repetition++) {
            List<MergeTask.Builder> tasks =
                model.builders(given, cache, 1 + random.nextInt(500), backwards());
            Collections.shuffle(tasks, random);
            model.merge(tasks).forEach((name, v) -> assertThat(v).isEqualTo(expected.get(name)));
            // Another candidate in between.
            model.merge(
                model.builders(with("weight", 1).and("density", 0.4), cache, 64, backwards()));
          }
        });
  }

  @Test
  void evolutionReadsTheFilesOnceForAllDensitiesWhileTheCacheHasRoom() {
    Model model = randomModel(TestSeeds.random("ties_global reads", 0), 2);
    MergeCache cache = MergeCache.ofBytes(1 << 24);
    model.merge(
        model.builders(
            with("weight", 1).and("density", 0.3), cache, 100, ParallelFor.sequential()));
    int before = model.reads;
    assertThat(before).isPositive();
    for (double density : new double[] {0.1, 0.3, 0.77}) {
      model.merge(
          model.builders(
              with("weight", 1).and("density", density), cache, 100, ParallelFor.sequential()));
    }
    assertThat(model.reads).isEqualTo(before);
  }

  @Test
  void densityZeroKeepsNothingAndOneOrMoreEverything() {
    Model model = randomModel(TestSeeds.random("ties_global density", 0), 1);
    Map<String, float[]> none = model.merge(with("weight", 1).and("density", 0));
    Map<String, float[]> tiny = model.merge(with("weight", 1).and("density", 1e-9));
    model.bases.forEach(
        (name, base) -> {
          assertThat(none.get(name)).isEqualTo(base);
          assertThat(tiny.get(name)).isEqualTo(base);
        });
    Map<String, float[]> all = model.merge(with("weight", 1).and("density", 1));
    Map<String, float[]> more = model.merge(with("weight", 1).and("density", 7));
    model.bases.forEach(
        (name, base) -> {
          float[] source = model.sources.get(name)[0];
          for (int i = 0; i < base.length; i++) {
            assertThat(all.get(name)[i]).isEqualTo(base[i] + (source[i] - base[i]));
          }
          assertThat(more.get(name)).isEqualTo(all.get(name));
        });
  }

  @Test
  void zeroTaskVectorsGiveTheBase() {
    Model model = new Model(2);
    model.put("a", new float[] {1, 2}, new float[] {1, 2}, new float[] {1, 2});
    model.put("b", new float[] {3}, new float[] {3}, new float[] {3});
    Map<String, float[]> merged = model.merge(with("weight", 1).and("density", 0.5));
    assertThat(merged.get("a")).containsExactly(1, 2);
    assertThat(merged.get("b")).containsExactly(3);
  }

  @Test
  void oppositeTaskVectorsOfEqualWeightGiveThePositiveOne() {
    Model model = new Model(2);
    model.put("a", new float[2], new float[] {2, -3}, new float[] {-2, 3});
    assertThat(model.merge(with("weight", 1)).get("a")).containsExactly(2, 3);
  }

  @Test
  void weightsThatSumToZeroAndNegativeWeightsAreThoseOfTies() {
    Model model = new Model(2);
    model.put("a", new float[2], new float[] {2, 1}, new float[] {1, 5});
    for (double[] weights : new double[][] {{1, -1}, {-1, -1}, {0, 0}}) {
      Given given = with("weight", weights);
      assertThat(model.merge(given).get("a"))
          .isEqualTo(
              Arrays32.merge(
                  MergeOperators.ties(),
                  model.tasks(given, MergeCache.none(), 9, ParallelFor.sequential()).get(0)));
    }
  }

  @Test
  void scalarsEmptyTensorsAndSingleColumnsCountAsAnyOthers() {
    Model model = new Model(1);
    model.put(Arrays32.info("empty", 0, 3), new float[0], new float[0]);
    model.put(Arrays32.info("scalar"), new float[1], new float[] {4});
    model.put(Arrays32.info("column", 3, 1), new float[3], new float[] {5, 1, 2});
    Map<String, float[]> merged = model.merge(with("weight", 1).and("density", 0.5));
    assertThat(merged.get("empty")).isEmpty();
    assertThat(merged.get("scalar")).containsExactly(4);
    assertThat(merged.get("column")).containsExactly(5, 0, 0);
    Model empty = new Model(1);
    empty.put(Arrays32.info("empty", 0), new float[0], new float[0]);
    assertThat(empty.merge(with("weight", 1).and("density", 0.5)).get("empty")).isEmpty();
    assertThat(OPERATOR.survey(List.of())).isNotNull();
  }

  @Test
  void surveysAreEqualIfTheyMeanTheSame() {
    Model model = randomModel(TestSeeds.random("ties_global surveys", 0), 2);
    Given given = with("weight", 1).and("density", 0.5, 0.3);
    Survey survey = survey(model, given);
    assertThat(survey(model, given.and("weight", 0.2).and("lambda", 3)))
        .isEqualTo(survey)
        .hasSameHashCodeAs(survey);
    assertThat(survey(model, given.and("density", 0.5, 0.4))).isNotEqualTo(survey);
  }

  private static Survey survey(Model model, Given given) {
    return OPERATOR.survey(model.tasks(given, MergeCache.none(), 100, ParallelFor.sequential()));
  }

  @Test
  void aTaskWithoutSurveyIsRefused() {
    Model model = new Model(1);
    model.put("a", new float[1], new float[] {1});
    MergeTask task =
        model.tasks(with("weight", 1), MergeCache.none(), 9, ParallelFor.sequential()).get(0);
    assertThatThrownBy(() -> OPERATOR.merge(task, new Arrays32.Sink(task.info())))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'a'")
        .hasMessageContaining("survey the tasks of all tensors first");
  }

  @Test
  void aSurveyOfSomethingElseIsRefused() {
    Model model = new Model(1);
    model.put("a", new float[1], new float[] {1});
    Model other = new Model(1);
    other.put("b", new float[1], new float[] {1});
    Survey survey =
        OPERATOR.survey(
            other.tasks(with("weight", 1), MergeCache.none(), 9, ParallelFor.sequential()));
    for (Survey wrong : List.of(survey, new Survey() {})) {
      MergeTask task =
          model
              .builders(with("weight", 1), MergeCache.none(), 9, ParallelFor.sequential())
              .get(0)
              .survey(wrong)
              .build();
      assertThatThrownBy(() -> OPERATOR.merge(task, new Arrays32.Sink(task.info())))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'a'")
          .hasMessageContaining("survey the tasks that are merged");
    }
    Survey stale =
        OPERATOR.survey(
            model.tasks(
                with("weight", 1).and("density", 0.5),
                MergeCache.none(),
                9,
                ParallelFor.sequential()));
    MergeTask task =
        model
            .builders(with("weight", 1), MergeCache.none(), 9, ParallelFor.sequential())
            .get(0)
            .survey(stale)
            .build();
    assertThatThrownBy(() -> OPERATOR.merge(task, new Arrays32.Sink(task.info())))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining(
            "'density' of source 's0' is 1.0, the survey has thresholds for [0.5]");
  }

  @Test
  void aTensorWithADensityOfItsOwnKeepsWhatLiesAboveTheWholeModelsThresholdForIt() {
    Model model = new Model(1);
    model.put("a", new float[4], new float[] {1, 2, 3, 4});
    model.put("b", new float[4], new float[] {5, 6, 7, 8});
    List<MergeTask.Builder> builders = new ArrayList<>();
    builders.addAll(
        model
            .builders(
                with("weight", 1).and("density", 0.75),
                MergeCache.none(),
                9,
                ParallelFor.sequential())
            .subList(0, 1));
    builders.addAll(
        model
            .builders(
                with("weight", 1).and("density", 0.25),
                MergeCache.none(),
                9,
                ParallelFor.sequential())
            .subList(1, 2));
    Map<String, float[]> merged = model.merge(builders);
    assertThat(merged.get("a")).containsExactly(0, 0, 3, 4);
    assertThat(merged.get("b")).containsExactly(0, 0, 7, 8);
  }

  @Test
  void aTensorIsSurveyedOnce() {
    Model model = new Model(1);
    model.put("a", new float[1], new float[] {1});
    MergeTask task =
        model.tasks(with("weight", 1), MergeCache.none(), 9, ParallelFor.sequential()).get(0);
    assertThatThrownBy(() -> OPERATOR.survey(List.of(task, task)))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("twice");
  }

  @Test
  void parametersThatDoNotFitAreRefusedByTheSurvey() {
    Model model = new Model(3);
    model.put("a", new float[1], new float[1], new float[1], new float[1]);
    for (Given given :
        List.of(
            with("density", 1),
            with("weight", 1).and("density", 0.5, 0.5),
            with("weight", 1).and("density", -1))) {
      assertThatThrownBy(() -> survey(model, given))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'a', ties_global: parameter");
    }
  }

  @Test
  void numbersThatAreNotFiniteAreRefusedByTheSurvey() {
    for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
      Model model = new Model(2);
      model.put("a", new float[1], new float[1], new float[1]);
      model.put("b", new float[2], new float[2], new float[] {0, bad});
      assertThatThrownBy(() -> model.merge(with("weight", 1).and("density", 0.5)))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'b'")
          .hasMessageContaining("'s1'");
    }
  }

  private static Model randomModel(Random random, int sources) {
    Model model = new Model(sources);
    int tensors = 1 + random.nextInt(5);
    for (int t = 0; t < tensors; t++) {
      float[] base = numbers(random, random.nextInt(700));
      float[][] all = new float[sources][];
      for (int s = 0; s < sources; s++) {
        all[s] = shifted(random, base);
      }
      model.put("layer." + random.nextInt(1000) + "." + t, base, all);
    }
    return model;
  }

  private static float[] numbers(Random random, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = random.nextInt(1 << 12) * 0x1p-10f;
    }
    return values;
  }

  /** Differences in coarse steps have many equal magnitudes, fine ones spread over buckets. */
  private static float[] shifted(Random random, float[] base) {
    float[] values = base.clone();
    boolean coarse = random.nextBoolean();
    for (int i = 0; i < values.length; i++) {
      values[i] +=
          coarse ? (random.nextInt(9) - 4) * 0.25f : (float) (random.nextGaussian() * 0.01);
    }
    return values;
  }

  private static ParallelFor backwards() {
    return (count, work) -> {
      for (int i = count - 1; i >= 0; i--) {
        work.accept(i);
      }
    };
  }

  private static Given with(String name, double... values) {
    return new Given(Map.of()).and(name, values);
  }

  private record Given(Map<String, double[]> map) {
    Given and(String name, double... values) {
      Map<String, double[]> more = new HashMap<>(map);
      more.put(name, values);
      return new Given(more);
    }
  }

  /** Some tensors of a base and sources. */
  private static final class Model {
    private final int sourceCount;
    private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
    private final Map<String, float[]> bases = new LinkedHashMap<>();
    private final Map<String, float[][]> sources = new LinkedHashMap<>();
    private int reads;

    Model(int sourceCount) {
      this.sourceCount = sourceCount;
    }

    void put(String name, float[] base, float[]... values) {
      put(Arrays32.info(name, base.length), base, values);
    }

    void put(TensorInfo info, float[] base, float[]... values) {
      infos.put(info.name(), info);
      bases.put(info.name(), base);
      sources.put(info.name(), values);
    }

    List<MergeTask.Builder> builders(
        Given given, MergeCache cache, int blockLength, ParallelFor threads) {
      List<MergeTask.Builder> tasks = new ArrayList<>();
      infos.forEach(
          (name, info) -> {
            MergeTask.Builder builder =
                MergeTask.builder(info)
                    .parameters(ParameterValues.of(given.map()))
                    .cache(cache)
                    .threads(threads)
                    .blockLength(blockLength)
                    .base(Arrays32.view(info, bases.get(name)));
            for (int s = 0; s < sourceCount; s++) {
              builder.source(
                  "s" + s,
                  new CountedView(Arrays32.view(info, sources.get(name)[s]), () -> reads++));
            }
            tasks.add(builder);
          });
      return tasks;
    }

    List<MergeTask> tasks(Given given, MergeCache cache, int blockLength, ParallelFor threads) {
      return builders(given, cache, blockLength, threads).stream()
          .map(MergeTask.Builder::build)
          .toList();
    }

    Map<String, float[]> merge(Given given) {
      return merge(builders(given, MergeCache.none(), 100, ParallelFor.sequential()));
    }

    Map<String, float[]> merge(List<MergeTask.Builder> tasks) {
      Survey survey = OPERATOR.survey(tasks.stream().map(MergeTask.Builder::build).toList());
      Map<String, float[]> merged = new TreeMap<>();
      for (MergeTask.Builder builder : tasks) {
        MergeTask task = builder.survey(survey).build();
        merged.put(task.info().name(), Arrays32.merge(OPERATOR, task));
      }
      return merged;
    }

    /** The first source alone, trimmed by sorting. */
    Map<String, float[]> sorted(double density) {
      record Place(String tensor, int index, float delta) {}
      List<Place> places = new ArrayList<>();
      new TreeMap<>(bases)
          .forEach(
              (name, base) ->
                  IntStream.range(0, base.length)
                      .forEach(
                          i -> places.add(new Place(name, i, sources.get(name)[0][i] - base[i]))));
      places.sort(Comparator.comparingDouble(place -> -Math.abs(place.delta())));
      Map<String, float[]> result = new TreeMap<>();
      bases.forEach((name, base) -> result.put(name, Arrays.copyOf(base, base.length)));
      int kept = (int) Math.min(places.size(), Math.floor(density * places.size()));
      for (Place place : places.subList(0, kept)) {
        result.get(place.tensor())[place.index()] += place.delta();
      }
      return result;
    }
  }
}
