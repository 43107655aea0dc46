package io.evomerge.onnx.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Values that another implementation (torch, float32) gives for two trained models. */
class GoldenLogitsTest {

  private static final int EOS = 2;

  private final OnnxBackend backend = OnnxBackend.cpu();

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"base", "math-en"})
  void logitsOfARaggedBatchAgree(String name) throws IOException {
    Golden golden = Golden.read(name);
    try (TestCandidate candidate = TestCandidate.zoo(name)) {
      float[][] logits = backend.languageModel(candidate).lastLogits(golden.prompts());
      for (int i = 0; i < logits.length; i++) {
        assertThat(logits[i]).containsExactly(golden.lastLogits().get(i), within(1e-4f));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"base", "math-en"})
  void logitsOfSinglePromptsAgree(String name) throws IOException {
    Golden golden = Golden.read(name);
    try (TestCandidate candidate = TestCandidate.zoo(name)) {
      LanguageModel model = backend.languageModel(candidate);
      for (int i = 0; i < golden.prompts().size(); i++) {
        float[][] logits = model.lastLogits(List.of(golden.prompts().get(i)));
        assertThat(logits[0]).containsExactly(golden.lastLogits().get(i), within(1e-4f));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"base", "math-en"})
  void normalisationAgreesAtEveryPosition(String name) throws IOException {
    Golden golden = Golden.read(name);
    try (TestCandidate candidate = TestCandidate.zoo(name)) {
      LanguageModel model = backend.languageModel(candidate);
      for (int i = 0; i < golden.prompts().size(); i++) {
        int[] prompt = golden.prompts().get(i);
        List<int[]> prefixes = new ArrayList<>();
        for (int length = 1; length <= prompt.length; length++) {
          prefixes.add(Arrays.copyOf(prompt, length));
        }
        float[][] logits = model.lastLogits(prefixes);
        for (int position = 0; position < prompt.length; position++) {
          assertThat(logSumExp(logits[position]))
              .isCloseTo(golden.logSumExp().get(i)[position], within(1e-4));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"base", "math-en"})
  void greedyAnswersAgreeInOneBatchAndOneByOne(String name) throws IOException {
    Golden golden = Golden.read(name);
    GenerationOptions options = GenerationOptions.of(16, Set.of(EOS));
    try (TestCandidate candidate = TestCandidate.zoo(name)) {
      LanguageModel model = backend.languageModel(candidate);
      assertThat(model.generate(golden.prompts(), options))
          .usingRecursiveFieldByFieldElementComparator()
          .containsExactlyElementsOf(golden.answers());
      for (int i = 0; i < golden.prompts().size(); i++) {
        assertThat(model.generate(List.of(golden.prompts().get(i)), options).get(0))
            .containsExactly(golden.answers().get(i));
      }
    }
  }

  private static double logSumExp(float[] logits) {
    double greatest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      greatest = Math.max(greatest, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - greatest);
    }
    return greatest + Math.log(sum);
  }

  /** The values of one model, prompt by prompt. */
  private record Golden(
      List<int[]> prompts,
      List<float[]> lastLogits,
      List<double[]> logSumExp,
      List<int[]> answers) {

    static Golden read(String name) throws IOException {
      Golden golden =
          new Golden(new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
      JsonNode file;
      try (InputStream in =
          GoldenLogitsTest.class.getResourceAsStream("/zoo/golden/" + name + ".json")) {
        file = new ObjectMapper().readTree(in);
      }
      for (JsonNode item : file.path("cases")) {
        golden.prompts.add(ints(item.path("input_ids")));
        golden.answers.add(ints(item.path("greedy_ids")));
        double[] logits = doubles(item.path("last_logits"));
        float[] floats = new float[logits.length];
        for (int i = 0; i < logits.length; i++) {
          floats[i] = (float) logits[i];
        }
        golden.lastLogits.add(floats);
        golden.logSumExp.add(doubles(item.path("logsumexp_per_position")));
      }
      assertThat(golden.prompts).hasSizeGreaterThan(1);
      return golden;
    }

    private static int[] ints(JsonNode array) {
      int[] values = new int[array.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = array.get(i).intValue();
      }
      return values;
    }

    private static double[] doubles(JsonNode array) {
      double[] values = new double[array.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = array.get(i).doubleValue();
      }
      return values;
    }
  }
}
