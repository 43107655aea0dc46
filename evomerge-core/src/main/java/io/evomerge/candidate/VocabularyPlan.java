package io.evomerge.candidate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.AddedToken;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CompanionFile;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.TokenizerFiles;
import io.evomerge.checkpoint.Vocabulary;
import io.evomerge.exception.CheckpointException;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.internal.json.JsonText;
import io.evomerge.internal.json.StrictJson;
import io.evomerge.recipe.TokenEmbedding;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * How models with different vocabularies come to a common one: its tokens, where each model's rows
 * come from, and the tokenizer files and configuration of the result.
 *
 * <p><b>Tokens.</b> The result has the tokenizer of one model, the <em>giver</em> ({@link
 * VocabularyChoice#source()}), whose tokens keep their ids. Tokens that it lacks are appended as
 * added tokens, with the ids that follow: for a union first the ordinary tokens of the other
 * models, then their added tokens, model by model (base first) and in the order of their ids; last
 * the tokens that the choice names. A token that any model has as an added token keeps the flags of
 * the first such model; an ordinary one gets none, but must stand alone as a word where the
 * tokenizer splits texts into words (WordLevel, WordPiece). The merges of the other models are not
 * joined: their ordinary tokens match as whole strings, before the tokenizer splits the rest.
 *
 * <p><b>Rows.</b> With {@code padToMultipleOf} there is one row per id, rounded up, and rows above
 * the last token are zeros. Without, a union has exactly one row per id; else the giver's rows
 * above its tokens stay. Such a row, and one at a gap between ids, is a model's own row of that
 * number where the model has one without a token, too; else the giver's.
 *
 * <p>A model that has a token keeps its row, unless the token's embedding is forced. Else it takes
 * the row that the choice names; else the base's; else that of the one model that has it; else the
 * mean over those that have it. A token in a row that a model's embeddings do not have counts as
 * lacking. {@link TokenEmbedding.Kind#DEFAULT} when forced gives all models the row that one
 * without the token would take.
 *
 * <p>These are mergekit's rules, with these differences: padding rows stay where the tokenizer
 * does; what the giver has keeps its definition in a union; tokens that are added to tokenizers of
 * words must stand alone; where mergekit drops tokens beyond the embeddings from the tokenizer,
 * they are refused.
 *
 * <p>Reads tokenizer files and configurations, no weights. Immutable and safe for concurrent use;
 * the views are valid as long as the checkpoints are open.
 */
public final class VocabularyPlan {

  private static final Pattern TOKEN_ID = Pattern.compile(".*_token_(ids?|index)");
  private static final String SIZE = "vocab_size";
  private static final List<String> INNER = List.of("text_config", "llm_config", "language_config");

  private final VocabularyModels models;
  private final List<AddedToken> added;
  private final Map<String, Integer> tokens;
  private final Map<Integer, String> tokenOf;
  private final int rows;
  private final Map<String, int[]> ownRows = new HashMap<>();
  private final RowSource[] others;
  private final Set<String> unchanged;

  private VocabularyPlan(VocabularyModels models, VocabularyChoice choice) {
    this.models = models;
    this.added = models.tokensToAdd(choice);
    Vocabulary given = models.giver().vocabulary();
    this.tokenOf = new HashMap<>(given.tokens());
    Map<String, Integer> all = new LinkedHashMap<>();
    given.tokens().forEach((id, token) -> all.put(token, id));
    all.putAll(given.ids());
    int used = given.maxId() + 1;
    for (AddedToken token : added) {
      all.put(token.content(), token.id());
      tokenOf.put(token.id(), token.content());
      used = Math.max(used, token.id() + 1);
    }
    this.tokens = Collections.unmodifiableMap(all);
    this.rows = rows(choice, used);
    this.others = new RowSource[rows];
    models.all().forEach(model -> ownRows.put(model.name(), new int[rows]));
    boolean padded = choice.padToMultipleOf().isPresent();
    for (int row = 0; row < rows; row++) {
      String token = tokenOf.get(row);
      if (token != null) {
        planToken(row, token, Optional.ofNullable(choice.tokens().get(token)));
      } else {
        planEmptyRow(row, padded && row >= used);
      }
    }
    this.unchanged =
        models.all().stream()
            .filter(this::keepsAllRows)
            .map(VocabularyModels.Model::name)
            .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * Plans a common vocabulary.
   *
   * @param choice what the recipe says
   * @param base the base model, if there is one
   * @param sources the models to merge, open under the recipe's names
   * @throws ConfigurationException listing every mistake: a model without {@code tokenizer.json} or
   *     token embeddings, or with a head of another number of rows; different widths; tokens of the
   *     giver beyond its embeddings; named tokens, models or rows that are not there; a union with
   *     ordinary tokens of a tokenizer of another type, or of Unigram tokenizers, whose scores
   *     cannot be compared; ids with gaps to which nothing can be appended
   * @throws CheckpointException if a tokenizer file is damaged
   */
  public static VocabularyPlan of(
      VocabularyChoice choice,
      Optional<? extends Checkpoint> base,
      List<? extends Checkpoint> sources) {
    return new VocabularyPlan(VocabularyModels.of(choice, base, sources), choice);
  }

  private int rows(VocabularyChoice choice, int used) {
    OptionalInt multiple = choice.padToMultipleOf();
    if (multiple.isPresent()) {
      long by = multiple.getAsInt();
      return Math.toIntExact((used + by - 1) / by * by);
    }
    boolean union = choice.source() == VocabularyChoice.Source.UNION;
    return union ? used : Math.max(used, models.giver().rows());
  }

  private void planToken(int row, String token, Optional<TokenEmbedding> setting) {
    boolean forced = setting.map(TokenEmbedding::force).orElse(false);
    boolean lacking = false;
    for (VocabularyModels.Model model : models.all()) {
      int own = forced ? -1 : model.row(token);
      ownRows.get(model.name())[row] = own;
      lacking |= own < 0;
    }
    if (lacking) {
      others[row] = setting.flatMap(given -> named(token, given)).orElseGet(() -> usual(token));
    }
  }

  private Optional<RowSource> named(String token, TokenEmbedding setting) {
    return switch (setting.kind()) {
      case DEFAULT -> Optional.empty();
      case ZERO -> Optional.of(new RowSource.Zeros());
      case ID -> row(setting.model().orElseThrow(), setting.id().orElseThrow());
      case MODEL, TOKEN -> {
        VocabularyModels.Model model = models.named(setting.model().orElseThrow());
        yield row(model.name(), model.row(setting.token().orElse(token)));
      }
    };
  }

  private static Optional<RowSource> row(String model, int row) {
    return Optional.of(new RowSource.Row(model, row));
  }

  private RowSource usual(String token) {
    List<RowSource.Row> having = new ArrayList<>();
    for (VocabularyModels.Model model : models.all()) {
      int row = model.row(token);
      if (row >= 0) {
        having.add(new RowSource.Row(model.name(), row));
        if (models.isBase(model)) {
          return having.get(0);
        }
      }
    }
    return switch (having.size()) {
      case 0 -> new RowSource.Zeros();
      case 1 -> having.get(0);
      default -> new RowSource.Mean(having);
    };
  }

  private void planEmptyRow(int row, boolean zeros) {
    VocabularyModels.Model giver = models.giver();
    others[row] =
        zeros || row >= giver.rows() ? new RowSource.Zeros() : new RowSource.Row(giver.name(), row);
    for (VocabularyModels.Model model : models.all()) {
      boolean alsoEmpty = row < model.rows() && !model.vocabulary().tokens().containsKey(row);
      ownRows.get(model.name())[row] = !zeros && alsoEmpty ? row : -1;
    }
  }

  /** Returns the model whose tokenizer the result has. */
  public Checkpoint tokenizerModel() {
    return models.giver().checkpoint();
  }

  /** Returns the tokens that the tokenizer gets in addition, in the order of their ids. */
  public List<AddedToken> addedTokens() {
    return added;
  }

  /** Returns the row of every token of the result. */
  public Map<String, Integer> tokens() {
    return tokens;
  }

  /** Returns the number of rows of embeddings and head. */
  public int rows() {
    return rows;
  }

  /**
   * Returns where a row of a model in the common vocabulary comes from.
   *
   * @param model name of the base or a source
   * @param row from 0, below {@link #rows()}
   */
  public RowSource rowSource(String model, int row) {
    int own = ownRows.get(models.named(model).name())[Objects.checkIndex(row, rows)];
    return own >= 0 ? new RowSource.Row(model, own) : others[row];
  }

  /**
   * Returns whether a model has the common vocabulary already: the same rows in the same order.
   *
   * @param model name of the base or a source
   */
  public boolean isIdentity(String model) {
    return unchanged.contains(models.named(model).name());
  }

  private boolean keepsAllRows(VocabularyModels.Model model) {
    int[] own = ownRows.get(model.name());
    if (model.rows() != rows) {
      return false;
    }
    for (int row = 0; row < rows; row++) {
      if (own[row] != row) {
        return false;
      }
    }
    return true;
  }

  /**
   * Returns a tensor of a model in the common vocabulary; one that has no rows per token as it is.
   *
   * <p>The view has the model's element type. Floats that it gives are exact but for means, which
   * are unrounded float32; bytes are rounded once, to nearest even. It holds nothing of the tensor.
   *
   * @param model the base or a source
   * @param tensor its name
   * @throws IllegalArgumentException if the model has no such tensor
   */
  public TensorView view(Checkpoint model, String tensor) {
    TensorView own = model.tensor(tensor);
    if (!models.named(model.name()).rowTensors().contains(tensor) || isIdentity(model.name())) {
      return own;
    }
    Map<String, TensorView> views = new HashMap<>();
    for (VocabularyModels.Model other : models.all()) {
      if (other.rowTensors().contains(tensor)) {
        views.put(other.name(), other.checkpoint().tensor(tensor));
      }
    }
    return new RowMappedView(own, ownRows.get(model.name()), others, views::get);
  }

  /**
   * Returns a configuration with the number of rows as {@code vocab_size}, and with the ids of
   * special tokens ({@code *_token_id}) in the common vocabulary.
   *
   * <p>Ids change only if the configuration is not that of {@link #tokenizerModel()}. An id whose
   * token the result does not have becomes that of the tokenizer's model under the same key, else
   * null.
   *
   * @param source the base or a source
   * @param config its configuration, perhaps with other changes
   */
  public ModelConfig config(Checkpoint source, ModelConfig config) {
    ObjectNode json = config.json();
    moveIds(source, json, tokenizerModel().config().map(ModelConfig::json));
    boolean found = false;
    for (String inner : INNER) {
      if (json.path(inner) instanceof ObjectNode object && object.has(SIZE)) {
        object.put(SIZE, rows);
        found = true;
      }
    }
    if (json.has(SIZE) || !found && rows != models.named(source.name()).rows()) {
      json.put(SIZE, rows);
    }
    return ModelConfig.of(json);
  }

  /**
   * Returns the files of the result beside weights and {@code config.json}: the tokenizer's from
   * {@link #tokenizerModel()} with the tokens that it lacks ({@link TokenizerFiles} says what
   * happens to which file), the others from the model that gives the configuration, with the ids of
   * special tokens in the common vocabulary.
   *
   * @param source the base or a source, whose configuration the result has
   * @param chatTemplate the template that the tokenizer gets, or empty for its own
   */
  public List<CompanionFile> companions(Checkpoint source, Optional<String> chatTemplate) {
    List<CompanionFile> files = new ArrayList<>(tokenizerFiles(chatTemplate).files());
    for (Path file : source.companionFiles()) {
      String name = file.getFileName().toString();
      if (TokenizerFiles.isTokenizerFile(name) || name.equals("config.json")) {
        continue;
      }
      files.add(
          name.equals("generation_config.json") && !isGiver(source)
              ? generationConfig(source, file)
              : new CompanionFile.Copy(file));
    }
    return List.copyOf(files);
  }

  /**
   * Returns the tokenizer files of the result alone.
   *
   * @param chatTemplate the template that the tokenizer gets, or empty for its own
   */
  public TokenizerFiles tokenizerFiles(Optional<String> chatTemplate) {
    TokenizerFiles files = TokenizerFiles.of(tokenizerModel()).withTokens(added);
    return chatTemplate.map(files::withChatTemplate).orElse(files);
  }

  private boolean isGiver(Checkpoint source) {
    return source.name().equals(models.giver().name());
  }

  private CompanionFile generationConfig(Checkpoint source, Path file) {
    try {
      byte[] text = Files.readAllBytes(file);
      ObjectNode before = StrictJson.object(text);
      ObjectNode after = before.deepCopy();
      moveIds(source, after, generationDefaults());
      Map<String, JsonNode> changed = new LinkedHashMap<>();
      after
          .properties()
          .forEach(
              member -> {
                if (!member.getValue().equals(before.get(member.getKey()))) {
                  changed.put(member.getKey(), member.getValue());
                }
              });
      return changed.isEmpty()
          ? new CompanionFile.Copy(file)
          : new CompanionFile.Text(
              file.getFileName().toString(),
              new String(JsonText.put(text, changed), StandardCharsets.UTF_8));
    } catch (JsonProcessingException | StrictJson.NotAnObjectException e) {
      throw new CheckpointException(
          file + ": is not valid JSON: " + e.getMessage() + "; download it again", e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  private Optional<ObjectNode> generationDefaults() throws IOException {
    for (Path file : tokenizerModel().companionFiles()) {
      if (file.getFileName().toString().equals("generation_config.json")) {
        return Optional.of(StrictJson.object(Files.readAllBytes(file)));
      }
    }
    return tokenizerModel().config().map(ModelConfig::json);
  }

  private void moveIds(Checkpoint source, ObjectNode json, Optional<? extends JsonNode> defaults) {
    if (isGiver(source)) {
      return;
    }
    Vocabulary vocabulary = models.named(source.name()).vocabulary();
    for (String key : List.copyOf(fieldNames(json))) {
      JsonNode value = json.get(key);
      Optional<JsonNode> fallback = defaults.map(node -> node.path(key));
      if (value instanceof ObjectNode inner) {
        moveIds(source, inner, fallback);
      } else if (TOKEN_ID.matcher(key).matches()) {
        JsonNode moved = moved(value, vocabulary);
        JsonNode other = fallback.filter(node -> !node.isMissingNode()).orElse(moved);
        json.set(key, moved.isNull() && !value.isNull() ? other : moved);
      }
    }
  }

  private static List<String> fieldNames(ObjectNode json) {
    List<String> names = new ArrayList<>();
    json.fieldNames().forEachRemaining(names::add);
    return names;
  }

  private JsonNode moved(JsonNode value, Vocabulary vocabulary) {
    if (value.isInt()) {
      if (value.intValue() < 0) {
        return value;
      }
      Integer row = tokens.get(vocabulary.tokens().getOrDefault(value.intValue(), ""));
      return row == null
          ? JsonNodeFactory.instance.nullNode()
          : JsonNodeFactory.instance.numberNode(row);
    }
    if (value.isArray()) {
      ArrayNode ids = JsonNodeFactory.instance.arrayNode();
      for (JsonNode id : value) {
        JsonNode row = moved(id, vocabulary);
        if (!row.isNull()) {
          ids.add(row);
        }
      }
      return ids.isEmpty() && !value.isEmpty() ? JsonNodeFactory.instance.nullNode() : ids;
    }
    return value;
  }
}
