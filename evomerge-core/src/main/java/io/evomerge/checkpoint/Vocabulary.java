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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Which token each id stands for, from {@code tokenizer.json} (Hugging Face tokenizers) or {@code
 * vocab.json}.
 */
final class Vocabulary {

  private final String source;
  private final Map<Integer, String> tokens = new TreeMap<>();

  private Vocabulary(String source) {
    this.source = source;
  }

  /** Reads the vocabulary of a checkpoint, if it has a file that says it. */
  static Optional<Vocabulary> of(Checkpoint checkpoint) {
    for (String name : List.of("tokenizer.json", "vocab.json")) {
      for (Path file : checkpoint.companionFiles()) {
        if (file.getFileName().toString().equals(name)) {
          return Optional.of(read(file, name));
        }
      }
    }
    return Optional.empty();
  }

  private static Vocabulary read(Path file, String name) {
    Vocabulary vocabulary = new Vocabulary(name);
    try (JsonParser parser = StrictJson.parser(Files.readAllBytes(file))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new CheckpointException(file + ": must be a JSON object: download it again");
      }
      if (name.equals("vocab.json")) {
        vocabulary.readIds(parser);
      } else {
        vocabulary.readTokenizer(parser);
      }
      return vocabulary;
    } catch (JsonProcessingException e) {
      throw new CheckpointException(
          file + ": is not valid JSON: " + e.getOriginalMessage() + "; download it again", e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  private void readTokenizer(JsonParser parser) throws IOException {
    for (String key = parser.nextFieldName(); key != null; key = parser.nextFieldName()) {
      JsonToken value = parser.nextToken();
      if (key.equals("model") && value == JsonToken.START_OBJECT) {
        readModel(parser);
      } else if (key.equals("added_tokens") && value == JsonToken.START_ARRAY) {
        JsonNode added = parser.readValueAsTree();
        for (JsonNode token : added) {
          tokens.put(token.path("id").asInt(), token.path("content").asText());
        }
      } else {
        parser.skipChildren();
      }
    }
  }

  private void readModel(JsonParser parser) throws IOException {
    for (String key = parser.nextFieldName(); key != null; key = parser.nextFieldName()) {
      JsonToken value = parser.nextToken();
      if (key.equals("vocab") && value == JsonToken.START_OBJECT) {
        readIds(parser);
      } else if (key.equals("vocab") && value == JsonToken.START_ARRAY) {
        // Unigram: the position is the id, each entry is [token, score].
        int id = 0;
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          JsonNode entry = parser.readValueAsTree();
          tokens.put(id++, entry.path(0).asText());
        }
      } else {
        parser.skipChildren();
      }
    }
  }

  private void readIds(JsonParser parser) throws IOException {
    for (String token = parser.nextFieldName(); token != null; token = parser.nextFieldName()) {
      parser.nextToken();
      tokens.put(parser.getValueAsInt(-1), token);
      parser.skipChildren();
    }
  }

  String source() {
    return source;
  }

  int size() {
    return tokens.size();
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
}
