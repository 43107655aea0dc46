package io.evomerge.onnx.runtime;

import static io.evomerge.onnx.runtime.TestConfigs.LLAMA;
import static io.evomerge.onnx.runtime.TestConfigs.MISTRAL;
import static io.evomerge.onnx.runtime.TestConfigs.QWEN2;
import static io.evomerge.onnx.runtime.TestConfigs.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.checkpoint.ActivationStatistics;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.MergeTask;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.architecture.DecoderForm.AttentionPrecision;
import io.evomerge.onnx.architecture.DecoderGraphs;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ActivationCollectorTest {

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {LLAMA, MISTRAL, QWEN2})
  void theyAreTheMeanProductsOfWhatAPlainDecoderFeedsItsLayers(String json) throws IOException {
    ModelConfig config = with(json);
    Map<String, float[]> weights = weights(config, 5);
    List<int[]> texts = texts(7, 37, 12);
    Map<String, double[]> expected = new HashMap<>();
    ReferenceDecoder reference =
        new ReferenceDecoder(
            config.json(), weights, (name, inputs) -> addProducts(expected, name, inputs));
    texts.forEach(reference::logits);
    long tokens = texts.stream().mapToLong(text -> text.length).sum();
    DecoderConfig decoder = DecoderConfig.from(config);
    try (OnnxBackend backend = OnnxBackend.cpu();
        Checkpoint model = checkpoint("model", config, weights);
        ActivationStatistics statistics =
            collect(ActivationCollector.of(backend), model, texts, "all")) {
      statistics.requireOf(model);
      assertThat(statistics.tokens()).isEqualTo(tokens);
      Set<String> linear = new TreeSet<>(expected.keySet());
      if (decoder.tiedHead()) {
        linear.remove("model.embed_tokens.weight");
      }
      assertThat(statistics.weights()).isEqualTo(linear);
      for (String weight : linear) {
        float[] actual = read(statistics.matrix(weight).orElseThrow());
        double[] sums = expected.get(weight);
        assertThat(actual).hasSize(sums.length);
        double scale = 0;
        int width = (int) Math.sqrt(sums.length);
        for (int i = 0; i < width; i++) {
          scale = Math.max(scale, sums[i * width + i] / tokens);
        }
        for (int i = 0; i < sums.length; i++) {
          assertThat(actual[i] - sums[i] / tokens)
              .as("%s %d", weight, i)
              .isCloseTo(0, within(1e-5 * scale));
          assertThat(actual[i]).isEqualTo(actual[i % width * width + i / width]);
        }
      }
    }
  }

  @Test
  void littleMemoryOnlyMeansMoreReadings() throws IOException {
    ModelConfig config = with(LLAMA);
    List<int[]> texts = texts(8, 37, 5);
    try (OnnxBackend backend = OnnxBackend.cpu();
        Checkpoint model = checkpoint("model", config, weights(config, 6))) {
      ActivationCollector collector = ActivationCollector.of(backend);
      collect(collector, model, texts, "first").close();
      byte[] first = Files.readAllBytes(folder.resolve("first.safetensors"));
      for (long bytes : new long[] {1, 20_000}) {
        String name = "with-" + bytes;
        collect(collector.withMemory(bytes), model, texts, name).close();
        assertThat(Files.readAllBytes(folder.resolve(name + ".safetensors"))).isEqualTo(first);
      }
    }
  }

  @Test
  void regmeanWithThemIsNearerToTheSourcesThanTheirMean() throws IOException {
    ModelConfig config = with(LLAMA);
    List<Checkpoint> models = new ArrayList<>();
    List<ActivationStatistics> statistics = new ArrayList<>();
    Map<String, float[]> common = weights(config, 1);
    try (OnnxBackend backend = OnnxBackend.cpu()) {
      for (int s = 0; s < 2; s++) {
        Map<String, float[]> own = weights(config, 10 + s);
        own.forEach(
            (name, values) -> {
              for (int i = 0; i < values.length; i++) {
                values[i] = common.get(name)[i] + 0.3f * values[i];
              }
            });
        Checkpoint model = checkpoint("model-" + s, config, own);
        models.add(model);
        statistics.add(
            collect(ActivationCollector.of(backend), model, texts(s, 37, 30), "stats-" + s));
      }
      for (String weight : statistics.get(0).weights()) {
        TensorInfo info = models.get(0).tensors().get(weight);
        MergeTask.Builder task =
            MergeTask.builder(info)
                .parameters(ParameterValues.of(Map.of("alpha", new double[] {1})));
        for (int s = 0; s < 2; s++) {
          task.source(models.get(s).name(), models.get(s).tensor(weight));
          task.statistics(models.get(s).name(), statistics.get(s).matrix(weight).orElseThrow());
        }
        TensorBuffer merged = TensorBuffer.allocate(info);
        MergeOperators.regmean().merge(task.build(), merged);
        TensorBuffer mean = TensorBuffer.allocate(info);
        MergeOperators.linear()
            .merge(
                task.parameters(ParameterValues.of(Map.of("weight", new double[] {1}))).build(),
                mean);
        assertThat(error(read(merged), weight, models, statistics))
            .as(weight)
            .isLessThan(0.95 * error(read(mean), weight, models, statistics));
      }
    } finally {
      statistics.forEach(ActivationStatistics::close);
      models.forEach(Checkpoint::close);
    }
  }

  @Test
  void textsThatDoNotFitAreRefusedAndNothingIsWritten() throws IOException {
    ModelConfig config = with(LLAMA);
    try (OnnxBackend backend = OnnxBackend.cpu();
        Checkpoint model = checkpoint("model", config, weights(config, 6))) {
      ActivationCollector collector = ActivationCollector.of(backend);
      for (List<int[]> texts :
          List.of(
              List.<int[]>of(),
              List.of(new int[] {1}, new int[0]),
              List.of(new int[] {37}),
              List.of(new int[257]))) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> collect(collector, model, texts, "none"));
      }
      assertThat(folder.resolve("none.safetensors")).doesNotExist();
      List<int[]> good = List.of(new int[] {1, 2});
      collect(collector, model, good, "there").close();
      assertThatThrownBy(() -> collect(collector, model, good, "there"))
          .isInstanceOf(FileAlreadyExistsException.class);
      assertThatIllegalArgumentException().isThrownBy(() -> collector.withMemory(0));
    }
  }

  @Test
  void aModelThatCannotBeRunIsRefused() throws IOException {
    ModelConfig config = with(LLAMA);
    ModelConfig other = with(LLAMA, "{\"architectures\": [\"GPT2LMHeadModel\"]}");
    try (OnnxBackend backend = OnnxBackend.cpu();
        Checkpoint model = checkpoint("model", other, weights(config, 6))) {
      assertThatThrownBy(
              () -> collect(ActivationCollector.of(backend), model, List.of(new int[] {1}), "none"))
          .isInstanceOf(UnsupportedModelException.class);
    }
  }

  @Test
  void aGraphOfNoOrOfUnknownLayersIsRefused() {
    DecoderConfig config = DecoderConfig.from(with(LLAMA));
    for (Set<String> weights :
        List.of(Set.<String>of(), Set.of("model.layers.0.self_attn.k_proj.weight"))) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> DecoderGraphs.inputProducts(config, AttentionPrecision.FLOAT32, weights));
    }
  }

  /** The sum over the sources of the mean squared difference on their own inputs. */
  private static double error(
      float[] merged,
      String weight,
      List<Checkpoint> models,
      List<ActivationStatistics> statistics) {
    double error = 0;
    for (int s = 0; s < models.size(); s++) {
      float[] own = read(models.get(s).tensor(weight));
      float[] gram = read(statistics.get(s).matrix(weight).orElseThrow());
      int in = (int) Math.sqrt(gram.length);
      for (int row = 0; row < own.length; row += in) {
        for (int i = 0; i < in; i++) {
          for (int j = 0; j < in; j++) {
            error +=
                ((double) merged[row + i] - own[row + i])
                    * gram[i * in + j]
                    * ((double) merged[row + j] - own[row + j]);
          }
        }
      }
    }
    return error;
  }

  private static void addProducts(Map<String, double[]> sums, String name, double[][] inputs) {
    int width = inputs[0].length;
    double[] sum = sums.computeIfAbsent(name, n -> new double[width * width]);
    for (double[] row : inputs) {
      for (int i = 0; i < width; i++) {
        for (int j = 0; j < width; j++) {
          sum[i * width + j] += row[i] * row[j];
        }
      }
    }
  }

  private ActivationStatistics collect(
      ActivationCollector collector, Checkpoint model, List<int[]> texts, String name)
      throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    collector.collect(model, texts, file, WriteOptions.defaults());
    return ActivationStatistics.open(file);
  }

  private static List<int[]> texts(long seed, int vocabulary, int count) {
    Random random = new Random(seed);
    List<int[]> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      texts.add(random.ints(1 + random.nextInt(30), 0, vocabulary).toArray());
    }
    return texts;
  }

  private static Map<String, float[]> weights(ModelConfig config, long seed) {
    try (TestCandidate candidate = TestCandidate.random(config, seed)) {
      return candidate.copy();
    }
  }

  private Checkpoint checkpoint(String name, ModelConfig config, Map<String, float[]> weights)
      throws IOException {
    List<TensorInfo> infos = new ArrayList<>();
    ModelConfig shapes =
        with(config.json().toString(), "{\"architectures\": [\"LlamaForCausalLM\"]}");
    DecoderConfig decoder =
        DecoderConfig.supportedArchitectures().contains(config.architecture())
            ? DecoderConfig.from(config)
            : DecoderConfig.from(shapes);
    decoder
        .weightShapes()
        .forEach((tensor, shape) -> infos.add(new TensorInfo(tensor, DType.F32, shape)));
    Path path = folder.resolve(name);
    try (CheckpointWriter writer =
        CheckpointWriter.create(path, infos, Map.of(), WriteOptions.defaults())) {
      weights.forEach(
          (tensor, values) -> writer.sink(tensor).writeFloats(0, values, 0, values.length));
      writer.write("config.json", config.json().toString().getBytes(StandardCharsets.UTF_8));
      writer.commit();
    }
    return Checkpoints.open(path);
  }

  private static float[] read(TensorView view) {
    float[] values = new float[(int) view.info().elementCount()];
    view.readFloats(0, values, 0, values.length);
    return values;
  }
}
