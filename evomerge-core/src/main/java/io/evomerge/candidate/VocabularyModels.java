package io.evomerge.candidate;

import io.evomerge.checkpoint.AddedToken;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Vocabulary;
import io.evomerge.checkpoint.VocabularyTensors;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.recipe.TokenEmbedding;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Models whose vocabularies can be brought to a common one, checked as a whole. */
final class VocabularyModels {

  private static final Logger LOG = LoggerFactory.getLogger(VocabularyModels.class);
  private static final int SHOWN = 5;
  private static final Set<String> WORD_TYPES = Set.of("WordLevel", "WordPiece");

  private final Map<String, Model> models = new LinkedHashMap<>();
  private final Optional<String> base;
  private final String giver;

  /** A model with its tokens and the rows that its embeddings have. */
  record Model(Checkpoint checkpoint, Vocabulary vocabulary, int rows, Set<String> rowTensors) {

    String name() {
      return checkpoint.name();
    }

    /** The row of a token, or -1 if it has none. */
    int row(String token) {
      int id = vocabulary.id(token).orElse(-1);
      return id < rows ? id : -1;
    }
  }

  private VocabularyModels(Optional<String> base, String giver) {
    this.base = base;
    this.giver = giver;
  }

  static VocabularyModels of(
      VocabularyChoice choice,
      Optional<? extends Checkpoint> base,
      List<? extends Checkpoint> sources) {
    Map<String, Checkpoint> checkpoints = new LinkedHashMap<>();
    base.ifPresent(model -> checkpoints.put(model.name(), model));
    sources.forEach(model -> checkpoints.putIfAbsent(model.name(), model));
    List<String> problems = new ArrayList<>();
    String giver = choice.model().or(() -> checkpoints.keySet().stream().findFirst()).orElse("");
    if (!checkpoints.containsKey(giver)) {
      problems.add(unknown("its tokenizer is that of", giver, checkpoints.keySet()));
    }
    VocabularyModels models = new VocabularyModels(base.map(Checkpoint::name), giver);
    for (Checkpoint checkpoint : checkpoints.values()) {
      read(checkpoint, problems).ifPresent(model -> models.models.put(model.name(), model));
    }
    checkWidths(checkpoints.values(), problems);
    models.checkGiver(choice, problems);
    choice.tokens().forEach((token, from) -> models.check(token, from, checkpoints, problems));
    if (!problems.isEmpty()) {
      throw new ConfigurationException("vocabulary", problems);
    }
    models.warn(choice);
    return models;
  }

  private static Optional<Model> read(Checkpoint checkpoint, List<String> problems) {
    String name = "'" + checkpoint.name() + "'";
    Optional<Vocabulary> vocabulary =
        Vocabulary.of(checkpoint).filter(v -> v.source().equals(Vocabulary.TOKENIZER_JSON));
    if (vocabulary.isEmpty()) {
      problems.add(
          name
              + " has no tokenizer.json at "
              + checkpoint.location()
              + "; if its tokenizer is of another kind, save it in the fast format with"
              + " transformers' AutoTokenizer.from_pretrained(...).save_pretrained(...)");
    }
    Optional<TensorInfo> embeddings = VocabularyTensors.embeddings(checkpoint);
    if (embeddings.isEmpty()) {
      problems.add(name + " has no token embeddings; merge whole models, or no vocabularies");
      return Optional.empty();
    }
    long rows = embeddings.get().shape().get(0);
    for (TensorInfo other : VocabularyTensors.withOtherRows(checkpoint)) {
      problems.add(
          name
              + ": '"
              + other.name()
              + "' has "
              + other.shape().get(0)
              + " rows, '"
              + embeddings.get().name()
              + "' has "
              + rows
              + "; pad them to the same number");
    }
    for (TensorInfo tensor : VocabularyTensors.of(checkpoint)) {
      if (!tensor.dtype().isFloating()) {
        problems.add(
            name
                + ": '"
                + tensor.name()
                + "' is of "
                + tensor.dtype()
                + ", which has no rows to merge; convert it to a floating-point type");
      }
    }
    Set<String> rowTensors =
        VocabularyTensors.of(checkpoint).stream()
            .map(TensorInfo::name)
            .collect(Collectors.toUnmodifiableSet());
    return vocabulary.map(v -> new Model(checkpoint, v, Math.toIntExact(rows), rowTensors));
  }

  private static void checkWidths(Collection<Checkpoint> models, List<String> problems) {
    Map<Long, List<String>> widths = new LinkedHashMap<>();
    for (Checkpoint model : models) {
      VocabularyTensors.embeddings(model)
          .ifPresent(
              t ->
                  widths
                      .computeIfAbsent(t.shape().get(1), width -> new ArrayList<>())
                      .add(model.name()));
    }
    if (widths.size() > 1) {
      problems.add(
          "the embeddings have different widths: "
              + widths.entrySet().stream()
                  .map(entry -> entry.getKey() + " of " + String.join(", ", entry.getValue()))
                  .collect(Collectors.joining("; "))
              + "; only models of one hidden size can be merged");
    }
  }

  private void checkGiver(VocabularyChoice choice, List<String> problems) {
    Model model = models.get(giver);
    if (model == null) {
      return;
    }
    List<String> beyond = beyond(model);
    if (!beyond.isEmpty()) {
      problems.add(
          "'"
              + giver
              + "' gives the tokenizer, but its embeddings have "
              + model.rows()
              + " rows, which none is for "
              + shown(beyond)
              + "; take these tokens out of its tokenizer.json, or take another model's tokenizer");
    }
    if (choice.source() == VocabularyChoice.Source.UNION) {
      checkTypes(model, problems);
    }
    List<AddedToken> toAdd = tokensToAdd(choice);
    if (!toAdd.isEmpty() && toAdd.get(0).id() <= model.vocabulary().maxId()) {
      problems.add(
          "no token can be added to the tokenizer of '"
              + giver
              + "', as its ids have gaps: a loader would give the next one the id "
              + toAdd.get(0).id()
              + ", but ids go up to "
              + model.vocabulary().maxId()
              + "; take another model's tokenizer");
    }
  }

  private void checkTypes(Model model, List<String> problems) {
    String type = model.vocabulary().modelType().orElse("");
    for (Model other : models.values()) {
      List<String> ordinary = ordinary(other).stream().filter(t -> lacks(model, t)).toList();
      String otherType = other.vocabulary().modelType().orElse("");
      if (ordinary.isEmpty() || type.equals(otherType) && !type.equals("Unigram")) {
        continue;
      }
      problems.add(
          "the tokens "
              + shown(ordinary)
              + " of '"
              + other.name()
              + "' cannot join those of '"
              + giver
              + "', as "
              + (type.equals(otherType)
                  ? "scores of two Unigram tokenizers cannot be compared"
                  : "one tokenizer is "
                      + (otherType.isEmpty() ? "of unknown type" : otherType)
                      + ", the other "
                      + (type.isEmpty() ? "of unknown type" : type))
              + "; take the tokenizer of one model, and name the tokens that it must get");
    }
  }

  private void check(
      String token,
      TokenEmbedding from,
      Map<String, Checkpoint> checkpoints,
      List<String> problems) {
    String where = "token '" + token + "'";
    if (from.kind() == TokenEmbedding.Kind.DEFAULT) {
      if (models.values().stream().allMatch(model -> lacks(model, token))
          && models.size() == checkpoints.size()) {
        problems.add(where + " is in no model; say where its embedding comes from");
      }
      return;
    }
    if (from.model().isEmpty()) {
      return;
    }
    String name = from.model().get();
    Model model = models.get(name);
    if (model == null) {
      if (!checkpoints.containsKey(name)) {
        problems.add(unknown(where + ": its embedding is that of", name, checkpoints.keySet()));
      }
      return;
    }
    if (from.kind() == TokenEmbedding.Kind.ID) {
      int id = from.id().orElse(-1);
      if (id < 0 || id >= model.rows()) {
        problems.add(
            where + ": '" + name + "' has no row " + id + ", but rows 0 to " + (model.rows() - 1));
      }
      return;
    }
    String wanted = from.token().orElse(token);
    if (model.row(wanted) < 0) {
      problems.add(
          where
              + ": '"
              + name
              + "' has no "
              + (wanted.equals(token) ? "such token" : "token '" + wanted + "'")
              + (model.vocabulary().id(wanted).isPresent()
                  ? ", as its id "
                      + model.vocabulary().id(wanted).getAsInt()
                      + " is beyond the rows"
                  : "")
              + "; name a model that has it, another token, or a row");
    }
  }

  private void warn(VocabularyChoice choice) {
    for (Model model : models.values()) {
      List<String> beyond = beyond(model);
      if (!beyond.isEmpty()) {
        LOG.warn(
            "'{}' counts as without {}, whose ids are beyond the {} rows of its embeddings",
            model.name(),
            shown(beyond),
            model.rows());
      }
    }
    Map<String, AddedToken> first = new LinkedHashMap<>();
    Set<String> conflicts = new LinkedHashSet<>();
    List<Model> order = new ArrayList<>(models.values());
    order.remove(giver());
    order.add(0, giver());
    for (Model model : order) {
      for (AddedToken token : added(model).values()) {
        AddedToken known = first.putIfAbsent(token.content(), token);
        boolean ordinary =
            !lacks(giver(), token.content()) && !added(giver()).containsKey(token.content());
        if (ordinary || known != null && !known.withId(token.id()).equals(token)) {
          conflicts.add(token.content());
        }
      }
    }
    List<AddedToken> toAdd = tokensToAdd(choice);
    Set<String> kept = toAdd.stream().map(AddedToken::content).collect(Collectors.toSet());
    conflicts.removeIf(token -> lacks(giver(), token) && !kept.contains(token));
    if (!conflicts.isEmpty()) {
      LOG.warn(
          "the models define {} differently; the first of {} that has one counts",
          shown(conflicts),
          order.stream().map(Model::name).toList());
    }
    if (!toAdd.isEmpty()) {
      LOG.info(
          "{} tokens are added to the tokenizer of '{}', where they match as whole strings: {}",
          toAdd.size(),
          giver,
          shown(toAdd.stream().map(AddedToken::content).toList()));
    }
  }

  /** The tokens that the giver lacks, with their ids. */
  List<AddedToken> tokensToAdd(VocabularyChoice choice) {
    Model model = giver();
    Set<String> ordinary = new LinkedHashSet<>();
    Map<String, AddedToken> flags = new LinkedHashMap<>();
    for (Model other : models.values()) {
      added(other).values().forEach(token -> flags.putIfAbsent(token.content(), token));
    }
    Set<String> wanted = new LinkedHashSet<>();
    if (choice.source() == VocabularyChoice.Source.UNION) {
      models.values().forEach(other -> ordinary.addAll(ordinary(other)));
      ordinary.removeAll(flags.keySet());
      wanted.addAll(ordinary);
      wanted.addAll(flags.keySet());
    }
    wanted.addAll(choice.tokens().keySet());
    boolean words = WORD_TYPES.contains(model.vocabulary().modelType().orElse(""));
    List<AddedToken> tokens = new ArrayList<>();
    for (String token : wanted) {
      if (model.vocabulary().id(token).isEmpty()) {
        int id = model.vocabulary().nextId() + tokens.size();
        AddedToken plain = new AddedToken(id, token, words, false, false, true, false);
        tokens.add(flags.getOrDefault(token, plain).withId(id));
      }
    }
    return List.copyOf(tokens);
  }

  /** Tokens of a model with rows that are not added ones, in the order of their ids. */
  private static List<String> ordinary(Model model) {
    return model.vocabulary().tokens().values().stream()
        .filter(t -> model.row(t) >= 0 && !model.vocabulary().addedTokens().containsKey(t))
        .toList();
  }

  /** Added tokens of a model that have rows, in the order of their ids. */
  private static Map<String, AddedToken> added(Model model) {
    Map<String, AddedToken> tokens = new LinkedHashMap<>();
    model.vocabulary().addedTokens().values().stream()
        .filter(token -> model.row(token.content()) >= 0)
        .sorted(Comparator.comparingInt(AddedToken::id))
        .forEach(token -> tokens.put(token.content(), token));
    return tokens;
  }

  private static List<String> beyond(Model model) {
    return model.vocabulary().ids().keySet().stream().filter(t -> model.row(t) < 0).toList();
  }

  private static boolean lacks(Model model, String token) {
    return model.row(token) < 0;
  }

  private static String unknown(String what, String name, Collection<String> names) {
    return what + " '" + name + "', which is none of the models" + DidYouMean.hint(name, names);
  }

  private static String shown(Collection<String> tokens) {
    String first =
        tokens.stream().limit(SHOWN).map(t -> "'" + t + "'").collect(Collectors.joining(", "));
    return tokens.size() > SHOWN ? first + " and " + (tokens.size() - SHOWN) + " more" : first;
  }

  Collection<Model> all() {
    return models.values();
  }

  Model named(String name) {
    Model model = models.get(name);
    if (model == null) {
      throw new IllegalArgumentException("there is no model '" + name + "' in " + models.keySet());
    }
    return model;
  }

  Model giver() {
    return named(giver);
  }

  boolean isBase(Model model) {
    return base.filter(model.name()::equals).isPresent();
  }
}
