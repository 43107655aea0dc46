package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The operators against mergekit's own numbers; see the README of the golden vectors. */
class MergekitGoldenTest {

  private static final int[] BLOCK_LENGTHS = {TensorMerge.DEFAULT_BLOCK_LENGTH, 7, 64};

  @TestFactory
  Stream<DynamicTest> everyGoldenCaseIsReproduced() throws IOException, URISyntaxException {
    Path folder = Path.of(MergekitGoldenTest.class.getResource("golden/cases.json").toURI());
    GoldenVectors golden = GoldenVectors.read(folder.getParent());
    return tests(golden);
  }

  /** Cases that are made elsewhere, where they lie beside the project's folder. */
  @TestFactory
  Stream<DynamicTest> everyCaseOfAnotherSetIsReproduced() throws IOException {
    Path root = Path.of("").toAbsolutePath().getParent();
    Path folder =
        Path.of(
            System.getProperty(
                "evomerge.golden", root.resolveSibling("shared/golden-merge").toString()));
    if (!Files.isDirectory(folder)) {
      return Stream.of(
          dynamicTest(
              "another set",
              () ->
                  Assumptions.abort(
                      "SKIPPED: there are no other golden vectors at "
                          + folder
                          + " (property evomerge.golden); those in the test resources were tested")));
    }
    return tests(GoldenVectors.read(folder));
  }

  private static Stream<DynamicTest> tests(GoldenVectors golden) {
    return golden.cases().stream()
        .filter(testCase -> MergeOperators.standard().containsKey(testCase.get("method").asText()))
        .map(
            testCase ->
                dynamicTest(
                    testCase.get("id").asText()
                        + " "
                        + testCase.get("method").asText()
                        + " "
                        + testCase.get("set").asText(),
                    () -> new Case(golden, testCase).verify()));
  }

  /** One case: its task, and how its result is compared. */
  private record Case(GoldenVectors golden, JsonNode json) {

    void verify() {
      MergeOperator operator = MergeOperators.standard().get(json.get("method").asText());
      String compare = json.get("compare").asText();
      if (compare.equals("error")) {
        verifyError(operator);
        return;
      }
      float[] result = Arrays32.merge(operator, task(BLOCK_LENGTHS[0], MergeCache.none()));
      for (int blockLength : BLOCK_LENGTHS) {
        MergeCache cache = MergeCache.ofBytes(1 << 20);
        for (int repetition = 0; repetition < 2; repetition++) {
          assertThat(Arrays32.merge(operator, task(blockLength, cache)))
              .as("blocks of %d, repetition %d", blockLength, repetition)
              .isEqualTo(result);
        }
      }
      float[] expected = Arrays32.read(golden.output(json.get("output").asText()));
      if (operator.name().equals("sce") && expected.length > result.length) {
        expected = repeated(expected, result.length);
      }
      assertThat(result).hasSameSizeAs(expected);
      switch (compare) {
        case "tolerance" -> verifyWithin(result, expected, json.get("atol").asDouble());
        case "half" -> verifyHalf(result);
        case "tie_sensitive" -> {
          if (operator.name().startsWith("breadcrumbs")) {
            verifyAwayFromThresholds(result, expected);
          } else {
            verifyCountsAndNorms(result, expected);
          }
        }
        case "ill_conditioned" -> verifyFinite(result);
        default -> throw new AssertionError("unknown comparison " + compare);
      }
    }

    /** Where mergekit selects nothing, it gives the result once per source. */
    private float[] repeated(float[] all, int length) {
      assertThat(all).hasSize(models().size() * length);
      float[] one = Arrays.copyOf(all, length);
      for (int start = 0; start < all.length; start += length) {
        assertThat(Arrays.copyOfRange(all, start, start + length)).isEqualTo(one);
      }
      return one;
    }

    /** mergekit fails; the result here is the documented one. */
    private void verifyError(MergeOperator operator) {
      if (operator.name().startsWith("della")) {
        verifyDella(operator);
        return;
      }
      if (!operator.name().equals("ties")) {
        assertThatThrownBy(
                () -> Arrays32.merge(operator, task(BLOCK_LENGTHS[0], MergeCache.none())))
            .isInstanceOf(EvoMergeException.class)
            .hasMessageContaining(json.get("id").asText());
        return;
      }
      // A density so low that no element is left: that source takes no part.
      assertThat(json.get("error").asText()).contains("zero out the whole tensor");
      float[] expected = Arrays32.read(golden.input(json.get("tensors").get("base").asText()));
      for (String model : models()) {
        float[] source = Arrays32.read(golden.input(json.get("tensors").get(model).asText()));
        double density = json.get("model_parameters").get(model).get("density").asDouble();
        int kept = (int) (density * source.length);
        assertThat(kept).isIn(0, source.length);
        if (kept > 0) {
          expected = source;
        }
      }
      verifyWithin(
          Arrays32.merge(operator, task(BLOCK_LENGTHS[0], MergeCache.none())), expected, 1e-6);
    }

    /** Rows of one element, and an epsilon too large for the density, which is cut to fit it. */
    private void verifyDella(MergeOperator operator) {
      MergeTask task = plainTask(BLOCK_LENGTHS[0], MergeCache.none());
      float[] result = Arrays32.merge(operator, task);
      verifyFinite(result);
      Map<String, double[]> values = new HashMap<>(task.parameters().asMap());
      double[] epsilons = values.get("epsilon").clone();
      for (int i = 0; i < epsilons.length; i++) {
        double density = values.get("density")[i];
        epsilons[i] = Math.min(epsilons[i], Math.min(density, 1 - density));
      }
      List<Long> shape = task.info().shape();
      boolean shortRows = shape.get(shape.size() - 1) == 1;
      assertThat(json.get("error").asText())
          .contains(shortRows ? "p_in >= 0" : "Epsilon must be chosen");
      values.put("epsilon", shortRows ? new double[] {0} : epsilons);
      MergeTask.Builder fitted =
          MergeTask.builder(task.info())
              .base(task.base().orElseThrow())
              .parameters(ParameterValues.of(values))
              .semantics(Semantics.MERGEKIT);
      for (int i = 0; i < task.sources().size(); i++) {
        fitted.source(task.sourceNames().get(i), task.sources().get(i));
      }
      assertThat(result).isEqualTo(Arrays32.merge(operator, fitted.build()));
    }

    private void verifyHalf(float[] result) {
      DType dtype = DType.byName(json.get("output_dtype").asText()).orElseThrow();
      float[] expected = Arrays32.read(golden.output(json.get("output_f32_path").asText()));
      int fractionBits = dtype == DType.F16 ? 10 : 7;
      int smallestExponent = dtype == DType.F16 ? -14 : -126;
      boolean thresholded = json.has("scores");
      int others = 0;
      for (int i = 0; i < result.length; i++) {
        int exponent = Math.max(Math.getExponent(expected[i]), smallestExponent);
        double half = Math.scalb(0.5, exponent - fractionBits);
        if (thresholded && Math.abs((double) result[i] - expected[i]) > half * (1 + 1e-3)) {
          others++;
          continue;
        }
        assertThat(Math.abs((double) result[i] - expected[i]))
            .as("element %d", i)
            .isLessThanOrEqualTo(half * (1 + 1e-3));
      }
      if (others > 0) {
        // Scores so near to the threshold that rounding in float32 decides.
        assertThat(others).isLessThanOrEqualTo(result.length / 100);
        verifyWithin(
            result,
            Arrays32.read(golden.output(json.get("output").asText())),
            json.get("halfprec_vs_f32_path_max_abs").asDouble());
      }
    }

    private void verifyCountsAndNorms(float[] result, float[] expected) {
      float[] base = Arrays32.read(golden.input(json.get("tensors").get("base").asText()));
      int changed = 0;
      int changedExpected = 0;
      double norm = 0;
      double normExpected = 0;
      for (int i = 0; i < base.length; i++) {
        changed += result[i] != base[i] ? 1 : 0;
        changedExpected += expected[i] != base[i] ? 1 : 0;
        norm += Math.abs(result[i] - base[i]);
        normExpected += Math.abs(expected[i] - base[i]);
      }
      assertThat(changed).isEqualTo(changedExpected).isPositive();
      assertThat(norm / normExpected).isBetween(1 - 1e-5, 1 + 1e-5);
    }

    /**
     * Where several sources overlap, counts and norms depend on which of equal magnitudes are kept,
     * so they are only near; elements of other magnitudes than the thresholds' do not.
     */
    private void verifyAwayFromThresholds(float[] result, float[] expected) {
      float[] base = Arrays32.read(golden.input(json.get("tensors").get("base").asText()));
      int elements = base.length;
      boolean[] ambiguous = new boolean[elements];
      int kept = 0;
      for (String model : models()) {
        float[] magnitudes = Arrays32.read(golden.input(json.get("tensors").get(model).asText()));
        for (int i = 0; i < elements; i++) {
          magnitudes[i] = Math.abs(magnitudes[i] - base[i]);
        }
        float[] sorted = magnitudes.clone();
        Arrays.sort(sorted);
        JsonNode own = json.get("model_parameters").get(model);
        int end = elements - (int) (own.get("gamma").asDouble() * elements);
        int start = end - (int) (own.get("density").asDouble() * elements);
        kept += end - start;
        for (int i = 0; i < elements; i++) {
          ambiguous[i] |=
              magnitudes[i] == sorted[start - 1]
                  || magnitudes[i] == sorted[start]
                  || magnitudes[i] == sorted[end - 1]
                  || magnitudes[i] == sorted[end];
        }
      }
      int changed = 0;
      for (int i = 0; i < elements; i++) {
        changed += result[i] != base[i] ? 1 : 0;
        if (!ambiguous[i]) {
          assertThat(result[i]).as("element %d", i).isCloseTo(expected[i], within(1e-5f));
        }
      }
      assertThat(changed).isBetween(1, kept);
      int changedExpected = 0;
      double norm = 0;
      double normExpected = 0;
      for (int i = 0; i < elements; i++) {
        changedExpected += expected[i] != base[i] ? 1 : 0;
        norm += Math.abs(result[i] - base[i]);
        normExpected += Math.abs(expected[i] - base[i]);
      }
      assertThat((double) changed / changedExpected).isBetween(0.85, 1.15);
      assertThat(norm / normExpected).isBetween(0.9, 1.1);
    }

    private static void verifyFinite(float[] result) {
      for (float value : result) {
        assertThat(Float.isFinite(value)).isTrue();
      }
    }

    private static void verifyWithin(float[] result, float[] expected, double tolerance) {
      for (int i = 0; i < result.length; i++) {
        if (!(Math.abs((double) result[i] - expected[i]) <= tolerance)) {
          throw new AssertionError(
              "element "
                  + i
                  + ": got "
                  + result[i]
                  + ", wanted "
                  + expected[i]
                  + " within "
                  + tolerance);
        }
      }
    }

    private List<String> models() {
      List<String> models = new ArrayList<>();
      for (JsonNode model : json.get("order")) {
        if (!model.asText().equals(json.get("base").asText())) {
          models.add(model.asText());
        }
      }
      return models;
    }

    private TensorMerge task(int blockLength, MergeCache cache) {
      return new MaskedMerge(plainTask(blockLength, cache), masks());
    }

    private MergeTask plainTask(int blockLength, MergeCache cache) {
      MergeTask.Builder builder =
          MergeTask.builder(new TensorInfo(json.get("id").asText(), DType.F32, shape()))
              .parameters(parameters())
              .semantics(Semantics.MERGEKIT)
              .embedding(json.get("is_embed").asBoolean())
              .blockLength(blockLength)
              .cache(cache);
      if (!json.get("base").isNull()) {
        builder.base(golden.input(json.get("tensors").get(json.get("base").asText()).asText()));
      }
      for (String model : models()) {
        builder.source(model, golden.input(json.get("tensors").get(model).asText()));
      }
      return builder.build();
    }

    /** The base's shape, or what all models have in common. */
    private List<Long> shape() {
      if (!json.get("base").isNull()) {
        return golden
            .input(json.get("tensors").get(json.get("base").asText()).asText())
            .info()
            .shape();
      }
      List<Long> shape = null;
      for (JsonNode key : json.get("tensors")) {
        List<Long> other = golden.input(key.asText()).info().shape();
        if (shape == null) {
          shape = new ArrayList<>(other);
        }
        for (int i = 0; i < shape.size(); i++) {
          shape.set(i, Math.min(shape.get(i), other.get(i)));
        }
      }
      return shape;
    }

    private ParameterValues parameters() {
      Map<String, double[]> values = new HashMap<>();
      MergeOperator operator = MergeOperators.standard().get(json.get("method").asText());
      json.get("parameters")
          .properties()
          .forEach(
              entry -> {
                assertThat(operator.parameters())
                    .extracting(ParameterSpec::name)
                    .contains(entry.getKey());
                JsonNode value = entry.getValue();
                double number = value.isBoolean() ? (value.asBoolean() ? 1 : 0) : value.asDouble();
                values.put(entry.getKey(), new double[] {number});
              });
      List<String> models = models();
      for (int i = 0; i < models.size(); i++) {
        JsonNode own = json.get("model_parameters").get(models.get(i));
        if (own != null) {
          int index = i;
          own.properties()
              .forEach(
                  entry ->
                      values.computeIfAbsent(entry.getKey(), key -> missing(models))[index] =
                          entry.getValue().asDouble());
        }
      }
      return ParameterValues.of(values);
    }

    /** A model without a value of its own would be refused. */
    private static double[] missing(List<String> models) {
      double[] values = new double[models.size()];
      Arrays.fill(values, Double.NaN);
      return values;
    }

    /** By source; empty where mergekit drew nothing. */
    private List<Optional<float[]>> masks() {
      List<Optional<float[]>> masks = new ArrayList<>();
      int next = 0;
      for (String model : models()) {
        JsonNode own = json.get("model_parameters").get(model);
        boolean drawn =
            json.has("masks") && !json.get("masks").isNull() && own != null && own.has("density");
        if (drawn) {
          // Nothing is drawn where everything is kept, or by della where nothing is.
          double density = own.get("density").asDouble();
          drawn = density < 1 && (density > 0 || !json.get("method").asText().startsWith("della"));
        }
        if (!drawn) {
          masks.add(Optional.empty());
          continue;
        }
        TensorView mask = golden.output(json.get("masks").get(next++).asText());
        byte[] bits = new byte[(int) mask.info().elementCount()];
        mask.readBytes(0, bits, 0, bits.length);
        float[] uniforms = new float[bits.length];
        for (int i = 0; i < bits.length; i++) {
          uniforms[i] = bits[i] != 0 ? 0 : Math.nextDown(1f);
        }
        masks.add(Optional.of(uniforms));
      }
      return masks;
    }
  }

  /** Draws 0 where a stored mask keeps an element, almost 1 where it drops it. */
  private static final class MaskedMerge extends ForwardingTask {
    private final List<Optional<float[]>> masks;

    MaskedMerge(MergeTask task, List<Optional<float[]>> masks) {
      super(task);
      this.masks = masks;
    }

    @Override
    public void uniforms(int source, long offset, float[] target, int length) {
      float[] uniforms =
          masks
              .get(source)
              .orElseThrow(() -> new AssertionError("mergekit drew no mask for " + source));
      System.arraycopy(uniforms, (int) offset, target, 0, length);
    }
  }
}
