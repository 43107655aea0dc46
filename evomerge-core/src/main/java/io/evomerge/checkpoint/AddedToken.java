package io.evomerge.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A token that a tokenizer finds in a text as a whole string, before its model splits the rest: an
 * entry of {@code added_tokens} in {@code tokenizer.json}.
 *
 * @param id its row in the embeddings, from 0
 * @param content its text
 * @param singleWord whether it must stand alone as a word
 * @param lstrip whether it takes the blanks to its left
 * @param rstrip whether it takes the blanks to its right
 * @param normalized whether it is looked for in the normalised text
 * @param special whether it is left out when texts are decoded without special tokens
 */
public record AddedToken(
    int id,
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {

  /**
   * A token without flags but that it is looked for in the normalised text, as tokenizers add plain
   * texts.
   *
   * @param id its row
   * @param content its text
   */
  public static AddedToken plain(int id, String content) {
    return new AddedToken(id, content, false, false, false, true, false);
  }

  /**
   * Returns the same token in another row.
   *
   * @param other the row
   */
  public AddedToken withId(int other) {
    return new AddedToken(other, content, singleWord, lstrip, rstrip, normalized, special);
  }

  /** The entry of {@code added_tokens}. */
  ObjectNode entry() {
    ObjectNode entry = JsonNodeFactory.instance.objectNode();
    entry.put("id", id);
    entry.setAll(decoderEntry());
    return entry;
  }

  /** The value in {@code added_tokens_decoder}. */
  ObjectNode decoderEntry() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("content", content)
        .put("single_word", singleWord)
        .put("lstrip", lstrip)
        .put("rstrip", rstrip)
        .put("normalized", normalized)
        .put("special", special);
  }
}
