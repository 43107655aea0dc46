package io.evomerge.internal.json;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Changes single members of a JSON object in its text, so that all the rest keeps its bytes: order
 * of keys, spelling of numbers, blanks.
 */
public final class JsonText {

  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final String STEP = "  ";

  private JsonText() {}

  /**
   * Appends elements to the array under a key; a missing or null array is made.
   *
   * @param utf8 a JSON object
   * @param key of the array
   * @param elements in their order
   * @throws JsonProcessingException if it is no JSON, or has a value of another kind there
   */
  public static byte[] append(byte[] utf8, String key, List<? extends JsonNode> elements)
      throws IOException {
    Container root = scan(utf8, null, JsonToken.START_OBJECT);
    Span array = root.members.get(key);
    if (array == null || isNull(utf8, array)) {
      var made = JsonNodeFactory.instance.arrayNode();
      elements.forEach(made::add);
      return put(utf8, Map.of(key, made));
    }
    Container container = scan(utf8, key, JsonToken.START_ARRAY);
    boolean pretty = pretty(utf8);
    List<String> items = new ArrayList<>();
    for (JsonNode element : elements) {
      items.add(text(element, pretty, 2));
    }
    return apply(utf8, List.of(container.insertion(items, pretty, 2)));
  }

  /**
   * Sets members of the object; those that it lacks come last, in the given order.
   *
   * @param utf8 a JSON object
   * @param members by key
   * @throws JsonProcessingException if it is no JSON object
   */
  public static byte[] put(byte[] utf8, Map<String, ? extends JsonNode> members)
      throws IOException {
    return put(utf8, null, members, 1);
  }

  /**
   * Sets members of the object under a key; a missing or null object is made.
   *
   * @param utf8 a JSON object
   * @param key of the inner object
   * @param members by key
   * @throws JsonProcessingException if it is no JSON, or has a value of another kind there
   */
  public static byte[] put(byte[] utf8, String key, Map<String, ? extends JsonNode> members)
      throws IOException {
    Container root = scan(utf8, null, JsonToken.START_OBJECT);
    Span inner = root.members.get(key);
    if (inner == null || isNull(utf8, inner)) {
      ObjectNode made = JsonNodeFactory.instance.objectNode();
      members.forEach(made::set);
      return put(utf8, Map.of(key, made));
    }
    return put(utf8, key, members, 2);
  }

  private static byte[] put(
      byte[] utf8, @Nullable String key, Map<String, ? extends JsonNode> members, int depth)
      throws IOException {
    Container container = scan(utf8, key, JsonToken.START_OBJECT);
    boolean pretty = pretty(utf8);
    List<Edit> edits = new ArrayList<>();
    List<String> added = new ArrayList<>();
    for (Map.Entry<String, ? extends JsonNode> member : members.entrySet()) {
      String value = text(member.getValue(), pretty, depth);
      Span there = container.members.get(member.getKey());
      if (there == null) {
        String name = MAPPER.writeValueAsString(member.getKey());
        added.add(name + (pretty ? ": " : ":") + value);
      } else {
        edits.add(new Edit(there, value));
      }
    }
    if (!added.isEmpty()) {
      edits.add(container.insertion(added, pretty, depth));
    }
    return apply(utf8, edits);
  }

  private static boolean pretty(byte[] utf8) {
    for (byte b : utf8) {
      if (b == '\n') {
        return true;
      }
      if (b == '"') {
        return false;
      }
    }
    return false;
  }

  private static boolean isNull(byte[] utf8, Span span) {
    return utf8[span.start] == 'n';
  }

  private static String text(JsonNode node, boolean pretty, int depth) throws IOException {
    if (!pretty) {
      return MAPPER.writeValueAsString(node);
    }
    DefaultIndenter lines = new DefaultIndenter(STEP, "\n");
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter(
            Separators.createDefaultInstance()
                .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                .withArrayEmptySeparator("")
                .withObjectEmptySeparator(""));
    printer.indentObjectsWith(lines);
    printer.indentArraysWith(lines);
    // A text never holds a raw line break, so every one is the printer's.
    return MAPPER.writer(printer).writeValueAsString(node).replace("\n", "\n" + STEP.repeat(depth));
  }

  /**
   * Finds the members of the root object or of one of its values; of an array only where it ends.
   */
  private static Container scan(byte[] utf8, @Nullable String key, JsonToken kind)
      throws IOException {
    try (JsonParser parser = StrictJson.parser(utf8)) {
      parser.nextToken();
      require(parser, key == null ? kind : JsonToken.START_OBJECT);
      if (key != null) {
        String name = parser.nextFieldName();
        while (!key.equals(name)) {
          parser.nextToken();
          parser.skipChildren();
          name = parser.nextFieldName();
        }
        parser.nextToken();
        require(parser, kind);
      }
      Container container = new Container(end(parser));
      boolean object = kind == JsonToken.START_OBJECT;
      JsonToken closing = object ? JsonToken.END_OBJECT : JsonToken.END_ARRAY;
      while (parser.nextToken() != closing) {
        String name = object ? parser.currentName() : "";
        if (object) {
          parser.nextToken();
        }
        int start = offset(parser, parser.currentTokenLocation().getByteOffset());
        parser.skipChildren();
        Span span = new Span(start, end(parser));
        container.last = span.end;
        container.empty = false;
        if (object) {
          container.members.put(name, span);
        }
      }
      return container;
    }
  }

  private static void require(JsonParser parser, JsonToken kind) throws IOException {
    if (parser.currentToken() != kind) {
      throw new JsonParseException(parser, "wanted " + kind + ", got " + parser.currentToken());
    }
  }

  private static int end(JsonParser parser) throws IOException {
    parser.finishToken();
    return offset(parser, parser.currentLocation().getByteOffset());
  }

  private static int offset(JsonParser parser, long byteOffset) throws IOException {
    if (byteOffset < 0) {
      throw new JsonParseException(parser, "the text is not in UTF-8");
    }
    return Math.toIntExact(byteOffset);
  }

  private static byte[] apply(byte[] utf8, List<Edit> edits) {
    List<Edit> ordered = new ArrayList<>(edits);
    ordered.sort((a, b) -> Integer.compare(a.span.start, b.span.start));
    ByteArrayOutputStream out = new ByteArrayOutputStream(utf8.length + 256);
    int at = 0;
    for (Edit edit : ordered) {
      out.write(utf8, at, edit.span.start - at);
      out.writeBytes(edit.text.getBytes(StandardCharsets.UTF_8));
      at = edit.span.end;
    }
    out.write(utf8, at, utf8.length - at);
    return out.toByteArray();
  }

  private record Span(int start, int end) {}

  private record Edit(Span span, String text) {}

  /** An object or array in the text. */
  private static final class Container {
    private final Map<String, Span> members = new LinkedHashMap<>();
    private int last;
    private boolean empty = true;

    Container(int afterOpening) {
      last = afterOpening;
    }

    Edit insertion(List<String> items, boolean pretty, int depth) {
      String line = pretty ? "\n" + STEP.repeat(depth) : "";
      String joined = line + String.join("," + line, items);
      String text = empty ? joined + (pretty ? "\n" + STEP.repeat(depth - 1) : "") : "," + joined;
      return new Edit(new Span(last, last), text);
    }
  }
}
