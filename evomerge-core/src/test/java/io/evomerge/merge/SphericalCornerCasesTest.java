package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.TensorInfo;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The one defined result of every corner case of the methods that work with angles. */
class SphericalCornerCasesTest {

  private static final float[] BASE = {1, 2, 3, 4};
  private static final float[] X = {2, 1, 3.5f, 8};
  private static final float[] MINUS_X = {-2, -1, -3.5f, -8};
  private static final float[] ZERO = new float[4];

  // all

  @ParameterizedTest
  @ValueSource(strings = {"multislerp", "karcher"})
  void aSingleSourceIsTheResult(String method) {
    for (double weight : new double[] {0.3, 7}) {
      assertThat(merge(method, null, with("weight", weight), X)).containsExactly(X);
    }
    assertThat(merge("multislerp", BASE, with("weight", 0.3), X)).containsExactly(X);
    assertThat(merge("multislerp", BASE, with("weight", 0.3).and("normalize_weights", 0), X))
        .containsExactly(X);
  }

  @ParameterizedTest
  @ValueSource(strings = {"nuslerp", "multislerp", "karcher"})
  void identicalSourcesGiveThatSource(String method) {
    float[] x = Arrays32.gaussians(1, 500, 1);
    float[] merged = merge(method, null, with("weight", 0.4, 0.7), x, x);
    assertClose(merged, x, 1e-6);
  }

  @ParameterizedTest
  @ValueSource(strings = {"nuslerp", "multislerp", "model_stock"})
  void zeroTaskVectorsGiveTheBase(String method) {
    for (Semantics semantics : Semantics.values()) {
      Given given = method.equals("model_stock") ? with() : with("weight", 0.5, 2);
      assertThat(merge(semantics, method, BASE, given, BASE, BASE)).containsExactly(BASE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"nuslerp", "model_stock"})
  void oneSourceIsRefused(String method) {
    Given given = method.equals("nuslerp") ? with("weight", 1) : with();
    assertThatThrownBy(() -> merge(method, BASE, given, X))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'t'")
        .hasMessageContaining("got 1 source");
  }

  @ParameterizedTest
  @ValueSource(strings = {"nuslerp", "multislerp", "model_stock"})
  void aDifferenceThatFloat32CannotHoldIsRefused(String method) {
    Given given = method.equals("model_stock") ? with() : with("weight", 1, 1);
    float[] low = {-3e38f, 1, 1, 1};
    float[] high = {3e38f, 1, 1, 1};
    assertThatThrownBy(() -> merge(method, low, given, low, high))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'s1'")
        .hasMessageContaining("float32");
    Given rows =
        method.equals("model_stock")
            ? given.and("filter_wise", 1)
            : given.and("nuslerp_flatten", 0);
    if (!method.equals("multislerp")) {
      TensorInfo info = Arrays32.info("t", 2, 2);
      assertThatThrownBy(() -> merge(info, method, low, rows, low, high))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'s1'")
          .hasMessageContaining("float32");
    }
  }

  @Test
  void aDifferenceThatFloat32CannotHoldIsRefusedInAnyColumn() {
    for (int width : new int[] {3, 1_500}) {
      float[] low = new float[2 * width];
      float[] high = new float[2 * width];
      low[width - 1] = -3e38f;
      high[width - 1] = 3e38f;
      Given columns = with("weight", 1, 1).and("nuslerp_flatten", 0).and("nuslerp_row_wise", 1);
      TensorInfo info = Arrays32.info("t", 2, width);
      assertThatThrownBy(() -> merge(info, "nuslerp", low, columns, low, high))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'s1'")
          .hasMessageContaining("float32");
    }
  }

  @Test
  void switchesAndWholeNumbersAreNotSearched() {
    for (String method : new String[] {"nuslerp", "multislerp", "karcher", "model_stock"}) {
      assertThat(MergeOperators.standard().get(method).parameters())
          .filteredOn(spec -> spec.kind() != ParameterSpec.Kind.REAL)
          .isNotEmpty()
          .noneMatch(ParameterSpec::searched);
    }
  }

  // nuslerp

  @Test
  void nuslerpGoesFromTheFirstSourceToTheSecond() {
    assertThat(merge("nuslerp", null, with("weight", 1, 0), BASE, X)).containsExactly(BASE);
    assertThat(merge("nuslerp", null, with("weight", 0, 3), BASE, X)).containsExactly(X);
    float[] merged =
        merge("nuslerp", null, with("weight", 2, 1), new float[] {2, 0}, new float[] {0, 2});
    assertClose(merged, new float[] {(float) Math.sqrt(3), 1}, 1e-6);
  }

  @Test
  void nuslerpWithABaseTurnsTaskVectors() {
    float[] merged =
        merge(
            "nuslerp",
            new float[] {1, 1},
            with("weight", 2, 1),
            new float[] {3, 1},
            new float[] {1, 3});
    assertClose(merged, new float[] {1 + (float) Math.sqrt(3), 2}, 1e-6);
  }

  @Test
  void nuslerpOfWeightsThatCancelIsHalfway() {
    float[] halfway = merge("nuslerp", null, with("weight", 1, 1), BASE, X);
    for (double[] weights : new double[][] {{0, 0}, {1, -1}, {5e-7, 4e-7}}) {
      assertThat(merge("nuslerp", null, with("weight", weights), BASE, X)).isEqualTo(halfway);
    }
  }

  @Test
  void nuslerpWithANegativeWeightGoesBeyondTheEnd() {
    // t = 1.5: three quarters of a half turn.
    float[] merged =
        merge("nuslerp", null, with("weight", -1, 3), new float[] {2, 0}, new float[] {0, 2});
    float side = (float) Math.sqrt(2);
    assertClose(merged, new float[] {-side, side}, 1e-6);
    assertThat(merge("nuslerp", null, with("weight", -1, -3), BASE, X))
        .isEqualTo(merge("nuslerp", null, with("weight", 1, 3), BASE, X));
  }

  @Test
  void nuslerpOfAntiparallelVectorsIsLinear() {
    assertThat(merge("nuslerp", null, with("weight", 1, 1), X, MINUS_X)).containsOnly(0);
    assertThat(merge("nuslerp", null, with("weight", 3, 1), X, MINUS_X))
        .containsExactly(1, 0.5f, 1.75f, 4);
    float[] scaled = new float[X.length];
    for (int i = 0; i < X.length; i++) {
      scaled[i] = -0.3f * X[i];
    }
    assertClose(
        merge("nuslerp", null, with("weight", 1, 1), X, scaled),
        new float[] {0.7f, 0.35f, 1.225f, 2.8f},
        1e-6);
  }

  @Test
  void nuslerpTakesAZeroVectorAsOrthogonal() {
    float[] merged = merge("nuslerp", null, with("weight", 1, 1), ZERO, X);
    for (int i = 0; i < X.length; i++) {
      assertThat(merged[i]).isCloseTo((float) Math.sqrt(0.5) * X[i], within(1e-6f));
    }
    assertThat(merge("nuslerp", null, with("weight", 1, 1), ZERO, ZERO)).containsOnly(0);
    float[] fromBase = merge("nuslerp", BASE, with("weight", 2, 1), BASE, X);
    for (int i = 0; i < X.length; i++) {
      assertThat(fromBase[i]).isCloseTo(BASE[i] + 0.5f * (X[i] - BASE[i]), within(1e-6f));
    }
  }

  @Test
  void nuslerpOfScalarsIsLinear() {
    assertThat(merge("nuslerp", null, with("weight", 3, 1), new float[] {1}, new float[] {5}))
        .containsExactly(2);
    assertThat(merge("nuslerp", null, with("weight", 3, 1), new float[] {1}, new float[] {-3}))
        .containsExactly(0);
  }

  @Test
  void nuslerpCanTurnEveryRowByItself() {
    float[] first = {1, 0, 0, 5};
    float[] second = {0, 1, 0, 7};
    TensorInfo info = Arrays32.info("t", 2, 2);
    float half = (float) Math.sqrt(0.5);
    assertClose(
        merge(info, "nuslerp", null, with("weight", 1, 1).and("nuslerp_flatten", 0), first, second),
        new float[] {half, half, 0, 6},
        1e-6);
  }

  @Test
  void nuslerpRowWiseTurnsColumns() {
    float[] first = {1, 0, 0, 5};
    float[] second = {0, 0, 1, 7};
    TensorInfo info = Arrays32.info("t", 2, 2);
    float half = (float) Math.sqrt(0.5);
    Given given = with("weight", 1, 1).and("nuslerp_row_wise", 1);
    assertClose(
        merge(info, "nuslerp", null, given.and("nuslerp_flatten", 0), first, second),
        new float[] {half, 0, half, 6},
        1e-6);
    assertThat(merge(info, "nuslerp", null, given, first, second))
        .isEqualTo(merge(info, "nuslerp", null, with("weight", 1, 1), first, second));
  }

  @Test
  void nuslerpOfSingleColumnsAndRowsHasVectorsOfOneElement() {
    float[] linear = {1.25f, 1.75f, 3.125f, 5};
    Given rows = with("weight", 3, 1).and("nuslerp_flatten", 0);
    assertThat(merge(Arrays32.info("t", 4, 1), "nuslerp", null, rows, BASE, X))
        .containsExactly(linear);
    assertThat(
            merge(
                Arrays32.info("t", 1, 4),
                "nuslerp",
                null,
                rows.and("nuslerp_row_wise", 1),
                BASE,
                X))
        .containsExactly(linear);
  }

  @Test
  void nuslerpOfOneDimensionIsOneVectorInAnyCase() {
    float[] whole = merge("nuslerp", null, with("weight", 3, 1), BASE, X);
    Given rows = with("weight", 3, 1).and("nuslerp_flatten", 0);
    assertThat(merge("nuslerp", null, rows, BASE, X)).isEqualTo(whole);
    assertThat(merge("nuslerp", null, rows.and("nuslerp_row_wise", 1), BASE, X)).isEqualTo(whole);
  }

  // multislerp

  @Test
  void multislerpHasTheMeanDirectionAndTheMeanLength() {
    float[] merged =
        merge("multislerp", null, with("weight", 1, 1), new float[] {2, 0}, new float[] {0, 4});
    float side = 3 * (float) Math.sqrt(0.5);
    assertClose(merged, new float[] {side, side}, 1e-6);
    float[] fromBase =
        merge(
            "multislerp",
            new float[] {1, 1},
            with("weight", 3, 3),
            new float[] {3, 1},
            new float[] {1, 5});
    assertClose(fromBase, new float[] {1 + side, 1 + side}, 1e-6);
  }

  @Test
  void multislerpRefusesWeightsThatCancelOnlyIfTheyAreNormalized() {
    for (double[] weights : new double[][] {{1, -1}, {0, 0}, {0.1 + 0.2, -0.3}}) {
      assertThatThrownBy(() -> merge("multislerp", null, with("weight", weights), BASE, X))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'t'")
          .hasMessageContaining("normalize_weights");
    }
    for (float value :
        merge("multislerp", null, with("weight", 1, -1).and("normalize_weights", 0), BASE, X)) {
      assertThat(Float.isFinite(value)).isTrue();
    }
  }

  @Test
  void multislerpOfWeightsOfZeroIsZeroOrTheBase() {
    Given given = with("weight", 0, 0).and("normalize_weights", 0);
    assertThat(merge("multislerp", null, given, X, BASE)).containsOnly(0);
    assertThat(merge("multislerp", BASE, given, X, X)).containsExactly(BASE);
  }

  @Test
  void multislerpWithANegativeWeightTurnsThatDirectionRound() {
    // (3 - 1) / 2 long, along (3, -1).
    float[] merged =
        merge("multislerp", null, with("weight", 3, -1), new float[] {1, 0}, new float[] {0, 1});
    float unit = 1 / (float) Math.sqrt(10);
    assertClose(merged, new float[] {3 * unit, -unit}, 1e-6);
  }

  @Test
  void multislerpOfTwoSourcesThatCancelIsLinear() {
    float[] twice = {-4, -2, -7, -16};
    assertThat(merge("multislerp", null, with("weight", 1, 1), X, MINUS_X)).containsOnly(0);
    assertThat(merge("multislerp", null, with("weight", 1, 1), X, twice))
        .containsExactly(-1, -0.5f, -1.75f, -4);
  }

  @Test
  void multislerpOfAntiparallelSourcesOtherwiseFollowsTheHeavierOne() {
    assertClose(merge("multislerp", null, with("weight", 3, 1), X, MINUS_X), X, 1e-6);
  }

  @Test
  void multislerpOfMoreSourcesThatCancelIsLinear() {
    float[] twice = {4, 2, 7, 16};
    assertThat(merge("multislerp", null, with("weight", 2, 1, 1), twice, MINUS_X, MINUS_X))
        .containsExactly(1, 0.5f, 1.75f, 4);
  }

  @Test
  void multislerpOfZeroTensorsIsZero() {
    assertThat(merge("multislerp", null, with("weight", 1, 1), ZERO, ZERO)).containsOnly(0);
    assertThat(merge("multislerp", null, with("weight", 1, 1, 1), ZERO, ZERO, ZERO))
        .containsOnly(0);
    assertThat(merge("multislerp", BASE, with("weight", 1, 1, 1), BASE, BASE, BASE))
        .containsExactly(BASE);
  }

  @Test
  void multislerpOfAZeroTensorKeepsTheOthersDirection() {
    assertClose(
        merge("multislerp", null, with("weight", 1, 1), ZERO, X),
        new float[] {1, 0.5f, 1.75f, 4},
        1e-6);
    assertClose(
        merge("multislerp", null, with("weight", 1, 1).and("eps", 0), ZERO, X),
        new float[] {1, 0.5f, 1.75f, 4},
        1e-6);
  }

  @Test
  void multislerpOfScalarsHasTheSignOfTheMajority() {
    float[] merged =
        merge(
            "multislerp",
            null,
            with("weight", 1, 1, 1),
            new float[] {2},
            new float[] {-3},
            new float[] {1});
    assertClose(merged, new float[] {2}, 1e-6);
  }

  // karcher

  @Test
  void karcherLiesInTheMiddleAndHasTheMeanLength() {
    float[] merged = merge("karcher", null, with(), new float[] {2, 0}, new float[] {0, 4});
    float side = 3 * (float) Math.sqrt(0.5);
    assertClose(merged, new float[] {side, side}, 1e-6);
  }

  @Test
  void karcherOfWeightsDividesTheArc() {
    // Unlike the mean direction, it is a quarter of the angle.
    float[] merged =
        merge(
            "karcher",
            null,
            with("weight", 3, 1).and("max_iter", 50),
            new float[] {1, 0},
            new float[] {0, 1});
    assertClose(
        merged, new float[] {(float) Math.cos(Math.PI / 8), (float) Math.sin(Math.PI / 8)}, 1e-5);
  }

  @Test
  void karcherWithoutStepsIsTheMeanDirection() {
    float[] x = Arrays32.gaussians(1, 50, 1);
    float[] y = Arrays32.gaussians(2, 50, 1);
    assertClose(
        merge("karcher", null, with("weight", 1, 3).and("max_iter", 0), x, y),
        merge("multislerp", null, with("weight", 1, 3), x, y),
        1e-5);
  }

  @Test
  void karcherTakesWholeNumbersOfSteps() {
    assertThatThrownBy(() -> merge("karcher", null, with("max_iter", 2.5), X, BASE))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("max_iter")
        .hasMessageContaining("whole number");
  }

  @Test
  void karcherRefusesNegativeWeightsAndWeightsThatAreAllZero() {
    assertThatThrownBy(() -> merge("karcher", null, with("weight", 1, -0.5), X, BASE))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("weight");
    assertThatThrownBy(() -> merge("karcher", null, with("weight", 0, 0), X, BASE))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'t'")
        .hasMessageContaining("weights are 0");
  }

  @Test
  void karcherLeavesASourceOfWeightZeroOut() {
    assertClose(merge("karcher", null, with("weight", 1, 0), X, BASE), X, 1e-6);
    assertClose(merge("karcher", null, with("weight", 0, 1), X, MINUS_X), MINUS_X, 1e-6);
    assertThat(merge("karcher", null, with("weight", 0, 1), X, ZERO)).containsOnly(0);
  }

  @Test
  void karcherOfAntiparallelSourcesHasTheFirstOnesDirectionOrTheHeaviers() {
    assertClose(merge("karcher", null, with("weight", 1, 1), X, MINUS_X), X, 1e-6);
    assertClose(merge("karcher", null, with("weight", 1, 1), MINUS_X, X), MINUS_X, 1e-6);
    assertClose(merge("karcher", null, with("weight", 1, 3), X, MINUS_X), MINUS_X, 1e-6);
  }

  @Test
  void karcherOfAZeroTensorKeepsTheOthersDirectionAndTheMeanLength() {
    assertClose(merge("karcher", null, with(), ZERO, X), new float[] {1, 0.5f, 1.75f, 4}, 1e-6);
    assertThat(merge("karcher", null, with(), ZERO, ZERO)).containsOnly(0);
  }

  @Test
  void karcherOfScalarsHasTheSignOfTheMajority() {
    assertClose(
        merge("karcher", null, with(), new float[] {2}, new float[] {-3}, new float[] {1}),
        new float[] {2},
        1e-6);
  }

  @Test
  void karcherWithoutToleranceIsFinite() {
    assertClose(merge("karcher", null, with("tol", 0), X, X), X, 1e-6);
    assertThat(merge("karcher", null, with("tol", 0), ZERO, ZERO)).containsOnly(0);
  }

  // model stock

  @Test
  void modelStockMovesByHowMuchTheTaskVectorsAgree() {
    // Cosine 0.6: t = 1.2 / 1.6.
    float[] base = {1, 1};
    float[] merged = merge("model_stock", base, with(), new float[] {6, 1}, new float[] {4, 5});
    assertClose(merged, new float[] {1 + 0.75f * 4, 1 + 0.75f * 2}, 1e-6);
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void modelStockOfIdenticalSourcesIsThatSource(Semantics semantics) {
    assertClose(merge(semantics, "model_stock", BASE, with(), X, X, X), X, 1e-6);
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void modelStockOfOrthogonalTaskVectorsIsTheBase(Semantics semantics) {
    float[] base = {1, 1};
    assertThat(
            merge(semantics, "model_stock", base, with(), new float[] {6, 1}, new float[] {1, 5}))
        .containsExactly(base);
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void modelStockOfOppositeTaskVectorsIsTheBase(Semantics semantics) {
    assertThat(merge(semantics, "model_stock", ZERO, with(), X, MINUS_X)).containsOnly(0);
    float[] twice = {-4, -2, -7, -16};
    assertThat(merge(semantics, "model_stock", ZERO, with(), X, twice)).containsOnly(0);
  }

  @Test
  void modelStockMovesAwayFromDisagreementOnlyAsMergekit() {
    // Cosine -0.6: t = -1.2 / 0.4.
    float[] base = new float[2];
    float[] first = {5, 0};
    float[] second = {-3, 4};
    assertThat(merge(Semantics.PAPER, "model_stock", base, with(), first, second))
        .containsExactly(base);
    assertClose(
        merge(Semantics.MERGEKIT, "model_stock", base, with(), first, second),
        new float[] {-3, -6},
        1e-5);
  }

  @Test
  void modelStockTakesAZeroTaskVectorAsOrthogonal() {
    for (Semantics semantics : Semantics.values()) {
      // Three pairs, one of them with cosine 1: t = 1 / (1 + 2 / 3).
      float[] merged = merge(semantics, "model_stock", ZERO, with(), X, ZERO, X);
      assertClose(merged, new float[] {0.8f, 0.4f, 1.4f, 3.2f}, 1e-6);
    }
  }

  @Test
  void modelStockOfTinyTaskVectorsCountsThemAsUnrelatedOnlyAsMergekit() {
    float[] tiny = {1e-4f, 0, 0, 0};
    assertThat(merge(Semantics.PAPER, "model_stock", ZERO, with(), tiny, tiny)[0])
        .isCloseTo(1e-4f, within(1e-10f));
    // 1e-8 / 1e-6.
    assertThat(merge(Semantics.MERGEKIT, "model_stock", ZERO, with(), tiny, tiny)[0])
        .isCloseTo((float) (1e-4 * 0.02 / 1.01), within(1e-12f));
  }

  @Test
  void modelStockCanWorkFilterWise() {
    float[] base = new float[6];
    float[] first = {5, 0, 1, 2, 5, 0};
    float[] second = {3, 4, 1, 2, 0, 3};
    float[] merged =
        merge(Arrays32.info("t", 3, 2), "model_stock", base, with("filter_wise", 1), first, second);
    assertClose(merged, new float[] {3, 1.5f, 1, 2, 0, 0}, 1e-6);
    assertThat(merge("model_stock", base, with("filter_wise", 1), first, second))
        .isEqualTo(merge("model_stock", base, with(), first, second));
  }

  @Test
  void modelStockOfSingleColumnsMovesWhereAllSignsAgree() {
    TensorInfo column = Arrays32.info("t", 4, 1);
    assertThat(
            merge(
                column,
                "model_stock",
                ZERO,
                with("filter_wise", 1),
                new float[] {1, -2, 3, 0},
                new float[] {3, -4, -3, 2}))
        .containsExactly(2, -3, 0, 0);
  }

  @Test
  void modelStockHasNothingToSearch() {
    assertThat(MergeOperators.modelStock().parameters()).noneMatch(ParameterSpec::searched);
  }

  // nearswap

  @Test
  void nearswapTakesWhatIsNearAndMovesTheRest() {
    assertThat(merge("nearswap", BASE, with("t", 0.75), X))
        .containsExactly(1.75f, 1.25f, 3.5f, 4.75f);
  }

  @Test
  void nearswapOfThresholdZeroIsTheBase() {
    assertThat(merge("nearswap", BASE, with("t", 0), X)).containsExactly(BASE);
  }

  @Test
  void nearswapOfALargeThresholdIsTheSource() {
    float[] x = Arrays32.gaussians(1, 100, 1);
    float[] base = Arrays32.gaussians(2, 100, 1e-6);
    assertThat(merge("nearswap", base, with("t", 10), x)).containsExactly(x);
  }

  @Test
  void nearswapOfAZeroTaskVectorIsTheBase() {
    assertThat(merge("nearswap", BASE, with("t", 1e-4), BASE)).containsExactly(BASE);
  }

  @Test
  void nearswapOfOppositeValuesMovesTowardsThem() {
    assertClose(
        merge("nearswap", X, with("t", 0.5), MINUS_X), new float[] {1.5f, 0.5f, 3, 7.5f}, 1e-6);
  }

  @Test
  void nearswapOfHugeDifferencesIsFinite() {
    assertThat(merge("nearswap", new float[] {-3e38f}, with("t", 1), new float[] {3e38f}))
        .containsExactly(-3e38f);
  }

  @Test
  void nearswapTakesOneSource() {
    assertThatThrownBy(() -> merge("nearswap", BASE, with("t", 1), X, X))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("exactly 1");
  }

  private static void assertClose(float[] actual, float[] expected, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      double allowed = tolerance * Math.max(1, Math.abs(expected[i]));
      assertThat((double) actual[i]).as("element %d", i).isCloseTo(expected[i], within(allowed));
    }
  }

  private static float[] merge(String method, float[] base, Given given, float[]... sources) {
    return merge(Semantics.PAPER, method, base, given, sources);
  }

  private static float[] merge(
      Semantics semantics, String method, float[] base, Given given, float[]... sources) {
    TensorInfo info = Arrays32.info("t", sources[0].length);
    return merge(info, semantics, method, base, given, sources);
  }

  private static float[] merge(
      TensorInfo info, String method, float[] base, Given given, float[]... sources) {
    return merge(info, Semantics.PAPER, method, base, given, sources);
  }

  private static float[] merge(
      TensorInfo info,
      Semantics semantics,
      String method,
      float[] base,
      Given given,
      float[]... sources) {
    MergeTask.Builder builder =
        MergeTask.builder(info).parameters(given.values()).semantics(semantics);
    if (base != null) {
      builder.base(Arrays32.view(info, base));
    }
    for (int i = 0; i < sources.length; i++) {
      builder.source("s" + i, Arrays32.view(info, sources[i]));
    }
    return Arrays32.merge(MergeOperators.standard().get(method), builder.build());
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
