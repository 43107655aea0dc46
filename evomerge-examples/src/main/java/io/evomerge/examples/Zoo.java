package io.evomerge.examples;

import io.evomerge.onnx.language.AnswerCheck;
import io.evomerge.onnx.language.Language;
import io.evomerge.onnx.language.TextItem;
import io.evomerge.onnx.language.TextTask;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The small models and tasks that come with the examples. */
final class Zoo {

  private Zoo() {}

  /** Returns the folder of the zoo: a system property, or below the working directory. */
  static Path folder() {
    String property = System.getProperty("evomerge.examples.zoo");
    if (property != null) {
      return Path.of(property);
    }
    for (String place : new String[] {"zoo", "evomerge-examples/zoo"}) {
      if (Files.isDirectory(Path.of(place))) {
        return Path.of(place);
      }
    }
    throw new IllegalStateException(
        "the zoo is not here; start with evomerge-examples/run, or set -Devomerge.examples.zoo");
  }

  /**
   * Returns the target task: Japanese word problems, right when the last number is right and the
   * answer is Japanese.
   */
  static TextTask japaneseMath() throws IOException {
    return TextTask.read(folder().resolve("tasks/ja_math.jsonl"))
        .maxNewTokens(5)
        .scoredBy(AnswerCheck.lastNumber().inLanguage(Language.JAPANESE).containing("です"));
  }

  /**
   * Returns a third of the reading questions in Japanese, right when the whole answer is.
   *
   * @param part 0 to search, 1 to choose, 2 to report
   */
  static TextTask japaneseQuestions(int part) throws IOException {
    return third("ja_qa", part).maxNewTokens(6).scoredBy(AnswerCheck.normalizedText());
  }

  /**
   * Returns a third of the English word problems, right when the last number is and the answer is
   * English.
   *
   * @param part 0 to search, 1 to choose, 2 to report
   */
  static TextTask englishMath(int part) throws IOException {
    return third("en_math", part)
        .maxNewTokens(5)
        .scoredBy(AnswerCheck.lastNumber().inLanguage(Language.ENGLISH));
  }

  /** Every third item from the one given on, as the file has no splits of its own. */
  private static TextTask third(String name, int part) throws IOException {
    List<TextItem> all = TextTask.read(folder().resolve("tasks/" + name + ".jsonl")).items();
    List<TextItem> third = new ArrayList<>();
    for (int i = part; i < all.size(); i += 3) {
      third.add(all.get(i));
    }
    return TextTask.of(name + "." + part, third);
  }
}
