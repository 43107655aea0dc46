package io.evomerge.onnx.language;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * Turns text into token ids and back, as the model was trained with.
 *
 * <p>Safe for concurrent use. Holds native memory until closed; {@link #close()} is idempotent,
 * waits for calls under way, and any use after it throws {@link IllegalStateException}.
 */
public interface Tokenizer extends AutoCloseable {

  /**
   * Opens the tokenizer of a Hugging Face checkpoint folder.
   *
   * <p>Reads {@code tokenizer.json}, whose own truncation and padding settings are switched off:
   * length limits are the model's matter. The ids that end a text come from the first of {@code
   * generation_config.json}, {@code config.json}, {@code tokenizer_config.json}, {@code
   * special_tokens_map.json} that names one. No network is used: the native library is inside the
   * tokenizers artifact, and is unpacked once to DJL's cache folder ({@code DJL_CACHE_DIR}, by
   * default {@code .djl.ai} in the user's home). While the tokenizer is being opened, DJL is put in
   * its offline mode by the system property {@code ai.djl.offline}, unless the host has set it; so
   * neither its telemetry nor its download of GPU libraries takes place.
   *
   * @param folder holds {@code tokenizer.json}
   * @throws IOException if a file cannot be read
   * @throws io.evomerge.exception.TaskException if there is no {@code tokenizer.json}, or one of
   *     the files is broken; the message names the file
   * @throws io.evomerge.exception.BackendException if the native library does not run here
   */
  static Tokenizer open(Path folder) throws IOException {
    return NativeTokenizer.open(folder);
  }

  /**
   * Returns the ids of a text with the special tokens that the tokenizer's post-processor adds,
   * such as the one that begins a text.
   *
   * @param text read as given; special tokens spelled out in it are recognised
   */
  int[] encode(String text);

  /**
   * Returns the ids of a text alone.
   *
   * @param text read as given
   */
  int[] encodeWithoutSpecialTokens(String text);

  /**
   * Returns the text of token ids; ids outside the vocabulary are left out.
   *
   * @param ids may be empty
   * @param skipSpecialTokens whether special tokens are left out
   */
  String decode(int[] ids, boolean skipSpecialTokens);

  /**
   * Returns the texts of several lists of token ids, in their order.
   *
   * @param ids each list may be empty
   * @param skipSpecialTokens whether special tokens are left out
   */
  List<String> decodeAll(List<int[]> ids, boolean skipSpecialTokens);

  /** Returns the ids that end a text; empty if the folder names none. */
  Set<Integer> eosTokenIds();

  @Override
  void close();
}
