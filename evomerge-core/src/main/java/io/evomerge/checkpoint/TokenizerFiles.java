package io.evomerge.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.evomerge.exception.CheckpointException;
import io.evomerge.internal.json.JsonText;
import io.evomerge.internal.json.StrictJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tokenizer files of a model, with tokens added to them or another chat template; immutable.
 *
 * <p>A file in which nothing changes is copied. What changes, changes in its text: all the rest of
 * the file keeps its bytes. With tokens added:
 *
 * <ul>
 *   <li>{@code tokenizer.json}: they are appended to {@code added_tokens};
 *   <li>{@code tokenizer_config.json}: to {@code added_tokens_decoder}, which is made of all added
 *       tokens if it is not there, as is the file: by it the slow tokenizers, too, learn of them;
 *   <li>{@code added_tokens.json}, if it is there: with their ids;
 *   <li>{@code special_tokens_map.json}: stays, it names the tokens of certain roles;
 *   <li>{@code vocab.json}, {@code vocab.txt}, {@code merges.txt}, SentencePiece models: stay, as
 *       slow tokenizers put the added tokens of {@code tokenizer_config.json} on top of them;
 *   <li>{@code tekken.json}, {@code *.tiktoken}, {@code tokenizer.model.v*}: left out with a
 *       warning, as their loaders would not know the added tokens.
 * </ul>
 *
 * <p>With a chat template: {@code chat_template} in {@code tokenizer_config.json}, which is made if
 * need be, and {@code chat_template.jinja} and {@code chat_template.json} where the model has them,
 * as loaders prefer these.
 */
public final class TokenizerFiles {

  private static final Logger LOG = LoggerFactory.getLogger(TokenizerFiles.class);

  private static final String CONFIG = "tokenizer_config.json";
  private static final String TEMPLATE = "chat_template";

  private static final Pattern TOKENIZER =
      Pattern.compile(
          "tokeniz.*\\.json|.*tokenizer\\.model.*|.*\\.bpe\\.model|spiece\\.model|tekken\\.json"
              + "|.*\\.tiktoken|special_tokens_map\\.json|added_tokens\\.json|vocab\\.(json|txt)"
              + "|merges\\.txt|chat_template\\..*|tokeniz.*\\.py");

  /** Files that say the whole vocabulary and are read without tokenizer_config.json. */
  private static final Pattern CLOSED =
      Pattern.compile("tekken\\.json|.*\\.tiktoken|tokenizer\\.model\\.v.*");

  private final Checkpoint model;
  private final List<AddedToken> added;
  private final Optional<String> chatTemplate;

  private TokenizerFiles(Checkpoint model, List<AddedToken> added, Optional<String> chatTemplate) {
    this.model = model;
    this.added = List.copyOf(added);
    this.chatTemplate = chatTemplate;
  }

  /**
   * Starts with the files as they are.
   *
   * @param model whose tokenizer
   */
  public static TokenizerFiles of(Checkpoint model) {
    return new TokenizerFiles(model, List.of(), Optional.empty());
  }

  /**
   * Returns whether a companion file belongs to the tokenizer.
   *
   * @param fileName without folder
   */
  public static boolean isTokenizerFile(String fileName) {
    return TOKENIZER.matcher(fileName).matches();
  }

  /**
   * Returns the same with tokens added.
   *
   * @param tokens with the ids that follow those of the model, in their order
   */
  public TokenizerFiles withTokens(List<AddedToken> tokens) {
    return new TokenizerFiles(model, tokens, chatTemplate);
  }

  /**
   * Returns the same with another chat template.
   *
   * @param jinja the template's text
   */
  public TokenizerFiles withChatTemplate(String jinja) {
    return new TokenizerFiles(model, added, Optional.of(jinja));
  }

  /** Returns whether all files are copied as they are. */
  public boolean unchanged() {
    return added.isEmpty() && chatTemplate.isEmpty();
  }

  /**
   * Returns the files of the tokenizer, without those that belong to the rest of the model.
   *
   * @throws CheckpointException if a file that changes is no JSON object, or tokens are to be added
   *     and there is no {@code tokenizer.json}
   * @throws UncheckedIOException if a file cannot be read
   */
  public List<CompanionFile> files() {
    Map<String, CompanionFile> files = new LinkedHashMap<>();
    for (Path file : model.companionFiles()) {
      String name = file.getFileName().toString();
      if (isTokenizerFile(name)) {
        files.put(name, new CompanionFile.Copy(file));
      }
    }
    if (!added.isEmpty()) {
      addTokens(files);
    }
    chatTemplate.ifPresent(template -> setTemplate(files, template));
    return List.copyOf(files.values());
  }

  private void addTokens(Map<String, CompanionFile> files) {
    Vocabulary vocabulary =
        Vocabulary.of(model)
            .filter(known -> known.source().equals(Vocabulary.TOKENIZER_JSON))
            .orElseThrow(
                () ->
                    new CheckpointException(
                        model.location() + ": has no tokenizer.json that tokens can be added to"));
    edit(
        files,
        Vocabulary.TOKENIZER_JSON,
        json ->
            JsonText.append(json, "added_tokens", added.stream().map(AddedToken::entry).toList()));
    edit(
        files,
        CONFIG,
        json -> JsonText.put(json, "added_tokens_decoder", decoder(json, vocabulary)));
    if (files.containsKey("added_tokens.json")) {
      Map<String, JsonNode> ids = new LinkedHashMap<>();
      added.forEach(token -> ids.put(token.content(), IntNode.valueOf(token.id())));
      edit(files, "added_tokens.json", json -> JsonText.put(json, ids));
    }
    List<String> closed =
        files.keySet().stream().filter(name -> CLOSED.matcher(name).matches()).toList();
    if (!closed.isEmpty()) {
      LOG.warn(
          "{}: {} cannot hold the {} tokens that are added and are left out of the result",
          model.location(),
          closed,
          added.size());
      files.keySet().removeAll(closed);
    }
  }

  private Map<String, JsonNode> decoder(byte[] config, Vocabulary vocabulary) throws IOException {
    List<AddedToken> tokens = new ArrayList<>();
    if (!StrictJson.object(config).hasNonNull("added_tokens_decoder")) {
      tokens.addAll(vocabulary.addedTokens().values());
    }
    tokens.addAll(added);
    Map<String, JsonNode> entries = new LinkedHashMap<>();
    tokens.forEach(token -> entries.put(Integer.toString(token.id()), token.decoderEntry()));
    return entries;
  }

  private static void setTemplate(Map<String, CompanionFile> files, String template) {
    Map<String, JsonNode> member = Map.of(TEMPLATE, TextNode.valueOf(template));
    edit(files, CONFIG, json -> JsonText.put(json, member));
    if (files.containsKey("chat_template.json")) {
      edit(files, "chat_template.json", json -> JsonText.put(json, member));
    }
    files.computeIfPresent(
        "chat_template.jinja", (name, file) -> new CompanionFile.Text(name, template));
  }

  private static void edit(Map<String, CompanionFile> files, String name, Change change) {
    CompanionFile file = files.get(name);
    try {
      byte[] json = "{}".getBytes(StandardCharsets.UTF_8);
      if (file instanceof CompanionFile.Copy copy) {
        json = Files.readAllBytes(copy.file());
      } else if (file instanceof CompanionFile.Text text) {
        json = text.text().getBytes(StandardCharsets.UTF_8);
      }
      String changed = new String(change.apply(json), StandardCharsets.UTF_8);
      files.put(name, new CompanionFile.Text(name, changed));
    } catch (JsonProcessingException | StrictJson.NotAnObjectException e) {
      throw new CheckpointException(
          file + ": cannot be changed: " + e.getMessage() + "; download it again", e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  private interface Change {
    byte[] apply(byte[] json) throws IOException;
  }
}
