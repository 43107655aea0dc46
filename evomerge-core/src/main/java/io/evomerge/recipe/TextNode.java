package io.evomerge.recipe;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import io.evomerge.exception.RecipeException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A parsed value that knows its line; scalars keep their text, so that no digit is lost. */
final class TextNode {

  enum Kind {
    MAP,
    LIST,
    TEXT,
    NUMBER,
    FLAG,
    NULL;

    @Override
    public String toString() {
      return switch (this) {
        case MAP -> "a map";
        case LIST -> "a list";
        case TEXT -> "a text";
        case NUMBER -> "a number";
        case FLAG -> "true or false";
        case NULL -> "nothing";
      };
    }
  }

  final Kind kind;
  final int line;
  final String text;
  final Map<String, TextNode> fields = new LinkedHashMap<>();
  final List<TextNode> items = new ArrayList<>();

  private TextNode(Kind kind, int line, String text) {
    this.kind = kind;
    this.line = line;
    this.text = text;
  }

  /** Reads the single document that the parser holds. */
  static TextNode read(JsonParser parser) throws IOException {
    JsonToken first = parser.nextToken();
    TextNode node = read(parser, first, 0);
    if (parser.nextToken() != null) {
      throw new RecipeException(
          "line " + parser.currentTokenLocation().getLineNr() + ": a second document begins here");
    }
    return node;
  }

  private static TextNode read(JsonParser parser, @Nullable JsonToken token, int depth)
      throws IOException {
    int line = Math.max(1, parser.currentTokenLocation().getLineNr());
    if (token == null) {
      return new TextNode(Kind.NULL, line, "");
    }
    if (depth > 16) {
      throw new RecipeException("line " + line + ": nested too deeply for a recipe");
    }
    if (parser instanceof YAMLParser yaml && yaml.isCurrentAlias()) {
      throw new RecipeException("line " + line + ": recipes do not use YAML aliases");
    }
    switch (token) {
      case START_OBJECT:
        TextNode map = new TextNode(Kind.MAP, line, "");
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String key = parser.currentName();
          int keyLine = parser.currentTokenLocation().getLineNr();
          if (map.fields.put(key, read(parser, parser.nextToken(), depth + 1)) != null) {
            throw new RecipeException("line " + keyLine + ": '" + key + "' is given twice");
          }
        }
        return map;
      case START_ARRAY:
        TextNode list = new TextNode(Kind.LIST, line, "");
        for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
          list.items.add(read(parser, t, depth + 1));
        }
        return list;
      case VALUE_NUMBER_INT:
      case VALUE_NUMBER_FLOAT:
        return new TextNode(Kind.NUMBER, line, parser.getText());
      case VALUE_TRUE:
      case VALUE_FALSE:
        return new TextNode(Kind.FLAG, line, parser.getText());
      case VALUE_NULL:
        return new TextNode(Kind.NULL, line, "");
      default:
        return new TextNode(Kind.TEXT, line, parser.getText());
    }
  }

  String at() {
    return "line " + line + ": ";
  }
}
