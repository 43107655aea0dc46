package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The one defined result of every corner case that the operators' javadoc names. */
class OperatorCornerCasesTest {

  private static final float[] BASE = {1, 2, 3, 4};
  private static final float[] X = {2, 1, 3.5f, 8};

  // linear

  @Test
  void linearWithNormalizeIsTheWeightedMean() {
    assertThat(merge("linear", null, with("weight", 1, 3), new float[] {0, 4}, new float[] {4, 8}))
        .containsExactly(3, 7);
  }

  @Test
  void linearRefusesWeightsThatCancelOnlyWithNormalize() {
    for (double[] weights : new double[][] {{1, -1}, {0, 0}, {0.1 + 0.2, -0.3}}) {
      assertThatThrownBy(() -> merge("linear", null, with("weight", weights), BASE, X))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'t'")
          .hasMessageContaining("normalize");
    }
    assertThat(merge("linear", null, with("weight", 1, -1).and("normalize", 0), X, BASE))
        .containsExactly(1, -1, 0.5f, 4);
  }

  @Test
  void linearAllowsNegativeWeightsWithNormalize() {
    assertThat(merge("linear", null, with("weight", 3, -1), X, BASE))
        .containsExactly(2.5f, 0.5f, 3.75f, 10);
    assertThat(merge("linear", null, with("weight", -3, -1), X, X)).containsExactly(X);
  }

  @Test
  void linearOfTinyWeightsIsStillTheMean() {
    assertThat(merge("linear", null, with("weight", 1e-30, 1e-30), BASE, X))
        .containsExactly(1.5f, 1.5f, 3.25f, 6);
  }

  @Test
  void linearOfASingleSourceIsThatSource() {
    assertThat(merge("linear", null, with("weight", 0.3), X)).containsExactly(X);
  }

  @Test
  void linearOfIdenticalSourcesIsThatSource() {
    float[] x = Arrays32.gaussians(1, 500, 1);
    float[] merged = merge("linear", null, with("weight", 0.1, 0.2, 0.4), x, x, x);
    for (int i = 0; i < x.length; i++) {
      assertThat(merged[i]).isCloseTo(x[i], within(4e-7f * Math.abs(x[i])));
    }
  }

  @Test
  void aWeightThatIsNotGivenIsRefused() {
    assertThatThrownBy(() -> merge("linear", null, with("normalize", 0), X))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("weight");
  }

  @Test
  void oneWeightCountsForEverySource() {
    assertThat(merge("linear", null, with("weight", 0.7), BASE, X))
        .isEqualTo(merge("linear", null, with("weight", 0.7, 0.7), BASE, X));
  }

  // slerp

  @Test
  void slerpGoesFromTheFirstModelToTheSecond() {
    assertThat(merge("slerp", null, with("t", 0), BASE, X)).containsExactly(BASE);
    assertThat(merge("slerp", null, with("t", 1), BASE, X)).containsExactly(X);
    assertThat(merge("slerp", BASE, with("t", 0), X)).containsExactly(BASE);
    assertThat(merge("slerp", BASE, with("t", 1), X)).containsExactly(X);
  }

  @Test
  void slerpKeepsTheNormOfOrthogonalVectorsOfOneLength() {
    float[] merged =
        merge("slerp", null, with("t", 1 / 3.0), new float[] {2, 0}, new float[] {0, 2});
    assertThat(merged[0]).isCloseTo((float) Math.sqrt(3), within(1e-6f));
    assertThat(merged[1]).isCloseTo(1, within(1e-6f));
  }

  @Test
  void slerpOfTwoSourcesLeavesTheBaseOut() {
    assertThat(merge("slerp", new float[] {9, 9, 9, 9}, with("t", 0.3), BASE, X))
        .isEqualTo(merge("slerp", null, with("t", 0.3), BASE, X));
  }

  @Test
  void slerpOfIdenticalTensorsIsThatTensor() {
    assertThat(merge("slerp", null, with("t", 0.25), X, X)).containsExactly(X);
  }

  @Test
  void slerpOfAntiparallelTensorsIsLinear() {
    float[] opposite = {-2, -1, -3.5f, -8};
    assertThat(merge("slerp", null, with("t", 0.5), X, opposite)).containsOnly(0);
    assertThat(merge("slerp", null, with("t", 0.25), X, opposite))
        .containsExactly(1, 0.5f, 1.75f, 4);
  }

  @Test
  void slerpTakesAZeroTensorAsOrthogonal() {
    float[] merged = merge("slerp", null, with("t", 0.5), new float[4], X);
    for (int i = 0; i < X.length; i++) {
      assertThat(merged[i]).isCloseTo((float) Math.sqrt(0.5) * X[i], within(1e-6f));
    }
    assertThat(merge("slerp", null, with("t", 0.5), new float[4], new float[4])).containsOnly(0);
  }

  @Test
  void slerpOfScalarsIsLinear() {
    assertThat(merge("slerp", null, with("t", 0.25), new float[] {1}, new float[] {5}))
        .containsExactly(2);
  }

  @Test
  void slerpWithOneModelIsRefused() {
    assertThatThrownBy(() -> merge("slerp", null, with("t", 0.5), X))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("two models");
  }

  // task arithmetic

  @Test
  void taskArithmeticAddsWeightedTaskVectorsTimesLambda() {
    assertThat(merge("task_arithmetic", BASE, with("weight", 0.5, 1).and("lambda", 2), X, BASE))
        .containsExactly(2, 1, 3.5f, 8);
  }

  @Test
  void taskArithmeticCountsASumOfZeroAsOne() {
    assertThat(merge("task_arithmetic", BASE, with("weight", 1, -1).and("normalize", 1), X, BASE))
        .containsExactly(X);
  }

  @Test
  void taskArithmeticDividesByNegativeSums() {
    assertThat(merge("task_arithmetic", BASE, with("weight", -2, -2).and("normalize", 1), X, X))
        .containsExactly(X);
  }

  @ParameterizedTest
  @ValueSource(strings = {"task_arithmetic", "ties", "dare_linear", "dare_ties"})
  void zeroTaskVectorsGiveTheBase(String method) {
    Given given = with("weight", 0.5, 2);
    assertThat(merge(method, BASE, given, BASE, BASE)).containsExactly(BASE);
    if (!method.equals("task_arithmetic")) {
      assertThat(merge(method, BASE, given.and("density", 0.5, 0.5), BASE, BASE))
          .containsExactly(BASE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"task_arithmetic", "ties", "dare_linear", "dare_ties"})
  void weightsOfZeroGiveTheBase(String method) {
    for (int normalize = 0; normalize < 2; normalize++) {
      assertThat(merge(method, BASE, with("weight", 0, 0).and("normalize", normalize), X, X))
          .containsExactly(BASE);
    }
  }

  @Test
  void aDifferenceThatFloat32CannotHoldIsRefused() {
    assertThatThrownBy(
            () ->
                merge(
                    "task_arithmetic",
                    new float[] {-3e38f},
                    with("weight", 1),
                    new float[] {3e38f}))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'s0'")
        .hasMessageContaining("float32");
  }

  // ties

  @Test
  void tiesKeepsTheLargestAndElectsSigns() {
    float[] base = new float[5];
    float[] a = {1, -2, 3, 0.5f, 0.25f};
    float[] b = {-4, 1, 2, 0.125f, 0.0625f};
    // 3 of 5 each: a keeps 1 -2 3, b keeps -4 1 2. Votes: -3, -1, 5, 0, 0.
    assertThat(merge("ties", base, with("weight", 1, 1).and("density", 0.6, 0.6), a, b))
        .containsExactly(-4, -2, 2.5f, 0, 0);
    assertThat(
            merge(
                "ties",
                base,
                with("weight", 1, 1).and("density", 0.6, 0.6).and("normalize", 0),
                a,
                b))
        .containsExactly(-4, -2, 5, 0, 0);
  }

  @Test
  void tiesOfDensityZeroOrOfTooFewElementsGivesTheBase() {
    assertThat(merge("ties", BASE, with("weight", 1).and("density", 0), X)).containsExactly(BASE);
    assertThat(merge("ties", BASE, with("weight", 1).and("density", 0.24), X))
        .containsExactly(BASE);
    assertThat(merge("ties", BASE, with("weight", 1).and("density", 0.25), X))
        .containsExactly(1, 2, 3, 8);
  }

  @Test
  void tiesOfDensityOneOrMoreKeepsEverything() {
    for (double density : new double[] {1, 1.5}) {
      assertThat(merge("ties", BASE, with("weight", 1).and("density", density), X))
          .containsExactly(X);
    }
  }

  @Test
  void tiesBreaksEqualMagnitudesByLowestIndex() {
    float[] base = new float[6];
    float[] x = {0.5f, -1, 1, -1, 1, 2};
    assertThat(merge("ties", base, with("weight", 1).and("density", 0.5), x))
        .containsExactly(0, -1, 1, 0, 0, 2);
    assertThat(merge("ties", base, with("weight", 1).and("density", 4 / 6.0), x))
        .containsExactly(0, -1, 1, -1, 0, 2);
  }

  @Test
  void tiesCountsAVoteOfZeroAsPositive() {
    assertThat(
            merge(
                "ties",
                new float[2],
                with("weight", 1, 1),
                new float[] {3, -3},
                new float[] {-3, 3}))
        .containsExactly(3, 3);
  }

  @Test
  void tiesOfIdenticalSourcesIsThatSource() {
    assertThat(merge("ties", BASE, with("weight", 1, 2, 0.5), X, X, X)).containsExactly(X);
  }

  @Test
  void tiesLeavesSourcesOfWeightZeroOut() {
    assertThat(merge("ties", BASE, with("weight", 1, 0), X, new float[] {-9, 9, -9, 9}))
        .containsExactly(X);
  }

  @Test
  void tiesWithNegativeWeightsAndNormalizeIsTiesWithPositiveOnes() {
    // No vote is 0: that would count as positive for both.
    float[] other = {3, 3.5f, 3, 3};
    assertThat(merge("ties", BASE, with("weight", -1, -1), X, other))
        .isEqualTo(merge("ties", BASE, with("weight", 1, 1), X, other));
  }

  @Test
  void tiesDividesByOneWhereWeightsOfBothSignsCancel() {
    // v = 2 and 1 from weights 1 and -1: both elected, weights sum to 0.
    assertThat(
            merge("ties", new float[1], with("weight", 1, -1), new float[] {2}, new float[] {-1}))
        .containsExactly(3);
  }

  @Test
  void tiesWithRescaleKeepsTheL1Norm() {
    float[] x = {1, -2, 3, 4};
    assertThat(
            merge("ties", new float[4], with("weight", 1).and("density", 0.5).and("rescale", 1), x))
        .containsExactly(0, 0, 3 * 10 / 7f, 4 * 10 / 7f);
  }

  @Test
  void tiesSelectsExactlyWhatSortingSelects() {
    long seed = 5;
    Random random = new Random(seed);
    for (int trial = 0; trial < 60; trial++) {
      int length = 1 + random.nextInt(400);
      float[] x = new float[length];
      int steps = 1 << random.nextInt(20);
      for (int i = 0; i < length; i++) {
        x[i] = Math.round(random.nextGaussian() * steps) / (float) steps;
        if (random.nextInt(50) == 0) {
          x[i] = Float.MIN_VALUE * random.nextInt(5);
        }
      }
      double density = random.nextInt(length + 1) / (double) length;
      int kept = (int) (density * length);
      float[] expected = new float[length];
      IntStream.range(0, length)
          .boxed()
          .sorted((a, b) -> Float.compare(Math.abs(x[b]), Math.abs(x[a])))
          .limit(kept)
          .forEach(i -> expected[i] = x[i]);
      for (MergeCache cache : List.of(MergeCache.none(), MergeCache.ofBytes(1 << 20))) {
        MergeTask task =
            task(new float[length], with("weight", 1).and("density", density), x)
                .blockLength(64)
                .cache(cache)
                .build();
        assertThat(Arrays32.merge(MergeOperators.ties(), task))
            .as("seed %d, trial %d", seed, trial)
            .usingComparatorWithPrecision(0f)
            .containsExactly(expected);
      }
    }
  }

  @Test
  void tiesSelectsExactlyInTensorsTooLargeToBeRanked() {
    int length = (1 << 22) + 3;
    float[] x = Arrays32.gaussians(3, length, 1);
    for (int i = 0; i < length; i++) {
      x[i] = Math.round(x[i] * 64) / 64f;
    }
    MergeCache cache = MergeCache.ofBytes(1 << 21);
    TensorView base = Arrays32.view(new float[length]);
    TensorView source = Arrays32.view(x);
    for (double density : new double[] {0.1, 0.7}) {
      MergeTask task =
          MergeTask.builder(base.info())
              .base(base)
              .source("s0", source)
              .parameters(with("weight", 1).and("density", density).values())
              .cache(cache)
              .build();
      float[] merged = Arrays32.merge(MergeOperators.ties(), task);
      float smallest = Float.MAX_VALUE;
      long kept = 0;
      for (float value : merged) {
        if (value != 0) {
          kept++;
          smallest = Math.min(smallest, Math.abs(value));
        }
      }
      assertThat(kept).isEqualTo((long) (density * length));
      boolean dropped = false;
      for (int i = 0; i < length; i++) {
        if (Math.abs(x[i]) > smallest && merged[i] != x[i]) {
          throw new AssertionError("a larger magnitude was dropped at " + i);
        }
        if (Math.abs(x[i]) == smallest) {
          dropped |= merged[i] == 0;
          if (dropped && merged[i] != 0) {
            throw new AssertionError("of equal magnitudes, a later one was kept at " + i);
          }
        }
      }
      assertThat(dropped).isTrue();
    }
    assertThat(cache.usedBytes()).isPositive();
  }

  // dare

  @ParameterizedTest
  @ValueSource(strings = {"dare_linear", "dare_ties"})
  void dareOfDensityZeroGivesTheBaseAndOfOneEverything(String method) {
    for (Semantics semantics : Semantics.values()) {
      assertThat(merge(semantics, method, BASE, with("weight", 1).and("density", 0), X))
          .containsExactly(BASE);
      assertThat(merge(semantics, method, BASE, with("weight", 1).and("density", 1), X))
          .containsExactly(X);
      assertThat(merge(semantics, method, BASE, with("weight", 1).and("density", 1.5), X))
          .containsExactly(X);
    }
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void dareKeepsTheDensitysShareAndRescalesIt(Semantics semantics) {
    float[] x = Arrays32.gaussians(8, 20_000, 1);
    float[] base = new float[x.length];
    float[] merged =
        merge(semantics, "dare_linear", base, with("weight", 1).and("density", 0.25), x);
    double before = 0;
    double after = 0;
    int kept = 0;
    for (int i = 0; i < x.length; i++) {
      before += Math.abs(x[i]);
      after += Math.abs(merged[i]);
      if (merged[i] != 0) {
        kept++;
        if (semantics == Semantics.PAPER) {
          assertThat(merged[i]).isEqualTo(4 * x[i]);
        }
      }
    }
    assertThat(kept).isBetween(4_700, 5_300);
    if (semantics == Semantics.MERGEKIT) {
      assertThat(after / before).isCloseTo(1, within(1e-6));
    }
    float[] unscaled =
        merge(
            semantics,
            "dare_linear",
            base,
            with("weight", 1).and("density", 0.25).and("rescale", 0),
            x);
    for (int i = 0; i < x.length; i++) {
      assertThat(unscaled[i]).isEqualTo(merged[i] == 0 ? 0 : x[i]);
    }
  }

  @Test
  void aLargerDensityOnlyAddsElements() {
    float[] x = Arrays32.gaussians(8, 2_000, 1);
    float[] base = new float[x.length];
    float[] before = base;
    for (double density = 0.05; density < 1; density += 0.05) {
      float[] merged = merge("dare_linear", base, with("weight", 1).and("density", density), x);
      for (int i = 0; i < x.length; i++) {
        assertThat(before[i] == 0 || merged[i] != 0).isTrue();
      }
      before = merged;
    }
  }

  @Test
  void dareTiesElectsSignsAmongWhatIsKept() {
    float[] base = new float[1_000];
    float[] up = new float[1_000];
    float[] down = new float[1_000];
    Arrays.fill(up, 1);
    Arrays.fill(down, -3);
    float[] merged =
        merge("dare_ties", base, with("weight", 1, 1).and("density", 0.5, 1), up, down);
    // The vote is 2 - 3 where the first is kept: never positive.
    assertThat(merged).containsOnly(-3);
    float[] sums =
        merge("dare_linear", base, with("weight", 1, 1).and("density", 0.5, 1), up, down);
    assertThat(sums).containsOnly(-3, -1);
  }

  // passthrough

  @Test
  void passthroughScales() {
    assertThat(merge("passthrough", null, with("scale", -0.5), X))
        .containsExactly(-1, -0.5f, -1.75f, -4);
    assertThat(merge("passthrough", null, with(), X)).containsExactly(X);
  }

  @Test
  void passthroughOfScaleOneCopiesBytesOfAnyElementType() {
    for (DType dtype : DType.values()) {
      TensorInfo info = new TensorInfo("t", dtype, List.of(3L));
      byte[] bytes = new byte[(int) info.byteSize()];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) (i + 1);
      }
      Arrays32.Sink sink = new Arrays32.Sink(info);
      MergeOperators.passthrough()
          .merge(MergeTask.builder(info).source("s0", Arrays32.raw(info, bytes)).build(), sink);
      assertThat(sink.bytes()).as(dtype.name()).containsExactly(bytes);
    }
  }

  @Test
  void integersAreNeitherScaledNorAveraged() {
    TensorInfo info = new TensorInfo("t", DType.I32, List.of(1L));
    MergeTask.Builder task = MergeTask.builder(info).source("s0", Arrays32.raw(info, new byte[4]));
    task.parameters(with("scale", 0.5).values());
    assertThatThrownBy(
            () -> MergeOperators.passthrough().merge(task.build(), new Arrays32.Sink(info)))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'s0' holds I32");
    task.parameters(with("weight", 0.5).values());
    assertThatThrownBy(() -> MergeOperators.linear().merge(task.build(), new Arrays32.Sink(info)))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'s0' holds I32");
  }

  @Test
  void aSinkOfAnotherShapeIsRefused() {
    MergeTask task = task(null, with(), X).build();
    assertThatThrownBy(
            () ->
                MergeOperators.passthrough()
                    .merge(task, new Arrays32.Sink(Arrays32.info("t", 2, 2))))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("sink");
  }

  private static float[] merge(String method, float[] base, Given given, float[]... sources) {
    return merge(Semantics.PAPER, method, base, given, sources);
  }

  private static float[] merge(
      Semantics semantics, String method, float[] base, Given given, float[]... sources) {
    return Arrays32.merge(
        MergeOperators.standard().get(method),
        task(base, given, sources).semantics(semantics).build());
  }

  private static MergeTask.Builder task(float[] base, Given given, float[]... sources) {
    MergeTask.Builder builder =
        MergeTask.builder(Arrays32.info("t", sources[0].length)).parameters(given.values());
    if (base != null) {
      builder.base(Arrays32.view(base));
    }
    for (int i = 0; i < sources.length; i++) {
      builder.source("s" + i, Arrays32.view(sources[i]));
    }
    return builder;
  }

  private static Given with() {
    return new Given(Map.of());
  }

  private static Given with(String name, double... values) {
    return with().and(name, values);
  }

  private record Given(Map<String, double[]> map) {
    Given and(String name, double... values) {
      Map<String, double[]> more = new HashMap<>(map);
      more.put(name, values);
      return new Given(more);
    }

    ParameterValues values() {
      return ParameterValues.of(map);
    }
  }
}
