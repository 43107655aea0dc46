package io.evomerge.onnx.language;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.exception.BackendException;
import io.evomerge.exception.TaskException;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.PairedComparison;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.language.FakeModels.Scripted;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.function.ToDoubleBiFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextEvaluatorTest {

  private static final DecoderConfig CONFIG = FakeModels.config(341, 128);
  private static final CandidateModel CANDIDATE =
      FakeModels.candidate(Optional.of(FakeModels.zooTokenizer()));
  private static final AnswerCheck JAPANESE_NUMBER =
      AnswerCheck.lastNumber().inLanguage(Language.JAPANESE).containing("です");

  private static Tokenizer tokenizer;

  @TempDir Path folder;

  @BeforeAll
  static void openTokenizer() throws Exception {
    tokenizer = Tokenizer.open(FakeModels.zooTokenizer());
  }

  @AfterAll
  static void closeTokenizer() {
    tokenizer.close();
  }

  private static Scripted answering(Function<String, String> answer) {
    return new Scripted(
        tokenizer,
        CONFIG,
        answer,
        (context, continuation) -> {
          throw new AssertionError("this task rates nothing");
        });
  }

  private static Scripted rating(ToDoubleBiFunction<String, String> likelihood) {
    return new Scripted(
        tokenizer,
        CONFIG,
        prompt -> {
          throw new AssertionError("this task generates nothing");
        },
        likelihood);
  }

  private static TextItem item(String prompt, String answer, Map<String, Object> more) {
    Map<String, Object> fields = new LinkedHashMap<>(more);
    fields.put("prompt", prompt);
    fields.putIfAbsent("answer", answer);
    return new TextItem("item " + prompt, prompt, answer, fields);
  }

  private static EvaluationReport report(TextTask task, Scripted model) throws Exception {
    try (TextEvaluator evaluator = task.on(candidate -> model)) {
      return evaluator.report(CANDIDATE);
    }
  }

  private static final TextTask SUMS =
      TextTask.of(
              "sums",
              List.of(
                  TextItem.of("1 + 1 =", "2"),
                  TextItem.of("1 + 2 =", "3"),
                  TextItem.of("1 + 3 =", "4"),
                  TextItem.of("1 + 4 =", "5")))
          .maxNewTokens(5)
          .scoredBy(JAPANESE_NUMBER);

  private static final Map<String, String> ANSWERS =
      Map.of(
          "1 + 1 =", "2 個 です 。",
          "1 + 2 =", "3 eggs .",
          "1 + 3 =", "5 個 です 。",
          "1 + 4 =", "5 個 です 。");

  @Test
  void accuracyCountsAnswersThatAreRightAndInTheFormAskedFor() throws Exception {
    Scripted model = answering(ANSWERS::get);
    EvaluationReport report = report(SUMS, model);
    assertThat(report.score()).isEqualTo(0.5);
    assertThat(report.accuracy()).isEqualTo(0.5);
    assertThat(report.answerOnly()).isEqualTo(0.75);
    assertThat(report.itemScores()).containsExactly(1, 0, 0, 1);
    assertThat(report.items())
        .extracting(ItemOutcome::right)
        .containsExactly(true, true, false, true);
    assertThat(report.items())
        .extracting(ItemOutcome::formed)
        .containsExactly(true, false, true, true);
    assertThat(report.items().get(1).text()).contains("3 eggs .");
    assertThat(report.items().get(1).item().answer()).isEqualTo("3");
    assertThat(report.estimate().standardError()).isCloseTo(0.25, within(1e-12));
    assertThat(report.details())
        .containsEntry("items", 4.0)
        .containsEntry("form_only", 0.75)
        .containsEntry("standard_error", 0.25);
    assertThat(report.toString()).startsWith("sums (last number, in JAPANESE").contains("0.5000");
  }

  @Test
  void theModelGetsWholePromptsAndTheStopTokens() throws Exception {
    Scripted model = answering(ANSWERS::get);
    report(SUMS.batchSize(3), model);
    assertThat(model.promptsSeen.get(1)).containsExactly(tokenizer.encode("1 + 2 ="));
    assertThat(model.promptsSeen.get(1)[0]).as("begin of text").isEqualTo(1);
    assertThat(model.optionsSeen).hasSize(1);
    assertThat(model.optionsSeen.get(0).maxNewTokens()).isEqualTo(5);
    assertThat(model.optionsSeen.get(0).batchSize()).isEqualTo(3);
    assertThat(model.optionsSeen.get(0).stopTokens()).containsExactly(2);
  }

  @Test
  void aSearchGetsTheSameNumbersAsTheReport() throws Exception {
    Scripted model = answering(ANSWERS::get);
    try (TextEvaluator evaluator = SUMS.on(candidate -> model)) {
      Fitness fitness = evaluator.evaluate(CANDIDATE);
      assertThat(fitness.score()).isEqualTo(0.5);
      assertThat(fitness.items()).containsExactly(1, 0, 0, 1);
      assertThat(fitness.details())
          .containsEntry("accuracy", 0.5)
          .containsEntry("answer_only", 0.75)
          .containsEntry("items", 4.0);
      assertThat(evaluator.score(CANDIDATE)).isEqualTo(0.5);
      assertThat(evaluator.task()).isSameAs(SUMS);
    }
  }

  @Test
  void reportsOfTwoModelsCompareItemByItem() throws Exception {
    EvaluationReport first = report(SUMS, answering(prompt -> "2 個 です 。"));
    EvaluationReport second = report(SUMS, answering(ANSWERS::get));
    PairedComparison comparison = PairedComparison.of(second.itemScores(), first.itemScores());
    assertThat(comparison.gained()).isEqualTo(1);
    assertThat(comparison.lost()).isZero();
  }

  @Test
  void theLogLikelihoodTermTellsEqualAccuraciesApart() throws Exception {
    TextTask task =
        TextTask.of(
                "sums",
                List.of(
                    item("1 + 1 =", "2", Map.of("reference", "2 個 です 。")),
                    item("1 + 2 =", "3", Map.of())))
            .maxNewTokens(4)
            .scoredBy(JAPANESE_NUMBER)
            .plusLogLikelihood(0.1);
    Scripted model =
        new Scripted(
            tokenizer,
            CONFIG,
            prompt -> "2 個 です 。",
            (context, continuation) -> continuation.equals("3") ? -3 : -2);
    EvaluationReport report = report(task, model);
    assertThat(model.continuationsSeen).containsExactly("2 個 です 。", "3");
    // per token: -2 / 4 and -3 / 1
    assertThat(report.details()).containsEntry("log_likelihood", -1.75);
    assertThat(report.accuracy()).isEqualTo(0.5);
    assertThat(report.score()).isCloseTo(0.5 - 0.175, within(1e-12));
    assertThat(report.itemScores()).containsExactly(1 + 0.1 * -0.5, 0.1 * -3);
    assertThat(report.estimate().mean()).isCloseTo(report.score(), within(1e-12));
    assertThat(report.items().get(0).logLikelihood()).hasValue(-0.5);
    assertThat(report(task.plusLogLikelihood(0), answering(prompt -> "2 個 です 。")).score())
        .isEqualTo(0.5);
  }

  @Test
  void perplexityIsThatOfAllTokens() throws Exception {
    TextTask task =
        TextTask.of("texts", List.of(item("Q :", "1 2 3", Map.of()), item("Q :", "4", Map.of())))
            .scoredByPerplexity();
    Scripted model = rating((context, continuation) -> continuation.equals("4") ? -1 : -6);
    EvaluationReport report = report(task, model);
    assertThat(report.score()).isCloseTo(Math.exp(7 / 4.), within(1e-12));
    assertThat(report.itemScores()).containsExactly(Math.exp(2), Math.exp(1));
    assertThat(report.details())
        .containsEntry("log_likelihood", -1.75)
        .containsEntry("tokens", 4.0);
    assertThatThrownBy(report::accuracy)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("scored by perplexity");
    EvaluationReport likelihood = report(task.scoredByLogLikelihood(), model);
    assertThat(likelihood.score()).isEqualTo(-1.75);
    assertThat(likelihood.itemScores()).containsExactly(-2, -1);
    assertThat(likelihood.items())
        .extracting(ItemOutcome::logLikelihood)
        .containsExactly(OptionalDouble.of(-2), OptionalDouble.of(-1));
    EvaluationReport probability = report(task.scoredByProbability(), model);
    assertThat(probability.itemScores()).containsExactly(Math.exp(-6), Math.exp(-1));
    assertThat(probability.score()).isCloseTo((Math.exp(-6) + Math.exp(-1)) / 2, within(1e-12));
    assertThat(probability.scoring()).isEqualTo("probability");
  }

  private static final TextTask COLORS =
      TextTask.of(
          "colors",
          List.of(
              item("Q :", "red", Map.of("choices", List.of("red", "blue and green"))),
              item("A :", "1", Map.of("answer", 1, "choices", List.of("red", "blue and green"))),
              item("? :", "0", Map.of("answer", 0, "choices", List.of(4, 5)))));

  private static double colors(String context, String continuation) {
    return switch (continuation) {
      case "red" -> -2;
      case "blue and green" -> -3;
      default -> -1;
    };
  }

  @Test
  void theMostProbableChoiceIsTakenAndTheFirstAmongEquals() throws Exception {
    Scripted model = rating(TextEvaluatorTest::colors);
    EvaluationReport report = report(COLORS.scoredByChoice(LengthNormalization.NONE), model);
    assertThat(model.contextsSeen).containsExactly("Q :", "Q :", "A :", "A :", "? :", "? :");
    assertThat(report.itemScores()).containsExactly(1, 0, 1);
    assertThat(report.items())
        .extracting(outcome -> outcome.text().orElseThrow())
        .containsExactly("red", "red", "4");
    assertThat(report.accuracy()).isCloseTo(2 / 3., within(1e-12));
    assertThat(report.items())
        .extracting(ItemOutcome::logLikelihood)
        .containsExactly(OptionalDouble.of(-2), OptionalDouble.of(-1), OptionalDouble.of(-1));
  }

  @Test
  void normalizationByLengthGivesLongChoicesAChance() throws Exception {
    // per token -2 against -1; per byte -2/3 against -3/14
    for (LengthNormalization normalization :
        List.of(LengthNormalization.TOKENS, LengthNormalization.BYTES)) {
      EvaluationReport report =
          report(COLORS.scoredByChoice(normalization), rating(TextEvaluatorTest::colors));
      assertThat(report.itemScores()).as("%s", normalization).containsExactly(0, 1, 1);
    }
  }

  @Test
  void theSeparatorStandsOnlyWhereThereIsNone() throws Exception {
    List<TextItem> items =
        List.of(item("Q", "A", Map.of()), item("Q ", "A", Map.of()), item("", "A", Map.of()));
    Scripted model = rating((context, continuation) -> -1);
    report(TextTask.of("texts", items).scoredByLogLikelihood(), model);
    assertThat(model.contextsSeen).containsExactly("Q", "Q", "");
    assertThat(model.continuationsSeen).containsExactly("A", "A", "A");
    Scripted joined = rating((context, continuation) -> -1);
    // without a separator the two make one unknown word, which is rated whole
    report(TextTask.of("texts", items.subList(0, 1)).separator("").scoredByLogLikelihood(), joined);
    assertThat(joined.contextsSeen).containsExactly("");
  }

  @Test
  void itemsTooLongForTheModelAreNamed() throws Exception {
    TextTask task =
        TextTask.of("long", List.of(TextItem.of("1", "1"), item("1 1 1 1 1", "1", Map.of())))
            .maxNewTokens(5)
            .scoredBy(AnswerCheck.lastNumber());
    // begin of text, five words, five new tokens
    Scripted small =
        new Scripted(tokenizer, FakeModels.config(341, 10), prompt -> "1", (a, b) -> 0);
    assertThatThrownBy(() -> report(task, small))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("item 1 1 1 1 1 needs 11 positions with 5 new tokens")
        .hasMessageContaining("the model has 10");
    Scripted fitting =
        new Scripted(tokenizer, FakeModels.config(341, 11), prompt -> "1", (a, b) -> 0);
    assertThat(report(task, fitting).score()).isEqualTo(1);
    Scripted tiny = new Scripted(tokenizer, FakeModels.config(341, 6), prompt -> "1", (a, b) -> -1);
    assertThatThrownBy(() -> report(task.scoredByPerplexity(), tiny))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("needs 7 positions, but the model has 6; shorten the item");
  }

  @Test
  void aTokenizerOfAnotherModelIsRefused() {
    Scripted other =
        new Scripted(tokenizer, FakeModels.config(100, 128), prompt -> "1", (a, b) -> 0);
    assertThatThrownBy(() -> report(SUMS, other))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("gives token 113")
        .hasMessageContaining("vocabulary has 100 tokens");
  }

  @Test
  void aRuntimeThatLosesAnswersIsBlamed() {
    Scripted model =
        new Scripted(tokenizer, CONFIG, prompt -> "1", (a, b) -> 0) {
          @Override
          public List<int[]> generate(
              List<int[]> prompts, io.evomerge.onnx.runtime.GenerationOptions options) {
            return super.generate(prompts, options).subList(1, 4);
          }
        };
    assertThatThrownBy(() -> report(SUMS, model))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("gave 3 answers for 4 prompts");
  }

  @Test
  void aCandidateWithoutTokenizerNeedsOneFromTheTask() throws Exception {
    CandidateModel bare = FakeModels.candidate(Optional.empty());
    Scripted model = answering(ANSWERS::get);
    try (TextEvaluator evaluator = SUMS.on(candidate -> model)) {
      assertThatThrownBy(() -> evaluator.score(bare))
          .isInstanceOf(TaskException.class)
          .hasMessageContaining("TextTask.tokenizer(folder)");
    }
    try (TextEvaluator evaluator =
        SUMS.tokenizer(FakeModels.zooTokenizer()).on(candidate -> model)) {
      assertThat(evaluator.score(bare)).isEqualTo(0.5);
    }
  }

  @Test
  void promptsAreTokenisedOncePerTokenizerFolder() throws Exception {
    Path copy = Files.createDirectory(folder.resolve("copy"));
    for (String name : List.of("tokenizer.json", "generation_config.json")) {
      Files.copy(FakeModels.zooTokenizer().resolve(name), copy.resolve(name));
    }
    Scripted model = answering(ANSWERS::get);
    try (TextEvaluator evaluator = SUMS.on(candidate -> model)) {
      CandidateModel candidate = FakeModels.candidate(Optional.of(copy));
      assertThat(evaluator.score(candidate)).isEqualTo(0.5);
      // read again, it would fail
      Files.delete(copy.resolve("tokenizer.json"));
      assertThat(evaluator.score(candidate)).isEqualTo(0.5);
      assertThat(evaluator.score(CANDIDATE)).isEqualTo(0.5);
    }
    assertThat(model.promptsSeen.get(0)).isSameAs(model.promptsSeen.get(4));
  }

  @Test
  void useAfterCloseIsRefused() {
    TextEvaluator evaluator = SUMS.on(candidate -> answering(ANSWERS::get));
    evaluator.close();
    evaluator.close();
    assertThatThrownBy(() -> evaluator.score(CANDIDATE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }
}
