package io.evomerge.fitness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BoundTest {

  private static final List<Direction> TWO = List.of(Direction.MAXIMIZE, Direction.MINIMIZE);

  @Test
  void aViolationIsTheDistanceInShareOfTheLimit() {
    assertThat(Bound.atMost(1e9).violation(1.5e9)).isEqualTo(0.5);
    assertThat(Bound.atMost(1e9).violation(1e9)).isZero();
    assertThat(Bound.atLeast(-4).violation(-5)).isEqualTo(0.25);
    assertThat(Bound.atLeast(0).violation(-0.125)).isEqualTo(0.125);
    assertThat(Bound.between(1, 2).violation(4)).isEqualTo(1);
    assertThat(Bound.between(1, 2).violation(1.5)).isZero();
    assertThat(Bound.atMost(1e-300).violation(1e300)).isEqualTo(Double.MAX_VALUE);
  }

  @Test
  void whatHoldsIsNoViolation() {
    for (double value : new double[] {-3, 0, 0.4, 0.5, 1, 7}) {
      Bound bound = Bound.between(0.5, 1);
      assertThat(bound.holds(value)).isEqualTo(bound.violation(value) == 0);
    }
    assertThat(Bound.atMost(1).holds(Double.NaN)).isFalse();
  }

  @Test
  void aBoundThatNothingOrEverythingKeepsToIsRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> Bound.between(2, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> Bound.atMost(Double.NaN));
    assertThatIllegalArgumentException().isThrownBy(() -> Bound.atMost(Double.NEGATIVE_INFINITY));
    assertThatIllegalArgumentException().isThrownBy(() -> Bound.atMost(Double.POSITIVE_INFINITY));
  }

  private static Outcome.Scored scored(double violation, double first, double second) {
    return new Outcome.Scored(List.of(Fitness.of(first), Fitness.of(second)), violation);
  }

  @Test
  void dominationAsksForViolationsFirst() {
    Outcome.Scored good = scored(0, 2, 1);
    assertThat(good.dominates(scored(0, 1, 1), TWO)).isTrue();
    assertThat(good.dominates(scored(0, 2, 1), TWO)).isFalse();
    assertThat(good.dominates(scored(0, 3, 2), TWO)).isFalse();
    assertThat(good.dominates(scored(0.1, 9, -9), TWO)).isTrue();
    assertThat(scored(0.1, 9, -9).dominates(good, TWO)).isFalse();
    assertThat(scored(0.1, 0, 0).dominates(scored(0.2, 9, -9), TWO)).isTrue();
    assertThat(scored(0.1, 9, -9).dominates(scored(0.1, 0, 0), TWO)).isFalse();
  }

  @Test
  void ranksGoByViolationThenObjectiveByObjective() {
    List<Outcome.Scored> ranked =
        List.of(
            scored(0, 2, -1),
            scored(0, 2, 5),
            scored(0, 1, 0),
            scored(0.5, 1, 5),
            scored(0.6, 9, -9));
    List<Outcome.Scored> shuffled = new ArrayList<>(ranked);
    Collections.shuffle(shuffled, new Random(1));
    shuffled.sort(Outcome.Scored.order(TWO));
    assertThat(shuffled).isEqualTo(ranked);
    assertThat(Outcome.Scored.order(TWO).compare(scored(0, 0.0, 1), scored(0, -0.0, 1))).isZero();
    assertThat(new Outcome.Scored(List.of()).isFeasible()).isTrue();
  }
}
