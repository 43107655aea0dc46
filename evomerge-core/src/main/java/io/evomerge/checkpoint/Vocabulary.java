package io.evomerge.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import io.evomerge.exception.CheckpointException;
import io.evomerge.internal.json.StrictJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Which token each id stands for, from {@code tokenizer.json} (Hugging Face tokenizers) or {@code
 * vocab.json}; immutable.
 *
 * <p>A token that both the tokenizer's model and its added tokens have keeps the model's id, as
 * loaders do it. Where two tokens share an id, the id stands for the added one.
 */
public final class Vocabulary {

  /** The file that says all of a fast tokenizer. */
  public static final String TOKENIZER_JSON = "tokenizer.json";

  /** What only one type of model has: old files do not name it. */
  private static final Map<String, String> INFERRED =
      Map.of("merges", "BPE", "max_input_chars_per_word", "WordPiece");

  private final String source;
  private final String modelType;
  private final int modelSize;
  private final SortedMap<Integer, String> tokens;
  private final Map<String, Integer> ids;
  private final Map<String, AddedToken> added;

  private Vocabulary(Reader read) {
    this.source = read.source;
    this.modelType = read.modelType;
    this.modelSize = Math.max(read.entries, read.model.size());
    SortedMap<Integer, String> byId = new TreeMap<>();
    Map<String, Integer> byToken = new LinkedHashMap<>(read.model);
    read.model.forEach((token, id) -> byId.put(id, token));
    Map<String, AddedToken> flags = new LinkedHashMap<>();
    for (AddedToken token : read.added) {
      int id = read.model.getOrDefault(token.content(), token.id());
      flags.putIfAbsent(token.content(), token.withId(id));
      byToken.putIfAbsent(token.content(), id);
      byId.put(id, token.content());
    }
    this.tokens = Collections.unmodifiableSortedMap(byId);
    this.ids = Collections.unmodifiableMap(byToken);
    this.added = Collections.unmodifiableMap(flags);
  }

  /**
   * Reads the vocabulary of a checkpoint, if it has a file that says it: {@code tokenizer.json},
   * else {@code vocab.json}.
   *
   * @param checkpoint whose companion files are read
   * @throws CheckpointException if the file is no JSON
   * @throws UncheckedIOException if it cannot be read
   */
  public static Optional<Vocabulary> of(Checkpoint checkpoint) {
    for (String name : List.of(TOKENIZER_JSON, "vocab.json")) {
      for (Path file : checkpoint.companionFiles()) {
        if (file.getFileName().toString().equals(name)) {
          return Optional.of(read(file, name));
        }
      }
    }
    return Optional.empty();
  }

  private static Vocabulary read(Path file, String name) {
    Reader reader = new Reader(name);
    try (JsonParser parser = StrictJson.parser(Files.readAllBytes(file))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new CheckpointException(file + ": must be a JSON object: download it again");
      }
      if (name.equals(TOKENIZER_JSON)) {
        reader.readTokenizer(parser);
      } else {
        reader.readIds(parser);
      }
      return new Vocabulary(reader);
    } catch (JsonProcessingException e) {
      throw new CheckpointException(
          file + ": is not valid JSON: " + e.getOriginalMessage() + "; download it again", e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  /** Returns the name of the file that was read. */
  public String source() {
    return source;
  }

  /**
   * Returns the kind of the tokenizer's model, {@code BPE}, {@code Unigram}, {@code WordPiece} or
   * {@code WordLevel}; empty if the file does not say it.
   */
  public Optional<String> modelType() {
    return modelType.isEmpty() ? Optional.empty() : Optional.of(modelType);
  }

  /** Returns the number of ids that stand for a token. */
  public int size() {
    return tokens.size();
  }

  /** Returns the largest id; -1 if there is no token. */
  public int maxId() {
    return tokens.isEmpty() ? -1 : tokens.lastKey();
  }

  /** Returns the id of every token. */
  public Map<String, Integer> ids() {
    return ids;
  }

  /** Returns the token of every id, in the order of the ids. */
  public SortedMap<Integer, String> tokens() {
    return tokens;
  }

  /** Returns the tokens that are found as whole strings, by their text, in the file's order. */
  public Map<String, AddedToken> addedTokens() {
    return added;
  }

  /**
   * Returns the id of a token, if there is one.
   *
   * @param token as the tokenizer spells it
   */
  public OptionalInt id(String token) {
    Integer id = ids.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /**
   * Returns the id that a loader gives to the next token that is added, whatever the file says: the
   * number of the model's tokens, or the id after the largest of the added tokens.
   */
  public int nextId() {
    return Math.max(
        modelSize, added.values().stream().mapToInt(AddedToken::id).max().orElse(-1) + 1);
  }

  /**
   * Returns the ids that mean different tokens; where one vocabulary is larger, ids that only it
   * has do not count.
   */
  List<Integer> differingIds(Vocabulary other) {
    boolean sameSize = size() == other.size();
    TreeMap<Integer, String> all = new TreeMap<>(tokens);
    other.tokens.forEach(all::putIfAbsent);
    List<Integer> differing = new ArrayList<>();
    for (Integer id : all.keySet()) {
      String ours = tokens.get(id);
      String theirs = other.tokens.get(id);
      boolean both = ours != null && theirs != null;
      if (both ? !ours.equals(theirs) : sameSize) {
        differing.add(id);
      }
    }
    return differing;
  }

  String describe(int id) {
    String token = tokens.get(id);
    return token == null ? "unused" : "'" + token + "'";
  }

  /** What is found in a file. */
  private static final class Reader {
    private final String source;
    private final Map<String, Integer> model = new LinkedHashMap<>();
    private final List<AddedToken> added = new ArrayList<>();
    private String modelType = "";
    private String inferred = "WordLevel";
    private int entries;

    Reader(String source) {
      this.source = source;
    }

    void readTokenizer(JsonParser parser) throws IOException {
      for (String key = parser.nextFieldName(); key != null; key = parser.nextFieldName()) {
        JsonToken value = parser.nextToken();
        if (key.equals("model") && value == JsonToken.START_OBJECT) {
          readModel(parser);
        } else if (key.equals("added_tokens") && value == JsonToken.START_ARRAY) {
          JsonNode tokens = parser.readValueAsTree();
          for (JsonNode token : tokens) {
            added.add(
                new AddedToken(
                    token.path("id").asInt(),
                    token.path("content").asText(),
                    token.path("single_word").asBoolean(),
                    token.path("lstrip").asBoolean(),
                    token.path("rstrip").asBoolean(),
                    token.path("normalized").asBoolean(),
                    token.path("special").asBoolean()));
          }
        } else {
          parser.skipChildren();
        }
      }
    }

    private void readModel(JsonParser parser) throws IOException {
      for (String key = parser.nextFieldName(); key != null; key = parser.nextFieldName()) {
        JsonToken value = parser.nextToken();
        if (key.equals("type") && value == JsonToken.VALUE_STRING) {
          modelType = parser.getText();
        } else if (key.equals("vocab") && value == JsonToken.START_OBJECT) {
          readIds(parser);
        } else if (key.equals("vocab") && value == JsonToken.START_ARRAY) {
          // Unigram: the position is the id, each entry is [token, score].
          int id = 0;
          while (parser.nextToken() != JsonToken.END_ARRAY) {
            JsonNode entry = parser.readValueAsTree();
            model.put(entry.path(0).asText(), id++);
          }
          entries = id;
        } else {
          inferred = INFERRED.getOrDefault(key, inferred);
          parser.skipChildren();
        }
      }
      if (modelType.isEmpty()) {
        modelType = entries > 0 ? "Unigram" : inferred;
      }
    }

    void readIds(JsonParser parser) throws IOException {
      for (String token = parser.nextFieldName(); token != null; token = parser.nextFieldName()) {
        parser.nextToken();
        model.put(token, parser.getValueAsInt(-1));
        parser.skipChildren();
      }
    }
  }
}
