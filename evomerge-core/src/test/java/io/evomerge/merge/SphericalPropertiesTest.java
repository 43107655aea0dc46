package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** What holds for the methods that work with angles, for tensors of any shape. */
class SphericalPropertiesTest {

  private static final String[] MEANS = {"nuslerp", "multislerp", "karcher", "model_stock"};

  @Test
  void theMeansTurnWithTheirSpace() {
    TestSeeds.check(
        "turn",
        40,
        random -> {
          // Exchanging and negating axes is a rotation or reflection without rounding.
          Scene scene = Scene.random(random, 2 + random.nextInt(60));
          int[] order = permutation(random, scene.length());
          float[] signs = new float[order.length];
          for (int i = 0; i < signs.length; i++) {
            signs[i] = random.nextBoolean() ? 1 : -1;
          }
          for (String method : MEANS) {
            float[] turned = turn(scene.merge(method), order, signs);
            float[] other = scene.map(values -> turn(values, order, signs)).merge(method);
            assertClose(other, turned, 2e-5);
          }
        });
  }

  @Test
  void theMeansGrowWithTheirInputs() {
    TestSeeds.check(
        "grow",
        40,
        random -> {
          Scene scene = Scene.random(random, 2 + random.nextInt(60));
          for (String method : MEANS) {
            assertClose(
                scene.map(values -> times(values, 4)).merge(method),
                times(scene.merge(method), 4),
                2e-5);
          }
        });
  }

  @Test
  void theOrderOfTheSourcesDoesNotMatterToTheMeans() {
    TestSeeds.check(
        "order",
        40,
        random -> {
          Scene scene = Scene.random(random, 8 + random.nextInt(60));
          for (String method : MEANS) {
            assertClose(scene.reversed().merge(method), scene.merge(method), 2e-5);
          }
        });
  }

  @Test
  void rowsAreMergedAsTensorsOfTheirOwn() {
    TestSeeds.check(
        "rows",
        40,
        random -> {
          int rows = 1 + random.nextInt(20);
          int width = 1 + random.nextInt(random.nextInt(10) == 0 ? 6_000 : 40);
          Scene scene = Scene.random(random, rows * width);
          for (boolean withBase : new boolean[] {true, false}) {
            float[] merged =
                scene
                    .withBase(withBase)
                    .with("nuslerp_flatten", 0)
                    .mergeShaped("nuslerp", rows, width);
            for (int row = 0; row < rows; row++) {
              int from = row * width;
              Scene alone =
                  scene
                      .withBase(withBase)
                      .map(values -> Arrays.copyOfRange(values, from, from + width));
              assertClose(
                  Arrays.copyOfRange(merged, from, from + width), alone.merge("nuslerp"), 2e-5);
            }
          }
          float[] stock = scene.with("filter_wise", 1).mergeShaped("model_stock", rows, width);
          for (int row = 0; row < rows; row++) {
            int from = row * width;
            Scene alone = scene.map(values -> Arrays.copyOfRange(values, from, from + width));
            assertClose(
                Arrays.copyOfRange(stock, from, from + width), alone.merge("model_stock"), 2e-5);
          }
        });
  }

  @Test
  void columnsAreTheRowsOfTheTransposedTensor() {
    TestSeeds.check(
        "columns",
        40,
        random -> {
          int rows = 1 + random.nextInt(30);
          int width = 1 + random.nextInt(random.nextInt(5) == 0 ? 3_000 : 30);
          Scene scene = Scene.random(random, rows * width).with("nuslerp_flatten", 0);
          float[] columns = scene.with("nuslerp_row_wise", 1).mergeShaped("nuslerp", rows, width);
          Scene transposed = scene.map(values -> transpose(values, rows, width));
          assertClose(
              transpose(transposed.mergeShaped("nuslerp", width, rows), width, rows),
              columns,
              2e-5);
          if (rows % 2 == 0) {
            assertThat(scene.with("nuslerp_row_wise", 1).mergeShaped("nuslerp", rows / 2, 2, width))
                .hasSameSizeAs(columns);
          }
        });
  }

  @Test
  void columnsOfThreeDimensionsRunAlongTheFirst() {
    TestSeeds.check(
        "three dimensions",
        20,
        random -> {
          int[] shape = {1 + random.nextInt(6), 1 + random.nextInt(6), 2 + random.nextInt(6)};
          Scene scene =
              Scene.random(random, shape[0] * shape[1] * shape[2])
                  .with("nuslerp_flatten", 0)
                  .with("nuslerp_row_wise", 1);
          assertThat(scene.mergeShaped("nuslerp", shape[0], shape[1], shape[2]))
              .isEqualTo(scene.mergeShaped("nuslerp", shape[0], shape[1] * shape[2]));
        });
  }

  @Test
  void nearswapNeverMovesFartherThanItsThreshold() {
    TestSeeds.check(
        "nearswap",
        40,
        random -> {
          Scene scene = Scene.random(random, 1 + random.nextInt(200));
          float t = (float) Math.abs(random.nextGaussian());
          float[] x = scene.sources.get(0);
          float[] merged =
              new Scene(scene.base, List.of(x), Map.of("t", new double[] {t})).merge("nearswap");
          for (int i = 0; i < x.length; i++) {
            double difference = (double) x[i] - scene.base[i];
            if (Math.abs(difference) < t * (1 - 1e-6)) {
              assertThat(merged[i]).isEqualTo(x[i]);
            } else if (Math.abs(difference) > t * (1 + 1e-6)) {
              assertThat((double) merged[i] - scene.base[i])
                  .isCloseTo(Math.copySign(t, difference), within(1e-6 * (1 + Math.abs(x[i]))));
            }
          }
        });
  }

  @Test
  void largeTensorsHaveTheSameBitsOnAnyNumberOfThreads()
      throws InterruptedException, ExecutionException {
    ExecutorService pool = Executors.newFixedThreadPool(3);
    try {
      Random random = TestSeeds.random("large", 0);
      // Three stripes; rows, and tiles of columns, that end unevenly.
      int rows = 131;
      int width = 2_305;
      Scene scene = Scene.random(random, rows * width);
      for (String method : new String[] {"nuslerp", "model_stock"}) {
        for (String flag : new String[] {"", "nuslerp_flatten", "filter_wise", "columns"}) {
          Scene given =
              switch (flag) {
                case "nuslerp_flatten" -> scene.with("nuslerp_flatten", 0);
                case "filter_wise" -> scene.with("filter_wise", 1);
                case "columns" -> scene.with("nuslerp_flatten", 0).with("nuslerp_row_wise", 1);
                default -> scene;
              };
          float[] expected = given.mergeShaped(method, rows, width);
          MergeCache cache = MergeCache.ofBytes(1 << 24);
          for (int repetition = 0; repetition < 2; repetition++) {
            MergeTask task =
                given
                    .task(method, rows, width)
                    .blockLength(1_000)
                    .threads((count, work) -> share(pool, count, work))
                    .cache(cache)
                    .build();
            float[] merged = new float[expected.length];
            MergeOperators.standard().get(method).merge(task, new SharedSink(task.info(), merged));
            assertThat(merged).as("%s %s", method, flag).isEqualTo(expected);
          }
        }
      }
    } finally {
      pool.shutdownNow();
    }
  }

  private static void share(ExecutorService pool, int count, IntConsumer work) {
    List<Future<?>> futures = new ArrayList<>();
    for (int i = count - 1; i >= 0; i--) {
      int index = i;
      futures.add(pool.submit(() -> work.accept(index)));
    }
    for (Future<?> future : futures) {
      try {
        future.get();
      } catch (InterruptedException | ExecutionException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** Takes blocks from several threads. */
  private record SharedSink(TensorInfo info, float[] values) implements TensorSink {
    @Override
    public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
      System.arraycopy(source, sourceOffset, values, (int) offset, length);
    }

    @Override
    public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
      throw new IllegalStateException("these methods write floats");
    }
  }

  private static void assertClose(float[] actual, float[] expected, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    double largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < actual.length; i++) {
      if (!(Math.abs((double) actual[i] - expected[i]) <= tolerance * largest)) {
        throw new AssertionError("element " + i + ": " + actual[i] + ", wanted " + expected[i]);
      }
    }
  }

  private static int[] permutation(Random random, int length) {
    int[] order = new int[length];
    for (int i = 0; i < length; i++) {
      int other = random.nextInt(i + 1);
      order[i] = order[other];
      order[other] = i;
    }
    return order;
  }

  private static float[] turn(float[] values, int[] order, float[] signs) {
    float[] turned = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      turned[i] = signs[i] * values[order[i]];
    }
    return turned;
  }

  private static float[] times(float[] values, float factor) {
    float[] result = values.clone();
    for (int i = 0; i < result.length; i++) {
      result[i] *= factor;
    }
    return result;
  }

  private static float[] transpose(float[] values, int rows, int width) {
    float[] result = new float[values.length];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < width; column++) {
        result[column * rows + row] = values[row * width + column];
      }
    }
    return result;
  }

  /** A base, two related sources and parameters. */
  private record Scene(float[] base, List<float[]> sources, Map<String, double[]> parameters) {

    static Scene random(Random random, int length) {
      float[] base = Arrays32.gaussians(random.nextLong(), length, 1);
      float[] common = Arrays32.gaussians(random.nextLong(), length, 1);
      List<float[]> sources = new ArrayList<>();
      for (int s = 0; s < 2; s++) {
        float[] x = Arrays32.gaussians(random.nextLong(), length, 0.5);
        for (int i = 0; i < length; i++) {
          x[i] += base[i] + common[i];
        }
        sources.add(x);
      }
      double[] weights = {0.2 + random.nextDouble(), 0.2 + random.nextDouble()};
      return new Scene(base, sources, Map.of("weight", weights));
    }

    int length() {
      return sources.get(0).length;
    }

    Scene with(String name, double value) {
      Map<String, double[]> more = new HashMap<>(parameters);
      more.put(name, new double[] {value});
      return new Scene(base, sources, more);
    }

    Scene withBase(boolean wanted) {
      return wanted ? this : new Scene(new float[0], sources, parameters);
    }

    Scene map(UnaryOperator<float[]> change) {
      return new Scene(
          base.length == 0 ? base : change.apply(base),
          sources.stream().map(change).toList(),
          parameters);
    }

    Scene reversed() {
      double[] weights = parameters.get("weight");
      Map<String, double[]> more = new HashMap<>(parameters);
      more.put("weight", new double[] {weights[1], weights[0]});
      return new Scene(base, List.of(sources.get(1), sources.get(0)), more);
    }

    float[] merge(String method) {
      return mergeShaped(method, length());
    }

    float[] mergeShaped(String method, long... shape) {
      return Arrays32.merge(MergeOperators.standard().get(method), task(method, shape).build());
    }

    MergeTask.Builder task(String method, long... shape) {
      TensorInfo info = Arrays32.info("t", shape);
      Map<String, double[]> known = new HashMap<>(parameters);
      known
          .keySet()
          .removeIf(
              name ->
                  MergeOperators.standard().get(method).parameters().stream()
                      .noneMatch(spec -> spec.name().equals(name)));
      MergeTask.Builder builder =
          MergeTask.builder(info).parameters(ParameterValues.of(known)).semantics(Semantics.PAPER);
      if (base.length > 0) {
        builder.base(Arrays32.view(info, base));
      }
      for (int i = 0; i < sources.size(); i++) {
        builder.source("s" + i, Arrays32.view(info, sources.get(i)));
      }
      return builder;
    }
  }
}
