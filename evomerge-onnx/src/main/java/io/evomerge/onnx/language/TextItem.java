package io.evomerge.onnx.language;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One question of a task; immutable.
 *
 * @param origin where it came from, for messages, e.g. {@code "ja_math.jsonl:17"}
 * @param prompt what the model is given
 * @param answer what is right; a number in the file is kept as its text
 * @param fields everything the item has, {@code prompt} and {@code answer} included, with values as
 *     in JSON: text, number, Boolean, List, Map or null
 */
public record TextItem(
    String origin, String prompt, String answer, Map<String, @Nullable Object> fields) {

  /** Copies. */
  public TextItem {
    fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
  }

  /**
   * Returns an item without further fields.
   *
   * @param prompt what the model is given
   * @param answer what is right
   */
  public static TextItem of(String prompt, String answer) {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    fields.put("prompt", prompt);
    fields.put("answer", answer);
    return new TextItem("item '" + shorten(prompt) + "'", prompt, answer, fields);
  }

  private static String shorten(String text) {
    return text.length() <= 40 ? text : text.substring(0, 37) + "...";
  }
}
