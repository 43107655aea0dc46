package io.evomerge.internal.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import io.evomerge.exception.RecipeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A parsed value of a YAML or JSON text that knows its line; scalars keep their text, so that no
 * digit is lost.
 */
public final class TextNode {

  /** What a value is written like. */
  public enum Kind {
    /** Keys and values. */
    MAP,
    /** A sequence. */
    LIST,
    /** A scalar that is none of the following. */
    TEXT,
    /** A number. */
    NUMBER,
    /** True or false. */
    FLAG,
    /** Nothing, or null. */
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

  /** What it is. */
  public final Kind kind;

  /** Where it begins, from 1. */
  public final int line;

  /** A scalar as written; empty otherwise. */
  public final String text;

  /** The values of a map by their keys, in order. */
  public final Map<String, TextNode> fields = new LinkedHashMap<>();

  /** The values of a list. */
  public final List<TextNode> items = new ArrayList<>();

  private int values = 1;

  private TextNode(Kind kind, int line, String text) {
    this.kind = kind;
    this.line = line;
    this.text = text;
  }

  /**
   * Parses the single document of a text.
   *
   * @param format of YAML or JSON
   * @param what the text is called in messages, e.g. {@code "recipe"}
   * @param text the document
   * @throws RecipeException if it is not well-formed; the message has the line
   */
  public static TextNode parse(JsonFactory format, String what, String text) {
    return parse(format, what, text, null);
  }

  /**
   * Parses the single document of a YAML text in which anchors and aliases may stand.
   *
   * @param format of YAML
   * @param what the text is called in messages
   * @param text the document
   * @throws RecipeException if it is not well-formed, an alias has no anchor before it, or aliases
   *     of aliases make more than 100,000 values; the message has the line
   */
  public static TextNode parseWithAliases(JsonFactory format, String what, String text) {
    return parse(format, what, text, new HashMap<>());
  }

  private static TextNode parse(
      JsonFactory format, String what, String text, @Nullable Map<String, TextNode> anchors) {
    try (JsonParser parser = format.createParser(text)) {
      return read(parser, what, anchors);
    } catch (JsonProcessingException e) {
      String where = e.getLocation() == null ? "" : "line " + e.getLocation().getLineNr() + ": ";
      throw new RecipeException(what + ": " + where + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory failed", e);
    }
  }

  private static TextNode read(
      JsonParser parser, String what, @Nullable Map<String, TextNode> anchors) throws IOException {
    JsonToken first = parser.nextToken();
    TextNode node = read(parser, first, 0, what, anchors);
    if (parser.nextToken() != null) {
      throw new RecipeException(
          "line " + parser.currentTokenLocation().getLineNr() + ": a second document begins here");
    }
    return node;
  }

  private static TextNode read(
      JsonParser parser,
      @Nullable JsonToken token,
      int depth,
      String what,
      @Nullable Map<String, TextNode> anchors)
      throws IOException {
    int line = Math.max(1, parser.currentTokenLocation().getLineNr());
    if (token == null) {
      return new TextNode(Kind.NULL, line, "");
    }
    if (depth > 16) {
      throw new RecipeException("line " + line + ": nested too deeply for a " + what);
    }
    if (parser instanceof YAMLParser yaml && yaml.isCurrentAlias()) {
      return alias(parser.getText(), line, what, anchors);
    }
    Object anchor = anchors == null ? null : parser.getObjectId();
    TextNode node = value(parser, token, depth, what, anchors);
    if (anchors != null && anchor != null) {
      anchors.put(anchor.toString(), node);
    }
    return node;
  }

  private static TextNode alias(
      String name, int line, String what, @Nullable Map<String, TextNode> anchors) {
    if (anchors == null) {
      throw new RecipeException(
          "line "
              + line
              + ": YAML aliases are not supported in a "
              + what
              + "; write the value out");
    }
    TextNode node = anchors.get(name);
    if (node == null) {
      throw new RecipeException("line " + line + ": there is no anchor &" + name + " before");
    }
    return node;
  }

  private static TextNode value(
      JsonParser parser,
      JsonToken token,
      int depth,
      String what,
      @Nullable Map<String, TextNode> anchors)
      throws IOException {
    int line = Math.max(1, parser.currentTokenLocation().getLineNr());
    switch (token) {
      case START_OBJECT:
        TextNode map = new TextNode(Kind.MAP, line, "");
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String key = parser.currentName();
          int keyLine = parser.currentTokenLocation().getLineNr();
          TextNode field = read(parser, parser.nextToken(), depth + 1, what, anchors);
          if (map.fields.put(key, field) != null) {
            throw new RecipeException("line " + keyLine + ": '" + key + "' is given twice");
          }
          map.count(field, line);
        }
        return map;
      case START_ARRAY:
        TextNode list = new TextNode(Kind.LIST, line, "");
        for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
          TextNode item = read(parser, t, depth + 1, what, anchors);
          list.items.add(item);
          list.count(item, line);
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

  /** Aliases share nodes, but whoever walks them sees each again. */
  private void count(TextNode part, int at) {
    values += part.values;
    if (values > 100_000) {
      throw new RecipeException("line " + at + ": too many values");
    }
  }

  /** Returns the beginning of a message about this value. */
  public String at() {
    return "line " + line + ": ";
  }
}
