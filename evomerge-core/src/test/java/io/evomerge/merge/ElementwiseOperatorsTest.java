package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** arcee_fusion, sce, ram and ramplus_tl: the contract, and what they compute, done plainly. */
class ElementwiseOperatorsTest {

  private static final int RUNS = 60;

  @Nested
  class ArceeFusion extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.arceeFusion();
    }
  }

  @Nested
  class Sce extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.sce();
    }
  }

  @Nested
  class SceOfOneSource extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.sce();
    }

    @Override
    protected int sources() {
      return 1;
    }
  }

  @Nested
  class Ram extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.ram();
    }
  }

  @Nested
  class RamPlusTensorLocal extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.ramPlusTensorLocal();
    }
  }

  @Test
  void arceeFusionIsWhatSortingAllScoresGives() {
    TestSeeds.check(
        "arceeFusionIsWhatSortingAllScoresGives",
        RUNS,
        random -> {
          Inputs in = Inputs.random(random, 1);
          int row = (int) (long) in.info.shape().get(in.info.shape().size() - 1);
          float[] scores = new float[in.base.length];
          for (int start = 0; start < scores.length; start += row) {
            float divergence = (float) divergence(in.sources[0], in.base, start, row);
            for (int i = start; i < start + row; i++) {
              scores[i] = Math.abs(in.sources[0][i] - in.base[i]) * divergence;
            }
          }
          float[] sorted = scores.clone();
          Arrays.sort(sorted);
          int last = sorted.length - 1;
          float range = sorted[(int) (0.75 * last)] - sorted[(int) (0.25 * last)];
          double threshold = sorted[(int) (0.5 * last)] + 1.5f * range;
          float[] merged = in.merge("arcee_fusion", Map.of(), Semantics.PAPER);
          for (int i = 0; i < merged.length; i++) {
            // Sums in another order may round to the other side of the threshold.
            if (Math.abs(scores[i] - threshold) > 1e-5 * threshold || threshold == 0) {
              assertThat(merged[i])
                  .as("element %d of %s", i, in.info.shape())
                  .isEqualTo(scores[i] >= threshold ? in.sources[0][i] : in.base[i]);
            }
          }
        });
  }

  @Test
  void sceIsWhatSortingAllVariancesGives() {
    TestSeeds.check(
        "sceIsWhatSortingAllVariancesGives",
        RUNS,
        random -> {
          Inputs in = Inputs.random(random, 1 + random.nextInt(4));
          double fraction = random.nextInt(5) == 0 ? 1 : random.nextInt(11) / 10.0;
          Semantics semantics = Semantics.values()[random.nextInt(2)];
          int elements = in.base.length;
          int sources = in.sources.length;
          float[] variance = new float[elements];
          for (int i = 0; i < elements; i++) {
            double mean = 0;
            double squares = 0;
            for (int s = 0; s < sources; s++) {
              mean += in.delta(s, i) / (double) sources;
            }
            for (int s = 0; s < sources; s++) {
              squares += Math.pow(in.delta(s, i) - mean, 2);
            }
            variance[i] = (float) (squares / sources);
          }
          long candidates = elements;
          if (semantics == Semantics.MERGEKIT) {
            candidates = IntStream.range(0, elements).filter(i -> variance[i] != 0).count();
          }
          long selected =
              fraction == 1
                  ? elements
                  : semantics == Semantics.MERGEKIT
                      ? (long) ((float) fraction * candidates)
                      : (long) (fraction * elements);
          boolean[] kept = new boolean[elements];
          IntStream.range(0, elements)
              .boxed()
              .sorted((a, b) -> Float.compare(variance[b], variance[a]))
              .limit(selected)
              .forEach(i -> kept[i] = true);
          double[] weights = new double[sources];
          for (int s = 0; s < sources; s++) {
            for (int i = 0; i < elements; i++) {
              weights[s] += kept[i] ? Math.pow(in.delta(s, i), 2) : 0;
            }
          }
          float[] merged = in.merge("sce", Map.of("select_topk", fraction), semantics);
          for (int i = 0; i < elements; i++) {
            float votes = 0;
            for (int s = 0; s < sources; s++) {
              votes += in.delta(s, i);
            }
            double sum = 0;
            double divisor = 0;
            for (int s = 0; s < sources; s++) {
              float delta = in.delta(s, i);
              if (kept[i] && delta != 0 && delta > 0 == votes >= 0) {
                sum += weights[s] * delta;
                divisor += weights[s];
              }
            }
            double expected = in.base[i] + (divisor == 0 ? 0 : sum / divisor);
            assertThat(Math.abs(merged[i] - expected))
                .as(
                    "element %d of %s, %d sources, %s of them, %s",
                    i, in.info.shape(), sources, fraction, semantics)
                .isLessThanOrEqualTo(1e-6);
          }
        });
  }

  @Test
  void ramAveragesWhatSeveralChanged() {
    TestSeeds.check(
        "ramAveragesWhatSeveralChanged",
        RUNS,
        random -> {
          Inputs in = Inputs.random(random, 1 + random.nextInt(4));
          int sources = in.sources.length;
          float epsilon = new float[] {0, 1e-5f, 0.001f, 0.01f}[random.nextInt(4)];
          double r = random.nextInt(3) / 2.0;
          double alpha = random.nextInt(4) / 2.0;
          int[] counts = new int[in.base.length];
          double[] unique = new double[sources];
          double[] shared = new double[sources];
          for (int i = 0; i < counts.length; i++) {
            for (int s = 0; s < sources; s++) {
              counts[i] += Math.abs(in.delta(s, i)) > epsilon ? 1 : 0;
            }
            for (int s = 0; s < sources; s++) {
              if (Math.abs(in.delta(s, i)) > epsilon) {
                (counts[i] == 1 ? unique : shared)[s]++;
              }
            }
          }
          double[] factors = new double[sources];
          for (int s = 0; s < sources; s++) {
            double rho = shared[s] / Math.max(1, unique[s]);
            factors[s] = 1 + r * Math.min(alpha, rho);
          }
          float[] plain = in.merge("ram", Map.of("epsilon", (double) epsilon), Semantics.PAPER);
          float[] plus =
              in.merge(
                  "ramplus_tl",
                  Map.of("epsilon", (double) epsilon, "r", r, "alpha", alpha),
                  Semantics.values()[random.nextInt(2)]);
          for (int i = 0; i < counts.length; i++) {
            double change = 0;
            double scaled = 0;
            for (int s = 0; s < sources; s++) {
              if (Math.abs(in.delta(s, i)) > epsilon) {
                change += in.delta(s, i) / (double) counts[i];
                scaled += in.delta(s, i) * (counts[i] == 1 ? factors[s] : 1.0 / counts[i]);
              }
            }
            assertThat(Math.abs(plain[i] - in.base[i] - change))
                .as("ram, element %d of %d sources, epsilon %s", i, sources, epsilon)
                .isLessThanOrEqualTo(1e-6);
            assertThat(Math.abs(plus[i] - in.base[i] - scaled))
                .as("ramplus_tl, element %d of %d sources, epsilon %s", i, sources, epsilon)
                .isLessThanOrEqualTo(1e-6);
          }
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"arcee_fusion", "sce", "ram", "ramplus_tl"})
  void resultsOfManyStripesAreTheSameOnAnyNumberOfThreads(String method) throws Exception {
    MergeOperator operator = MergeOperators.standard().get(method);
    ExecutorService threads = Executors.newFixedThreadPool(3);
    ParallelFor parallel =
        (count, work) -> {
          List<Future<?>> all = new ArrayList<>();
          for (int i = 0; i < count; i++) {
            int index = i;
            all.add(threads.submit(() -> work.accept(index)));
          }
          for (Future<?> one : all) {
            try {
              one.get();
            } catch (Exception e) {
              throw new IllegalStateException(e);
            }
          }
        };
    try {
      // Rows of a few elements, and one that is longer than what is held at a time.
      for (long[] shape : new long[][] {{30_001, 11}, {330_011}}) {
        TensorInfo info = Arrays32.info("large", shape);
        int length = (int) info.elementCount();
        float[] base = Arrays32.gaussians(1, length, 0.5);
        MergeTask.Builder task =
            MergeTask.builder(info).base(Arrays32.view(info, base)).semantics(Semantics.MERGEKIT);
        for (int s = 0; s < Math.min(3, operator.maxSources()); s++) {
          float[] values = base.clone();
          float[] own = Arrays32.gaussians(2 + s, length, 1);
          for (int i = 0; i < length; i++) {
            values[i] += Math.round(own[i]) / 16f;
          }
          task.source("s" + s, Arrays32.view(info, values));
        }
        if (method.equals("sce")) {
          task.parameters(ParameterValues.of(Map.of("select_topk", new double[] {0.3})));
        }
        float[] expected = Arrays32.merge(operator, task.build());
        assertThat(expected).isNotEqualTo(base);
        task.threads(parallel);
        assertThat(Arrays32.merge(operator, task.build())).isEqualTo(expected);
        task.blockLength(1000).cache(MergeCache.ofBytes(3_000_000));
        assertThat(Arrays32.merge(operator, task.build())).isEqualTo(expected);
        assertThat(Arrays32.merge(operator, task.build())).isEqualTo(expected);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void arceeFusionOfALongRowIsWhatSortingAllScoresGives() {
    int length = 200_003;
    float[] base = Arrays32.gaussians(5, length, 1);
    float[] source = base.clone();
    float[] own = Arrays32.gaussians(6, length, 1);
    for (int i = 0; i < length; i++) {
      source[i] += own[i];
    }
    double divergence = divergence(source, base, 0, length);
    float[] scores = new float[length];
    for (int i = 0; i < length; i++) {
      scores[i] = Math.abs(source[i] - base[i]) * (float) divergence;
    }
    float[] sorted = scores.clone();
    Arrays.sort(sorted);
    float threshold =
        sorted[(length - 1) / 2]
            + 1.5f * (sorted[(int) (0.75 * (length - 1))] - sorted[(length - 1) / 4]);
    MergeTask task =
        MergeTask.builder(Arrays32.info("t", length))
            .base(Arrays32.view(base))
            .source("s0", Arrays32.view(source))
            .build();
    float[] merged = Arrays32.merge(MergeOperators.arceeFusion(), task);
    for (int i = 0; i < length; i++) {
      if (Math.abs(scores[i] - threshold) > 1e-5 * threshold
          && merged[i] != (scores[i] >= threshold ? source[i] : base[i])) {
        throw new AssertionError("element " + i + " with score " + scores[i] + ": " + merged[i]);
      }
    }
  }

  @Test
  void arceeFusionOfMoreRowsThanAreHeldRepeatsWhatItGivesForFewer() {
    // The quartiles of 16 rows of 2 are those of the same rows many times over.
    TensorInfo few = Arrays32.info("t", 16, 2);
    TensorInfo many = Arrays32.info("t", (1 << 22) + 16, 2);
    float[] base = Arrays32.gaussians(7, 32, 1);
    float[] source = Arrays32.gaussians(8, 32, 1);
    float[] expected =
        Arrays32.merge(
            MergeOperators.arceeFusion(),
            MergeTask.builder(few)
                .base(Arrays32.view(few, base))
                .source("s0", Arrays32.view(few, source))
                .build());
    assertThat(expected).isNotEqualTo(base).isNotEqualTo(source);
    int length = (int) many.elementCount();
    float[] manyBase = new float[length];
    float[] manySource = new float[length];
    for (int i = 0; i < length; i++) {
      manyBase[i] = base[i & 31];
      manySource[i] = source[i & 31];
    }
    float[] merged =
        Arrays32.merge(
            MergeOperators.arceeFusion(),
            MergeTask.builder(many)
                .base(Arrays32.view(many, manyBase))
                .source("s0", Arrays32.view(many, manySource))
                .build());
    for (int i = 0; i < length; i++) {
      if (merged[i] != expected[i & 31]) {
        throw new AssertionError("element " + i + ": " + merged[i]);
      }
    }
  }

  private static double divergence(float[] source, float[] base, int start, int row) {
    double[] p = softmax(source, start, row);
    double[] q = softmax(base, start, row);
    double sum = 0;
    for (int i = 0; i < row; i++) {
      sum += (p[i] + 1e-8) * Math.log((p[i] + 1e-8) / (q[i] + 1e-8));
    }
    boolean same = Arrays.equals(source, start, start + row, base, start, start + row) || row == 1;
    return same ? 0 : Math.max(0, sum);
  }

  private static double[] softmax(float[] x, int start, int row) {
    double[] result = new double[row];
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < row; i++) {
      largest = Math.max(largest, x[start + i]);
    }
    double sum = 0;
    for (int i = 0; i < row; i++) {
      result[i] = Math.exp(x[start + i] - largest);
      sum += result[i];
    }
    for (int i = 0; i < row; i++) {
      result[i] /= sum;
    }
    return result;
  }

  /** Small tensors with equal numbers, unchanged elements and rows, in random shapes. */
  private record Inputs(TensorInfo info, float[] base, float[]... sources) {

    static Inputs random(Random random, int sources) {
      long[] shape = new long[1 + random.nextInt(3)];
      for (int i = 0; i < shape.length; i++) {
        shape[i] = 1 + random.nextInt(12);
      }
      TensorInfo info = Arrays32.info("t", shape);
      int length = (int) info.elementCount();
      float[] base = new float[length];
      for (int i = 0; i < length; i++) {
        base[i] = random.nextInt(64) / 64f;
      }
      float[][] values = new float[sources][];
      float density = random.nextFloat();
      for (int s = 0; s < sources; s++) {
        values[s] = base.clone();
        for (int i = 0; i < length; i++) {
          if (random.nextFloat() < density) {
            values[s][i] += (random.nextInt(17) - 8) / 128f;
          }
        }
      }
      return new Inputs(info, base, values);
    }

    float delta(int source, int i) {
      return sources[source][i] - base[i];
    }

    float[] merge(String method, Map<String, Double> parameters, Semantics semantics) {
      Map<String, double[]> values = new HashMap<>();
      parameters.forEach((name, value) -> values.put(name, new double[] {value}));
      MergeTask.Builder task =
          MergeTask.builder(info)
              .base(Arrays32.view(info, base))
              .parameters(ParameterValues.of(values))
              .semantics(semantics)
              .blockLength(16);
      for (int s = 0; s < sources.length; s++) {
        task.source("s" + s, Arrays32.view(info, sources[s]));
      }
      return Arrays32.merge(MergeOperators.standard().get(method), task.build());
    }
  }
}
