package io.evomerge.onnx.language;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.PairedComparison;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The zoo's Japanese word problems on trained models, against the scores of another scorer. */
class ZooTaskTest {

  private static OnnxBackend backend;
  private static TextTask problems;

  @BeforeAll
  static void open() throws Exception {
    backend = OnnxBackend.cpu();
    problems =
        TextTask.read(FakeModels.resource("zoo/tasks/ja_math.jsonl"))
            .maxNewTokens(5)
            .scoredBy(AnswerCheck.lastNumber().inLanguage(Language.JAPANESE).containing("です"));
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  /** A checkpoint as it is. */
  private record Unmerged(Path folder, ModelConfig model, WeightStore weights)
      implements CandidateModel, AutoCloseable {

    static Unmerged open(String name) throws IOException {
      ObjectMapper json = new ObjectMapper();
      Path folder = FakeModels.resource("zoo/" + name);
      JsonNode config = json.readTree(folder.resolve("config.json").toFile());
      ByteBuffer file =
          ByteBuffer.wrap(Files.readAllBytes(folder.resolve("model.safetensors")))
              .order(ByteOrder.LITTLE_ENDIAN);
      byte[] header = new byte[Math.toIntExact(file.getLong())];
      file.get(header);
      ByteBuffer data = file.slice().order(ByteOrder.LITTLE_ENDIAN);
      ObjectNode tensors = (ObjectNode) json.readTree(header);
      tensors.remove("__metadata__");
      List<TensorInfo> infos = new ArrayList<>();
      for (Map.Entry<String, JsonNode> tensor : tensors.properties()) {
        assertThat(tensor.getValue().path("dtype").textValue()).isEqualTo("BF16");
        List<Long> shape = new ArrayList<>();
        tensor.getValue().path("shape").forEach(size -> shape.add(size.longValue()));
        infos.add(new TensorInfo(tensor.getKey(), DType.F32, shape));
      }
      WeightStore weights = WeightStore.allocate(infos);
      for (TensorInfo info : infos) {
        int at = tensors.path(info.name()).path("data_offsets").path(0).intValue();
        FloatBuffer floats = weights.tensors().get(info.name()).floats();
        while (floats.hasRemaining()) {
          floats.put(Float.intBitsToFloat(data.getShort(at) << 16));
          at += 2;
        }
      }
      return new Unmerged(folder, ModelConfig.of((ObjectNode) config), weights);
    }

    @Override
    public MergeRecipe recipe() {
      throw new AssertionError("nothing here needs a recipe");
    }

    @Override
    public Optional<ModelConfig> config() {
      return Optional.of(model);
    }

    @Override
    public ModelLayout layout() {
      return ModelLayout.of(weights.tensors().keySet(), false);
    }

    @Override
    public Optional<Path> tokenizerFolder() {
      return Optional.of(folder);
    }

    @Override
    public long parameterCount() {
      return weights.tensors().values().stream().mapToLong(t -> t.info().elementCount()).sum();
    }

    @Override
    public void close() {
      weights.close();
    }
  }

  @Test
  void theMathematiciansScoreIsThatOfTheReferenceScorer() throws Exception {
    TextTask test = problems.split("test");
    assertThat(test.items()).hasSize(800);
    try (Unmerged candidate = Unmerged.open("math-en")) {
      EvaluationReport report = test.evaluate(backend, candidate);
      // the reference: 389 and 399 of 800; another CPU's rounding may tip one item
      assertThat(report.accuracy() * 800).isCloseTo(389, within(1.01));
      assertThat(report.answerOnly() * 800).isCloseTo(399, within(1.01));
      assertThat(report.estimate().standardError()).isCloseTo(0.0177, within(0.0001));
    }
  }

  @Test
  void aSearchTellsTheTwoModelsApart() throws Exception {
    try (TextEvaluator search = problems.split("train").limit(160).on(backend);
        Unmerged base = Unmerged.open("base");
        Unmerged mathematician = Unmerged.open("math-en")) {
      Fitness low = search.evaluate(base);
      Fitness high = search.evaluate(mathematician);
      assertThat(low.items()).hasSize(160);
      assertThat(high.score()).isGreaterThan(low.score() + 0.2);
      PairedComparison comparison = PairedComparison.of(high.items(), low.items());
      assertThat(comparison.pValue()).isLessThan(1e-6);
      assertThat(search.evaluate(mathematician)).isEqualTo(high);
    }
  }

  @Test
  void referencesAreMoreProbableToTheModelThatAnswersBetter() throws Exception {
    TextTask some = problems.split("valid").limit(40);
    try (Unmerged base = Unmerged.open("base");
        Unmerged mathematician = Unmerged.open("math-en")) {
      EvaluationReport likelihood = some.scoredByLogLikelihood().evaluate(backend, mathematician);
      EvaluationReport perplexity = some.scoredByPerplexity().evaluate(backend, mathematician);
      assertThat(perplexity.score()).isCloseTo(Math.exp(-likelihood.score()), within(1e-9));
      assertThat(likelihood.details()).containsEntry("tokens", 160.0);
      assertThat(likelihood.score())
          .isGreaterThan(some.scoredByLogLikelihood().evaluate(backend, base).score());
      EvaluationReport both = some.plusLogLikelihood(0.1).evaluate(backend, mathematician);
      assertThat(both.score()).isCloseTo(both.accuracy() + 0.1 * likelihood.score(), within(1e-6));
    }
  }
}
