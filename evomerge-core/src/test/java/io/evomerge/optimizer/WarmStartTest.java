package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WarmStartTest {

  private static final SearchSpace SPACE =
      SearchSpace.of(new Gene.Real("a", 0, 10, 5), new Gene.Real("b", -1, 1, 0));

  private static EarlierTrial trial(double a, double b, double score) {
    return new EarlierTrial(Genome.of(a, b), Outcome.Scored.of(score));
  }

  private static WarmStart fit(Direction direction, List<EarlierTrial> trials) {
    return new WarmStart(SPACE, new GeneCoordinates(SPACE), direction, trials);
  }

  /** Twenty good trials on a slanted line and many bad ones elsewhere. */
  private static List<EarlierTrial> trials(int sign) {
    Random random = new Random(1);
    List<EarlierTrial> trials = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      double t = (i - 9.5) / 10;
      trials.add(trial(6 + 2 * t, 0.2 + 0.3 * t, sign * i));
      for (int bad = 0; bad < 9; bad++) {
        trials.add(trial(10 * random.nextDouble(), -0.5, sign * (1000 + i)));
      }
    }
    return trials;
  }

  @Test
  void theMeanIsThatOfTheBestTenthWhateverTheDirection() {
    double unitOfA = 10.0 / 6;
    for (int sign : new int[] {1, -1}) {
      WarmStart start = fit(sign > 0 ? Direction.MINIMIZE : Direction.MAXIMIZE, trials(sign));
      assertThat(start.mean()[0]).isCloseTo((6 - 5) / unitOfA, within(1e-9));
    }
  }

  @Test
  void theCovarianceIsThatOfTheBestAndATenthOfTheRange() {
    WarmStart start = fit(Direction.MINIMIZE, trials(1));
    double[] covariance = start.covariance();
    double square = start.sigma() * start.sigma();
    double line = 0;
    for (int i = 0; i < 20; i++) {
      line += Math.pow((i - 9.5) / 10, 2) / 20;
    }
    // In coordinates of the genes' steps, a sixth of the ranges 10 and 2.
    assertThat(square * covariance[0]).isCloseTo(0.36 + 1.44 * line, within(1e-9));
    assertThat(square * covariance[1]).isCloseTo(1.2 * 0.9 * line, within(1e-9));
    assertThat(square * covariance[2]).isCloseTo(0.36 + 0.81 * line, within(1e-9));
    assertThat(start.variance(0)).isCloseTo(covariance[0], within(1e-12));
  }

  @Test
  void failuresAndScoresThatAreNotFiniteDoNotCount() {
    List<EarlierTrial> some = new ArrayList<>(trials(1));
    WarmStart before = fit(Direction.MINIMIZE, some);
    some.add(new EarlierTrial(Genome.of(1, 1), new Outcome.Failed("no")));
    some.add(trial(1, 1, Double.NEGATIVE_INFINITY));
    assertThat(fit(Direction.MINIMIZE, some).mean()).isEqualTo(before.mean());
  }

  @Test
  void oneTrialIsEnoughAndNoneWithAScoreIsRefused() {
    assertThat(fit(Direction.MINIMIZE, List.of(trial(5, 0, 1))).mean()).containsExactly(0, 0);
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                fit(
                    Direction.MINIMIZE,
                    List.of(new EarlierTrial(Genome.of(1, 1), new Outcome.Failed("no")))))
        .withMessageContaining("score");
  }

  @Test
  void trialsOfOtherGenesAreRefused() {
    CmaEs fewer =
        Optimizers.cmaEs().warmStart(List.of(new EarlierTrial(Genome.of(1), Outcome.Scored.of(1))));
    CmaEs outside = Optimizers.cmaEs().warmStart(List.of(trial(11, 0, 1)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> fewer.create(SPACE, List.of(Direction.MINIMIZE), 1))
        .withMessageContaining("1 genes");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> outside.create(SPACE, List.of(Direction.MINIMIZE), 1))
        .withMessageContaining("'a'");
  }

  @Test
  void theSettingsTellOneSetOfTrialsFromAnother() {
    CmaEs one = Optimizers.cmaEs().warmStart(List.of(trial(5, 0, 1)));
    CmaEs other = Optimizers.cmaEs().warmStart(List.of(trial(5, 0, 2)));
    assertThat(Optimizers.cmaEs().settings()).containsEntry("warmStart", "none");
    assertThat(one.settings()).isNotEqualTo(other.settings());
    assertThat(one.settings().get("warmStart")).startsWith("1 trials, sha256:");
    assertThat(one.warmStart(List.of()).settings()).isEqualTo(Optimizers.cmaEs().settings());
  }
}
