package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.AddedToken;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.checkpoint.TestTokenizers;
import io.evomerge.checkpoint.Vocabulary;
import io.evomerge.exception.RecipeException;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.mergekit.MergekitConfig;
import io.evomerge.recipe.mergekit.ModelLocations;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleBiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Configurations as mergekit's documentation has them, as written: models of their names and depths
 * are found in a folder, compiled, merged into files, and compared with the formulas.
 */
class MergekitConfigurationsRunTest {

  private static final int HIDDEN = 12;
  private static final String EMBEDDINGS = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";
  private static final Pattern LAYER = Pattern.compile("layers\\.([0-9]+)\\.");

  private static final String ORCA = "psmathur/orca_mini_v3_13b";
  private static final String PLATYPUS = "garage-bAInd/Platypus2-13B";
  private static final String WIZARD_LM = "WizardLM/WizardLM-13B-V1.2";
  private static final String WIZARD_MATH = "WizardLM/WizardMath-13B-V1.0";
  private static final String LLAMA = "TheBloke/Llama-2-13B-fp16";

  @TempDir Path root;

  /** Values of all tensors of each model, float32. */
  private final Map<String, Map<String, float[]>> models = new TreeMap<>();

  private void model(String name, int layers) {
    Map<String, List<Long>> shapes =
        TestCheckpoints.llamaShapes(layers, HIDDEN, 2 * HIDDEN, 3 * HIDDEN);
    Map<String, float[]> tensors = TestCheckpoints.random(shapes, name.hashCode());
    ObjectNode config = TestCheckpoints.llamaConfig(layers, HIDDEN);
    TestCheckpoints.write(folder(name), tensors, shapes, DType.F32, config);
    models.put(name, tensors);
  }

  private void thirteenBillion(String... names) {
    for (String name : names) {
      model(name, 40);
    }
  }

  private Path folder(String name) {
    return root.resolve("models").resolve(name);
  }

  /** A merged model, read again. */
  private record Merged(
      MergeRecipe recipe,
      Path folder,
      int layers,
      Map<String, float[]> tensors,
      Map<String, DType> types) {

    float[] tensor(String name) {
      return tensors.get(name);
    }
  }

  private MergeRecipe compile(String yaml) throws IOException {
    Path file = Files.writeString(root.resolve("config.yml"), yaml);
    return MergekitRecipes.compile(
        MergekitConfig.read(file),
        ModelLocations.asWritten().configFolder(root).modelsFolder(root.resolve("models")));
  }

  private Merged merge(String yaml) throws IOException {
    MergeRecipe recipe = compile(yaml);
    Path out = Files.createTempDirectory(root, "out").resolve("merged");
    MergedModelWriter.create().write(recipe, out);
    Map<String, float[]> tensors = new TreeMap<>();
    Map<String, DType> types = new TreeMap<>();
    try (Checkpoint model = Checkpoints.open(out)) {
      for (TensorInfo info : model.tensors().values()) {
        float[] values = TestCheckpoints.read(model, info.name());
        for (float value : values) {
          assertThat(value).as(info.name()).isFinite();
        }
        tensors.put(info.name(), values);
        types.put(info.name(), info.dtype());
      }
      int layers = model.layout().layerCount();
      assertThat(model.config().orElseThrow().requiredInteger("num_hidden_layers"))
          .isEqualTo(layers);
      return new Merged(recipe, out, layers, tensors, types);
    }
  }

  // ---- the plain rules

  /** A parameter's value for a tensor: name, and place in its slice, or NaN outside the layers. */
  private interface Value extends ToDoubleBiFunction<String, Double> {}

  private static Value always(double value) {
    return (name, place) -> value;
  }

  private static Value gradient(double... values) {
    return (name, place) -> {
      if (place.isNaN()) {
        return values[0];
      }
      double scaled = place * (values.length - 1);
      int below = (int) scaled;
      int above = Math.min(below + 1, values.length - 1);
      return values[below] + (scaled - below) * (values[above] - values[below]);
    };
  }

  private static Value where(String filter, Value value, Value otherwise) {
    return (name, place) -> (name.contains(filter) ? value : otherwise).applyAsDouble(name, place);
  }

  private static double place(String tensor, int layers) {
    Matcher layer = LAYER.matcher(tensor);
    return layer.find() ? Integer.parseInt(layer.group(1)) / (layers - 1.0) : Double.NaN;
  }

  private float[] of(String model, String tensor) {
    return models.get(model).get(tensor);
  }

  private double[] delta(String model, String base, String tensor) {
    float[] from = of(base, tensor);
    float[] to = of(model, tensor);
    double[] delta = new double[from.length];
    for (int i = 0; i < delta.length; i++) {
      delta[i] = (double) to[i] - from[i];
    }
    return delta;
  }

  private static double[] slerp(float[] a, float[] b, double t) {
    double aa = 0;
    double bb = 0;
    double ab = 0;
    for (int i = 0; i < a.length; i++) {
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
      ab += (double) a[i] * b[i];
    }
    double angle = Math.acos(ab / Math.sqrt(aa * bb));
    double[] result = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      result[i] = (Math.sin((1 - t) * angle) * a[i] + Math.sin(t * angle) * b[i]) / Math.sin(angle);
    }
    return result;
  }

  /** Keeps the largest of a task vector, as many as the floor of the density says. */
  private static double[] trim(double[] delta, double density) {
    double[] sizes = Arrays.stream(delta).map(Math::abs).sorted().toArray();
    int kept = (int) (density * delta.length);
    double least = kept == 0 ? Double.POSITIVE_INFINITY : sizes[sizes.length - kept];
    return Arrays.stream(delta).map(d -> Math.abs(d) >= least ? d : 0).toArray();
  }

  private double[] ties(
      String tensor,
      double place,
      String base,
      boolean normalize,
      Map<String, List<Value>> densityAndWeight) {
    List<double[]> weighted = new ArrayList<>();
    List<Double> weights = new ArrayList<>();
    densityAndWeight.forEach(
        (model, values) -> {
          double weight = values.get(1).applyAsDouble(tensor, place);
          double[] delta =
              trim(delta(model, base, tensor), values.get(0).applyAsDouble(tensor, place));
          weighted.add(Arrays.stream(delta).map(d -> weight * d).toArray());
          weights.add(weight);
        });
    float[] from = of(base, tensor);
    double[] result = new double[from.length];
    for (int i = 0; i < result.length; i++) {
      int element = i;
      double sign = weighted.stream().mapToDouble(d -> d[element]).sum() >= 0 ? 1 : -1;
      double sum = 0;
      double divisor = 0;
      for (int k = 0; k < weighted.size(); k++) {
        if (Math.signum(weighted.get(k)[i]) == sign) {
          sum += weighted.get(k)[i];
          divisor += weights.get(k);
        }
      }
      result[i] = from[i] + (normalize && divisor != 0 ? sum / divisor : sum);
    }
    return result;
  }

  private interface Formula {
    double[] of(String tensor, double place);
  }

  private static void assertEveryTensor(Merged merged, DType dtype, Formula formula) {
    double error = dtype == DType.F32 ? 2e-6 : dtype == DType.F16 ? 6e-4 : 5e-3;
    merged
        .tensors()
        .forEach(
            (name, values) -> {
              double[] expected = formula.of(name, place(name, merged.layers()));
              assertThat(values).as(name).hasSameSizeAs(expected);
              for (int i = 0; i < values.length; i++) {
                assertThat((double) values[i])
                    .as("%s [%d]", name, i)
                    .isCloseTo(expected[i], within(error * Math.max(0.1, Math.abs(expected[i]))));
              }
            });
    assertThat(merged.types().values()).containsOnly(dtype);
  }

  // ---- examples/

  @Test
  void linearOfThreeModels() throws Exception {
    thirteenBillion(ORCA, WIZARD_LM, PLATYPUS);
    Merged merged =
        merge(
            """
            models:
              - model: psmathur/orca_mini_v3_13b
                parameters:
                  weight: 1.0
              - model: WizardLM/WizardLM-13B-V1.2
                parameters:
                  weight: 0.3
              - model: garage-bAInd/Platypus2-13B
                parameters:
                  weight: 0.5
            merge_method: linear
            dtype: float16
            """);
    assertThat(merged.layers()).isEqualTo(40);
    assertEveryTensor(
        merged,
        DType.F16,
        (tensor, place) -> {
          float[] a = of(ORCA, tensor);
          double[] mean = new double[a.length];
          for (int i = 0; i < mean.length; i++) {
            mean[i] = (a[i] + 0.3 * of(WIZARD_LM, tensor)[i] + 0.5 * of(PLATYPUS, tensor)[i]) / 1.8;
          }
          return mean;
        });
  }

  private static final String GRADIENT_SLERP =
      """
      slices:
        - sources:
            - model: psmathur/orca_mini_v3_13b
              layer_range: [0, 40]
            - model: garage-bAInd/Platypus2-13B
              layer_range: [0, 40]
      merge_method: slerp
      base_model: psmathur/orca_mini_v3_13b
      parameters:
        t:
          - filter: self_attn
            value: [0, 0.5, 0.3, 0.7, 1]
          - filter: mlp
            value: [1, 0.5, 0.7, 0.3, 0]
          - value: 0.5 # fallback for rest of tensors
      dtype: float16
      """;

  @Test
  void slerpWithGradientsAndFiltersOverSlices() throws Exception {
    thirteenBillion(ORCA, PLATYPUS);
    Merged merged = merge(GRADIENT_SLERP);
    assertThat(merged.layers()).isEqualTo(40);
    Value t =
        where(
            "self_attn",
            gradient(0, 0.5, 0.3, 0.7, 1),
            where("mlp", gradient(1, 0.5, 0.7, 0.3, 0), always(0.5)));
    assertEveryTensor(
        merged,
        DType.F16,
        (tensor, place) ->
            slerp(of(ORCA, tensor), of(PLATYPUS, tensor), t.applyAsDouble(tensor, place)));
  }

  @Test
  void theGradientOfASliceRunsOverThatSlice() throws Exception {
    thirteenBillion(ORCA, PLATYPUS);
    Merged merged =
        merge(
            """
            slices:
              - sources:
                  - model: psmathur/orca_mini_v3_13b
                    layer_range: [0, 10]
                  - model: garage-bAInd/Platypus2-13B
                    layer_range: [30, 40]
                parameters:
                  t: [0, 1]
              - sources:
                  - model: psmathur/orca_mini_v3_13b
                    layer_range: [5, 8]
                  - model: garage-bAInd/Platypus2-13B
                    layer_range: [5, 8]
            merge_method: slerp
            base_model: psmathur/orca_mini_v3_13b
            parameters:
              t: [0.25, 0.75]
            dtype: float32
            """);
    assertThat(merged.layers()).isEqualTo(13);
    assertEveryTensor(
        merged,
        DType.F32,
        (tensor, place) -> {
          Matcher found = LAYER.matcher(tensor);
          if (!found.find()) {
            double t = tensor.equals(EMBEDDINGS) ? 0 : 0.25;
            return slerp(of(ORCA, tensor), of(PLATYPUS, tensor), t);
          }
          int layer = Integer.parseInt(found.group(1));
          int orca = layer < 10 ? layer : layer - 5;
          int platypus = layer < 10 ? layer + 30 : layer - 5;
          double t = layer < 10 ? layer / 9.0 : 0.25 + 0.5 * (layer - 10) / 2.0;
          return slerp(
              of(ORCA, found.replaceFirst("layers." + orca + ".")),
              of(PLATYPUS, found.replaceFirst("layers." + platypus + ".")),
              t);
        });
  }

  @Test
  void theOldWordForFilterIsRefusedWithItsLineAndNotIgnored() {
    thirteenBillion(ORCA, PLATYPUS);
    assertThatThrownBy(() -> compile(GRADIENT_SLERP.replace("filter:", "pattern:")))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("line 11")
        .hasMessageContaining("'pattern'")
        .hasMessageContaining("filter");
  }

  @Test
  void tiesWithGradientsAndFilters() throws Exception {
    thirteenBillion(ORCA, PLATYPUS, WIZARD_MATH, LLAMA);
    Merged merged =
        merge(
            """
            models:
              - model: psmathur/orca_mini_v3_13b
                parameters:
                  density: [1, 0.7, 0.1] # density gradient
                  weight: 1.0
              - model: garage-bAInd/Platypus2-13B
                parameters:
                  density: 0.5
                  weight: [0, 0.3, 0.7, 1] # weight gradient
              - model: WizardLM/WizardMath-13B-V1.0
                parameters:
                  density: 0.33
                  weight:
                    - filter: mlp
                      value: 0.5
                    - value: 0
            merge_method: ties
            base_model: TheBloke/Llama-2-13B-fp16
            parameters:
              normalize: true
              int8_mask: true
            dtype: float16
            """);
    assertEveryTensor(
        merged,
        DType.F16,
        (tensor, place) ->
            ties(
                tensor,
                place,
                LLAMA,
                true,
                Map.of(
                    ORCA, List.of(gradient(1, 0.7, 0.1), always(1)),
                    PLATYPUS, List.of(always(0.5), gradient(0, 0.3, 0.7, 1)),
                    WIZARD_MATH, List.of(always(0.33), where("mlp", always(0.5), always(0))))));
  }

  @Test
  void theBiologyMergeThatDoesNotNormalize() throws Exception {
    String base = "mistralai/Mistral-7B-v0.1";
    String instruct = "mistralai/Mistral-7B-Instruct-v0.2";
    String bio = "BioMistral/BioMistral-7B";
    for (String name : List.of(base, instruct, bio)) {
      model(name, 32);
    }
    Merged merged =
        merge(
            """
            models:
              - model: mistralai/Mistral-7B-Instruct-v0.2
                parameters:
                  density: 0.5
                  weight: 0.5
              - model: BioMistral/BioMistral-7B
                parameters:
                  density: 0.5
                  weight: 0.5
            merge_method: ties
            base_model: mistralai/Mistral-7B-v0.1
            parameters:
              normalize: false
              int8_mask: true
            dtype: float16
            """);
    assertThat(merged.layers()).isEqualTo(32);
    List<Value> half = List.of(always(0.5), always(0.5));
    assertEveryTensor(
        merged,
        DType.F16,
        (tensor, place) -> ties(tensor, place, base, false, Map.of(instruct, half, bio, half)));
  }

  @Test
  void aStackOfTheLayersOfTwoModels() throws Exception {
    thirteenBillion(ORCA, PLATYPUS);
    Merged merged =
        merge(
            """
            slices:
              - sources:
                - model: psmathur/orca_mini_v3_13b
                  layer_range: [0, 24]
              - sources:
                - model: garage-bAInd/Platypus2-13B
                  layer_range: [20, 40]
            merge_method: passthrough
            dtype: float16
            """);
    assertThat(merged.layers()).isEqualTo(44);
    assertEveryTensor(
        merged,
        DType.F16,
        (tensor, place) -> {
          Matcher found = LAYER.matcher(tensor);
          if (!found.find()) {
            return doubles(of(tensor.equals(EMBEDDINGS) ? ORCA : PLATYPUS, tensor));
          }
          int layer = Integer.parseInt(found.group(1));
          return layer < 24
              ? doubles(of(ORCA, tensor))
              : doubles(of(PLATYPUS, found.replaceFirst("layers." + (layer - 4) + ".")));
        });
  }

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  @Test
  void layersThatAreAddedWithoutEffectHaveScaledProjections() throws Exception {
    model("meta-llama/Llama-2-7b-hf", 8);
    Merged merged =
        merge(
            """
            slices:
              - sources:
                  - model: meta-llama/Llama-2-7b-hf
                    layer_range: [0, 4]
              - sources:
                  - model: meta-llama/Llama-2-7b-hf
                    layer_range: [3, 4]
                    parameters:
                      scale:
                        - filter: o_proj
                          value: 0.0
                        - filter: down_proj
                          value: 0.0
                        - value: 1.0
              - sources:
                  - model: meta-llama/Llama-2-7b-hf
                    layer_range: [4, 8]
            merge_method: passthrough
            dtype: bfloat16
            """);
    assertThat(merged.layers()).isEqualTo(9);
    assertEveryTensor(
        merged,
        DType.BF16,
        (tensor, place) -> {
          Matcher found = LAYER.matcher(tensor);
          int layer = found.find() ? Integer.parseInt(found.group(1)) : -1;
          String from = layer > 3 ? found.replaceFirst("layers." + (layer - 1) + ".") : tensor;
          double[] values = doubles(of("meta-llama/Llama-2-7b-hf", from));
          boolean silent =
              layer == 4 && (tensor.contains("o_proj") || tensor.contains("down_proj"));
          return silent ? new double[values.length] : values;
        });
  }

  @Test
  void severalDocumentsInOneFileAreRefusedAsSuch() {
    assertThatThrownBy(() -> compile(GRADIENT_SLERP + "---\n" + GRADIENT_SLERP))
        .isInstanceOf(RecipeException.class)
        .hasMessageContaining("config.yml")
        .hasMessageContaining("document");
  }

  // ---- the guide to methods

  private void task(String... names) {
    model("base/model", 6);
    for (String name : names) {
      model(name, 6);
    }
  }

  @Test
  void taskArithmeticWithGradientsFiltersAndLambda() throws Exception {
    task("org/code", "org/math");
    Merged merged =
        merge(
            """
            merge_method: task_arithmetic
            base_model: base/model
            models:
              - model: org/code
                parameters:
                  weight:
                    - filter: self_attn
                      value: [0.2, 1.0]
                    - filter: embed_tokens
                      value: 0
                    - value: 0.4
              - model: org/math
                parameters:
                  weight: [1, -0.5, 0.25]
            parameters:
              lambda: 0.9
            dtype: float32
            out_dtype: bfloat16
            """);
    Value code =
        where("self_attn", gradient(0.2, 1.0), where("embed_tokens", always(0), always(0.4)));
    Value math = gradient(1, -0.5, 0.25);
    assertEveryTensor(
        merged,
        DType.BF16,
        (tensor, place) -> {
          double[] result = doubles(of("base/model", tensor));
          for (int i = 0; i < result.length; i++) {
            result[i] +=
                0.9
                    * (code.applyAsDouble(tensor, place)
                            * delta("org/code", "base/model", tensor)[i]
                        + math.applyAsDouble(tensor, place)
                            * delta("org/math", "base/model", tensor)[i]);
          }
          return result;
        });
  }

  @Test
  void aValueOfAModelCountsBeforeThatOfTheSliceAndTheConfiguration() throws Exception {
    task("org/code", "org/math");
    Merged merged =
        merge(
            """
            merge_method: task_arithmetic
            base_model: base/model
            slices:
              - sources:
                  - model: base/model
                    layer_range: [0, 3]
                  - model: org/code
                    layer_range: [0, 3]
                    parameters:
                      weight: 0.1
                  - model: org/math
                    layer_range: [0, 3]
                parameters:
                  weight: 0.2
              - sources:
                  - model: base/model
                    layer_range: [3, 6]
                  - model: org/code
                    layer_range: [3, 6]
                  - model: org/math
                    layer_range: [3, 6]
            parameters:
              weight: 0.4
            dtype: float32
            """);
    assertEveryTensor(
        merged,
        DType.F32,
        (tensor, place) -> {
          boolean first = place < 0.5 || tensor.equals(EMBEDDINGS);
          double code = first ? 0.1 : 0.4;
          double math = first ? 0.2 : 0.4;
          double[] result = doubles(of("base/model", tensor));
          for (int i = 0; i < result.length; i++) {
            result[i] +=
                code * delta("org/code", "base/model", tensor)[i]
                    + math * delta("org/math", "base/model", tensor)[i];
          }
          return result;
        });
  }

  @ParameterizedTest
  @CsvSource({
    "dare_ties, 'weight: 0.4, density: 0.53', 'int8_mask: true'",
    "dare_linear, 'weight: 0.5, density: 0.5', 'rescale: false, lambda: 1.1'",
    "della, 'weight: 0.5, density: 0.6, epsilon: 0.2', 'lambda: 0.8'",
    "della_linear, 'weight: 0.5, density: 0.6, epsilon: [0.05, 0.2]', 'normalize: true'",
    "breadcrumbs, 'weight: 0.5, density: 0.9, gamma: 0.01', 'normalize: true'",
    "breadcrumbs_ties, 'weight: 0.5, density: [0.9, 0.5], gamma: 0.2', ''",
    "model_stock, '', 'filter_wise: true'",
    "model_stock, '', ''",
    "sce, '', 'select_topk: 0.1'",
    "nuslerp, 'weight: 0.7', 'nuslerp_flatten: false, nuslerp_row_wise: true'",
    "nuslerp, 'weight: 0.7', ''",
    "multislerp, 'weight: 0.3', 'normalize_weights: false, eps: 1.0e-6'",
    "ram, '', ''",
    "ramplus_tl, '', 'r: 0.2, alpha: 0.3'"
  })
  void methodsOfTaskVectorsRunAndTakeTheirParameters(String method, String ofAModel, String ofAll)
      throws Exception {
    task("org/code", "org/math");
    Merged merged =
        merge(
            """
            models:
              - model: org/code
                parameters: {MODEL}
              - model: org/math
                parameters: {MODEL}
            merge_method: METHOD
            base_model: base/model
            parameters: {ALL}
            dtype: bfloat16
            """
                .replace("METHOD", method)
                .replace("MODEL", ofAModel)
                .replace("ALL", ofAll));
    assertThat(merged.layers()).isEqualTo(6);
    assertThat(merged.recipe().operator()).isEqualTo(method);
    assertThat(merged.types().values()).containsOnly(DType.BF16);
    assertDiffersFrom(merged, "base/model");
  }

  @ParameterizedTest
  @CsvSource({
    "nuslerp, 'weight: 0.7', ''",
    "multislerp, 'weight: 0.5', ''",
    "karcher, '', 'max_iter: 12, tol: 1.0e-6'"
  })
  void methodsThatNeedNoBaseRunWithoutOne(String method, String ofAModel, String ofAll)
      throws Exception {
    task("org/code", "org/math");
    Merged merged =
        merge(
            """
            models:
              - model: org/code
                parameters: {MODEL}
              - model: org/math
                parameters: {MODEL}
            merge_method: METHOD
            parameters: {ALL}
            dtype: bfloat16
            """
                .replace("METHOD", method)
                .replace("MODEL", ofAModel)
                .replace("ALL", ofAll));
    assertThat(merged.layers()).isEqualTo(6);
    assertThat(merged.recipe().base()).isEmpty();
    assertDiffersFrom(merged, "org/code");
  }

  /** Of a vector as short as these norms, a small fraction is nothing: mergekit drops all of it. */
  private void assertDiffersFrom(Merged merged, String model) {
    long same =
        merged.tensors().keySet().stream()
            .filter(name -> !name.contains("norm"))
            .filter(name -> close(merged.tensor(name), of(model, name)))
            .count();
    assertThat(same).as("tensors that are those of %s", model).isZero();
  }

  private static boolean close(float[] a, float[] b) {
    for (int i = 0; i < a.length; i++) {
      if (Math.abs(a[i] - b[i]) > 1e-3) {
        return false;
      }
    }
    return true;
  }

  @ParameterizedTest
  @CsvSource({"arcee_fusion, ''", "nearswap, 't: 0.05'"})
  void methodsOfAModelAndItsBaseTakeTheBaseListedOrNot(String method, String parameters)
      throws Exception {
    model("model_a", 4);
    model("model_b", 4);
    String yaml =
        """
        models:
          - model: model_a
          - model: model_b
        merge_method: METHOD
        base_model: model_a
        parameters: {ALL}
        dtype: bfloat16
        """
            .replace("METHOD", method)
            .replace("ALL", parameters);
    Merged listed = merge(yaml);
    Merged unlisted = merge(yaml.replace("  - model: model_a\n", ""));
    assertThat(listed.layers()).isEqualTo(4);
    assertSameTensors(listed, unlisted);
  }

  private static void assertSameTensors(Merged a, Merged b) {
    assertThat(a.tensors().keySet()).isEqualTo(b.tensors().keySet());
    a.tensors().forEach((name, values) -> assertThat(values).isEqualTo(b.tensor(name)));
  }

  @Test
  void theSlerpOfTwoListedModelsIsThatOfSlices() throws Exception {
    task("org/code");
    String whole =
        """
        models:
          - model: base/model
          - model: org/code
        merge_method: slerp
        base_model: base/model
        parameters:
          t: [0.1, 0.9]
        dtype: float32
        """;
    String slices =
        """
        slices:
          - sources:
              - model: org/code
                layer_range: [0, 6]
              - model: base/model
                layer_range: [0, 6]
        merge_method: slerp
        base_model: base/model
        parameters:
          t: [0.1, 0.9]
        dtype: float32
        """;
    Merged merged = merge(whole);
    assertSameTensors(merged, merge(slices));
    assertSameTensors(merged, merge(whole.replace("  - model: base/model\n", "")));
    Value t = gradient(0.1, 0.9);
    assertEveryTensor(
        merged,
        DType.F32,
        (tensor, place) ->
            slerp(
                of("base/model", tensor), of("org/code", tensor), t.applyAsDouble(tensor, place)));
  }

  @Test
  void aLinearMergeCountsItsBaseAsOneOfTheModels() throws Exception {
    task("org/code");
    Merged merged =
        merge(
            """
            models:
              - model: base/model
                parameters: {weight: 0.25}
              - model: org/code
                parameters: {weight: 0.75}
            merge_method: linear
            base_model: base/model
            """);
    assertEveryTensor(
        merged,
        DType.F32,
        (tensor, place) -> {
          double[] mean = new double[of("org/code", tensor).length];
          for (int i = 0; i < mean.length; i++) {
            mean[i] = 0.25 * of("base/model", tensor)[i] + 0.75 * of("org/code", tensor)[i];
          }
          return mean;
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"models", "slices"})
  void theModuleOfAModelOfOneModuleMayBeNamed(String way) throws Exception {
    task("org/code", "org/math");
    String models =
        """
        models:
          - model: org/code
            parameters: {weight: 0.3}
          - model: org/math
            parameters: {weight: 0.7}
        """;
    String slices =
        """
        slices:
          - sources:
              - model: base/model
                layer_range: [0, 6]
              - model: org/code
                layer_range: [0, 6]
                parameters: {weight: 0.3}
              - model: org/math
                layer_range: [0, 6]
                parameters: {weight: 0.7}
        """;
    String rest = "merge_method: task_arithmetic\nbase_model: base/model\n";
    Merged named =
        merge("modules:\n  default:\n" + (way.equals("models") ? models : slices).indent(4) + rest);
    assertSameTensors(named, merge(models + rest));
  }

  // ---- adapters

  @Test
  void aModelWithAnAdapterIsTheTunedModel() throws Exception {
    task("org/math");
    Map<String, List<Long>> shapes = TestCheckpoints.llamaShapes(6, HIDDEN, 2 * HIDDEN, 3 * HIDDEN);
    Map<String, float[]> tuned = new TreeMap<>(models.get("base/model"));
    tuned.replaceAll((name, values) -> name.contains("q_proj") ? plusRankOne(values) : values);
    TestCheckpoints.write(
        folder("org/tuned"), tuned, shapes, DType.F32, TestCheckpoints.llamaConfig(6, HIDDEN));
    models.put("org/tuned", tuned);
    try (Checkpoint base = Checkpoints.open(folder("base/model"));
        Checkpoint model = Checkpoints.open(folder("org/tuned"))) {
      AdapterExtractor.builder(2)
          .modules("q_proj")
          .build()
          .extract(base, model, folder("org/adapter"));
    }
    String yaml =
        """
        models:
          - model: base/model+org/adapter
            parameters:
              weight: 1.0
          - model: org/math
            parameters:
              weight: [0.5, 0.1]
        merge_method: task_arithmetic
        base_model: base/model
        dtype: float32
        """;
    Merged merged = merge(yaml);
    Value math = gradient(0.5, 0.1);
    Formula formula =
        (tensor, place) -> {
          double[] result = doubles(of("base/model", tensor));
          for (int i = 0; i < result.length; i++) {
            result[i] +=
                delta("org/tuned", "base/model", tensor)[i]
                    + math.applyAsDouble(tensor, place)
                        * delta("org/math", "base/model", tensor)[i];
          }
          return result;
        };
    assertEveryTensor(merged, DType.F32, formula);
    Merged asAMap =
        merge(
            yaml.replace(
                "base/model+org/adapter",
                "{model: {path: base/model}, lora: {path: org/adapter}}"));
    assertSameTensors(merged, asAMap);
    Merged again =
        merge(
            """
            models:
              - model: base/model+org/adapter
            merge_method: passthrough
            """);
    assertEveryTensor(again, DType.F32, (tensor, place) -> doubles(of("org/tuned", tensor)));
  }

  private static float[] plusRankOne(float[] values) {
    float[] sum = values.clone();
    for (int i = 0; i < HIDDEN; i++) {
      for (int j = 0; j < HIDDEN; j++) {
        sum[i * HIDDEN + j] += 0.05f * (i + 1) * (j - 3);
      }
    }
    return sum;
  }

  // ---- tokenizers

  private void tokens(String name, List<String> words, String template, AddedToken... added) {
    int rows = words.size() + added.length;
    Map<String, List<Long>> shapes = TestCheckpoints.llamaShapes(2, HIDDEN, 2 * HIDDEN, rows);
    Map<String, float[]> tensors = TestCheckpoints.random(shapes, name.hashCode());
    ObjectNode config = TestCheckpoints.llamaConfig(2, HIDDEN);
    config.put("vocab_size", rows);
    TestCheckpoints.write(folder(name), tensors, shapes, DType.F32, config);
    TestTokenizers.put(
        folder(name),
        "tokenizer.json",
        TestTokenizers.bpe(words, List.of(), added).toPrettyString());
    if (!template.isEmpty()) {
      TestTokenizers.put(
          folder(name), "tokenizer_config.json", "{\"chat_template\": \"" + template + "\"}");
    }
    models.put(name, tensors);
  }

  private void chatModels() {
    tokens("org/base", List.of("a", "b"), "", TestTokenizers.special(2, "<s>"));
    tokens(
        "org/chatml_model",
        List.of("b", "a", "c"),
        "{{ chatml }}",
        TestTokenizers.special(3, "<|im_start|>"),
        TestTokenizers.special(4, "<|im_end|>"));
    tokens(
        "org/llama3_model",
        List.of("a", "d"),
        "{{ llama }}",
        TestTokenizers.special(2, "<|eot_id|>"),
        TestTokenizers.special(3, "<|special|>"));
  }

  private double[] row(String model, String tensor, int id) {
    return doubles(Arrays.copyOfRange(of(model, tensor), id * HIDDEN, (id + 1) * HIDDEN));
  }

  private static void assertRow(Merged merged, String tensor, int id, double[] expected) {
    for (int i = 0; i < HIDDEN; i++) {
      assertThat((double) merged.tensor(tensor)[id * HIDDEN + i])
          .as("%s, row %d [%d]", tensor, id, i)
          .isCloseTo(expected[i], within(1e-6));
    }
  }

  private static double[] mean(double[] a, double[] b) {
    double[] mean = new double[a.length];
    for (int i = 0; i < mean.length; i++) {
      mean[i] = (a[i] + b[i]) / 2;
    }
    return mean;
  }

  private static Map<String, Integer> vocabulary(Merged merged) throws IOException {
    try (Checkpoint model = Checkpoints.open(merged.folder())) {
      Map<String, Integer> ids = new TreeMap<>(Vocabulary.of(model).orElseThrow().ids());
      for (String tensor : List.of(EMBEDDINGS, HEAD)) {
        assertThat(model.tensors().get(tensor).shape().get(0))
            .isEqualTo((long) model.config().orElseThrow().requiredInteger("vocab_size"))
            .isGreaterThan(Collections.max(ids.values()));
      }
      return ids;
    }
  }

  @Test
  void theTokensOfAUnionHaveTheEmbeddingsThatAreAskedFor() throws Exception {
    chatModels();
    Merged merged =
        merge(
            """
            models:
              - model: org/chatml_model
                parameters: {weight: 0.5}
              - model: org/llama3_model
                parameters: {weight: 0.5}
            merge_method: linear
            dtype: float32
            tokenizer:
              source: union
              tokens:
                # Use embedding from a specific model
                <|im_start|>:
                  source: "org/chatml_model"
                # Force a specific embedding for all models
                <|special|>:
                  source: "org/llama3_model"
                  force: true
                a:
                  source: org/chatml_model
                  force: true
                # Map a token to another model's token embedding
                <|renamed_token|>:
                  source:
                    kind: "model_token"
                    model: "org/llama3_model"
                    token: "<|eot_id|>"
                <|by_id|>:
                  source:
                    kind: "model_token"
                    model: "org/chatml_model"
                    token_id: 2
                # Use a zero embedding
                <|unused|>:
                  source:
                    kind: "zero"
              pad_to_multiple_of: 16
            chat_template: chatml
            """);
    Map<String, Integer> ids = vocabulary(merged);
    assertThat(ids.keySet())
        .containsExactlyInAnyOrder(
            "a",
            "b",
            "c",
            "d",
            "<|im_start|>",
            "<|im_end|>",
            "<|eot_id|>",
            "<|special|>",
            "<|renamed_token|>",
            "<|by_id|>",
            "<|unused|>");
    assertThat(merged.tensor(HEAD)).hasSize(16 * HIDDEN);
    String chatml = "org/chatml_model";
    String llama = "org/llama3_model";
    for (String tensor : List.of(EMBEDDINGS, HEAD)) {
      assertRow(merged, tensor, ids.get("<|im_start|>"), row(chatml, tensor, 3));
      assertRow(merged, tensor, ids.get("<|im_end|>"), row(chatml, tensor, 4));
      assertRow(merged, tensor, ids.get("<|special|>"), row(llama, tensor, 3));
      assertRow(merged, tensor, ids.get("a"), row(chatml, tensor, 1));
      assertRow(merged, tensor, ids.get("b"), row(chatml, tensor, 0));
      assertRow(merged, tensor, ids.get("d"), row(llama, tensor, 1));
      assertRow(merged, tensor, ids.get("<|renamed_token|>"), row(llama, tensor, 2));
      assertRow(merged, tensor, ids.get("<|by_id|>"), row(chatml, tensor, 2));
      assertRow(merged, tensor, ids.get("<|unused|>"), new double[HIDDEN]);
    }
    assertThat(Files.readString(merged.folder().resolve("tokenizer_config.json")))
        .contains("<|im_start|>");
  }

  @Test
  void aUnionHasTheMeanOfTheTokensThatModelsShare() throws Exception {
    chatModels();
    Merged merged =
        merge(
            """
            models:
              - model: org/chatml_model
                parameters: {weight: 1}
              - model: org/llama3_model
                parameters: {weight: 1}
            merge_method: linear
            tokenizer_source: union
            """);
    Map<String, Integer> ids = vocabulary(merged);
    assertThat(ids.keySet())
        .containsExactlyInAnyOrder(
            "a", "b", "c", "d", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|special|>");
    assertRow(
        merged,
        HEAD,
        ids.get("a"),
        mean(row("org/chatml_model", HEAD, 1), row("org/llama3_model", HEAD, 0)));
    assertRow(merged, HEAD, ids.get("c"), row("org/chatml_model", HEAD, 2));
  }

  @ParameterizedTest
  @CsvSource({"base, org/base", "org/llama3_model, org/llama3_model"})
  void theVocabularyOfOneModelIsTaken(String source, String model) throws Exception {
    chatModels();
    Merged merged =
        merge(
            """
            models:
              - model: org/chatml_model
                parameters: {weight: 0.6}
              - model: org/llama3_model
                parameters: {weight: 0.4}
            merge_method: task_arithmetic
            base_model: org/base
            tokenizer_source: SOURCE
            """
                .replace("SOURCE", source));
    try (Checkpoint taken = Checkpoints.open(folder(model))) {
      assertThat(vocabulary(merged))
          .isEqualTo(new TreeMap<>(Vocabulary.of(taken).orElseThrow().ids()));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"auto | {{ llama }}", "'{{ mine }}' | {{ mine }}", "llama3 | start_header_id"})
  void theChatTemplateIsWrittenBesideTheTokenizer(String given, String contained) throws Exception {
    chatModels();
    tokens("org/third", List.of("a"), "{{ llama }}");
    Merged merged =
        merge(
            """
            models:
              - model: org/chatml_model
                parameters: {weight: 1}
              - model: org/llama3_model
                parameters: {weight: 1}
              - model: org/third
                parameters: {weight: 1}
            merge_method: linear
            tokenizer: {source: union}
            chat_template: "TEMPLATE"
            """
                .replace("TEMPLATE", given));
    assertThat(Files.readString(merged.folder().resolve("tokenizer_config.json")))
        .contains(contained);
  }
}
