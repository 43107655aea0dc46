package io.evomerge.allocation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Predictions of the score on all items, on tables whose full scores are known. */
class ItemModelTest {

  private static final int ITEMS = 200;

  /** Probabilities after the two-parameter model, the items' own noise on top. */
  private static List<double[]> answers(int candidates, double noise, long seed) {
    Random items = new Random(3);
    double[] slope = items.doubles(ITEMS, 0.5, 2).toArray();
    double[] difficulty = items.doubles(ITEMS, -2, 2).toArray();
    Random random = new Random(seed);
    List<double[]> rows = new ArrayList<>();
    for (int i = 0; i < candidates; i++) {
      double ability = random.nextGaussian();
      double[] row = new double[ITEMS];
      for (int j = 0; j < ITEMS; j++) {
        double logit = slope[j] * ability - difficulty[j] + noise * random.nextGaussian();
        row[j] = 1 / (1 + Math.exp(-logit));
      }
      rows.add(row);
    }
    return rows;
  }

  private static double[] ones() {
    double[] weights = new double[ITEMS];
    Arrays.fill(weights, 1);
    return weights;
  }

  private static double[] seen(double[] row, int count) {
    double[] some = new double[row.length];
    Arrays.fill(some, Double.NaN);
    System.arraycopy(row, 0, some, 0, count);
    return some;
  }

  private static double mean(double[] row) {
    return Arrays.stream(row).average().orElseThrow();
  }

  /** Root mean squared error of a model, and of the plain mean over the items seen. */
  private static double[] errors(ItemModel model, List<double[]> rows, int count) {
    double squares = 0;
    double plain = 0;
    for (double[] row : rows) {
      double off = model.estimate(seen(row, count)) - mean(row);
      double plainOff = mean(Arrays.copyOf(row, count)) - mean(row);
      squares += off * off / rows.size();
      plain += plainOff * plainOff / rows.size();
    }
    return new double[] {Math.sqrt(squares), Math.sqrt(plain)};
  }

  @Test
  void itemResponseTheoryPredictsItsOwnTables() {
    ItemModel model = new LogisticItems(answers(40, 0.2, 1), ones(), true);
    double[] errors = errors(model, answers(30, 0.2, 2), 20);
    assertThat(errors[0]).isLessThan(0.02);
  }

  @Test
  void regressionPredictsThemToo() {
    ItemModel model = new RegressionItems(answers(40, 0.2, 1), ones());
    double[] errors = errors(model, answers(30, 0.2, 2), 20);
    assertThat(errors[0]).isLessThan(0.6 * errors[1]);
  }

  @Test
  void errorRatesToMinimiseAreTheSameTableFromTheOtherSide() {
    List<double[]> rows = answers(20, 0.5, 4);
    List<double[]> gains =
        rows.stream().map(row -> Arrays.stream(row).map(p -> p - 1).toArray()).toList();
    ItemModel up = new LogisticItems(rows, ones(), true);
    ItemModel down = new LogisticItems(gains, ones(), false);
    for (int i = 0; i < rows.size(); i++) {
      assertThat(down.estimate(seen(gains.get(i), 30)) + 1)
          .isCloseTo(up.estimate(seen(rows.get(i), 30)), within(1e-9));
    }
  }

  @Test
  void logLikelihoodsArePredictedAsSuch() {
    List<double[]> rows =
        answers(40, 0.2, 1).stream()
            .map(row -> Arrays.stream(row).map(Math::log).toArray())
            .toList();
    ItemModel model = new LogisticItems(rows, ones(), true);
    double[] errors = errors(model, rows, 20);
    assertThat(errors[0]).isLessThan(0.1);
  }

  @Test
  void allItemsSeenIsTheScoreItself() {
    List<double[]> rows = answers(10, 0.5, 5);
    for (ItemModel model :
        List.of(new LogisticItems(rows, ones(), true), new RegressionItems(rows, ones()))) {
      assertThat(model.estimate(rows.get(3))).isCloseTo(mean(rows.get(3)), within(1e-12));
    }
  }

  @Test
  void candidatesThatDoNotDifferTeachNothingAndBreakNothing() {
    double[] same = answers(1, 0.5, 6).get(0);
    List<double[]> rows = List.of(same, same, same);
    double[] other = answers(1, 0.5, 7).get(0);
    for (ItemModel model :
        List.of(new LogisticItems(rows, ones(), true), new RegressionItems(rows, ones()))) {
      assertThat(model.estimate(seen(other, 50))).isBetween(0.0, 1.0);
    }
  }
}
