package io.evomerge.onnx.runtime;

import static io.evomerge.onnx.runtime.TestConfigs.LLAMA;
import static io.evomerge.onnx.runtime.TestConfigs.MISTRAL;
import static io.evomerge.onnx.runtime.TestConfigs.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.candidate.WeightStore;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.onnx.architecture.DecoderForm.AttentionPrecision;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class OnnxBackendTest {

  private static final List<int[]> PROMPTS =
      List.of(new int[] {1, 2, 3}, new int[] {4}, new int[] {5, 6, 7, 8, 9, 10, 11});

  private static OnnxBackend backend(SessionMode mode) {
    return OnnxBackend.builder().cpu().sessionMode(mode).build();
  }

  @Test
  void saysWhatRuns() {
    try (OnnxBackend backend = OnnxBackend.cpu()) {
      assertThat(backend.description()).matches("ONNX Runtime \\d+\\.\\d+\\.\\d+, CPU");
    }
  }

  @Test
  void fallsBackToTheCpuWhereNoSuchDeviceWorks() {
    try (OnnxBackend backend = OnnxBackend.cuda(99);
        TestCandidate candidate = TestCandidate.random(with(LLAMA), 1)) {
      assertThat(backend.description()).endsWith("CPU");
      assertThat(backend.languageModel(candidate).lastLogits(PROMPTS)).hasDimensions(3, 37);
    }
  }

  @Test
  void listsAllWrongSettings() {
    assertThatThrownBy(() -> OnnxBackend.builder().cuda(-1).threadsPerSession(0).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("CUDA device is -1")
        .hasMessageContaining("threadsPerSession is 0");
  }

  @ParameterizedTest
  @EnumSource(SessionMode.class)
  void weightsOverwrittenForTheNextCandidateTakeEffect(SessionMode mode) {
    try (OnnxBackend backend = backend(mode);
        TestCandidate first = TestCandidate.random(with(LLAMA), 1);
        TestCandidate other = TestCandidate.random(with(LLAMA), 2)) {
      LanguageModel model = backend.languageModel(first);
      float[][] before = model.lastLogits(PROMPTS);
      List<int[]> written = model.generate(PROMPTS, GenerationOptions.of(8, Set.of()));
      first.fill(2);
      LanguageModel next = backend.languageModel(first.next());
      LanguageModel expected = backend.languageModel(other);
      assertThat(next.lastLogits(PROMPTS)).isDeepEqualTo(expected.lastLogits(PROMPTS));
      assertThat(next.lastLogits(PROMPTS)[0]).isNotEqualTo(before[0]);
      assertTokens(
          next.generate(PROMPTS, GenerationOptions.of(8, Set.of())),
          expected.generate(PROMPTS, GenerationOptions.of(8, Set.of())));
      assertThat(next.generate(PROMPTS, GenerationOptions.of(8, Set.of())).get(2))
          .isNotEqualTo(written.get(2));
    }
  }

  @Test
  void allModesGiveTheSameAnswers() {
    List<float[][]> logits = new ArrayList<>();
    List<List<int[]>> answers = new ArrayList<>();
    for (SessionMode mode : SessionMode.values()) {
      try (OnnxBackend backend = backend(mode);
          TestCandidate candidate = TestCandidate.random(with(MISTRAL), 3)) {
        LanguageModel model = backend.languageModel(candidate);
        logits.add(model.lastLogits(PROMPTS));
        // Long enough for AUTO to pack.
        answers.add(model.generate(PROMPTS, GenerationOptions.of(80, Set.of())));
      }
    }
    for (int i = 1; i < logits.size(); i++) {
      for (int row = 0; row < PROMPTS.size(); row++) {
        assertThat(logits.get(i)[row]).containsExactly(logits.get(0)[row], within(1e-5f));
      }
      assertTokens(answers.get(i), answers.get(0));
    }
  }

  @Test
  void hundredsOfCandidatesRunInOneStoreAndEachIsSeen() {
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate = TestCandidate.random(with(LLAMA), 0)) {
      List<Float> seen = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        candidate.floats("model.norm.weight").put(0, i * 0.01f);
        LanguageModel model = backend.languageModel(candidate.next());
        seen.add(model.lastLogits(PROMPTS)[0][0]);
        model.generate(PROMPTS, GenerationOptions.of(3, Set.of()));
      }
      assertThat(seen).doesNotHaveDuplicates();
    }
  }

  @Test
  void copiesOfWeightsAreFreedWithTheirCandidate() {
    String wide = "{\"vocab_size\": 40000, \"tie_word_embeddings\": true}";
    try (OnnxBackend backend = backend(SessionMode.PACKED);
        TestCandidate candidate = TestCandidate.random(with(LLAMA, wide), 1)) {
      long before = 0;
      for (int i = 0; i < 120; i++) {
        if (i == 20) {
          before = residentKilobytes();
        }
        backend
            .languageModel(candidate.next())
            .generate(List.of(new int[] {1}), GenerationOptions.of(1, Set.of()));
      }
      // Each copy has 7.7 MB; 100 of them would be 770 MB.
      assertThat(residentKilobytes() - before).isLessThan(250_000);
    }
  }

  @Test
  void storesComeAndGo() {
    try (OnnxBackend backend = OnnxBackend.cpu()) {
      for (int i = 0; i < 50; i++) {
        try (TestCandidate candidate = TestCandidate.random(with(LLAMA), i)) {
          assertThat(backend.languageModel(candidate).lastLogits(PROMPTS)).hasDimensions(3, 37);
        }
      }
    }
  }

  @Test
  void attentionInHalfPrecisionIsClose() {
    try (TestCandidate candidate = TestCandidate.random(with(MISTRAL), 3);
        OnnxBackend backend = OnnxBackend.cpu()) {
      StoreSessions halfSessions =
          new StoreSessions(
              new SessionFactory(Device.CPU, AttentionPrecision.FLOAT16, 1),
              candidate,
              with(MISTRAL));
      LanguageModel model = backend.languageModel(candidate);
      LanguageModel half = new OnnxLanguageModel(halfSessions, candidate, SessionMode.LIVE);
      float[][] expected = model.lastLogits(PROMPTS);
      float[][] logits = half.lastLogits(PROMPTS);
      for (int i = 0; i < logits.length; i++) {
        assertThat(logits[i]).containsExactly(expected[i], within(2e-2f));
      }
      assertTokens(
          half.generate(PROMPTS, GenerationOptions.of(5, Set.of())),
          model.generate(PROMPTS, GenerationOptions.of(5, Set.of())));
      halfSessions.close(CandidateSessions.CLOSED);
    }
  }

  @Test
  void workersRunAtTheSameTimeWithWeightsOfTheirOwn() throws Exception {
    ExecutorService workers = Executors.newFixedThreadPool(2);
    try (OnnxBackend backend = OnnxBackend.cpu()) {
      List<Future<Boolean>> results = new ArrayList<>();
      for (int worker = 0; worker < 2; worker++) {
        long seed = worker;
        results.add(
            workers.submit(
                () -> {
                  try (TestCandidate candidate = TestCandidate.random(with(LLAMA), seed)) {
                    double[] expected =
                        new ReferenceDecoder(with(LLAMA).json(), candidate.copy())
                            .lastLogits(PROMPTS.get(2));
                    boolean same = true;
                    for (int i = 0; i < 50; i++) {
                      float[][] logits =
                          backend.languageModel(candidate.next()).lastLogits(PROMPTS);
                      same &= Math.abs(logits[2][0] - expected[0]) < 1e-4;
                    }
                    return same;
                  }
                }));
      }
      for (Future<Boolean> result : results) {
        assertThat(result.get()).isTrue();
      }
    } finally {
      workers.shutdownNow();
    }
  }

  @Test
  void oneModelServesSeveralThreads() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate = TestCandidate.random(with(LLAMA), 5)) {
      LanguageModel model = backend.languageModel(candidate);
      List<int[]> expected = model.generate(PROMPTS, GenerationOptions.of(9, Set.of()));
      List<Future<List<int[]>>> results = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        results.add(
            threads.submit(() -> model.generate(PROMPTS, GenerationOptions.of(9, Set.of()))));
      }
      for (Future<List<int[]>> result : results) {
        assertTokens(result.get(), expected);
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 64})
  void batchSizeChangesNothingButTime(int batchSize) {
    Random random = new Random(9);
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      prompts.add(random.ints(1 + random.nextInt(20), 0, 37).toArray());
    }
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate = TestCandidate.random(with(MISTRAL), 7)) {
      LanguageModel model = backend.languageModel(candidate);
      Set<Integer> stops = Set.of(2, 9, 30);
      List<int[]> expected = new ArrayList<>();
      for (int[] prompt : prompts) {
        expected.addAll(model.generate(List.of(prompt), GenerationOptions.of(10, stops)));
      }
      assertTokens(model.generate(prompts, new GenerationOptions(10, stops, batchSize)), expected);
    }
  }

  @Test
  void nothingIsAnsweredToNothing() {
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate = TestCandidate.random(with(LLAMA), 5)) {
      LanguageModel model = backend.languageModel(candidate);
      assertThat(model.generate(List.of(), GenerationOptions.of(9, Set.of()))).isEmpty();
      assertThat(model.lastLogits(List.of())).isEmpty();
      assertThat(model.logLikelihoods(List.of(), List.of())).isEmpty();
    }
  }

  @Test
  void anAnswerThatStopsAtOnceIsEmpty() {
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate = TestCandidate.random(with(LLAMA), 5)) {
      LanguageModel model = backend.languageModel(candidate);
      int first = model.generate(PROMPTS, GenerationOptions.of(1, Set.of())).get(0)[0];
      List<int[]> answers = model.generate(PROMPTS, GenerationOptions.of(5, Set.of(first)));
      assertThat(answers.get(0)).isEmpty();
    }
  }

  @Test
  void badPromptsAreRefusedBeforeTheModelRuns() {
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate = TestCandidate.random(with(LLAMA), 5)) {
      LanguageModel model = backend.languageModel(candidate);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.lastLogits(List.of(new int[] {1}, new int[0])))
          .withMessage("prompt 1 is empty, wanted a token at least");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.lastLogits(List.of(new int[] {37})))
          .withMessage("prompt 0 has token 37; the vocabulary is 0 to 36");
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> model.generate(List.of(new int[250]), GenerationOptions.of(8, Set.of())))
          .withMessage("prompt 0 has 250 tokens and may grow by 7; the model takes 256");
      assertThat(model.generate(List.of(new int[249]), GenerationOptions.of(8, Set.of())).get(0))
          .hasSize(8);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> model.logLikelihoods(PROMPTS, List.of(new int[] {1})))
          .withMessage("3 contexts and 1 continuations");
    }
  }

  @Test
  void aCandidateThatWasOverwrittenIsNotRunAgain() {
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate = TestCandidate.random(with(LLAMA), 5)) {
      LanguageModel model = backend.languageModel(candidate);
      backend.languageModel(candidate.next());
      assertThatIllegalStateException()
          .isThrownBy(() -> model.lastLogits(PROMPTS))
          .withMessageContaining("the candidate is over");
    }
  }

  @Test
  void modelsEndWithTheirStoreAndTheirBackend() {
    OnnxBackend backend = OnnxBackend.cpu();
    TestCandidate first = TestCandidate.random(with(LLAMA), 5);
    TestCandidate second = TestCandidate.random(with(LLAMA), 5);
    LanguageModel ofFirst = backend.languageModel(first);
    LanguageModel ofSecond = backend.languageModel(second);
    ofFirst.lastLogits(PROMPTS);
    ofSecond.lastLogits(PROMPTS);
    first.close();
    first.close();
    assertThatIllegalStateException().isThrownBy(() -> ofFirst.lastLogits(PROMPTS));
    ofSecond.lastLogits(PROMPTS);
    backend.close();
    backend.close();
    assertThatIllegalStateException().isThrownBy(() -> ofSecond.lastLogits(PROMPTS));
    assertThatIllegalStateException()
        .isThrownBy(() -> backend.languageModel(second))
        .withMessage("the backend is closed");
    second.close();
  }

  @Test
  void aCandidateWithoutConfigurationIsRefused() {
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate =
            new TestCandidate(Optional.empty(), WeightStore.allocate(List.of()))) {
      assertThatThrownBy(() -> backend.languageModel(candidate))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining("no config.json");
    }
  }

  @Test
  void weightsThatDoNotFitAreRefusedByName() {
    List<TensorInfo> infos = new ArrayList<>();
    try (TestCandidate whole = TestCandidate.random(with(LLAMA), 5)) {
      whole.weights().tensors().values().forEach(tensor -> infos.add(tensor.info()));
    }
    infos.removeIf(info -> info.name().equals("lm_head.weight"));
    infos.replaceAll(
        info ->
            info.name().equals("model.norm.weight")
                ? new TensorInfo(info.name(), DType.F32, List.of(7L))
                : info);
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate candidate =
            new TestCandidate(Optional.of(with(LLAMA)), WeightStore.allocate(infos))) {
      assertThatThrownBy(() -> backend.languageModel(candidate))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining("'model.norm.weight' has shape [7], wanted [48]")
          .hasMessageContaining("'lm_head.weight' is missing");
    }
  }

  @Test
  void severalThreadsPerRunGiveTheSameAnswers() {
    try (OnnxBackend one = OnnxBackend.cpu();
        OnnxBackend two = OnnxBackend.builder().cpu().threadsPerSession(2).build();
        TestCandidate candidate = TestCandidate.random(with(LLAMA), 5);
        TestCandidate twin = TestCandidate.random(with(LLAMA), 5)) {
      float[][] logits = two.languageModel(candidate).lastLogits(PROMPTS);
      float[][] expected = one.languageModel(twin).lastLogits(PROMPTS);
      for (int i = 0; i < logits.length; i++) {
        assertThat(logits[i]).containsExactly(expected[i], within(1e-5f));
      }
    }
  }

  /** Returns the memory of this process, or 0 where the system does not say. */
  private static long residentKilobytes() {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return 0;
    }
    try (Stream<String> lines = Files.lines(status)) {
      return lines
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElse(0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void assertTokens(List<int[]> actual, List<int[]> expected) {
    assertThat(actual)
        .usingRecursiveFieldByFieldElementComparator()
        .containsExactlyElementsOf(expected);
  }
}
