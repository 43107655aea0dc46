package io.evomerge.onnx.runtime;

import static io.evomerge.onnx.runtime.TestConfigs.LLAMA;
import static io.evomerge.onnx.runtime.TestConfigs.MISTRAL;
import static io.evomerge.onnx.runtime.TestConfigs.QWEN2;
import static io.evomerge.onnx.runtime.TestConfigs.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.architecture.DecoderForm.AttentionPrecision;
import io.evomerge.onnx.runtime.TestPaths.PathCandidate;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Random paths through the layers of random models, against plain loops. */
class DataFlowPathTest {

  private static final int VOCABULARY = 37;
  private static final int LAYERS = 3;

  private static final List<ModelConfig> CONFIGS =
      List.of(
          with(LLAMA, "{\"attention_bias\": true, \"mlp_bias\": true}"),
          with(MISTRAL),
          with(QWEN2, "{\"use_sliding_window\": true}"));

  /** Configuration, number of models, scaling, seed. */
  static Stream<Arguments> draws() {
    List<Arguments> draws = new ArrayList<>();
    long seed = 300;
    for (ModelConfig config : CONFIGS) {
      for (int models = 1; models <= 3; models++) {
        for (HopScaling scaling : HopScaling.values()) {
          draws.add(Arguments.of(config, models, scaling, seed++));
        }
      }
    }
    return draws.stream();
  }

  private static OnnxBackend backend(SessionMode mode) {
    return OnnxBackend.builder().cpu().sessionMode(mode).build();
  }

  private static List<int[]> prompts(Random random, int... lengths) {
    return Arrays.stream(lengths)
        .mapToObj(length -> random.ints(length, 0, VOCABULARY).toArray())
        .toList();
  }

  @ParameterizedTest
  @MethodSource("draws")
  void scoresAgreeWithPlainLoops(ModelConfig config, int models, HopScaling scaling, long seed) {
    Random random = new Random(seed);
    TestPaths paths = new TestPaths(config, models, seed);
    try (OnnxBackend live = backend(SessionMode.LIVE);
        OnnxBackend packed = backend(SessionMode.PACKED)) {
      for (int length : new int[] {1, 2, 1 + random.nextInt(3 * LAYERS), 3 * LAYERS}) {
        try (PathCandidate candidate = paths.candidate(paths.draw(length, scaling, random))) {
          String what = "seed " + seed + ", " + candidate.flow();
          ReferenceDecoder reference = candidate.reference();
          List<int[]> prompts = prompts(random, 9, 1, 14, 2);
          List<int[]> continuations = prompts(random, 3, 5, 1, 2);
          double[][] expected =
              prompts.stream().map(reference::lastLogits).toArray(double[][]::new);
          for (OnnxBackend backend : List.of(live, packed)) {
            LanguageModel model = backend.languageModel(candidate);
            assertThat(model.config().layerCount()).isEqualTo(length);
            float[][] logits = model.lastLogits(prompts);
            double[] logs = model.logLikelihoods(prompts, continuations);
            for (int i = 0; i < prompts.size(); i++) {
              double largest = Arrays.stream(expected[i]).map(Math::abs).max().orElseThrow();
              assertThat(doubles(logits[i]))
                  .as(what)
                  .containsExactly(expected[i], within(1e-5 * largest));
              assertThat(logs[i])
                  .as(what)
                  .isCloseTo(
                      reference.logLikelihood(prompts.get(i), continuations.get(i)),
                      within(1e-5 * Math.max(1, Math.abs(logs[i]))));
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("draws")
  void writingAgreesWithAGreedyLoop(ModelConfig config, int models, HopScaling scaling, long seed) {
    Random random = new Random(seed);
    TestPaths paths = new TestPaths(config, models, seed);
    Set<Integer> stops = Set.of(3, 17, 29);
    int steps = 10;
    try (OnnxBackend live = backend(SessionMode.LIVE);
        OnnxBackend packed = backend(SessionMode.PACKED);
        PathCandidate candidate =
            paths.candidate(paths.draw(2 + random.nextInt(2 * LAYERS), scaling, random))) {
      ReferenceDecoder reference = candidate.reference();
      List<int[]> prompts = prompts(random, 9, 1, 14, 2, 9, 30, 5);
      List<int[]> expected =
          prompts.stream().map(prompt -> greedy(reference, prompt, steps, stops, seed)).toList();
      for (OnnxBackend backend : List.of(live, packed)) {
        assertThat(
                backend
                    .languageModel(candidate)
                    .generate(prompts, GenerationOptions.of(steps, stops)))
            .as("seed " + seed + ", " + candidate.flow())
            .usingRecursiveFieldByFieldElementComparator()
            .containsExactlyElementsOf(expected);
      }
    }
  }

  private static int[] greedy(
      ReferenceDecoder reference, int[] prompt, int steps, Set<Integer> stops, long seed) {
    int[] text = prompt;
    while (text.length < prompt.length + steps) {
      double[] logits = reference.lastLogits(text);
      int[] best =
          IntStream.range(0, VOCABULARY)
              .boxed()
              .sorted((a, b) -> Double.compare(logits[b], logits[a]))
              .mapToInt(Integer::intValue)
              .toArray();
      assertThat(logits[best[0]] - logits[best[1]])
          .as("seed " + seed + " makes a near tie; take another")
          .isGreaterThan(1e-4);
      if (stops.contains(best[0])) {
        break;
      }
      text = Arrays.copyOf(text, text.length + 1);
      text[text.length - 1] = best[0];
    }
    return Arrays.copyOfRange(text, prompt.length, text.length);
  }

  @ParameterizedTest
  @EnumSource(HopScaling.class)
  void scalesOfOneGiveBitForBitTheStackedModel(HopScaling scaling) {
    for (ModelConfig config : CONFIGS) {
      TestPaths paths = new TestPaths(config, 2, 7);
      List<Hop> hops =
          Stream.of(0, 2, 1, 4, 4, 0, 5)
              .map(layer -> new Hop("m" + layer / LAYERS, layer % LAYERS, 1))
              .toList();
      List<int[]> prompts = prompts(new Random(8), 9, 1, 14, 2, 30);
      for (SessionMode mode : SessionMode.values()) {
        try (OnnxBackend backend = backend(mode);
            PathCandidate candidate = paths.candidate(paths.flow(hops, scaling));
            TestCandidate stacked = candidate.stacked()) {
          LanguageModel path = backend.languageModel(candidate);
          LanguageModel ordinary = backend.languageModel(stacked);
          assertThat(path.config()).isEqualTo(ordinary.config());
          assertThat(path.lastLogits(prompts)).isDeepEqualTo(ordinary.lastLogits(prompts));
          assertThat(path.logLikelihoods(prompts, prompts))
              .containsExactly(ordinary.logLikelihoods(prompts, prompts));
          // Long enough for AUTO to pack.
          GenerationOptions options = GenerationOptions.of(80, Set.of());
          assertThat(path.generate(prompts, options))
              .usingRecursiveFieldByFieldElementComparator()
              .containsExactlyElementsOf(ordinary.generate(prompts, options));
        }
      }
    }
  }

  @Test
  void aStreamScaledToZeroGoesOnFromTheBiases() {
    TestPaths paths = new TestPaths(CONFIGS.get(0), 1, 9);
    List<Hop> hops = List.of(new Hop("m0", 2, 1), new Hop("m0", 1, 0), new Hop("m0", 1, -1.5));
    int[] prompt = {5, 11, 7};
    try (OnnxBackend backend = backend(SessionMode.LIVE);
        PathCandidate candidate = paths.candidate(paths.flow(hops, HopScaling.STREAM))) {
      double[] expected = candidate.reference().lastLogits(prompt);
      assertThat(expected[0]).isNotZero();
      float[] logits = backend.languageModel(candidate).lastLogits(List.of(prompt))[0];
      assertThat(doubles(logits)).containsExactly(expected, within(1e-5));
    }
  }

  @Test
  void everyScaleMovesTheLogits() {
    TestPaths paths = new TestPaths(with(MISTRAL), 2, 11);
    List<int[]> prompt = List.of(new int[] {5, 11, 7, 30, 2});
    try (OnnxBackend backend = backend(SessionMode.LIVE)) {
      for (HopScaling scaling : HopScaling.values()) {
        List<float[]> seen = new ArrayList<>();
        for (int moved = -1; moved < 4; moved++) {
          List<Hop> hops = new ArrayList<>();
          for (int hop = 0; hop < 4; hop++) {
            hops.add(new Hop("m" + hop % 2, hop / 2, hop == moved ? 0.9 : 1));
          }
          try (PathCandidate candidate = paths.candidate(paths.flow(hops, scaling))) {
            seen.add(backend.languageModel(candidate).lastLogits(prompt)[0]);
          }
        }
        assertThat(seen).usingElementComparator(Arrays::compare).doesNotHaveDuplicates();
      }
    }
  }

  @Test
  void attentionInHalfPrecisionIsClose() {
    TestPaths paths = new TestPaths(with(MISTRAL), 2, 12);
    DataFlow flow = paths.draw(6, HopScaling.BRANCH, new Random(13));
    List<int[]> prompts = prompts(new Random(14), 9, 1, 14);
    SessionFactory factory = new SessionFactory(Device.CPU, AttentionPrecision.FLOAT16, 1);
    try (OnnxBackend backend = backend(SessionMode.LIVE);
        PathSessionCache cache = new PathSessionCache(factory, 4);
        PathCandidate candidate = paths.candidate(flow)) {
      float[][] expected = backend.languageModel(candidate).lastLogits(prompts);
      for (SessionMode mode : SessionMode.values()) {
        PathSessions sessions = new PathSessions(factory, cache, candidate, candidate.json());
        float[][] logits = new OnnxLanguageModel(sessions, candidate, mode).lastLogits(prompts);
        for (int i = 0; i < logits.length; i++) {
          assertThat(logits[i]).containsExactly(expected[i], within(2e-2f));
        }
        sessions.close(CandidateSessions.CLOSED);
      }
    }
  }

  @Test
  void weightsThatDoNotFitAreRefusedByName() {
    TestPaths paths = new TestPaths(with(LLAMA), 1, 15);
    DataFlow flow = paths.draw(2, HopScaling.BRANCH, new Random(16));
    try (OnnxBackend backend = backend(SessionMode.LIVE);
        PathCandidate whole = paths.candidate(flow)) {
      PathCandidate partial =
          new PathCandidate(
              flow, whole.json(), new LinkedHashMap<>(whole.tensors()), whole.weights());
      partial.tensors().remove("model.layers.1.mlp.up_proj.weight");
      assertThatThrownBy(() -> backend.languageModel(partial))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining("'model.layers.1.mlp.up_proj.weight' is missing");
      PathCandidate longer =
          new PathCandidate(
              paths.draw(3, HopScaling.BRANCH, new Random(16)),
              whole.json(),
              whole.tensors(),
              whole.weights());
      assertThatThrownBy(() -> backend.languageModel(longer))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining("the path has 3 hops and config.json 2 layers");
    }
  }

  @Test
  void activationsOfAPathAreNotGathered() {
    TestPaths paths = new TestPaths(with(LLAMA), 1, 15);
    try (OnnxBackend backend = backend(SessionMode.LIVE);
        PathCandidate candidate =
            paths.candidate(paths.draw(2, HopScaling.BRANCH, new Random(16)))) {
      OnnxLanguageModel model = backend.onnxLanguageModel(candidate);
      Set<String> layer = Set.of("model.layers.0.mlp.down_proj.weight");
      assertThatThrownBy(
              () -> model.inputProducts(List.of(new int[] {1}), layer, (weight, sums) -> {}))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining("write the path as a checkpoint");
    }
  }

  private static double[] doubles(float[] floats) {
    return IntStream.range(0, floats.length).mapToDouble(i -> floats[i]).toArray();
  }
}
