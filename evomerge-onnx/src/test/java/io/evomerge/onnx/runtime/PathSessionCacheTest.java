package io.evomerge.onnx.runtime;

import static io.evomerge.onnx.runtime.TestConfigs.MISTRAL;
import static io.evomerge.onnx.runtime.TestConfigs.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.evomerge.candidate.WeightStore;
import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.architecture.DecoderForm.AttentionPrecision;
import io.evomerge.onnx.runtime.TestPaths.PathCandidate;
import io.evomerge.recipe.DataFlow;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sessions that several candidates, stores and threads share. */
class PathSessionCacheTest {

  private static final long SEED = 21;
  private static final List<int[]> PROMPTS =
      List.of(new int[] {1, 2, 3}, new int[] {4}, new int[] {5, 6, 7, 8, 9, 10, 11});
  private static final GenerationOptions OPTIONS = GenerationOptions.of(6, Set.of(3));

  private final TestPaths paths = new TestPaths(with(MISTRAL), 2, SEED);
  private final SessionFactory factory =
      new SessionFactory(Device.CPU, AttentionPrecision.FLOAT32, 1);

  private List<DataFlow> draw(int count) {
    Random random = new Random(SEED);
    List<DataFlow> flows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      HopScaling scaling = HopScaling.values()[i % 2];
      flows.add(paths.draw(1 + random.nextInt(7), scaling, random));
    }
    return flows;
  }

  /** All that a model can be asked, as text. */
  private static String answers(LanguageModel model) {
    return Arrays.deepToString(model.lastLogits(PROMPTS))
        + Arrays.toString(model.logLikelihoods(PROMPTS, PROMPTS))
        + Arrays.deepToString(model.generate(PROMPTS, OPTIONS).toArray());
  }

  private List<String> answers(List<DataFlow> flows, Function<PathCandidate, LanguageModel> run) {
    List<String> answers = new ArrayList<>();
    for (DataFlow flow : flows) {
      try (PathCandidate candidate = paths.candidate(flow)) {
        answers.add(answers(run.apply(candidate)));
      }
    }
    return answers;
  }

  @Test
  void candidatesOfOneStoreFollowEachOther() {
    List<DataFlow> flows = draw(12);
    try (OnnxBackend backend = OnnxBackend.cpu();
        WeightStore store = WeightStore.allocate(List.of())) {
      List<String> expected = answers(flows, backend::languageModel);
      assertThat(expected).doesNotHaveDuplicates();
      for (int i = 0; i < flows.size(); i++) {
        LanguageModel model = backend.languageModel(paths.candidate(flows.get(i), store));
        assertThat(answers(model)).as("seed " + SEED + ", path " + i).isEqualTo(expected.get(i));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 64})
  void threadsWithPathsOfTheirOwnGetTheAnswersOfOneThread(int limit) throws Exception {
    List<DataFlow> flows = draw(16);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try (OnnxBackend backend = OnnxBackend.cpu();
        PathSessionCache cache = new PathSessionCache(factory, limit)) {
      List<String> expected = answers(flows, backend::languageModel);
      List<Future<List<String>>> results = new ArrayList<>();
      for (int worker = 0; worker < 4; worker++) {
        results.add(threads.submit(() -> answers(flows, candidate -> model(cache, candidate))));
      }
      for (Future<List<String>> result : results) {
        assertThat(result.get()).as("seed " + SEED).isEqualTo(expected);
      }
      assertThat(cache.size()).isLessThanOrEqualTo(limit);
    } finally {
      threads.shutdownNow();
    }
  }

  private LanguageModel model(PathSessionCache cache, PathCandidate candidate) {
    PathSessions sessions = new PathSessions(factory, cache, candidate, candidate.json());
    candidate.weights().onClose(() -> sessions.close(CandidateSessions.CLOSED));
    return new OnnxLanguageModel(sessions, candidate, SessionMode.LIVE);
  }

  @Test
  void theSessionUsedLeastRecentlyGoesAndComesBack() {
    Random random = new Random(SEED);
    List<DataFlow> flows = new ArrayList<>();
    for (int length = 1; length <= 3; length++) {
      flows.add(paths.draw(length, HopScaling.BRANCH, random));
    }
    try (PathSessionCache cache = new PathSessionCache(factory, 2)) {
      List<float[][]> first = new ArrayList<>();
      int[] sizes = {1, 2, 2};
      for (int i = 0; i < 3; i++) {
        try (PathCandidate candidate = paths.candidate(flows.get(i))) {
          first.add(model(cache, candidate).lastLogits(PROMPTS));
          assertThat(cache.size()).isEqualTo(sizes[i]);
        }
      }
      for (int i : new int[] {0, 2, 1, 0}) {
        try (PathCandidate candidate = paths.candidate(flows.get(i))) {
          assertThat(model(cache, candidate).lastLogits(PROMPTS)).isDeepEqualTo(first.get(i));
          assertThat(cache.size()).isEqualTo(2);
        }
      }
    }
  }

  @Test
  void aCandidateIsOverWhenItsStoreServesTheNext() {
    List<DataFlow> flows = draw(2);
    for (SessionMode mode : SessionMode.values()) {
      try (OnnxBackend backend = OnnxBackend.builder().cpu().sessionMode(mode).build();
          WeightStore store = WeightStore.allocate(List.of())) {
        PathCandidate first = paths.candidate(flows.get(0), store);
        LanguageModel model = backend.languageModel(first);
        String before = answers(model);
        assertThat(answers(backend.languageModel(first))).isEqualTo(before);
        backend.languageModel(paths.candidate(flows.get(1), store));
        assertThatIllegalStateException()
            .isThrownBy(() -> model.lastLogits(PROMPTS))
            .withMessageContaining("the candidate is over");
      }
    }
  }

  @Test
  void modelsEndWithTheirStoreAndTheirBackend() {
    List<DataFlow> flows = draw(2);
    for (SessionMode mode : SessionMode.values()) {
      OnnxBackend backend = OnnxBackend.builder().cpu().sessionMode(mode).build();
      PathCandidate first = paths.candidate(flows.get(0));
      PathCandidate second = paths.candidate(flows.get(1));
      LanguageModel ofFirst = backend.languageModel(first);
      LanguageModel ofSecond = backend.languageModel(second);
      ofFirst.lastLogits(PROMPTS);
      ofSecond.lastLogits(PROMPTS);
      first.close();
      assertThatIllegalStateException()
          .isThrownBy(() -> ofFirst.lastLogits(PROMPTS))
          .withMessageContaining("its backend or its weight store was closed");
      assertThatIllegalStateException()
          .isThrownBy(() -> backend.languageModel(first))
          .withMessageContaining("the weight store is closed");
      ofSecond.lastLogits(PROMPTS);
      backend.close();
      backend.close();
      assertThatIllegalStateException()
          .isThrownBy(() -> ofSecond.logLikelihoods(PROMPTS, PROMPTS))
          .withMessageContaining("its backend or its weight store was closed");
      assertThatIllegalStateException()
          .isThrownBy(() -> backend.languageModel(second))
          .withMessage("the backend is closed");
      second.close();
    }
  }

  @Test
  void closingUnderRunsEndsThemOrderly() throws Exception {
    DataFlow flow = draw(1).get(0);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      for (int round = 0; round < 10; round++) {
        OnnxBackend backend = OnnxBackend.cpu();
        PathCandidate candidate = paths.candidate(flow);
        LanguageModel model = backend.languageModel(candidate);
        String expected = answers(model);
        List<Future<Boolean>> results = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          results.add(
              threads.submit(
                  () -> {
                    while (true) {
                      try {
                        if (!answers(model).equals(expected)) {
                          return false;
                        }
                      } catch (IllegalStateException e) {
                        return true;
                      }
                    }
                  }));
        }
        if (round % 2 == 0) {
          candidate.close();
        }
        backend.close();
        for (Future<Boolean> result : results) {
          assertThat(result.get()).isTrue();
        }
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void aStoreServesPathsAndOrdinaryModelsInTurn() {
    DataFlow flow = draw(1).get(0);
    try (OnnxBackend backend = OnnxBackend.cpu();
        TestCandidate ordinary = TestCandidate.random(with(MISTRAL), SEED);
        PathCandidate alone = paths.candidate(flow)) {
      String ofOrdinary = answers(backend.languageModel(ordinary));
      String ofPath = answers(backend.languageModel(alone));
      PathCandidate path = paths.candidate(flow, ordinary.weights());
      for (int i = 0; i < 2; i++) {
        assertThat(answers(backend.languageModel(path))).isEqualTo(ofPath);
        assertThat(answers(backend.languageModel(ordinary))).isEqualTo(ofOrdinary);
      }
    }
  }
}
