package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import io.evomerge.testing.TestSeeds;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RegMeanTest {

  private static final MergeOperator REGMEAN = MergeOperators.regmean();

  @Test
  void withAlphaOneItIsNoFurtherFromTheSourcesThanTheMeanOnTheirInputs() {
    TestSeeds.check(
        "regmean beats the mean",
        25,
        random -> {
          Problem problem = new Problem(random);
          double[] weights = random.doubles(problem.sources).map(w -> w + 0.01).toArray();
          float[] merged = problem.merge(with("weight", weights).and("alpha", 1));
          float[] mean = problem.mean(weights);
          assertThat(problem.error(merged, weights))
              .isLessThanOrEqualTo(problem.error(mean, weights) * (1 + 1e-6) + 1e-9);
          // And no step in any direction betters it, but for what the ridge holds back.
          for (int i = 0; i < 10; i++) {
            float[] near = merged.clone();
            near[random.nextInt(near.length)] += (float) (0.05 * random.nextGaussian());
            assertThat(problem.error(near, weights))
                .isGreaterThanOrEqualTo(problem.error(merged, weights) * (1 - 1e-5) - 1e-6);
          }
        });
  }

  @Test
  void sourcesThatAgreeOnDisjointInputsAreBothKept() {
    // Each source sees only half of the inputs; the merged layer must answer as either.
    int in = 8;
    Problem problem = new Problem(new Random(3), 2, 5, in, 40);
    for (int s = 0; s < 2; s++) {
      for (int i = 0; i < problem.inputs[s].length; i++) {
        if ((i % in < in / 2) != (s == 0)) {
          problem.inputs[s][i] = 0;
        }
      }
    }
    float[] merged = problem.merge(with("alpha", 1));
    for (int i = 0; i < merged.length; i++) {
      float expected = problem.weights[i % in < in / 2 ? 0 : 1][i];
      assertThat(merged[i]).isCloseTo(expected, within(1e-4f));
    }
  }

  @Test
  void itIsTheSolutionOfTheNormalEquations() {
    TestSeeds.check(
        "regmean against Gauss",
        15,
        random -> {
          Problem problem = new Problem(random);
          double alpha = random.nextInt(4) == 0 ? 0 : random.nextDouble();
          double[] weights = random.doubles(problem.sources).map(w -> w + 0.01).toArray();
          float[] merged = problem.merge(with("weight", weights).and("alpha", alpha));
          double[] expected = problem.solved(weights, alpha);
          for (int i = 0; i < merged.length; i++) {
            assertThat((double) merged[i]).isCloseTo(expected[i], within(2e-6));
          }
        });
  }

  @Test
  void alphaZeroWeighsEveryColumnByTheMeanSquaresOfItsInput() {
    TensorInfo info = Arrays32.info("w", 1, 2);
    TensorView first = Arrays32.view(Arrays32.info("w", 2, 2), 1, 5, 5, 3);
    TensorView second = Arrays32.view(Arrays32.info("w", 2, 2), 3, -7, -7, 1);
    MergeTask task =
        MergeTask.builder(info)
            .source("a", Arrays32.view(info, 4, 8))
            .source("b", Arrays32.view(info, 8, 0))
            .statistics("b", second)
            .statistics("a", first)
            .parameters(with("alpha", 0).values())
            .build();
    float[] merged = Arrays32.merge(REGMEAN, task);
    assertThat(merged[0]).isCloseTo(7, within(1e-5f));
    assertThat(merged[1]).isCloseTo(6, within(1e-5f));
  }

  @Test
  void identicalSourcesGiveThatSource() {
    TestSeeds.check(
        "regmean of one source twice",
        10,
        random -> {
          Problem problem = new Problem(random);
          for (int s = 1; s < problem.sources; s++) {
            problem.weights[s] = problem.weights[0];
          }
          for (double alpha : new double[] {0, 0.5, 1}) {
            float[] merged = problem.merge(with("alpha", alpha));
            for (int i = 0; i < merged.length; i++) {
              assertThat(merged[i]).isCloseTo(problem.weights[0][i], within(1e-5f));
            }
          }
        });
  }

  @Test
  void statisticsOfZerosGiveTheWeightedMean() {
    Problem problem = new Problem(new Random(1), 2, 3, 4, 5);
    problem.inputs[0] = new float[20];
    problem.inputs[1] = new float[20];
    for (double alpha : new double[] {0, 1}) {
      float[] merged = problem.merge(with("weight", 3, 1).and("alpha", alpha));
      for (int i = 0; i < merged.length; i++) {
        assertThat(merged[i])
            .isCloseTo(
                0.75f * problem.weights[0][i] + 0.25f * problem.weights[1][i], within(1e-6f));
      }
    }
  }

  @Test
  void aSourceWithoutInputsDoesNotCountWhereAnotherHasSome() {
    Problem problem = new Problem(new Random(2), 2, 3, 4, 50);
    problem.inputs[1] = new float[problem.inputs[1].length];
    float[] merged = problem.merge(with("alpha", 0.9));
    for (int i = 0; i < merged.length; i++) {
      assertThat(merged[i]).isCloseTo(problem.weights[0][i], within(1e-4f));
    }
  }

  @Test
  void statisticsOfFewInputsThanColumnsAreEnough() {
    Problem problem = new Problem(new Random(4), 3, 5, 40, 3);
    float[] merged = problem.merge(with("alpha", 1));
    double[] equal = {1, 1, 1};
    // So few inputs can be answered without any error, as each source does.
    assertThat(problem.error(merged, equal))
        .isLessThan(1e-4 * problem.error(problem.mean(equal), equal));
  }

  @Test
  void aSourceOfWeightZeroTakesNoPart() {
    Problem problem = new Problem(new Random(5), 2, 3, 4, 50);
    float[] merged = problem.merge(with("weight", 0, 2).and("alpha", 1));
    for (int i = 0; i < merged.length; i++) {
      assertThat(merged[i]).isCloseTo(problem.weights[1][i], within(1e-5f));
    }
    assertThatThrownBy(() -> problem.merge(with("weight", 0, 0)))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("all weights are 0");
    assertThatThrownBy(() -> problem.merge(with("weight", 1, -1)))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("wanted 0.0 to");
  }

  @Test
  void oneColumnIsAMeanWeightedByTheMeanSquares() {
    Problem problem = new Problem(new Random(6), 2, 3, 1, 7);
    float[] merged = problem.merge(with("alpha", 0.3));
    double[] expected = problem.solved(new double[] {1, 1}, 1);
    for (int i = 0; i < merged.length; i++) {
      assertThat((double) merged[i]).isCloseTo(expected[i], within(1e-5));
    }
  }

  @Test
  void antiparallelSourcesWithTheSameInputsGiveZero() {
    Problem problem = new Problem(new Random(7), 2, 3, 4, 20);
    problem.inputs[1] = problem.inputs[0];
    for (int i = 0; i < problem.weights[0].length; i++) {
      problem.weights[1][i] = -problem.weights[0][i];
    }
    for (float value : problem.merge(with("alpha", 1))) {
      assertThat(value).isCloseTo(0, within(1e-9f));
    }
  }

  @Test
  void normsBiasesEmbeddingsAndHeadsAreAveraged() {
    for (TensorInfo info : List.of(Arrays32.info("norm", 2), Arrays32.info("embed", 1, 2))) {
      MergeTask task =
          MergeTask.builder(info)
              .source("a", Arrays32.view(info, 4, 8))
              .source("b", Arrays32.view(info, 8, 0))
              .embedding(true)
              .parameters(with("weight", 3, 1).values())
              .build();
      assertThat(Arrays32.merge(REGMEAN, task)).containsExactly(5, 6);
    }
  }

  @Test
  void aHeadWithStatisticsIsSolvedAsAnyMatrix() {
    Problem problem = new Problem(new Random(8), 2, 6, 4, 30);
    MergeTask task = problem.task(with("alpha", 1)).embedding(true).build();
    assertThat(Arrays32.merge(REGMEAN, task)).isEqualTo(problem.merge(with("alpha", 1)));
  }

  @Test
  void aLinearLayerWithoutStatisticsIsRefusedWithWhatToDo() {
    TensorInfo info = Arrays32.info("q_proj.weight", 1, 2);
    MergeTask.Builder builder =
        MergeTask.builder(info)
            .source("a", Arrays32.view(info, 4, 8))
            .source("b", Arrays32.view(info, 8, 0));
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> Arrays32.merge(REGMEAN, builder.build()))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'q_proj.weight'")
          .hasMessageContaining(i == 0 ? "[a, b]" : "[b]")
          .hasMessageContaining("gather");
      builder.statistics("a", gram(0, 2, 9));
    }
  }

  @Test
  void statisticsOfAnotherShapeOrSourceAreRefused() {
    TensorInfo info = Arrays32.info("w", 1, 2);
    MergeTask.Builder builder = MergeTask.builder(info).source("a", Arrays32.view(info, 4, 8));
    builder.statistics("a", gram(0, 3, 9));
    assertThatThrownBy(() -> Arrays32.merge(REGMEAN, builder.build()))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("[3, 3], wanted [2, 2]");
    builder.statistics("z", gram(0, 2, 9));
    assertThatThrownBy(builder::build)
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("statistics of 'z'");
    TensorInfo vector = Arrays32.info("v", 2);
    MergeTask task =
        MergeTask.builder(vector)
            .source("a", Arrays32.view(vector, 4, 8))
            .statistics("a", gram(0, 2, 9))
            .build();
    assertThatThrownBy(() -> Arrays32.merge(REGMEAN, task))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("only matrices");
  }

  @Test
  void statisticsThatAreNoSumsOfSquaresAreRefused() {
    float[][] bad = {
      {1, 0, 0, Float.NaN}, {1, Float.POSITIVE_INFINITY, 0, 1}, {1, 0, 0, -1}, {1, 9, 9, 1}
    };
    for (float[] matrix : bad) {
      TensorInfo info = Arrays32.info("w", 1, 2);
      MergeTask task =
          MergeTask.builder(info)
              .source("a", Arrays32.view(info, 4, 8))
              .statistics("a", Arrays32.view(Arrays32.info("w", 2, 2), matrix))
              .parameters(with("alpha", 1).values())
              .build();
      assertThatThrownBy(() -> Arrays32.merge(REGMEAN, task))
          .isInstanceOf(MergeException.class)
          .hasMessageContaining("'w'")
          .hasMessageContaining("gather them again");
    }
  }

  @Test
  void noResultDependsOnThreadsTheOrderOfWorkOrTheCache() {
    TestSeeds.check(
        "regmean, one result",
        8,
        random -> {
          Problem problem =
              new Problem(random, 2, 1 + random.nextInt(100), 1 + random.nextInt(90), 60);
          Given given = with("weight", 0.3, 0.9).and("alpha", random.nextDouble());
          float[] expected = problem.merge(given);
          MergeCache cache = MergeCache.ofBytes(1L << (8 + random.nextInt(14)));
          ParallelFor backwards =
              (count, work) -> {
                for (int i = count - 1; i >= 0; i--) {
                  work.accept(i);
                }
              };
          try (PooledFor pool = new PooledFor()) {
            for (ParallelFor threads : List.of(backwards, pool, ParallelFor.sequential())) {
              MergeTask task =
                  problem.task(given).cache(cache).blockLength(7).threads(threads).build();
              assertThat(Arrays32.merge(REGMEAN, task)).isEqualTo(expected);
            }
          }
        });
  }

  /** Mean products of random inputs. */
  static TensorView gram(int seed, int columns, int rows) {
    return gram(columns, Arrays32.gaussians(seed, rows * columns, 1));
  }

  private static TensorView gram(int columns, float[] inputs) {
    int rows = inputs.length / columns;
    float[] matrix = new float[columns * columns];
    for (int i = 0; i < columns; i++) {
      for (int j = 0; j < columns; j++) {
        double sum = 0;
        for (int r = 0; r < rows; r++) {
          sum += (double) inputs[r * columns + i] * inputs[r * columns + j];
        }
        matrix[i * columns + j] = (float) (sum / rows);
      }
    }
    return Arrays32.view(Arrays32.info("w", columns, columns), matrix);
  }

  private static Given with(String name, double... values) {
    return new Given(Map.of()).and(name, values);
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

  /** Linear layers with inputs of their own. */
  private static final class Problem {
    private final int sources;
    private final int out;
    private final int in;
    private final float[][] weights;
    private final float[][] inputs;

    Problem(Random random) {
      this(random, 1 + random.nextInt(4), 1 + random.nextInt(70), 2 + random.nextInt(40), 90);
    }

    Problem(Random random, int sources, int out, int in, int rows) {
      this.sources = sources;
      this.out = out;
      this.in = in;
      this.weights = new float[sources][];
      this.inputs = new float[sources][];
      for (int s = 0; s < sources; s++) {
        weights[s] = Arrays32.gaussians(random.nextLong(), out * in, 1);
        inputs[s] = Arrays32.gaussians(random.nextLong(), rows * in, 1);
        // Correlated inputs of different sizes.
        for (int i = 1; i < inputs[s].length; i++) {
          inputs[s][i] = (0.5f + i % in % 3) * inputs[s][i] + 0.5f * inputs[s][i - 1];
        }
      }
    }

    MergeTask.Builder task(Given given) {
      TensorInfo info = Arrays32.info("w", out, in);
      MergeTask.Builder builder = MergeTask.builder(info).parameters(given.values());
      for (int s = 0; s < sources; s++) {
        builder.source("s" + s, Arrays32.view(info, weights[s]));
        builder.statistics("s" + s, gram(in, inputs[s]));
      }
      return builder;
    }

    float[] merge(Given given) {
      return Arrays32.merge(REGMEAN, task(given).build());
    }

    float[] mean(double[] shares) {
      float[] mean = new float[out * in];
      double sum = 0;
      for (double share : shares) {
        sum += share;
      }
      for (int i = 0; i < mean.length; i++) {
        double value = 0;
        for (int s = 0; s < sources; s++) {
          value += shares[s] / sum * weights[s][i];
        }
        mean[i] = (float) value;
      }
      return mean;
    }

    /** The weighted mean squared differences from every source's outputs for its own inputs. */
    double error(float[] merged, double[] shares) {
      double error = 0;
      for (int s = 0; s < sources; s++) {
        int rows = inputs[s].length / in;
        for (int r = 0; r < rows; r++) {
          for (int o = 0; o < out; o++) {
            double difference = 0;
            for (int i = 0; i < in; i++) {
              difference +=
                  ((double) merged[o * in + i] - weights[s][o * in + i]) * inputs[s][r * in + i];
            }
            error += shares[s] * difference * difference / rows;
          }
        }
      }
      return error;
    }

    /** The normal equations, by Gauss-Jordan elimination with pivots. */
    double[] solved(double[] shares, double alpha) {
      double[][] system = new double[in][in + out];
      for (int s = 0; s < sources; s++) {
        float[] gram = Arrays32.read(gram(in, inputs[s]));
        for (int i = 0; i < in; i++) {
          for (int j = 0; j < in; j++) {
            double g = shares[s] * gram[i * in + j] * (i == j ? 1 : alpha);
            system[i][j] += g;
            for (int o = 0; o < out; o++) {
              system[i][in + o] += g * weights[s][o * in + j];
            }
          }
        }
      }
      // The ridge that the documentation states.
      double trace = 0;
      for (int i = 0; i < in; i++) {
        trace += system[i][i];
      }
      float[] mean = mean(shares);
      for (int i = 0; i < in; i++) {
        system[i][i] += 1e-6 * trace / in;
        for (int o = 0; o < out; o++) {
          system[i][in + o] += 1e-6 * trace / in * mean[o * in + i];
        }
      }
      for (int k = 0; k < in; k++) {
        int best = k;
        for (int i = k; i < in; i++) {
          best = Math.abs(system[i][k]) > Math.abs(system[best][k]) ? i : best;
        }
        double[] pivot = system[best];
        system[best] = system[k];
        system[k] = pivot;
        for (int i = 0; i < in; i++) {
          double factor = system[i][k] / pivot[k];
          for (int j = k; j < in + out && i != k; j++) {
            system[i][j] -= factor * pivot[j];
          }
        }
      }
      double[] solution = new double[out * in];
      for (int o = 0; o < out; o++) {
        for (int i = 0; i < in; i++) {
          solution[o * in + i] = system[i][in + o] / system[i][i];
        }
      }
      return solution;
    }
  }
}
