package io.evomerge.fitness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HypervolumeTest {

  private static Hypervolume minimising(int objectives, double reference) {
    double[] corner = new double[objectives];
    Arrays.fill(corner, reference);
    return Hypervolume.of(Collections.nCopies(objectives, Direction.MINIMIZE), corner);
  }

  /** Whole coordinates, so that equal ones, doubles and points beyond the reference occur. */
  private static List<double[]> onGrid(Random random, int objectives, int count, int side) {
    List<double[]> points = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      points.add(random.ints(objectives, 0, side + 2).asDoubleStream().toArray());
    }
    return points;
  }

  /** The number of unit cells that some point dominates. */
  private static double cells(List<double[]> points, int objectives, int side) {
    int covered = 0;
    int total = (int) Math.pow(side, objectives);
    for (int cell = 0; cell < total; cell++) {
      int rest = cell;
      int[] corner = new int[objectives];
      for (int k = 0; k < objectives; k++) {
        corner[k] = rest % side;
        rest /= side;
      }
      boolean hit = false;
      for (double[] point : points) {
        boolean below = true;
        for (int k = 0; k < objectives; k++) {
          below &= point[k] <= corner[k];
        }
        hit |= below;
      }
      covered += hit ? 1 : 0;
    }
    return covered;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void volumesAreThoseOfCountedCells(int objectives) {
    Random random = new Random(objectives);
    int side = objectives > 3 ? 5 : 8;
    for (int round = 0; round < 60; round++) {
      List<double[]> points = onGrid(random, objectives, random.nextInt(14), side);
      assertThat(minimising(objectives, side).covered(points))
          .isCloseTo(cells(points, objectives, side), within(1e-9));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void aContributionIsWhatIsLostWithoutThePoint(int objectives) {
    Random random = new Random(10 + objectives);
    Hypervolume volume = minimising(objectives, 7);
    for (int round = 0; round < 60; round++) {
      List<double[]> points = onGrid(random, objectives, 1 + random.nextInt(12), 7);
      assertLost(volume, points);
    }
    for (int round = 0; round < 20; round++) {
      List<double[]> front = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        front.add(onSphere(random, objectives));
      }
      assertLost(minimising(objectives, 1.1), front);
    }
  }

  private static void assertLost(Hypervolume volume, List<double[]> points) {
    double all = volume.covered(points);
    double[] alone = volume.contributions(points);
    for (int i = 0; i < alone.length; i++) {
      List<double[]> others = new ArrayList<>(points);
      others.remove(i);
      assertThat(alone[i]).isCloseTo(all - volume.covered(others), within(1e-9));
    }
  }

  private static double[] onSphere(Random random, int objectives) {
    double[] point = random.doubles(objectives).toArray();
    double norm = Math.sqrt(Arrays.stream(point).map(x -> x * x).sum());
    return Arrays.stream(point).map(x -> x / norm).toArray();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 6})
  void volumesAgreeWithRandomSamples(int objectives) {
    Random random = new Random(20 + objectives);
    List<double[]> points = new ArrayList<>();
    for (int i = 0; i < 25; i++) {
      points.add(onSphere(random, objectives));
    }
    int samples = 40_000;
    int hits = 0;
    for (int i = 0; i < samples; i++) {
      double[] sample = random.doubles(objectives, 0, 1.1).toArray();
      boolean hit = false;
      for (double[] point : points) {
        boolean below = true;
        for (int k = 0; k < objectives; k++) {
          below &= point[k] <= sample[k];
        }
        hit |= below;
      }
      hits += hit ? 1 : 0;
    }
    double box = Math.pow(1.1, objectives);
    double share = (double) hits / samples;
    double error = box * Math.sqrt(share * (1 - share) / samples);
    assertThat(minimising(objectives, 1.1).covered(points))
        .isCloseTo(box * share, within(5 * error + 1e-9));
  }

  @Test
  void theFrontOfTheSphereIsApproachedFromBelow() {
    double whole = 1.1 * 1.1 * 1.1 - Math.PI / 6;
    double before = 0;
    for (int steps : new int[] {5, 20, 80}) {
      List<double[]> points = new ArrayList<>();
      for (int i = 0; i <= steps; i++) {
        for (int j = 0; j <= steps; j++) {
          double a = i * Math.PI / 2 / steps;
          double b = j * Math.PI / 2 / steps;
          points.add(
              new double[] {Math.cos(a) * Math.cos(b), Math.cos(a) * Math.sin(b), Math.sin(a)});
        }
      }
      double covered = minimising(3, 1.1).covered(points);
      assertThat(covered).isBetween(before, whole);
      before = covered;
    }
    assertThat(before).isGreaterThan(0.98 * whole);
  }

  @Test
  void directionsAreRespected() {
    Random random = new Random(3);
    Hypervolume down = minimising(3, 5);
    Hypervolume mixed =
        Hypervolume.of(
            List.of(Direction.MAXIMIZE, Direction.MINIMIZE, Direction.MAXIMIZE), -5, 5, -5);
    List<double[]> points = onGrid(random, 3, 15, 5);
    List<double[]> turned = points.stream().map(p -> new double[] {-p[0], p[1], -p[2]}).toList();
    assertThat(mixed.covered(turned)).isEqualTo(down.covered(points));
    assertThat(mixed.contributions(turned)).isEqualTo(down.contributions(points));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 5})
  void theOrderOfThePointsDoesNotMatterToTheLastBit(int objectives) {
    Random random = new Random(4);
    List<double[]> points = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      points.add(onSphere(random, objectives));
    }
    double covered = minimising(objectives, 1.2).covered(points);
    for (int round = 0; round < 10; round++) {
      Collections.shuffle(points, random);
      assertThat(minimising(objectives, 1.2).covered(points)).isEqualTo(covered);
    }
  }

  @Test
  void pointsThatAreNotBetterThanTheReferenceAddNothing() {
    Hypervolume volume = Hypervolume.of(List.of(Direction.MAXIMIZE, Direction.MAXIMIZE), 0, 0);
    List<double[]> outside =
        List.of(new double[] {0, 9}, new double[] {-1, 3}, new double[] {2, -1});
    assertThat(volume.covered(outside)).isZero();
    assertThat(volume.contributions(outside)).containsOnly(0);
    assertThat(volume.covered(List.of())).isZero();
    assertThat(volume.contributions(List.of())).isEmpty();
  }

  @Test
  void whatIsNoPointOrReferenceIsRefused() {
    List<Direction> two = List.of(Direction.MAXIMIZE, Direction.MINIMIZE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Hypervolume.of(two, 1))
        .withMessageContaining("got 1 scores for 2 objectives");
    assertThatIllegalArgumentException().isThrownBy(() -> Hypervolume.of(List.of()));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Hypervolume.of(two, 1, Double.POSITIVE_INFINITY))
        .withMessageContaining("finite");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Hypervolume.of(two, 1, 2).covered(List.of(new double[] {1, 2, 3})))
        .withMessageContaining("3 scores");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> Hypervolume.of(two, 1, 2).contributions(List.of(new double[] {1, Double.NaN})))
        .withMessageContaining("NaN");
  }
}
