package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OrthogonalStepsTest {

  private static double dot(double[] v, int a, int b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += v[a * n + i] * v[b * n + i];
    }
    return sum;
  }

  @ParameterizedTest(name = "{1} vectors of {0}")
  @CsvSource({"1,4", "2,3", "7,7", "10,25", "100,70", "301,12"})
  void vectorsOfABlockAreOrthogonalAndKeepTheirLengths(int n, int count) {
    Random random = new Random(31L * n + count);
    double[] vectors = random.doubles((long) n * count, -2, 2).toArray();
    double[] before = vectors.clone();
    OrthogonalSteps.orthogonalise(vectors, n);
    int block = Math.min(n, 64);
    for (int k = 0; k < count; k++) {
      assertThat(dot(vectors, k, k, n)).isCloseTo(dot(before, k, k, n), within(1e-9 * n));
      for (int other = k / block * block; other < k; other++) {
        assertThat(dot(vectors, k, other, n)).isCloseTo(0, within(1e-8 * n));
      }
    }
  }

  @ParameterizedTest(name = "{1} vectors of {0}")
  @CsvSource({"2,2", "3,3", "4,8"})
  void eachVectorAloneStaysStandardNormal(int n, int count) {
    Random random = new Random(n);
    int draws = 20_000;
    double mean = 0;
    double square = 0;
    double fourth = 0;
    for (int draw = 0; draw < draws; draw++) {
      double[] vectors = new double[n * count];
      for (int i = 0; i < vectors.length; i++) {
        vectors[i] = random.nextGaussian();
      }
      OrthogonalSteps.orthogonalise(vectors, n);
      // The last vector of the first block is the one that was changed most.
      double x = vectors[n * n - 1];
      mean += x / draws;
      square += x * x / draws;
      fourth += x * x * x * x / draws;
    }
    assertThat(mean).isCloseTo(0, within(0.04));
    assertThat(square).isCloseTo(1, within(0.06));
    assertThat(fourth).isCloseTo(3, within(0.45));
  }
}
