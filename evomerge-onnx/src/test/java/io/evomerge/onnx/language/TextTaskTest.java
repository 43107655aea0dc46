package io.evomerge.onnx.language;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.exception.TaskException;
import io.evomerge.fitness.Direction;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextTaskTest {

  @TempDir Path folder;

  private Path file(String content) throws IOException {
    return Files.writeString(folder.resolve("task.jsonl"), content);
  }

  private TextTask task(String content) throws IOException {
    return TextTask.read(file(content));
  }

  private static final String THREE =
      """
      {"prompt": "1 + 1 =", "answer": 2, "split": "train", "level": 1, "tags": ["a", {"b": null}]}
      {"prompt": "2 + 2 =", "answer": "4", "split": "test", "level": 2.0}

      {"prompt": "3 + 3 =", "answer": "6", "split": "train", "level": 2}
      """;

  @Test
  void keepsPromptAnswerAndEveryOtherField() throws Exception {
    TextTask task = task(THREE);
    assertThat(task.name()).isEqualTo("task");
    assertThat(task.items()).hasSize(3);
    TextItem first = task.items().get(0);
    assertThat(first.prompt()).isEqualTo("1 + 1 =");
    assertThat(first.answer()).isEqualTo("2");
    assertThat(first.origin()).isEqualTo("task.jsonl:1");
    assertThat(first.fields())
        .containsEntry("split", "train")
        .containsEntry("level", 1)
        .containsEntry("answer", 2);
    assertThat(first.fields().get("tags")).asString().isEqualTo("[a, {b=null}]");
    assertThat(task.items().get(2).origin()).isEqualTo("task.jsonl:4");
  }

  @Test
  void theDescriptionTellsTasksApart() throws Exception {
    TextTask task = task(THREE);
    assertThat(task.description())
        .isEqualTo(task(THREE).description())
        .startsWith("task: 3 items")
        .containsPattern("sha256:[0-9a-f]{64}$");
    assertThat(task(THREE.replace("\"6\"", "\"7\"")).description())
        .isNotEqualTo(task.description());
    assertThat(task.split("train").description()).isNotEqualTo(task.description());
    assertThat(task.scoredByLogLikelihood().description()).isNotEqualTo(task.description());
    try (TextEvaluator evaluator =
        task.on(
            candidate -> {
              throw new IllegalStateException("not run");
            })) {
      assertThat(evaluator.description()).isEqualTo(task.description());
    }
  }

  @Test
  void windowsLineEndsAndAByteOrderMarkAreNoHindrance() throws Exception {
    TextTask task =
        task(
            "\uFEFF{\"prompt\": \"p\", \"answer\": \"a\"}\r\n{\"prompt\": \"q\", \"answer\": \"b\"}");
    assertThat(task.items()).extracting(TextItem::prompt).containsExactly("p", "q");
  }

  @Test
  void everyBrokenLineIsNamedWithWhatIsWrong() throws Exception {
    Path file =
        file(
            """
            {"prompt": "p", "answer": "a"}
            {"prompt": "p", "answer": "a"
            {"prompt": "p"}
            {"answer": "a"}
            ["prompt", "answer"]
            {"prompt": 3, "answer": "a"}
            {"prompt": "p", "answer": null}
            {"prompt": "p", "answer": "a", "answer": "b"}
            {"prompt": "p", "answer": "a"} {"prompt": "p", "answer": "a"}
            """);
    assertThatThrownBy(() -> TextTask.read(file))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining(file + ", line 2: not valid JSON")
        .hasMessageContaining("line 3: 'answer' is missing, wanted a text or a number")
        .hasMessageContaining("line 4: 'prompt' is missing, wanted a text")
        .hasMessageContaining("line 5: wanted a JSON object")
        .hasMessageContaining("got a list")
        .hasMessageContaining("line 6: 'prompt' is a number")
        .hasMessageContaining("line 7: 'answer' is null")
        .hasMessageContaining("line 8: not valid JSON: Duplicate field 'answer'")
        .hasMessageContaining("line 9: not valid JSON")
        .message()
        .doesNotContain("line 1:");
  }

  @Test
  void manyBrokenLinesAreCounted() throws Exception {
    Path file = file("{}\n".repeat(25));
    assertThatThrownBy(() -> TextTask.read(file))
        .hasMessageContaining("line 10:")
        .hasMessageContaining("and 15 more like these")
        .message()
        .doesNotContain("line 11:");
  }

  @Test
  void textThatIsNotUtf8IsRefused() throws Exception {
    Path file = folder.resolve("latin.jsonl");
    Files.write(
        file,
        "{\"prompt\": \"p\", \"answer\": \"a\"}\n{\"prompt\": \"\u00e9\", \"answer\": \"a\"}\n"
            .getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> TextTask.read(file))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("line 2: not UTF-8");
  }

  @Test
  void anEmptyFileIsRefused() throws Exception {
    assertThatThrownBy(() -> task("\n \n"))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("task.jsonl is empty");
    assertThatThrownBy(() -> TextTask.of("none", List.of())).isInstanceOf(TaskException.class);
    assertThatThrownBy(() -> TextTask.read(folder.resolve("absent.jsonl")))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void narrowsByFieldAndCountWithoutChangingTheOriginal() throws Exception {
    TextTask task = task(THREE);
    assertThat(task.split("train").items()).extracting(TextItem::answer).containsExactly("2", "6");
    assertThat(task.where("level", 2).items())
        .extracting(TextItem::answer)
        .containsExactly("4", "6");
    assertThat(task.split("train").where("level", 2).name())
        .isEqualTo("task[split=train][level=2]");
    assertThat(task.limit(2).items()).hasSize(2);
    assertThat(task.limit(9).items()).hasSize(3);
    assertThat(task.items()).hasSize(3);
    assertThat(task.named("sums").name()).isEqualTo("sums");
  }

  @Test
  void aSelectionOfNothingListsWhatThereIs() throws Exception {
    TextTask task = task(THREE);
    assertThatThrownBy(() -> task.split("trian"))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("'split' is trian")
        .hasMessageContaining("train (2 items), test (1 items)");
  }

  @Test
  void numbersOutOfRangeAreRefused() throws Exception {
    TextTask task = task(THREE);
    assertThatThrownBy(() -> task.limit(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> task.maxNewTokens(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("maxNewTokens is 0");
    assertThatThrownBy(() -> task.batchSize(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> task.plusLogLikelihood(-0.1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> task.plusLogLikelihood(Double.NaN))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> task.scoredByPerplexity().plusLogLikelihood(0.1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("scored by perplexity");
  }

  @Test
  void itemsThatNoAnswerCanMatchAreRefusedBeforeAnythingRuns() throws Exception {
    TextTask task =
        task(
            """
            {"prompt": "p", "answer": "17"}
            {"prompt": "q", "answer": "seventeen"}
            {"prompt": "r", "answer": "."}
            """);
    assertThatThrownBy(() -> task.scoredBy(AnswerCheck.lastNumber()))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("task.jsonl:2: the answer 'seventeen' has no number")
        .hasMessageContaining("task.jsonl:3:");
    assertThatThrownBy(() -> task.scoredBy(AnswerCheck.normalizedText()))
        .hasMessageContaining("task.jsonl:3: the answer '.' has nothing to compare");
  }

  @Test
  void itemsWithoutProperChoicesAreRefused() throws Exception {
    TextTask task =
        task(
            """
            {"prompt": "p", "answer": 1, "choices": ["a", "b"]}
            {"prompt": "p", "answer": 2, "choices": ["a", "b"]}
            {"prompt": "p", "answer": "c", "choices": ["a", "b"]}
            {"prompt": "p", "answer": 0, "choices": ["a"]}
            {"prompt": "p", "answer": 0}
            {"prompt": "p", "answer": 0, "choices": ["a", null]}
            {"prompt": "p", "answer": 0, "choices": ["a", "a"]}
            {"prompt": "p", "answer": 0.5, "choices": ["a", "b"]}
            """);
    assertThatThrownBy(() -> task.scoredByChoice(LengthNormalization.NONE))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("task.jsonl:2: 'answer' is 2")
        .hasMessageContaining("task.jsonl:3: 'answer' is c")
        .hasMessageContaining("task.jsonl:4: 'choices' is [a]")
        .hasMessageContaining("task.jsonl:5: 'choices' is null")
        .hasMessageContaining("task.jsonl:6: 'choices' has null")
        .hasMessageContaining("task.jsonl:7: 'choices' has the same text twice")
        .hasMessageContaining("task.jsonl:8: 'answer' is 0.5")
        .message()
        .doesNotContain("task.jsonl:1:");
  }

  @Test
  void itemsWithoutAReferenceAreRefused() throws Exception {
    TextTask task =
        task(
            """
            {"prompt": "p", "answer": "a"}
            {"prompt": "p", "answer": " "}
            {"prompt": "p", "answer": "a", "reference": ["a"]}
            """);
    assertThatThrownBy(task::scoredByLogLikelihood)
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("task.jsonl:2: the reference is empty")
        .hasMessageContaining("task.jsonl:3: 'reference' is [a]");
    assertThatThrownBy(() -> task.scoredBy(AnswerCheck.exactText()).plusLogLikelihood(0.1))
        .isInstanceOf(TaskException.class);
  }

  @Test
  void saysWhichWayIsBetter() throws Exception {
    TextTask task = task(THREE);
    assertThat(task.direction()).isEqualTo(Direction.MAXIMIZE);
    assertThat(task.scoredByLogLikelihood().direction()).isEqualTo(Direction.MAXIMIZE);
    assertThat(task.scoredByPerplexity().direction()).isEqualTo(Direction.MINIMIZE);
  }

  @Test
  void describesEverythingThatAScoreDependsOn() throws Exception {
    TextTask task =
        task(THREE)
            .split("train")
            .maxNewTokens(5)
            .scoredBy(AnswerCheck.lastNumber().inLanguage(Language.JAPANESE))
            .plusLogLikelihood(0.05);
    assertThat(task)
        .hasToString(
            "task[split=train]: 2 items, last number, in JAPANESE, plus 0.05 times the"
                + " log-likelihood per token, at most 5 new tokens");
  }

  @Test
  void itemsAreNotChangedFromOutside() {
    Map<String, Object> fields = new java.util.HashMap<>(Map.of("prompt", "p", "answer", "a"));
    TextItem item = new TextItem("here", "p", "a", fields);
    fields.put("answer", "b");
    assertThat(item.fields()).containsEntry("answer", "a");
    assertThatThrownBy(() -> item.fields().put("answer", "b"))
        .isInstanceOf(UnsupportedOperationException.class);
  }
}
