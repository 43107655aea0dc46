package io.evomerge.fitness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PairedComparisonTest {

  /** A pair of 0/1 samples with the given table. */
  private static PairedComparison table(int both, int onlyFirst, int onlySecond, int neither) {
    int n = both + onlyFirst + onlySecond + neither;
    double[] first = new double[n];
    double[] second = new double[n];
    Arrays.fill(first, 0, both + onlyFirst, 1);
    Arrays.fill(second, 0, both, 1);
    Arrays.fill(second, both + onlyFirst, both + onlyFirst + onlySecond, 1);
    return PairedComparison.of(first, second);
  }

  @Test
  void countsWhatWasGainedAndLost() {
    PairedComparison result = table(429, 183, 60, 328);
    assertThat(result.count()).isEqualTo(1000);
    assertThat(result.gained()).isEqualTo(183);
    assertThat(result.lost()).isEqualTo(60);
    assertThat(result.meanDifference()).isCloseTo(0.123, within(1e-12));
    assertThat(result.z()).isCloseTo(123 / Math.sqrt(243), within(1e-12));
    assertThat(result.pValue()).isBetween(1e-17, 1e-14);
    assertThat(result.binary()).isTrue();
  }

  @Test
  void theExactTestSumsTheBinomialTail() {
    // 8 against 2: 2 (C(10,0) + C(10,1) + C(10,2)) / 2^10
    assertThat(table(5, 8, 2, 5).pValue()).isCloseTo(2 * 56 / 1024., within(1e-12));
    assertThat(table(5, 2, 8, 5).pValue()).isCloseTo(2 * 56 / 1024., within(1e-12));
    assertThat(table(5, 2, 8, 5).z()).isNegative();
    assertThat(table(0, 5, 0, 0).pValue()).isCloseTo(2 / 32., within(1e-12));
    // both tails overlap in the middle
    assertThat(table(0, 3, 3, 0).pValue()).isEqualTo(1);
  }

  @Test
  void equalModelsDifferByNothing() {
    PairedComparison result = table(3, 0, 0, 4);
    assertThat(result.z()).isZero();
    assertThat(result.pValue()).isEqualTo(1);
    assertThat(result.meanDifference()).isZero();
    assertThat(result.standardError()).isZero();
  }

  @Test
  void gradedItemsAreComparedByThePairedTTest() {
    // differences 1, 2, 3, 4: mean 2.5, sd sqrt(5/3), t = 2.5 / (sd / 2) = 3.872983, 3 degrees
    PairedComparison result =
        PairedComparison.of(new double[] {2, 4, 6, 8}, new double[] {1, 2, 3, 4});
    assertThat(result.binary()).isFalse();
    assertThat(result.meanDifference()).isEqualTo(2.5);
    assertThat(result.standardError()).isCloseTo(Math.sqrt(5 / 3.) / 2, within(1e-12));
    assertThat(result.z()).isCloseTo(3.872983, within(1e-6));
    assertThat(result.pValue()).isCloseTo(0.030466, within(1e-6));
  }

  @Test
  void aConstantGradedDifferenceIsCertain() {
    PairedComparison result = PairedComparison.of(new double[] {3, 4}, new double[] {1, 2});
    assertThat(result.z()).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(result.pValue()).isZero();
  }

  @Test
  void oneItemTellsNothingAboutTheSpread() {
    PairedComparison graded = PairedComparison.of(new double[] {0.5}, new double[] {0.25});
    assertThat(graded.standardError()).isNaN();
    assertThat(graded.pValue()).isNaN();
    assertThat(PairedComparison.of(new double[] {1}, new double[] {0}).pValue()).isEqualTo(1);
  }

  @Test
  void refusesSamplesThatDoNotPair() {
    assertThatThrownBy(() -> PairedComparison.of(new double[2], new double[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 and 3 items");
    assertThatThrownBy(() -> PairedComparison.of(new double[0], new double[0]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> PairedComparison.of(new double[] {0, Double.NaN}, new double[2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("item 1");
  }

  @Test
  void zeroOneItemsHaveTheBinomialError() {
    double[] items = new double[800];
    Arrays.fill(items, 0, 400, 1);
    MeanEstimate estimate = MeanEstimate.of(items);
    assertThat(estimate.mean()).isEqualTo(0.5);
    assertThat(estimate.standardError()).isCloseTo(Math.sqrt(0.25 / 800), within(1e-15));
    assertThat(estimate.count()).isEqualTo(800);
  }

  @Test
  void gradedItemsHaveTheErrorOfTheMean() {
    MeanEstimate estimate = MeanEstimate.of(new double[] {-1, -2, -3, -4});
    assertThat(estimate.mean()).isEqualTo(-2.5);
    assertThat(estimate.standardError()).isCloseTo(Math.sqrt(5 / 3.) / 2, within(1e-12));
    assertThat(MeanEstimate.of(new double[] {0.5}).standardError()).isNaN();
  }

  @Test
  void refusesToEstimateFromNothing() {
    assertThatThrownBy(() -> MeanEstimate.of(new double[0]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> MeanEstimate.of(new double[] {1, Double.NaN}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("item 1");
  }
}
