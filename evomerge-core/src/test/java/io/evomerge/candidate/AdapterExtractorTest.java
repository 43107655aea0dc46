package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.evomerge.candidate.ExtractedAdapter.Form;
import io.evomerge.candidate.ExtractedAdapter.Part;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.MergeException;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.RealMatrix;
import org.apache.commons.math3.linear.SingularValueDecomposition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdapterExtractorTest {

  private static final int HIDDEN = 8;
  private static final Map<String, List<Long>> SHAPES =
      TestCheckpoints.llamaShapes(2, HIDDEN, 2 * HIDDEN, 3 * HIDDEN);
  private static final String UP = "model.layers.1.mlp.up_proj";
  private static final String DOWN = "model.layers.0.mlp.down_proj";

  @TempDir Path temp;
  private Checkpoint base;
  private Checkpoint model;

  @BeforeEach
  void openModels() throws IOException {
    base = Checkpoints.open(write("base", tensors -> {}));
    model = Checkpoints.open(write("model", tensors -> tensors.putAll(values(2))));
  }

  @AfterEach
  void closeModels() {
    base.close();
    model.close();
  }

  private static Map<String, float[]> values(long seed) {
    return TestCheckpoints.random(SHAPES, seed);
  }

  private Path write(String name, Consumer<Map<String, float[]>> change) {
    Map<String, float[]> tensors = new TreeMap<>(values(1));
    change.accept(tensors);
    return TestCheckpoints.write(
        temp.resolve(name), tensors, SHAPES, DType.F32, TestCheckpoints.llamaConfig(2, HIDDEN));
  }

  private Path target() {
    return temp.resolve("adapter");
  }

  private void replaceModel(Consumer<Map<String, float[]>> change) throws IOException {
    model.close();
    model = Checkpoints.open(write("other", change));
  }

  private Checkpoint adapted() throws IOException {
    return Checkpoints.open(base.location(), target(), "adapted");
  }

  private JsonNode config() throws IOException {
    return new JsonMapper().readTree(target().resolve("adapter_config.json").toFile());
  }

  private static RealMatrix matrix(Checkpoint checkpoint, String tensor) {
    float[] values = TestCheckpoints.read(checkpoint, tensor);
    int columns = Math.toIntExact(SHAPES.get(tensor).get(1));
    RealMatrix matrix = new Array2DRowRealMatrix(values.length / columns, columns);
    for (int i = 0; i < values.length; i++) {
      matrix.setEntry(i / columns, i % columns, values[i]);
    }
    return matrix;
  }

  private static void assertSame(Checkpoint got, Checkpoint wanted, String tensor, double error) {
    float[] values = TestCheckpoints.read(wanted, tensor);
    float[] read = TestCheckpoints.read(got, tensor);
    for (int i = 0; i < values.length; i++) {
      assertThat((double) read[i]).as("%s[%d]", tensor, i).isCloseTo(values[i], within(error));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 100})
  void anAdapterOfFullRankGivesTheModelBack(int rank) throws IOException {
    ExtractedAdapter adapter =
        AdapterExtractor.builder(rank).keepRestWhole(true).build().extract(base, model, target());
    assertThat(adapter.folder()).isEqualTo(target());
    assertThat(adapter.kept()).isCloseTo(1, within(1e-9));
    assertThat(adapter.leftOut()).isEmpty();
    assertThat(adapter.tensors()).extracting(Part::name).containsExactlyElementsOf(SHAPES.keySet());
    try (Checkpoint adapted = adapted()) {
      for (Part part : adapter.tensors()) {
        assertSame(adapted, model, part.name(), part.form() == Form.WHOLE ? 0 : 2e-6);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7})
  void lowerRanksAreTheBestApproximation(int rank) throws IOException {
    ExtractedAdapter adapter =
        AdapterExtractor.builder(rank).build().extract(base, model, target());
    try (Checkpoint adapted = adapted()) {
      for (Part part : adapter.tensors()) {
        if (part.form() == Form.LEFT_OUT) {
          assertSame(adapted, base, part.name(), 0);
          continue;
        }
        RealMatrix difference = matrix(model, part.name()).subtract(matrix(base, part.name()));
        double[] values = new SingularValueDecomposition(difference).getSingularValues();
        double all = 0;
        double rest = 0;
        for (int i = 0; i < values.length; i++) {
          all += values[i] * values[i];
          rest += i < rank ? 0 : values[i] * values[i];
        }
        double error =
            matrix(model, part.name()).subtract(matrix(adapted, part.name())).getFrobeniusNorm();
        assertThat(error).as(part.name()).isCloseTo(Math.sqrt(rest), within(1e-5));
        assertThat(part.squaredNorm()).isCloseTo(all, within(1e-6 * all));
        assertThat(part.kept()).isCloseTo(1 - rest / all, within(1e-6));
        assertThat(part.rank()).isEqualTo(rank);
      }
    }
  }

  @Test
  void aDifferenceOfLowRankIsFoundExactly() throws IOException {
    replaceModel(
        tensors -> {
          for (String name : List.of(UP + ".weight", DOWN + ".weight")) {
            int columns = Math.toIntExact(SHAPES.get(name).get(1));
            float[] values = tensors.get(name);
            for (int i = 0; i < values.length; i++) {
              values[i] += 0.25f * (i / columns % 3) * (i % columns);
            }
          }
        });
    ExtractedAdapter adapter = AdapterExtractor.builder(2).build().extract(base, model, target());
    assertThat(adapter.tensors())
        .extracting(Part::name)
        .containsExactly(DOWN + ".weight", UP + ".weight");
    assertThat(adapter.kept()).isCloseTo(1, within(1e-9));
    assertThat(config().path("target_modules"))
        .extracting(JsonNode::asText)
        .containsExactly(DOWN, UP);
    try (Checkpoint adapted = adapted()) {
      SHAPES.keySet().forEach(name -> assertSame(adapted, model, name, 3e-6));
    }
  }

  @Test
  void whatIsNotApproximatedIsNamedAndCounted() throws IOException {
    ExtractedAdapter adapter = AdapterExtractor.builder(8).build().extract(base, model, target());
    assertThat(adapter.leftOut())
        .extracting(Part::name)
        .contains("model.embed_tokens.weight", "lm_head.weight", "model.norm.weight")
        .hasSize(7);
    double all = 0;
    double held = 0;
    for (Part part : adapter.tensors()) {
      all += part.squaredNorm();
      held += part.form() == Form.LOW_RANK ? part.squaredNorm() : 0;
    }
    assertThat(adapter.kept()).isCloseTo(held / all, within(1e-9)).isLessThan(0.9);
  }

  @Test
  void embeddingsAndHeadAreApproximatedWhenChosen() throws IOException {
    ExtractedAdapter adapter =
        AdapterExtractor.builder(8)
            .select(TensorSelector.of(TensorRole.Part.EMBEDDINGS))
            .modules("lm_head")
            .build()
            .extract(base, model, target());
    assertThat(adapter.tensors())
        .filteredOn(part -> part.form() == Form.LOW_RANK)
        .extracting(Part::name)
        .containsExactly("lm_head.weight", "model.embed_tokens.weight");
    try (Checkpoint adapted = adapted()) {
      assertSame(adapted, model, "model.embed_tokens.weight", 2e-6);
      assertSame(adapted, model, "lm_head.weight", 2e-6);
      assertSame(adapted, base, UP + ".weight", 0);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.5, 16, -3})
  void alphaDoesNotChangeTheAdaptedModel(double alpha) throws IOException {
    AdapterExtractor.builder(8).alpha(alpha).build().extract(base, model, target());
    assertThat(config().path("lora_alpha").asDouble()).isEqualTo(alpha);
    try (Checkpoint adapted = adapted()) {
      assertSame(adapted, model, UP + ".weight", 2e-6);
    }
  }

  @Test
  void theConfigurationIsThatOfPeft() throws IOException {
    AdapterExtractor.builder(12).keepRestWhole(true).build().extract(base, model, target());
    JsonNode config = config();
    assertThat(config.path("peft_type").asText()).isEqualTo("LORA");
    assertThat(config.path("task_type").asText()).isEqualTo("CAUSAL_LM");
    assertThat(config.path("r").asInt()).isEqualTo(12);
    assertThat(config.path("lora_alpha").isInt()).isTrue();
    assertThat(config.path("bias").asText()).isEqualTo("none");
    assertThat(config.path("rank_pattern").path("model\\.layers\\.1\\.mlp\\.up_proj").asInt())
        .isEqualTo(8);
    assertThat(config.path("modules_to_save"))
        .extracting(JsonNode::asText)
        .contains("model.norm", "lm_head", "model.layers.0.input_layernorm");
    try (Stream<Path> files = Files.list(target())) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("adapter_config.json", "adapter_model.safetensors");
    }
  }

  @Test
  void factorsCanBeWrittenInSixteenBits() throws IOException {
    AdapterExtractor.builder(8).dtype(DType.BF16).build().extract(base, model, target());
    try (Checkpoint file =
            Checkpoints.open(target().resolve("adapter_model.safetensors"), "weights");
        Checkpoint adapted = adapted()) {
      assertThat(file.tensors().values()).allMatch(info -> info.dtype() == DType.BF16);
      assertSame(adapted, model, UP + ".weight", 0.02);
    }
  }

  @Test
  void anyParallelismGivesTheSameBytes() throws IOException {
    AdapterExtractor.builder(3).seed(5).build().extract(base, model, target());
    Map<String, String> first = TinyModels.files(target());
    AdapterExtractor.builder(3)
        .seed(5)
        .parallelism(3)
        .overwrite(true)
        .build()
        .extract(base, model, target());
    assertThat(TinyModels.files(target())).isEqualTo(first);
  }

  @Test
  void aTargetThatIsThereIsKeptUnlessItMayBeReplaced() throws IOException {
    AdapterExtractor extractor = AdapterExtractor.builder(2).build();
    extractor.extract(base, model, target());
    assertThatThrownBy(() -> extractor.extract(base, model, target()))
        .isInstanceOf(FileAlreadyExistsException.class);
  }

  @Test
  void aDamagedModelIsNamedAndNothingIsLeftBehind() throws IOException {
    replaceModel(tensors -> tensors.get(UP + ".weight")[5] = Float.NaN);
    assertThatThrownBy(() -> AdapterExtractor.builder(2).build().extract(base, model, target()))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining(UP);
    assertThat(target()).doesNotExist();
  }

  @Test
  void modelsThatDoNotDifferAreRefused() {
    assertThatThrownBy(() -> AdapterExtractor.builder(2).build().extract(base, base, target()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("do not differ");
  }

  @Test
  void modulesThatAreNotThereAreRefused() {
    AdapterExtractor extractor = AdapterExtractor.builder(2).modules("q_prj").build();
    assertThatThrownBy(() -> extractor.extract(base, model, target()))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("did you mean 'q_proj'");
  }

  @Test
  void allSettingsOutOfRangeAreListed() {
    assertThatThrownBy(
            () ->
                AdapterExtractor.builder(0)
                    .alpha(Double.NaN)
                    .dtype(DType.I8)
                    .parallelism(0)
                    .build())
        .isInstanceOfSatisfying(
            ConfigurationException.class, e -> assertThat(e.problems()).hasSize(4));
  }
}
