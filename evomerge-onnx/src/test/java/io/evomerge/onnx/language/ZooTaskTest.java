package io.evomerge.onnx.language;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.CandidateModels;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.PairedComparison;
import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
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

  /** A model of the zoo in memory of its own. */
  record Loaded(CandidateModel model) implements AutoCloseable {

    static Loaded open(String name) throws IOException {
      try (Checkpoint checkpoint = Checkpoints.open(FakeModels.resource("zoo/" + name))) {
        return new Loaded(CandidateModels.load(checkpoint));
      }
    }

    @Override
    public void close() {
      model.weights().close();
    }
  }

  @Test
  void theMathematiciansScoreIsThatOfTheReferenceScorer() throws Exception {
    TextTask test = problems.split("test");
    assertThat(test.items()).hasSize(800);
    try (Loaded candidate = Loaded.open("math-en")) {
      EvaluationReport report = test.evaluate(backend, candidate.model());
      // the reference: 389 and 399 of 800; another CPU's rounding may tip one item
      assertThat(report.accuracy() * 800).isCloseTo(389, within(1.01));
      assertThat(report.answerOnly() * 800).isCloseTo(399, within(1.01));
      assertThat(report.estimate().standardError()).isCloseTo(0.0177, within(0.0001));
    }
  }

  @Test
  void aSearchTellsTheTwoModelsApart() throws Exception {
    try (TextEvaluator search = problems.split("train").limit(160).on(backend);
        Loaded base = Loaded.open("base");
        Loaded mathematician = Loaded.open("math-en")) {
      Fitness low = search.evaluate(base.model());
      Fitness high = search.evaluate(mathematician.model());
      assertThat(low.items()).hasSize(160);
      assertThat(high.score()).isGreaterThan(low.score() + 0.2);
      PairedComparison comparison = PairedComparison.of(high.items(), low.items());
      assertThat(comparison.pValue()).isLessThan(1e-6);
      assertThat(search.evaluate(mathematician.model())).isEqualTo(high);
    }
  }

  @Test
  void someItemsScoreAsTheSameItemsOfTheWhole() throws Exception {
    TextTask some = problems.split("train").limit(48);
    ItemSubset subset = ItemSubset.of(0, 7, 8, 9, 21, 47);
    try (Loaded mathematician = Loaded.open("math-en")) {
      for (TextTask task :
          List.of(
              some,
              some.plusLogLikelihood(0.1),
              some.scoredByProbability(),
              some.scoredByPerplexity(),
              some.scoredByLogLikelihood())) {
        try (TextEvaluator evaluator = task.on(backend)) {
          Fitness whole = evaluator.evaluate(mathematician.model());
          Fitness part = evaluator.evaluate(mathematician.model(), subset);
          assertThat(part.subset()).isEqualTo(subset);
          assertThat(whole.exact()).isTrue();
          double[] expected =
              Arrays.stream(subset.indices()).mapToDouble(i -> whole.items()[i]).toArray();
          assertThat(part.items()).containsExactly(expected, within(1e-4));
          assertThat(part.score()).isCloseTo(mean(part, evaluator.itemMean()), within(1e-9));
          assertThat(whole.score()).isCloseTo(mean(whole, evaluator.itemMean()), within(1e-9));
        }
      }
    }
  }

  /** The score is the mean of the item scores by their weights. */
  private static double mean(Fitness fitness, ItemFitness.Mean mean) {
    double sum = 0;
    double total = 0;
    for (int i = 0; i < fitness.items().length; i++) {
      double weight = fitness.weights().length == 0 ? 1 : fitness.weights()[i];
      double item = fitness.items()[i];
      sum += weight * (mean == ItemFitness.Mean.GEOMETRIC ? Math.log(item) : item);
      total += weight;
    }
    return mean == ItemFitness.Mean.GEOMETRIC ? Math.exp(sum / total) : sum / total;
  }

  @Test
  void aPathThroughAllLayersInOrderScoresAsTheModel() throws Exception {
    try (TextEvaluator search = problems.split("train").limit(80).on(backend);
        Loaded mathematician = Loaded.open("math-en")) {
      Fitness expected = search.evaluate(mathematician.model());
      assertThat(search.evaluate(path(mathematician.model(), 1))).isEqualTo(expected);
      Fitness skipping = search.evaluate(path(mathematician.model(), 0.5));
      assertThat(skipping.items()).hasSize(80).isNotEqualTo(expected.items());
    }
  }

  private static CandidateModel path(CandidateModel model, double scale) {
    String name = model.recipe().sources().get(0).name();
    List<Hop> hops =
        IntStream.range(0, model.layout().layerCount())
            .mapToObj(layer -> new Hop(name, layer, scale))
            .toList();
    MergeRecipe recipe =
        model.recipe().toBuilder()
            .dataFlow(new DataFlow(name, List.of(), hops, HopScaling.BRANCH))
            .build();
    return new CandidateModel() {
      @Override
      public MergeRecipe recipe() {
        return recipe;
      }

      @Override
      public Optional<ModelConfig> config() {
        return model.config();
      }

      @Override
      public ModelLayout layout() {
        return model.layout();
      }

      @Override
      public WeightStore weights() {
        return model.weights();
      }

      @Override
      public Optional<Path> tokenizerFolder() {
        return model.tokenizerFolder();
      }

      @Override
      public long parameterCount() {
        return model.parameterCount();
      }
    };
  }

  @Test
  void referencesAreMoreProbableToTheModelThatAnswersBetter() throws Exception {
    TextTask some = problems.split("valid").limit(40);
    try (Loaded base = Loaded.open("base");
        Loaded mathematician = Loaded.open("math-en")) {
      EvaluationReport likelihood =
          some.scoredByLogLikelihood().evaluate(backend, mathematician.model());
      EvaluationReport perplexity =
          some.scoredByPerplexity().evaluate(backend, mathematician.model());
      assertThat(perplexity.score()).isCloseTo(Math.exp(-likelihood.score()), within(1e-9));
      assertThat(likelihood.details()).containsEntry("tokens", 160.0);
      assertThat(likelihood.score())
          .isGreaterThan(some.scoredByLogLikelihood().evaluate(backend, base.model()).score());
      EvaluationReport both = some.plusLogLikelihood(0.1).evaluate(backend, mathematician.model());
      assertThat(both.score()).isCloseTo(both.accuracy() + 0.1 * likelihood.score(), within(1e-6));
    }
  }
}
