package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is kept against plain sorting, for numbers that make selection hard. */
class TaskVectorSelectionTest {

  private static final long SEED = TestSeeds.seed("threads", 0);

  @Test
  void tiesAndBreadcrumbsSelectWhatSortingSelects() {
    for (int trial = 0; trial < 120; trial++) {
      Random random = TestSeeds.random("selection by magnitude", trial);
      int length = 1 + random.nextInt(trial % 40 == 0 ? 150_000 : 3_000);
      float[] x = numbers(random, length);
      double density = random.nextInt(5) == 0 ? 1.0 / length : random.nextDouble();
      double gamma = random.nextInt(3) == 0 ? 0 : 0.3 * random.nextDouble();
      int kept = (int) (density * length);
      String as = "seed " + TestSeeds.master() + ", trial " + trial + ", length " + length;

      int[] falling = order(x, Comparator.comparingInt(i -> i));
      MergeTask.Builder task = task(x, Map.of("density", density, "weight", 1.0));
      assertSelects(MergeOperators.ties(), task, x, Arrays.copyOf(falling, kept), as);

      int dropped = Math.min((int) (gamma * length), length - kept);
      task = task(x, Map.of("density", density, "weight", 1.0, "gamma", gamma));
      assertSelects(
          MergeOperators.breadcrumbs(),
          task,
          x,
          Arrays.copyOfRange(falling, dropped, dropped + kept),
          as);
    }
  }

  /** Every 1024th run of 8 elements is what the selection looks at before it starts. */
  @Test
  void selectionIsExactWhereASampleMisleads() {
    int length = 1 << 17;
    Random random = TestSeeds.random("misleading sample", 0);
    float[] unseen = new float[length];
    float[] crowded = new float[length];
    for (int i = 0; i < length; i++) {
      boolean sampled = (i & 1023) < 8;
      unseen[i] = sampled ? 0 : (float) random.nextGaussian();
      crowded[i] = sampled ? random.nextFloat() : 0.5f + random.nextInt(100_000) * 0x1p-24f;
    }
    for (float[] x : List.of(unseen, crowded)) {
      for (double density : new double[] {0.002, 0.5}) {
        int kept = (int) (density * length);
        assertSelects(
            MergeOperators.ties(),
            task(x, Map.of("density", density, "weight", 1.0)),
            x,
            Arrays.copyOf(order(x, Comparator.comparingInt(i -> i)), kept),
            "density " + density);
      }
    }
  }

  @Test
  void dellaKeepsWhereTheUniformIsBelowTheRanksProbability() {
    for (int trial = 0; trial < 40; trial++) {
      Random random = TestSeeds.random("selection by rank", trial);
      int columns = 1 + random.nextInt(trial % 20 == 0 ? 10_000 : 500);
      int rows = 1 + random.nextInt(8);
      int length = rows * columns;
      float[] x = numbers(random, length);
      double density = random.nextDouble();
      double epsilon = Math.min(random.nextDouble(), Math.min(density, 1 - density));
      TensorInfo info = Arrays32.info("t", rows, columns);
      MergeTask.Builder builder =
          MergeTask.builder(info)
              .base(Arrays32.view(info, new float[length]))
              .source("s0", Arrays32.view(info, x))
              .seed(trial)
              .semantics(Semantics.PAPER)
              .parameters(
                  ParameterValues.of(
                      Map.of(
                          "weight", new double[] {1},
                          "density", new double[] {density},
                          "epsilon", new double[] {epsilon},
                          "rescale", new double[] {0})));
      float[] uniforms = new float[length];
      builder.build().uniforms(0, 0, uniforms, length);
      for (MergeCache cache : List.of(MergeCache.none(), MergeCache.ofBytes(1 << 24))) {
        float[] merged = Arrays32.merge(MergeOperators.della(), builder.cache(cache).build());
        for (int row = 0; row < rows; row++) {
          float[] values = Arrays.copyOfRange(x, row * columns, (row + 1) * columns);
          int[] rising = order(values, Comparator.comparingInt(i -> -i));
          for (int i = 0; i < columns; i++) {
            int rank = columns - 1 - i;
            int index = row * columns + rising[i];
            double p =
                columns == 1 ? density : density - epsilon + 2 * epsilon * rank / (columns - 1);
            // Within float32's rounding of the probability, either is right.
            if (Math.abs(uniforms[index] - p) > 5e-7) {
              assertThat(merged[index])
                  .as("seed %d, trial %d, element %d", TestSeeds.master(), trial, index)
                  .isEqualTo(uniforms[index] < p ? x[index] : 0);
            }
          }
        }
      }
    }
  }

  @Test
  void numberOfThreadsDoesNotChangeABit() throws Exception {
    int length = 3 * (1 << 17) + 5;
    TensorInfo info = Arrays32.info("t", 3, length / 3);
    length -= length % 3;
    float[] base = Arrays32.gaussians(SEED, length, 0.02);
    float[] a = Arrays32.gaussians(SEED + 1, length, 0.02);
    float[] b = Arrays32.gaussians(SEED + 2, length, 0.02);
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      for (String method :
          List.of(
              "ties", "dare_ties", "della", "della_linear", "breadcrumbs", "breadcrumbs_ties")) {
        for (Semantics semantics : Semantics.values()) {
          MergeTask.Builder task =
              MergeTask.builder(info)
                  .base(Arrays32.view(info, base))
                  .source("a", Arrays32.view(info, a))
                  .source("b", Arrays32.view(info, b))
                  .semantics(semantics)
                  .parameters(
                      ParameterValues.of(
                          Map.of(
                              "weight", new double[] {0.7, 0.6},
                              "density", new double[] {0.6, 0.3},
                              "rescale", new double[] {1})));
          MergeOperator operator = MergeOperators.standard().get(method);
          float[] expected = Arrays32.merge(operator, task.build());
          for (int blockLength : new int[] {1_000, 4096}) {
            float[] merged =
                Arrays32.merge(
                    operator, task.blockLength(blockLength).threads(on(threads)).build());
            assertThat(Arrays.equals(merged, expected)).as("%s, %s", method, semantics).isTrue();
          }
        }
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private static ParallelFor on(ExecutorService threads) {
    return (count, work) -> {
      List<Future<?>> open = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        int index = i;
        open.add(threads.submit(() -> work.accept(index)));
      }
      for (Future<?> future : open) {
        try {
          future.get();
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      }
    };
  }

  /** Continuous, coarse, mostly zero, clustered, or subnormal numbers. */
  private static float[] numbers(Random random, int length) {
    float[] x = new float[length];
    int kind = random.nextInt(6);
    int steps = 1 << random.nextInt(20);
    for (int i = 0; i < length; i++) {
      float value = (float) random.nextGaussian();
      x[i] =
          switch (kind) {
            case 0 -> value;
            case 1 -> Math.round(value * steps) / (float) steps;
            case 2 -> random.nextInt(20) == 0 ? value : 0;
            case 3 -> i * 16L / length == 3 ? 1000 * value : i * 1e-3f;
            case 4 -> Float.MIN_VALUE * random.nextInt(9);
            default -> random.nextInt(3) == 0 ? value : 0.5f;
          };
    }
    return x;
  }

  private static int[] order(float[] x, Comparator<Integer> equals) {
    Comparator<Integer> rising = Comparator.comparingDouble(i -> Math.abs(x[i]));
    return IntStream.range(0, x.length)
        .boxed()
        .sorted(rising.reversed().thenComparing(equals))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private static MergeTask.Builder task(float[] x, Map<String, Double> parameters) {
    Map<String, double[]> values = new HashMap<>();
    parameters.forEach((name, value) -> values.put(name, new double[] {value}));
    return MergeTask.builder(Arrays32.info("t", x.length))
        .base(Arrays32.view(new float[x.length]))
        .source("s0", Arrays32.view(x))
        .parameters(ParameterValues.of(values));
  }

  private static void assertSelects(
      MergeOperator operator, MergeTask.Builder task, float[] x, int[] selected, String as) {
    float[] expected = new float[x.length];
    for (int index : selected) {
      expected[index] = x[index];
    }
    for (MergeCache cache : List.of(MergeCache.none(), MergeCache.ofBytes(1 << 24))) {
      float[] merged = Arrays32.merge(operator, task.cache(cache).build());
      for (int i = 0; i < x.length; i++) {
        if (merged[i] != expected[i]) {
          throw new AssertionError(
              operator.name()
                  + ", "
                  + as
                  + ": element "
                  + i
                  + " is "
                  + merged[i]
                  + ", wanted "
                  + expected[i]);
        }
      }
    }
  }
}
