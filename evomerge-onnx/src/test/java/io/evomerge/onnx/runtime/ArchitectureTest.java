package io.evomerge.onnx.runtime;

import static io.evomerge.onnx.runtime.TestConfigs.LLAMA;
import static io.evomerge.onnx.runtime.TestConfigs.MISTRAL;
import static io.evomerge.onnx.runtime.TestConfigs.QWEN2;
import static io.evomerge.onnx.runtime.TestConfigs.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.checkpoint.ModelConfig;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.FieldSource;

/** Random tiny models against plain loops, over what configurations can say. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ArchitectureTest {

  static final List<Arguments> CONFIGS =
      List.of(
          model("Llama", with(LLAMA)),
          model("Llama with a head_dim of its own", with(LLAMA, "{\"head_dim\": 32}")),
          model(
              "Llama with every bias",
              with(LLAMA, "{\"attention_bias\": true, \"mlp_bias\": true}")),
          model("Llama with a tied head", with(LLAMA, "{\"tie_word_embeddings\": true}")),
          model(
              "Llama with as many key-value heads as heads",
              with(LLAMA, "{\"num_key_value_heads\": null}")),
          model(
              "Llama with linear scaling",
              with(LLAMA, "{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.5}}")),
          model(
              "Llama with llama3 scaling",
              with(
                  LLAMA,
                  """
                  {"rope_theta": 500.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
                   "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                   "original_max_position_embeddings": 64}}""")),
          model(
              "Llama with rope_parameters",
              with(
                  LLAMA,
                  """
                  {"rope_parameters": {"rope_type": "linear", "factor": 4.0,
                   "rope_theta": 200.0}}""")),
          model("Mistral with a sliding window", with(MISTRAL)),
          model("Mistral without a window", with(MISTRAL, "{\"sliding_window\": null}")),
          model("Qwen2", with(QWEN2)),
          model(
              "Qwen2 with windows in later layers", with(QWEN2, "{\"use_sliding_window\": true}")));

  private OnnxBackend backend;

  private static Arguments model(String name, ModelConfig config) {
    return Arguments.argumentSet(name, config);
  }

  @BeforeAll
  void openBackend() {
    backend = OnnxBackend.builder().cpu().sessionMode(SessionMode.LIVE).build();
  }

  @AfterAll
  void closeBackend() {
    backend.close();
  }

  private static List<int[]> prompts(long seed) {
    Random random = new Random(seed);
    return Stream.of(9, 1, 14, 2, 9, 30, 5)
        .map(length -> random.ints(length, 0, 37).toArray())
        .toList();
  }

  @ParameterizedTest
  @FieldSource("CONFIGS")
  void logitsOfARaggedBatchAgreeWithPlainLoops(ModelConfig config) {
    try (TestCandidate candidate = TestCandidate.random(config, 1)) {
      ReferenceDecoder reference = new ReferenceDecoder(config.json(), candidate.copy());
      List<int[]> prompts = prompts(2);
      float[][] logits = backend.languageModel(candidate).lastLogits(prompts);
      for (int i = 0; i < logits.length; i++) {
        assertThat(doubles(logits[i]))
            .containsExactly(reference.lastLogits(prompts.get(i)), within(1e-4));
      }
    }
  }

  @ParameterizedTest
  @FieldSource("CONFIGS")
  void logLikelihoodsAgreeWithPlainLoops(ModelConfig config) {
    try (TestCandidate candidate = TestCandidate.random(config, 3)) {
      ReferenceDecoder reference = new ReferenceDecoder(config.json(), candidate.copy());
      List<int[]> contexts = prompts(4);
      List<int[]> continuations = new ArrayList<>(prompts(5));
      Collections.reverse(continuations);
      double[] logs = backend.languageModel(candidate).logLikelihoods(contexts, continuations);
      for (int i = 0; i < logs.length; i++) {
        double expected = reference.logLikelihood(contexts.get(i), continuations.get(i));
        assertThat(logs[i]).isCloseTo(expected, within(1e-3));
      }
    }
  }

  @ParameterizedTest
  @FieldSource("CONFIGS")
  void writingInOneRunGivesTheTokensOfAStepByStepLoop(ModelConfig config) {
    try (TestCandidate candidate = TestCandidate.random(config, 6)) {
      LanguageModel model = backend.languageModel(candidate);
      ReferenceDecoder reference = new ReferenceDecoder(config.json(), candidate.copy());
      List<int[]> prompts = prompts(7);
      Set<Integer> stops = Set.of(3, 17, 29);
      List<int[]> answers = model.generate(prompts, GenerationOptions.of(12, stops));
      for (int i = 0; i < prompts.size(); i++) {
        int[] text = prompts.get(i);
        List<Integer> written = new ArrayList<>();
        while (written.size() < 12) {
          int next = argMax(model.lastLogits(List.of(text))[0]);
          assertThat(next).isEqualTo(argMax(reference.lastLogits(text)));
          if (stops.contains(next)) {
            break;
          }
          written.add(next);
          text = Arrays.copyOf(text, text.length + 1);
          text[text.length - 1] = next;
        }
        assertThat(answers.get(i))
            .containsExactly(written.stream().mapToInt(Integer::intValue).toArray());
      }
    }
  }

  @ParameterizedTest
  @FieldSource("CONFIGS")
  void everyWeightMovesEveryOutput(ModelConfig config) {
    try (TestCandidate candidate = TestCandidate.random(config, 8)) {
      LanguageModel model = backend.languageModel(candidate);
      List<int[]> prompt = List.of(new int[] {5, 11, 7, 30, 2, 19, 23});
      List<int[]> continuation = List.of(new int[] {5, 4, 3});
      float[][] logits = model.lastLogits(prompt);
      double[] logs = model.logLikelihoods(prompt, continuation);
      for (String tensor : candidate.weights().tensors().keySet()) {
        FloatBuffer weights = candidate.floats(tensor);
        float[] before = new float[weights.capacity()];
        weights.duplicate().get(before);
        for (int i = 0; i < before.length; i++) {
          // Alternating, since a constant added to all keys cancels out in the softmax.
          weights.put(i, before[i] + (i % 2 == 0 ? 0.3f : -0.2f) * (1 + i % 5));
        }
        assertThat(model.lastLogits(prompt)[0]).as(tensor).isNotEqualTo(logits[0]);
        assertThat(model.logLikelihoods(prompt, continuation)).as(tensor).isNotEqualTo(logs);
        weights.put(0, before);
      }
      assertThat(model.lastLogits(prompt)[0]).isEqualTo(logits[0]);
    }
  }

  private static int argMax(float[] logits) {
    return argMax(doubles(logits));
  }

  private static int argMax(double[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }

  private static double[] doubles(float[] floats) {
    double[] doubles = new double[floats.length];
    for (int i = 0; i < floats.length; i++) {
      doubles[i] = floats[i];
    }
    return doubles;
  }
}
