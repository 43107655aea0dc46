package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeOperator.BaseModel;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every {@link MergeOperator} must hold; a test class of an operator extends this.
 *
 * <p>{@link #operator} is all that most need to say. Override {@link #sources} or {@link
 * #parameters} where the defaults do not suit.
 */
public abstract class MergeOperatorContract {

  private static final long SEED = 20240319;
  private static final TensorInfo INFO = Arrays32.info("model.layers.0.weight", 37, 29);

  /** For subclasses. */
  protected MergeOperatorContract() {}

  /** Returns the operator under test; a new one or the same. */
  protected abstract MergeOperator operator();

  /** Returns how many sources the tests merge: 3 or the nearest number that is allowed. */
  protected int sources() {
    return Math.max(operator().minSources(), Math.min(3, operator().maxSources()));
  }

  /**
   * Returns the parameters with which the tests merge: those that are searched, or have no default,
   * get different values per source inside the box of the search, the others their defaults.
   */
  protected ParameterValues parameters() {
    Map<String, double[]> values = new HashMap<>();
    for (ParameterSpec spec : operator().parameters()) {
      boolean perSource = spec.scope() == ParameterSpec.Scope.PER_SOURCE;
      double[] numbers = new double[perSource ? sources() : 1];
      for (int i = 0; i < numbers.length; i++) {
        double share = (i + 1.0) / (numbers.length + 1);
        numbers[i] =
            spec.searched() || Double.isNaN(spec.defaultValue())
                ? spec.searchMin() + share * (spec.searchMax() - spec.searchMin())
                : spec.defaultValue();
      }
      values.put(spec.name(), numbers);
    }
    return ParameterValues.of(values);
  }

  @Test
  void nameIsLowerCaseWithUnderscores() {
    assertThat(operator().name()).matches("[a-z][a-z0-9]*(_[a-z0-9]+)*");
  }

  @Test
  void parametersAreNamedOnceAndTheirRangesFit() {
    assertThat(operator().parameters()).extracting(ParameterSpec::name).doesNotHaveDuplicates();
    assertThat(operator().parameters())
        .allSatisfy(
            spec -> {
              assertThat(spec.name()).matches("[a-z][a-z0-9]*(_[a-z0-9]+)*");
              assertThat(spec.description()).isNotBlank();
              assertThat(spec.min()).isLessThan(spec.max());
              assertThat(spec.searchMin()).isBetween(spec.min(), spec.max());
              assertThat(spec.searchMax()).isBetween(spec.searchMin(), spec.max());
              assertThat(spec.searchStart()).isBetween(spec.searchMin(), spec.searchMax());
              if (!Double.isNaN(spec.defaultValue())) {
                assertThat(spec.defaultValue()).isBetween(spec.min(), spec.max());
              }
              if (spec.kind() == ParameterSpec.Kind.FLAG) {
                assertThat(spec.defaultValue()).isIn(0.0, 1.0);
              }
            });
  }

  @Test
  void sourceCountsAreARange() {
    assertThat(operator().minSources()).isBetween(1, operator().maxSources());
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void everyElementIsWrittenOnceAndIsFinite(Semantics semantics) {
    float[] result = Arrays32.merge(operator(), task().semantics(semantics).build());
    for (float value : result) {
      assertThat(Float.isFinite(value)).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void resultIsTheSameForEveryBlockLength(Semantics semantics) {
    float[] expected = Arrays32.merge(operator(), task().semantics(semantics).build());
    for (int length : new int[] {1, 2, 3, 29, 100, 1072, 1073, 1 << 20}) {
      MergeTask task = task().semantics(semantics).blockLength(length).build();
      assertThat(Arrays32.merge(operator(), task)).as("blocks of %d", length).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(Semantics.class)
  void resultIsTheSameWithAnyCache(Semantics semantics) {
    float[] expected = Arrays32.merge(operator(), task().semantics(semantics).build());
    // From hardly anything to everything.
    for (long bytes : new long[] {100, 1_000, 3_000, 6_000, 12_000, 24_000, 1 << 22}) {
      MergeCache cache = MergeCache.ofBytes(bytes);
      for (int repetition = 0; repetition < 3; repetition++) {
        MergeTask task = task().semantics(semantics).blockLength(200).cache(cache).build();
        assertThat(Arrays32.merge(operator(), task))
            .as("%d bytes, repetition %d", bytes, repetition)
            .isEqualTo(expected);
      }
      assertThat(cache.usedBytes()).isBetween(0L, bytes);
    }
  }

  @Test
  void anotherCandidateInTheSameCacheDoesNotChangeTheResult() {
    float[] expected = Arrays32.merge(operator(), task().build());
    MergeCache cache = MergeCache.ofBytes(1 << 22);
    Map<String, double[]> others = parameters().asMap();
    Map<String, double[]> changed = new HashMap<>(others);
    for (ParameterSpec spec : operator().parameters()) {
      if (spec.kind() == ParameterSpec.Kind.REAL) {
        double[] numbers = others.get(spec.name()).clone();
        for (int i = 0; i < numbers.length; i++) {
          numbers[i] = spec.searchMin() + 0.9 * (spec.searchMax() - spec.searchMin());
        }
        changed.put(spec.name(), numbers);
      }
    }
    Arrays32.merge(operator(), task().parameters(ParameterValues.of(changed)).cache(cache).build());
    assertThat(Arrays32.merge(operator(), task().cache(cache).build())).isEqualTo(expected);
  }

  @Test
  void concurrentMergesAgree() throws Exception {
    MergeOperator operator = operator();
    float[] expected = Arrays32.merge(operator, task().build());
    MergeCache cache = MergeCache.ofBytes(20_000);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<float[]>> results = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        MergeTask task = task().cache(cache).blockLength(100).build();
        results.add(threads.submit(() -> Arrays32.merge(operator, task)));
      }
      for (Future<float[]> result : results) {
        assertThat(result.get()).isEqualTo(expected);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void elementTypeOfTheInputsDoesNotMatter() {
    MergeTask.Builder wide = MergeTask.builder(INFO).parameters(parameters()).seed(SEED);
    MergeTask.Builder narrow = MergeTask.builder(INFO).parameters(parameters()).seed(SEED);
    for (int i = -1; i < sources(); i++) {
      TensorView view = Arrays32.bfloat16(INFO, numbers(i));
      TensorView widened = Arrays32.view(INFO, Arrays32.read(view));
      if (i >= 0) {
        wide.source("model-" + i, widened);
        narrow.source("model-" + i, view);
      } else if (operator().baseModel() != BaseModel.UNUSED) {
        wide.base(widened);
        narrow.base(view);
      }
    }
    assertThat(Arrays32.merge(operator(), narrow.build()))
        .isEqualTo(Arrays32.merge(operator(), wide.build()));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void numbersThatAreNotFiniteAreRefusedByTensorAndSource(float bad) {
    for (int i = 0; i < sources(); i++) {
      int source = i;
      for (MergeCache cache : List.of(MergeCache.none(), MergeCache.ofBytes(1 << 22))) {
        for (int repetition = 0; repetition < 2; repetition++) {
          assertThatThrownBy(
                  () -> Arrays32.merge(operator(), damaged(source, bad).cache(cache).build()))
              .isInstanceOf(MergeException.class)
              .hasMessageContaining(INFO.name())
              .hasMessageContaining("model-" + source);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void aBaseThatIsNotFiniteIsRefused(float bad) {
    assumeTrue(operator().baseModel() == BaseModel.REQUIRED, "this operator needs no base");
    assertThatThrownBy(() -> Arrays32.merge(operator(), damaged(-1, bad).build()))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining(INFO.name())
        .hasMessageContaining("base");
  }

  @Test
  void aMissingBaseIsRefused() {
    assumeTrue(operator().baseModel() == BaseModel.REQUIRED, "this operator needs no base");
    MergeTask.Builder builder = MergeTask.builder(INFO).parameters(parameters());
    for (int i = 0; i < sources(); i++) {
      builder.source("model-" + i, Arrays32.view(INFO, numbers(i)));
    }
    assertThatThrownBy(() -> Arrays32.merge(operator(), builder.build()))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining(INFO.name())
        .hasMessageContaining("base");
  }

  @Test
  void tooManySourcesAreRefused() {
    assumeTrue(
        operator().maxSources() < Integer.MAX_VALUE, "this operator takes any number of sources");
    MergeTask.Builder builder = task();
    for (int i = sources(); i <= operator().maxSources(); i++) {
      builder.source("model-" + i, Arrays32.view(INFO, numbers(i)));
    }
    assertThatThrownBy(() -> Arrays32.merge(operator(), builder.build()))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining(INFO.name());
  }

  @Test
  void parametersOutOfRangeAreRefused() {
    for (ParameterSpec spec : operator().parameters()) {
      for (double bad : new double[] {Double.NaN, spec.min() - 1, spec.max() + 1}) {
        Map<String, double[]> values = new HashMap<>(parameters().asMap());
        values.get(spec.name())[0] = bad;
        assertThatThrownBy(
                () ->
                    Arrays32.merge(
                        operator(), task().parameters(ParameterValues.of(values)).build()))
            .as("%s = %s", spec.name(), bad)
            .isInstanceOf(MergeException.class)
            .hasMessageContaining(INFO.name())
            .hasMessageContaining(spec.name());
      }
    }
  }

  @Test
  void emptyTensorsScalarsAndSingleColumnsAreMerged() {
    for (TensorInfo info :
        List.of(
            Arrays32.info("empty", 0, 4), Arrays32.info("scalar"), Arrays32.info("column", 5, 1))) {
      MergeTask.Builder builder = MergeTask.builder(info).parameters(parameters()).seed(SEED);
      for (int i = -1; i < sources(); i++) {
        TensorView view =
            Arrays32.view(info, Arrays32.gaussians(SEED + i, (int) info.elementCount(), 1));
        if (i >= 0) {
          builder.source("model-" + i, view);
        } else if (operator().baseModel() != BaseModel.UNUSED) {
          builder.base(view);
        }
      }
      for (float value : Arrays32.merge(operator(), builder.build())) {
        assertThat(Float.isFinite(value)).as(info.name()).isTrue();
      }
    }
  }

  private MergeTask.Builder task() {
    return damaged(-1, 0);
  }

  /** A task with one bad number in a source, or in the base; none if {@code bad} is 0. */
  private MergeTask.Builder damaged(int damagedSource, float bad) {
    MergeTask.Builder builder = MergeTask.builder(INFO).parameters(parameters()).seed(SEED);
    for (int i = -1; i < sources(); i++) {
      float[] values = numbers(i);
      if (bad != 0 && i == damagedSource) {
        values[values.length - 100] = bad;
      }
      if (i >= 0) {
        builder.source("model-" + i, Arrays32.view(INFO, values));
      } else if (operator().baseModel() != BaseModel.UNUSED) {
        builder.base(Arrays32.view(INFO, values));
      }
    }
    return builder;
  }

  private static float[] numbers(int model) {
    int length = (int) INFO.elementCount();
    float[] values = Arrays32.gaussians(SEED, length, 0.02);
    float[] own = Arrays32.gaussians(SEED + 1 + model, length, 0.002);
    for (int i = 0; i < length && model >= 0; i++) {
      // Coarse steps, so that there are equal magnitudes at every threshold, and zeros.
      values[i] += Math.round(own[i] * 1000) * 0x1p-10f;
    }
    return values;
  }
}
