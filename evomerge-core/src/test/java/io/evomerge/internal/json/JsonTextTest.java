package io.evomerge.internal.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.testing.TestSeeds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class JsonTextTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] utf8) {
    return new String(utf8, StandardCharsets.UTF_8);
  }

  private static JsonNode json(String text) throws IOException {
    return JSON.readTree(text);
  }

  @Test
  void allThatDoesNotChangeKeepsItsBytes() throws IOException {
    String before = "{ \"z\":1e-05 , \"ı\": [1.50,  -0],\n\t\"b\" :\"\\u0041ß😀\", \"c\":null }";
    byte[] after = JsonText.put(utf8(before), Map.of("ı", json("true")));
    assertThat(text(after)).isEqualTo(before.replace("[1.50,  -0]", "true"));
    after = JsonText.put(utf8(before), Map.of("d\"", json("7")));
    assertThat(text(after)).isEqualTo(before.replace(":null", ":null,\"d\\\"\":7"));
  }

  @Test
  void elementsAreAppendedInTheStyleOfTheText() throws IOException {
    String pretty = "{\n  \"a\": [\n    {\n      \"x\": 1\n    }\n  ],\n  \"b\": 2\n}\n";
    List<JsonNode> more = List.of(json("{\"x\":[2],\"y\":{}}"), json("\"\\n\""));
    assertThat(text(JsonText.append(utf8(pretty), "a", more)))
        .isEqualTo(
            """
            {
              "a": [
                {
                  "x": 1
                },
                {
                  "x": [
                    2
                  ],
                  "y": {}
                },
                "\\n"
              ],
              "b": 2
            }
            """);
    assertThat(text(JsonText.append(utf8("{\"a\":[1],\"b\":[]}"), "a", more)))
        .isEqualTo("{\"a\":[1,{\"x\":[2],\"y\":{}},\"\\n\"],\"b\":[]}");
  }

  @Test
  void whatIsMissingOrNullOrEmptyIsMade() throws IOException {
    List<JsonNode> one = List.of(json("1"));
    for (String before : List.of("{}", "{\"a\":null}", "{\"a\":[]}", "{ \"a\" : [ ] }")) {
      assertThat(json(text(JsonText.append(utf8(before), "a", one))))
          .isEqualTo(json("{\"a\":[1]}"));
    }
    Map<String, JsonNode> member = Map.of("k", json("1"));
    for (String before : List.of("{}", "{\"a\":null}", "{\"a\":{}}", "{\"a\":{\"k\":{\"k\":3}}}")) {
      assertThat(json(text(JsonText.put(utf8(before), "a", member))))
          .isEqualTo(json("{\"a\":{\"k\":1}}"));
    }
    assertThat(text(JsonText.put(utf8("{\n}"), "a", member)))
        .isEqualTo("{\n  \"a\": {\n    \"k\": 1\n  }\n\n}");
  }

  @Test
  void textsOfAnotherKindAreRefused() {
    for (String before : List.of("", "[]", "{\"a\":1}", "{\"a\":", "{\"a\":1,\"a\":[]}")) {
      assertThatThrownBy(() -> JsonText.append(utf8(before), "a", List.of()))
          .as(before)
          .isInstanceOf(JsonProcessingException.class);
    }
    byte[] wide = "{\"a\":[]}".getBytes(StandardCharsets.UTF_16LE);
    assertThatThrownBy(() -> JsonText.append(wide, "a", List.of()))
        .isInstanceOf(JsonProcessingException.class)
        .hasMessageContaining("not in UTF-8");
  }

  @Test
  void randomChangesAreThoseOfTheParsedTree() {
    TestSeeds.check(
        "json text",
        300,
        random -> {
          try {
            ObjectNode before = (ObjectNode) random(random, 3, true);
            before.set("o", random(random, 2, true));
            before.set("l", JSON.createArrayNode().add(random(random, 1, false)));
            byte[] text =
                random.nextBoolean()
                    ? JSON.writeValueAsBytes(before)
                    : JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(before);
            Map<String, JsonNode> members = new LinkedHashMap<>();
            for (int i = random.nextInt(4); i >= 0; i--) {
              members.put(key(random), random(random, 2, false));
            }
            List<JsonNode> elements = List.copyOf(members.values());

            ObjectNode put = before.deepCopy();
            put.setAll(members);
            assertThat(JSON.readTree(JsonText.put(text, members))).isEqualTo(put);
            ObjectNode inner = before.deepCopy();
            ((ObjectNode) inner.get("o")).setAll(members);
            assertThat(JSON.readTree(JsonText.put(text, "o", members))).isEqualTo(inner);
            ObjectNode appended = before.deepCopy();
            ((ArrayNode) appended.get("l")).addAll(elements);
            assertThat(JSON.readTree(JsonText.append(text, "l", elements))).isEqualTo(appended);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static String key(Random random) {
    return List.of("a", "ı", "😀", "\"", "x\\", "long key", "").get(random.nextInt(7));
  }

  private static JsonNode random(Random random, int depth, boolean object) {
    int kind = object ? 0 : random.nextInt(depth == 0 ? 4 : 6) + (depth == 0 ? 2 : 0);
    if (kind == 0) {
      ObjectNode node = JSON.createObjectNode();
      for (int i = random.nextInt(4); i > 0; i--) {
        node.set(key(random), random(random, depth - 1, false));
      }
      return node;
    }
    if (kind == 1) {
      ArrayNode node = JSON.createArrayNode();
      for (int i = random.nextInt(4); i > 0; i--) {
        node.add(random(random, depth - 1, false));
      }
      return node;
    }
    return switch (kind) {
      case 2 -> JSON.getNodeFactory().textNode(key(random) + "\n]}");
      case 3 -> JSON.getNodeFactory().numberNode(random.nextInt());
      case 4 -> JSON.getNodeFactory().booleanNode(random.nextBoolean());
      default -> JSON.nullNode();
    };
  }
}
