package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The one defined result of every corner case of DELLA and Model Breadcrumbs. */
class TaskVectorCornerCasesTest {

  private static final float[] BASE = {1, 2, 3, 4};
  private static final float[] X = {2, 1, 3.5f, 8};

  // all

  @ParameterizedTest
  @ValueSource(strings = {"della", "della_linear", "breadcrumbs", "breadcrumbs_ties"})
  void zeroTaskVectorsGiveTheBase(String method) {
    for (Semantics semantics : Semantics.values()) {
      assertThat(merge(semantics, method, BASE, with(0.5, 0.3, 0.7), BASE, BASE))
          .containsExactly(BASE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"della", "della_linear", "breadcrumbs", "breadcrumbs_ties"})
  void weightsOfZeroGiveTheBase(String method) {
    for (int normalize = 0; normalize < 2; normalize++) {
      Given given = with(0.5, 0, 0).and("normalize", normalize);
      assertThat(merge(method, BASE, given, X, X)).containsExactly(BASE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"della", "della_linear", "breadcrumbs", "breadcrumbs_ties"})
  void densityZeroGivesTheBaseAndOneOrMoreKeepsEverything(String method) {
    for (Semantics semantics : Semantics.values()) {
      assertThat(merge(semantics, method, BASE, with(0, 1), X)).containsExactly(BASE);
      for (double density : new double[] {1, 1.5}) {
        assertThat(merge(semantics, method, BASE, with(density, 1), X)).containsExactly(X);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"della", "breadcrumbs_ties"})
  void identicalSourcesAgreeOnEverySign(String method) {
    Given given = with(1, 1, 2, 0.5).and("normalize", 1);
    assertThat(merge(method, BASE, given, X, X, X)).containsExactly(X);
  }

  @ParameterizedTest
  @ValueSource(strings = {"della", "breadcrumbs_ties"})
  void ofOppositeSourcesOfEqualWeightThePositivePartStays(String method) {
    float[] up = {3, -3};
    float[] down = {-3, 3};
    assertThat(merge(method, new float[2], with(1, 1, 1), up, down)).containsExactly(3, 3);
  }

  @ParameterizedTest
  @CsvSource({"della,della_linear", "breadcrumbs_ties,breadcrumbs"})
  void ofASingleSourceElectionChangesNothing(String elected, String linear) {
    float[] x = Arrays32.gaussians(4, 300, 1);
    Given given = with(0.5, 0.7).and("normalize", 0);
    assertThat(merge(elected, new float[300], given, x))
        .isEqualTo(merge(linear, new float[300], given, x));
  }

  @ParameterizedTest
  @ValueSource(strings = {"della", "breadcrumbs_ties"})
  void weightsOfBothSignsThatCancelDivideByOne(String method) {
    Given given = with(1, 1, -1).and("normalize", 1);
    assertThat(merge(method, new float[1], given, new float[] {2}, new float[] {-1}))
        .containsExactly(3);
  }

  @ParameterizedTest
  @ValueSource(strings = {"della_linear", "breadcrumbs"})
  void withoutElectionASumOfWeightsOfZeroDividesByOne(String method) {
    Given given = with(1, 1, -1).and("normalize", 1);
    assertThat(merge(method, BASE, given, X, BASE)).containsExactly(X);
  }

  @ParameterizedTest
  @ValueSource(strings = {"della", "breadcrumbs_ties"})
  void negativeWeightsWithNormalizeCancelOut(String method) {
    float[] other = {3, 3.5f, 3, 3};
    assertThat(merge(method, BASE, with(1, -1, -1).and("normalize", 1), X, other))
        .isEqualTo(merge(method, BASE, with(1, 1, 1).and("normalize", 1), X, other));
  }

  @ParameterizedTest
  @ValueSource(strings = {"della", "della_linear", "breadcrumbs", "breadcrumbs_ties"})
  void lambdaScalesTheMergedTaskVector(String method) {
    assertThat(merge(method, BASE, with(1, 1).and("lambda", 2), X)).containsExactly(3, 0, 4, 12);
  }

  @ParameterizedTest
  @CsvSource({"della,epsilon", "della_linear,epsilon", "breadcrumbs,gamma"})
  void fractionsBeyondOneAreRefused(String method, String parameter) {
    for (double bad : new double[] {-0.01, 1.01}) {
      assertThatThrownBy(() -> merge(method, BASE, with(0.5, 1).and(parameter, bad), X))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining(parameter);
    }
  }

  // breadcrumbs

  @Test
  void breadcrumbsDropsTheLargestAndTheSmallest() {
    float[] x = {1, -8, 3, -5, 2, 4, 7, -6};
    float[] merged = merge("breadcrumbs", new float[8], with(0.5, 1).and("gamma", 0.25), x);
    assertThat(merged).containsExactly(0, 0, 3, -5, 0, 4, 0, -6);
  }

  @Test
  void breadcrumbsOfEqualMagnitudesTakesThoseOfLowerIndexForLarger() {
    float[] x = {1, -1, 1, -1, 1, 1, -1, 1};
    float[] merged = merge("breadcrumbs", new float[8], with(0.5, 1).and("gamma", 0.25), x);
    assertThat(merged).containsExactly(0, 0, 1, -1, 1, 1, 0, 0);
  }

  @Test
  void breadcrumbsDropsFewerOfTheLargestWhereTheDensityNeedsThem() {
    float[] x = {1, 2, 3, 4};
    for (Semantics semantics : Semantics.values()) {
      assertThat(merge(semantics, "breadcrumbs", new float[4], with(0.75, 1).and("gamma", 0.5), x))
          .containsExactly(1, 2, 3, 0);
    }
  }

  @Test
  void breadcrumbsWithoutOutliersIsTrimmingInThePaperAndNothingInMergekit() {
    for (double gamma : new double[] {0, 0.2}) {
      Given given = with(0.5, 1).and("gamma", gamma);
      assertThat(merge(Semantics.PAPER, "breadcrumbs", BASE, given, X)).containsExactly(2, 2, 3, 8);
      assertThat(merge(Semantics.MERGEKIT, "breadcrumbs", BASE, given, X)).containsExactly(BASE);
    }
  }

  @Test
  void breadcrumbsOfTooLowADensityKeepsNothing() {
    for (Semantics semantics : Semantics.values()) {
      Given given = with(0.24, 1).and("gamma", 0.25);
      assertThat(merge(semantics, "breadcrumbs", BASE, given, X)).containsExactly(BASE);
    }
  }

  @Test
  void breadcrumbsWithRescaleKeepsTheL1Norm() {
    float[] x = {1, -2, 3, 4};
    Given given = with(0.5, 1).and("gamma", 0.25).and("rescale", 1);
    assertThat(merge("breadcrumbs", new float[4], given, x)).containsExactly(0, -4, 6, 0);
  }

  // della

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void dellaWithoutEpsilonKeepsWhatDareKeeps(Semantics semantics) {
    float[] x = Arrays32.gaussians(6, 1_000, 1);
    for (double density : new double[] {0.1, 1 / 3.0, 0.75}) {
      Given given = with(density, 1).and("rescale", 0);
      assertThat(merge(semantics, "della", new float[1_000], given.and("epsilon", 0), x))
          .isEqualTo(merge(semantics, "dare_ties", new float[1_000], given, x));
    }
  }

  @Test
  void dellaCutsEpsilonToWhatTheDensityAllows() {
    float[] x = Arrays32.gaussians(6, 1_000, 1);
    for (double density : new double[] {0.1, 0.9}) {
      Given given = with(density, 1);
      assertThat(merge("della", new float[1_000], given.and("epsilon", 0.8), x))
          .isEqualTo(merge("della", new float[1_000], given.and("epsilon", 0.1), x));
    }
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void inRowsOfOneElementDellaKeepsWhatDareKeeps(Semantics semantics) {
    Given given = with(0.4, 1).and("rescale", 0);
    float[] x = Arrays32.gaussians(6, 500, 1);
    long[] column = {500, 1};
    assertThat(
            Arrays32.merge(
                MergeOperators.della(), task(column, given, x).semantics(semantics).build()))
        .isEqualTo(
            Arrays32.merge(
                MergeOperators.dareTies(), task(column, given, x).semantics(semantics).build()));
  }

  @Test
  void dellaKeepsLargeElementsMoreOften() {
    int length = 4_000;
    float[] x = new float[length];
    for (int i = 0; i < length; i++) {
      x[i] = i + 1;
    }
    // Probabilities from 0 to 1.
    Given given = with(0.5, 1).and("epsilon", 0.5).and("rescale", 0);
    float[] merged = merge("della", new float[length], given, x);
    int[] kept = new int[4];
    for (int i = 0; i < length; i++) {
      kept[i / 1_000] += merged[i] != 0 ? 1 : 0;
    }
    for (int quarter = 0; quarter < 4; quarter++) {
      assertThat(kept[quarter]).isBetween(60 + 250 * quarter, 190 + 250 * quarter);
    }
    assertThat(merged[0]).isZero();
  }

  @Test
  void dellaDividesByTheProbabilityInThePaperAndKeepsTheNormInMergekit() {
    int length = 1_001;
    float[] x = Arrays32.gaussians(2, length, 1);
    Integer[] order = new Integer[length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> Float.compare(Math.abs(x[a]), Math.abs(x[b])));
    Given given = with(0.5, 1).and("epsilon", 0.2);
    float[] merged = merge(Semantics.PAPER, "della", new float[length], given, x);
    for (int rank = 0; rank < length; rank++) {
      int i = order[rank];
      if (merged[i] != 0) {
        double expected = x[i] / (0.3 + 0.4 * rank / 1_000);
        assertThat((double) merged[i]).isCloseTo(expected, within(1e-5 * Math.abs(expected)));
      }
    }
    float[] kept = merge(Semantics.MERGEKIT, "della", new float[length], given, x);
    double before = 0;
    double after = 0;
    for (int i = 0; i < length; i++) {
      assertThat(kept[i] != 0).isEqualTo(merged[i] != 0);
      before += Math.abs(x[i]);
      after += Math.abs(kept[i]);
    }
    assertThat(after / before).isCloseTo(1, within(1e-6));
  }

  @Test
  void dellaRanksEveryRowByItself() {
    // One row a thousand times larger than the other: the same elements are kept as in equal rows.
    int columns = 200;
    float[] row = Arrays32.gaussians(3, columns, 1);
    float[] equal = new float[2 * columns];
    float[] scaled = new float[2 * columns];
    for (int i = 0; i < 2 * columns; i++) {
      equal[i] = row[i % columns];
      scaled[i] = equal[i] * (i < columns ? 1024 : 1);
    }
    Given given = with(0.5, 1).and("epsilon", 0.5).and("rescale", 0);
    float[] a =
        Arrays32.merge(MergeOperators.della(), task(new long[] {2, columns}, given, equal).build());
    float[] b =
        Arrays32.merge(
            MergeOperators.della(), task(new long[] {2, columns}, given, scaled).build());
    for (int i = 0; i < a.length; i++) {
      assertThat(b[i]).isEqualTo(a[i] * (i < columns ? 1024 : 1));
    }
  }

  private static float[] merge(String method, float[] base, Given given, float[]... sources) {
    return merge(Semantics.PAPER, method, base, given, sources);
  }

  private static float[] merge(
      Semantics semantics, String method, float[] base, Given given, float[]... sources) {
    MergeTask.Builder builder =
        MergeTask.builder(Arrays32.info("t", base.length))
            .base(Arrays32.view(base))
            .semantics(semantics)
            .parameters(given.values());
    for (int i = 0; i < sources.length; i++) {
      builder.source("s" + i, Arrays32.view(sources[i]));
    }
    return Arrays32.merge(MergeOperators.standard().get(method), builder.build());
  }

  private static MergeTask.Builder task(long[] shape, Given given, float[] source) {
    return MergeTask.builder(Arrays32.info("t", shape))
        .base(Arrays32.view(Arrays32.info("t", shape), new float[source.length]))
        .source("s0", Arrays32.view(Arrays32.info("t", shape), source))
        .parameters(given.values());
  }

  private static Given with(double density, double... weights) {
    return new Given(Map.of()).and("density", density).and("weight", weights);
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
