package io.evomerge.onnx.language;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.evomerge.exception.TaskException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads items from a file with one JSON object per line. */
final class JsonLines {

  private static final int PROBLEMS_SHOWN = 10;
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();
  private static final ObjectReader READER = MAPPER.reader();
  private static final TypeReference<Map<String, @Nullable Object>> FIELDS =
      new TypeReference<>() {};

  private JsonLines() {}

  static List<TextItem> read(Path file) throws IOException {
    byte[] content = Files.readAllBytes(file);
    List<TextItem> items = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    int number = 0;
    for (int start = 0; start < content.length; ) {
      int end = start;
      while (end < content.length && content[end] != '\n') {
        end++;
      }
      number++;
      String origin = file.getFileName() + ":" + number;
      try {
        String line = decode(content, start, end);
        if (!line.isBlank()) {
          items.add(parse(line, origin));
        }
      } catch (Malformed e) {
        problems.add(file + ", line " + number + ": " + e.getMessage());
      }
      start = end + 1;
    }
    if (!problems.isEmpty()) {
      throw new TaskException(join(problems));
    }
    if (items.isEmpty()) {
      throw new TaskException(
          file + " is empty; wanted one JSON object per line with 'prompt' and 'answer'");
    }
    return items;
  }

  /** Joins problems, the first ones in full. */
  static String join(List<String> problems) {
    List<String> shown = problems.subList(0, Math.min(PROBLEMS_SHOWN, problems.size()));
    String text = String.join(System.lineSeparator(), shown);
    int left = problems.size() - shown.size();
    return left == 0 ? text : text + System.lineSeparator() + "and " + left + " more like these";
  }

  private static String decode(byte[] content, int start, int end) throws Malformed {
    String line;
    try {
      line =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(content, start, end - start))
              .toString();
    } catch (CharacterCodingException e) {
      throw new Malformed("not UTF-8; save the file in UTF-8");
    }
    return start == 0 && line.startsWith("\uFEFF") ? line.substring(1) : line;
  }

  private static TextItem parse(String line, String origin) throws Malformed {
    JsonNode root;
    try {
      root = READER.readTree(line);
    } catch (JsonProcessingException e) {
      throw new Malformed(
          "not valid JSON: "
              + e.getOriginalMessage()
              + (e.getLocation() == null ? "" : ", column " + e.getLocation().getColumnNr()));
    }
    if (!root.isObject()) {
      throw new Malformed("wanted a JSON object with 'prompt' and 'answer', got " + kind(root));
    }
    JsonNode prompt = root.path("prompt");
    if (!prompt.isTextual()) {
      throw new Malformed("'prompt' is " + kind(prompt) + ", wanted a text");
    }
    JsonNode answer = root.path("answer");
    if (!answer.isTextual() && !answer.isNumber()) {
      throw new Malformed("'answer' is " + kind(answer) + ", wanted a text or a number");
    }
    return new TextItem(
        origin, prompt.asText(), answer.asText(), MAPPER.convertValue(root, FIELDS));
  }

  private static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case MISSING -> "missing";
      case NULL -> "null";
      case STRING -> "a text";
      case NUMBER -> "a number";
      case BOOLEAN -> "true or false";
      case ARRAY -> "a list";
      default -> "an object";
    };
  }

  /** What is wrong with a line; the caller adds where. */
  private static final class Malformed extends Exception {
    private static final long serialVersionUID = 1;

    Malformed(String message) {
      super(message);
    }
  }
}
