package io.evomerge.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Makes small tokenizer files for tests. */
public final class TestTokenizers {

  private TestTokenizers() {}

  /**
   * Returns a BPE tokenizer that splits texts at blanks.
   *
   * @param tokens of the model, in the order of their ids
   * @param merges two tokens and a blank between them
   */
  public static ObjectNode bpe(List<String> tokens, List<String> merges, AddedToken... added) {
    ObjectNode root = of("BPE", added);
    ObjectNode vocab = ((ObjectNode) root.get("model")).putObject("vocab");
    for (int i = 0; i < tokens.size(); i++) {
      vocab.put(tokens.get(i), i);
    }
    merges.forEach(root.withObject("/model").putArray("merges")::add);
    return root;
  }

  /** Returns a tokenizer of whole words, the first of which stands for unknown ones. */
  public static ObjectNode words(List<String> tokens, AddedToken... added) {
    ObjectNode root = bpe(tokens, List.of(), added);
    ObjectNode model = (ObjectNode) root.get("model");
    model.put("type", "WordLevel").put("unk_token", tokens.get(0)).remove("merges");
    return root;
  }

  /** Returns a Unigram tokenizer with falling scores. */
  public static ObjectNode unigram(List<String> tokens, AddedToken... added) {
    ObjectNode root = of("Unigram", added);
    var vocab = ((ObjectNode) root.get("model")).put("unk_id", 0).putArray("vocab");
    for (int i = 0; i < tokens.size(); i++) {
      vocab.addArray().add(tokens.get(i)).add(-i - 0.5);
    }
    return root;
  }

  private static ObjectNode of(String type, AddedToken... added) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    for (AddedToken token : added) {
      root.withArray("added_tokens").add(token.entry());
    }
    root.putNull("normalizer").putObject("pre_tokenizer").put("type", "WhitespaceSplit");
    root.putNull("post_processor").putNull("decoder");
    root.putObject("model").put("type", type);
    return root;
  }

  /** Returns a token that is left out of decoded texts. */
  public static AddedToken special(int id, String content) {
    return new AddedToken(id, content, false, false, false, false, true);
  }

  /** Writes a text beside a model. */
  public static void put(Path folder, String name, String text) {
    try {
      Files.createDirectories(folder);
      Files.writeString(folder.resolve(name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
