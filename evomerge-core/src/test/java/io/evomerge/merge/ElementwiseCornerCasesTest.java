package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.TensorInfo;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The one defined result of every corner case of arcee_fusion, sce, ram and ramplus_tl. */
class ElementwiseCornerCasesTest {

  private static final float[] BASE = {1, 2, 3, 4};
  private static final float[] X = {2, 1, 3.5f, 8};
  private static final float[] OPPOSITE = {0, 3, 2.5f, 0};

  // all

  @ParameterizedTest
  @ValueSource(strings = {"arcee_fusion", "sce", "ram", "ramplus_tl"})
  void zeroTaskVectorsGiveTheBase(String method) {
    for (Semantics semantics : Semantics.values()) {
      assertThat(merge(semantics, method, BASE, with(), BASE)).containsExactly(BASE);
      if (!method.equals("arcee_fusion")) {
        assertThat(merge(semantics, method, BASE, with(), BASE, BASE)).containsExactly(BASE);
      }
    }
    assertThat(merge("sce", BASE, with("select_topk", 0.5), BASE, BASE)).containsExactly(BASE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"arcee_fusion", "sce", "ram", "ramplus_tl"})
  void aDifferenceThatFloat32CannotHoldIsRefused(String method) {
    assertThatThrownBy(() -> merge(method, new float[] {-3e38f, 1}, with(), new float[] {3e38f, 1}))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'t'")
        .hasMessageContaining("'s0'")
        .hasMessageContaining("float32");
  }

  @ParameterizedTest
  @ValueSource(strings = {"arcee_fusion", "sce", "ram", "ramplus_tl"})
  void oneColumnIsMerged(String method) {
    // Rows of one element have no divergence: fusion takes all of the source.
    assertThat(merge(Arrays32.info("t", 4, 1), Semantics.PAPER, method, BASE, with(), X))
        .containsExactly(X);
  }

  @ParameterizedTest
  @ValueSource(strings = {"sce", "ram", "ramplus_tl"})
  void identicalSourcesGiveThatSource(String method) {
    float[] base = Arrays32.gaussians(1, 300, 1);
    float[] x = Arrays32.gaussians(2, 300, 1);
    float[] merged = merge(method, base, with(), x, x, x);
    for (int i = 0; i < x.length; i++) {
      assertThat(merged[i]).isCloseTo(x[i], within(2e-6f));
    }
  }

  // arcee_fusion

  @Test
  void arceeFusionTakesWhatStandsOut() {
    // One row: the scores are in the ratio of the differences 0.125 0.25 0.375 4, so that the
    // quartiles are the first three of them and the threshold is 0.25 + 1.5 * 0.25.
    float[] base = {0, 0, 0, 0};
    float[] source = {0.125f, -0.25f, 0.375f, 4};
    assertThat(merge("arcee_fusion", base, with(), source)).containsExactly(0, 0, 0, 4);
    // All scores are the median: at the threshold, an element is taken.
    float[] even = {0.5f, -0.5f, 0.5f, -0.5f};
    assertThat(merge("arcee_fusion", base, with(), even)).containsExactly(even);
  }

  @Test
  void arceeFusionOfASparseTaskVectorIsTheSource() {
    float[] base = {1, 2, 3, 4, 5, 6, 7, 8};
    float[] source = {1, 2, 3, 4.5f, 5, 6, 7, 8};
    assertThat(merge("arcee_fusion", base, with(), source)).containsExactly(source);
  }

  @Test
  void arceeFusionOfScalarsIsTheSource() {
    TensorInfo scalar = Arrays32.info("t");
    assertThat(
            merge(
                scalar, Semantics.PAPER, "arcee_fusion", new float[] {1}, with(), new float[] {5}))
        .containsExactly(5);
  }

  @Test
  void arceeFusionKeepsTheBaseWhereTheThresholdIsBeyondFloat32() {
    float[] base = new float[8];
    float[] source = {1e37f, 1e37f, 2e37f, 2e37f, 3e38f, 3e38f, 3e38f, 3e38f};
    assertThat(merge("arcee_fusion", base, with(), source)).containsExactly(base);
  }

  @Test
  void arceeFusionIsTheSameInBothSemantics() {
    float[] base = Arrays32.gaussians(1, 300, 1);
    float[] x = Arrays32.gaussians(2, 300, 1);
    assertThat(merge(Semantics.PAPER, "arcee_fusion", base, with(), x))
        .isEqualTo(merge(Semantics.MERGEKIT, "arcee_fusion", base, with(), x));
  }

  // sce

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void sceOfTooSmallAFractionGivesTheBase(Semantics semantics) {
    for (double fraction : new double[] {0, 0.24}) {
      assertThat(merge(semantics, "sce", BASE, with("select_topk", fraction), X, BASE))
          .containsExactly(BASE);
    }
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void sceOfOneAndMoreSelectsEverything(Semantics semantics) {
    for (double fraction : new double[] {1, 1.5}) {
      assertThat(merge(semantics, "sce", BASE, with("select_topk", fraction), X))
          .containsExactly(X);
      assertThat(merge(semantics, "sce", BASE, with("select_topk", fraction), X, X))
          .containsExactly(X);
    }
  }

  @Test
  void sceOfIdenticalSourcesSelectsByIndexInThePapersSemanticsAndNothingInMergekits() {
    Given half = with("select_topk", 0.5);
    assertThat(merge(Semantics.PAPER, "sce", BASE, half, X, X)).containsExactly(2, 1, 3, 4);
    assertThat(merge(Semantics.MERGEKIT, "sce", BASE, half, X, X)).containsExactly(BASE);
    assertThat(merge(Semantics.PAPER, "sce", BASE, half, X)).containsExactly(2, 1, 3, 4);
    assertThat(merge(Semantics.MERGEKIT, "sce", BASE, half, X)).containsExactly(BASE);
  }

  @Test
  void sceCountsTheFractionOfWhatDiffersInMergekitsSemantics() {
    // Two of four elements have a variance; half of those is one, half of all is two.
    float[] base = new float[4];
    float[] a = {3, 1, 5, 2};
    float[] b = {3, 2, 1, 2};
    Given half = with("select_topk", 0.5);
    assertThat(merge(Semantics.MERGEKIT, "sce", base, half, a, b))
        .containsExactly(0, 0, (5 * 25 + 1) / 26f, 0);
    float heavy = (1 + 25) / 31f;
    float light = (4 + 1) / 31f;
    float[] merged = merge(Semantics.PAPER, "sce", base, half, a, b);
    assertThat(merged[0]).isZero();
    assertThat(merged[1]).isCloseTo(heavy + 2 * light, within(1e-6f));
    assertThat(merged[2]).isCloseTo(5 * heavy + light, within(1e-6f));
    assertThat(merged[3]).isZero();
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void sceBreaksEqualVariancesByLowestIndex(Semantics semantics) {
    float[] base = new float[6];
    float[] a = {0.5f, -1, 1, -1, 1, 2};
    assertThat(merge(semantics, "sce", base, with("select_topk", 0.5), a, base))
        .containsExactly(0, -1, 1, 0, 0, 2);
    assertThat(merge(semantics, "sce", base, with("select_topk", 0.67), a, base))
        .containsExactly(0, -1, 1, -1, 0, 2);
  }

  @Test
  void sceCountsAVoteOfZeroAsPositive() {
    assertThat(merge("sce", BASE, with(), X, OPPOSITE)).containsExactly(2, 3, 3.5f, 8);
  }

  @Test
  void sceLeavesAZeroTaskVectorOut() {
    assertThat(merge("sce", BASE, with(), X, BASE)).containsExactly(X);
  }

  @Test
  void sceRoundsTheNumberOfElementsDown() {
    float[] base = new float[3];
    float[] a = {100, 3, 0};
    float[] b = {100, 1, 0};
    // One element differs, and 0.999 of it is none.
    assertThat(merge(Semantics.MERGEKIT, "sce", base, with("select_topk", 0.999), a, b))
        .containsExactly(0, 0, 0);
  }

  @Test
  void sceWeightsByWhatIsSelectedOnly() {
    float[] base = new float[3];
    float[] a = {100, 3, 0};
    float[] b = {100, 1, 2};
    // Of the two that differ equally, the first; what both changed alike does not count.
    float[] merged = merge(Semantics.MERGEKIT, "sce", base, with("select_topk", 0.99), a, b);
    assertThat(merged[0]).isZero();
    assertThat(merged[1]).isCloseTo((9 * 3 + 1) / 10f, within(1e-6f));
    assertThat(merged[2]).isZero();
  }

  // ram

  @Test
  void ramAddsWhatOneChangedAndAveragesWhatSeveralChanged() {
    float[] base = {1, 1, 1, 1};
    float[] a = {2, 3, 1, 1};
    float[] b = {1, 5, 0, 1};
    assertThat(merge("ram", base, with(), a, b)).containsExactly(2, 4, 0, 1);
  }

  @Test
  void ramOfOppositeTaskVectorsGivesTheBase() {
    assertThat(merge("ram", BASE, with(), X, OPPOSITE)).containsExactly(BASE);
    assertThat(merge("ramplus_tl", BASE, with(), X, OPPOSITE)).containsExactly(BASE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ram", "ramplus_tl"})
  void aChangeIsADifferenceAboveEpsilon(String method) {
    float[] base = new float[3];
    float[] x = {0.25f, -0.5f, 0.75f};
    assertThat(merge(method, base, with("epsilon", 0.25), x)).containsExactly(0, -0.5f, 0.75f);
    assertThat(merge(method, base, with("epsilon", 0.75), x)).containsExactly(0, 0, 0);
    float[] least = {Float.MIN_VALUE, 0, -Float.MIN_VALUE};
    assertThat(merge(method, base, with("epsilon", 0), least)).containsExactly(least);
    assertThat(merge(method, base, with(), least)).containsExactly(0, 0, 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ram", "ramplus_tl"})
  void aSingleSourceIsTakenWhereItIsChanged(String method) {
    assertThat(merge(method, BASE, with(), X)).containsExactly(X);
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void ramPlusScalesUpWhatOneChangedByItsOverlap(Semantics semantics) {
    float[] base = new float[4];
    // a: one shared, two alone; b: one shared, one alone.
    float[] a = {4, 2, 2, 0};
    float[] b = {2, 0, 0, 8};
    Given given = with("r", 0.5).and("alpha", 10);
    assertThat(merge(semantics, "ramplus_tl", base, given, a, b))
        .containsExactly(3, 2 * 1.25f, 2 * 1.25f, 8 * 1.5f);
    assertThat(merge(semantics, "ramplus_tl", base, with("r", 0.5).and("alpha", 0.5), a, b))
        .containsExactly(3, 2 * 1.25f, 2 * 1.25f, 8 * 1.25f);
  }

  @Test
  void ramPlusWithoutSlopeOrOverlapIsRam() {
    float[] base = Arrays32.gaussians(1, 300, 1);
    float[] a = Arrays32.gaussians(2, 300, 1);
    float[] b = Arrays32.gaussians(3, 300, 1);
    for (Given given : new Given[] {with("r", 0), with("alpha", 0)}) {
      assertThat(merge("ramplus_tl", base, given.and("epsilon", 0.5), a, b))
          .isEqualTo(merge("ram", base, with("epsilon", 0.5), a, b));
    }
  }

  @Test
  void ramPlusDividesByAtLeastEpsilonInMergekitsSemantics() {
    float[] base = new float[2];
    float[] a = {8, 8};
    float[] b = {8, 0};
    Given given = with("r", 1).and("alpha", 10).and("epsilon", 4);
    assertThat(merge(Semantics.PAPER, "ramplus_tl", base, given, a, b)).containsExactly(8, 16);
    assertThat(merge(Semantics.MERGEKIT, "ramplus_tl", base, given, a, b)).containsExactly(8, 10);
  }

  @Test
  void negativeEpsilonAlphaAndFractionsAreRefused() {
    assertThatThrownBy(() -> merge("ram", BASE, with("epsilon", -1e-5), X))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("epsilon");
    assertThatThrownBy(() -> merge("ramplus_tl", BASE, with("alpha", -0.1), X))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("alpha");
    assertThatThrownBy(() -> merge("sce", BASE, with("select_topk", -0.1), X))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("select_topk");
  }

  private static float[] merge(String method, float[] base, Given given, float[]... sources) {
    return merge(Semantics.PAPER, method, base, given, sources);
  }

  private static float[] merge(
      Semantics semantics, String method, float[] base, Given given, float[]... sources) {
    return merge(Arrays32.info("t", base.length), semantics, method, base, given, sources);
  }

  private static float[] merge(
      TensorInfo info,
      Semantics semantics,
      String method,
      float[] base,
      Given given,
      float[]... sources) {
    MergeTask.Builder builder =
        MergeTask.builder(info)
            .base(Arrays32.view(info, base))
            .parameters(ParameterValues.of(given.map()))
            .semantics(semantics)
            .blockLength(3);
    for (int i = 0; i < sources.length; i++) {
      builder.source("s" + i, Arrays32.view(info, sources[i]));
    }
    return Arrays32.merge(MergeOperators.standard().get(method), builder.build());
  }

  private static Given with() {
    return new Given(Map.of());
  }

  private static Given with(String name, double value) {
    return with().and(name, value);
  }

  private record Given(Map<String, double[]> map) {
    Given and(String name, double value) {
      Map<String, double[]> more = new HashMap<>(map);
      more.put(name, new double[] {value});
      return new Given(more);
    }
  }
}
