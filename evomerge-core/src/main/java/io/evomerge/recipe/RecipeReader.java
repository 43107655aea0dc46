package io.evomerge.recipe;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.HopScaling;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.internal.text.TextNode;
import io.evomerge.internal.text.TextNode.Kind;
import io.evomerge.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Turns a parsed text into a recipe, collecting every mistake with its line. */
final class RecipeReader {

  private static final List<String> KEYS =
      List.of(
          "evomerge",
          "operator",
          "semantics",
          "base",
          "sources",
          "parameters",
          "groups",
          "seed",
          "dtype",
          "tokenizer",
          "slices",
          "vocabulary",
          "chat_template",
          "statistics",
          "data_flow",
          "models",
          "hops");
  private static final List<String> MODEL_KEYS = List.of("name", "path", "adapter", "sha256");
  private static final List<String> VOCABULARY_KEYS =
      List.of("source", "model", "tokens", "pad_to_multiple_of");
  private static final List<String> TOKEN_KEYS = List.of("source", "model", "token", "id", "force");
  private static final List<String> FLOW_KEYS = List.of("merged", "scaling");
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  private final UnaryOperator<String> resolve;
  private final List<String> problems = new ArrayList<>();
  private List<String> sourceNames = List.of();

  /**
   * Creates a reader.
   *
   * @param resolve turns a path as written into one that can be opened
   */
  RecipeReader(UnaryOperator<String> resolve) {
    this.resolve = resolve;
  }

  MergeRecipe read(TextNode root) {
    if (root.kind != Kind.MAP) {
      throw new RecipeException(
          root.at() + "a recipe is a map with the keys " + String.join(", ", KEYS));
    }
    checkKeys(root, KEYS);
    checkVersion(root);
    MergeRecipe.Builder recipe = MergeRecipe.builder(text(root, "operator").orElse("?"));
    if (!root.fields.containsKey("operator")) {
      problems.add("'operator' is missing, e.g. operator: dare_ties");
    }
    text(root, "semantics").flatMap(t -> semantics(root, t)).ifPresent(recipe::semantics);
    present(root, "base").flatMap(this::model).ifPresent(recipe::base);
    List<CheckpointRef> sources = sources(root);
    sourceNames = sources.stream().map(CheckpointRef::name).toList();
    recipe.sources(sources);
    present(root, "parameters").ifPresent(node -> recipe.parameters(parameters(node, "")));
    present(root, "groups").ifPresent(node -> groups(node, recipe));
    present(root, "seed").ifPresent(node -> seed(node, recipe));
    text(root, "dtype").flatMap(t -> dtype(root, t)).ifPresent(recipe::dtype);
    text(root, "tokenizer").ifPresent(recipe::tokenizer);
    present(root, "slices").ifPresent(node -> recipe.slices(slices(node)));
    present(root, "vocabulary").flatMap(this::vocabulary).ifPresent(recipe::vocabulary);
    text(root, "chat_template").ifPresent(recipe::chatTemplate);
    present(root, "statistics").ifPresent(node -> statistics(node, recipe));
    dataFlow(root).ifPresent(recipe::dataFlow);
    if (!problems.isEmpty()) {
      throw new RecipeException("recipe: " + String.join("; ", problems));
    }
    return recipe.build();
  }

  private void checkVersion(TextNode root) {
    TextNode version = root.fields.get("evomerge");
    if (version == null) {
      problems.add("'evomerge' is missing: begin with evomerge: " + RecipeText.VERSION);
    } else if (!version.text.equals(Integer.toString(RecipeText.VERSION))) {
      problems.add(
          version.at()
              + "evomerge: "
              + version.text
              + " is not a format that this version reads, wanted "
              + RecipeText.VERSION);
    }
  }

  private void checkKeys(TextNode map, List<String> known) {
    map.fields.forEach(
        (key, value) -> {
          if (!known.contains(key)) {
            problems.add(value.at() + "unknown key '" + key + "'" + DidYouMean.hint(key, known));
          }
        });
  }

  private static Optional<TextNode> present(TextNode map, String key) {
    return Optional.ofNullable(map.fields.get(key)).filter(node -> node.kind != Kind.NULL);
  }

  private Optional<String> text(TextNode map, String key) {
    return present(map, key).flatMap(node -> scalar(node, "'" + key + "'"));
  }

  /** Names may look like numbers or truth values: a scalar is what it is written like. */
  private Optional<String> scalar(TextNode node, String what) {
    if (node.kind == Kind.MAP || node.kind == Kind.LIST || node.kind == Kind.NULL) {
      problems.add(node.at() + what + " is " + node.kind + ", wanted a text");
      return Optional.empty();
    }
    return Optional.of(node.text);
  }

  private Optional<Semantics> semantics(TextNode root, String text) {
    List<String> known =
        Arrays.stream(Semantics.values()).map(s -> s.name().toLowerCase(Locale.ROOT)).toList();
    int index = known.indexOf(text.toLowerCase(Locale.ROOT));
    if (index < 0) {
      problems.add(
          root.fields.get("semantics").at()
              + "unknown semantics '"
              + text
              + "'"
              + DidYouMean.hint(text, known));
      return Optional.empty();
    }
    return Optional.of(Semantics.values()[index]);
  }

  private Optional<DType> dtype(TextNode root, String text) {
    Optional<DType> type = DType.byName(text).filter(DType::isFloating);
    if (type.isEmpty()) {
      List<String> known =
          Arrays.stream(DType.values()).filter(DType::isFloating).map(DType::configName).toList();
      problems.add(
          root.fields.get("dtype").at()
              + "unknown dtype '"
              + text
              + "'"
              + DidYouMean.hint(text, known));
    }
    return type;
  }

  private void seed(TextNode node, MergeRecipe.Builder recipe) {
    try {
      recipe.seed(Long.parseLong(node.text.replace("_", "")));
    } catch (NumberFormatException e) {
      problems.add(node.at() + "seed is '" + node.text + "', wanted a whole number of 64 bits");
    }
  }

  private List<CheckpointRef> sources(TextNode root) {
    TextNode node = root.fields.get("sources");
    if (node == null || node.kind != Kind.LIST || node.items.isEmpty()) {
      problems.add(
          (node == null ? "" : node.at())
              + "'sources' must be a list of models, e.g. sources: [path/to/a, path/to/b]");
      return List.of();
    }
    List<CheckpointRef> sources = new ArrayList<>();
    node.items.forEach(item -> model(item).ifPresent(sources::add));
    return sources;
  }

  private Optional<CheckpointRef> model(TextNode node) {
    if (node.kind != Kind.MAP) {
      return scalar(node, "a model").map(path -> new CheckpointRef(lastPart(path), path(path), ""));
    }
    checkKeys(node, MODEL_KEYS);
    Optional<String> path = text(node, "path");
    if (path.isEmpty()) {
      problems.add(node.at() + "a model needs a 'path'");
      return Optional.empty();
    }
    String sha256 = text(node, "sha256").orElse("").toLowerCase(Locale.ROOT);
    if (!sha256.isEmpty() && !SHA256.matcher(sha256).matches()) {
      problems.add(node.at() + "sha256 '" + sha256 + "' is not 64 hexadecimal digits");
    }
    String name = text(node, "name").orElseGet(() -> lastPart(path.get()));
    Optional<String> adapter = text(node, "adapter").map(this::path);
    return Optional.of(new CheckpointRef(name, path(path.get()), adapter, sha256));
  }

  private List<LayerSlice> slices(TextNode node) {
    List<LayerSlice> slices = new ArrayList<>();
    if (node.kind != Kind.LIST) {
      problems.add(node.at() + "'slices' is " + node.kind + ", wanted a list");
      return slices;
    }
    for (TextNode item : node.items) {
      List<LayerRange> ranges = new ArrayList<>();
      item.fields.forEach(
          (model, value) -> {
            if (value.items.size() == 2) {
              ranges.add(
                  new LayerRange(
                      model, whole(model, value.items.get(0)), whole(model, value.items.get(1))));
            } else {
              problems.add(
                  value.at() + "slice of '" + model + "': wanted two layers, e.g. [0, 12]");
            }
          });
      if (item.kind != Kind.MAP) {
        problems.add(item.at() + "a slice is " + item.kind + ", wanted e.g. {model: [0, 12]}");
      }
      slices.add(new LayerSlice(ranges));
    }
    return slices;
  }

  private int whole(String what, TextNode node) {
    try {
      return Integer.parseInt(node.text);
    } catch (NumberFormatException e) {
      problems.add(node.at() + "'" + what + "' is '" + node.text + "', wanted a whole number");
      return 0;
    }
  }

  private Optional<VocabularyChoice> vocabulary(TextNode node) {
    if (node.kind != Kind.MAP) {
      return scalar(node, "'vocabulary'").map(RecipeReader::vocabularyOf);
    }
    checkKeys(node, VOCABULARY_KEYS);
    VocabularyChoice choice = vocabularyOf(text(node, "source").orElse("base"));
    Optional<String> model = text(node, "model");
    if (model.isPresent()) {
      choice = VocabularyChoice.of(model.get());
    }
    Optional<TextNode> tokens = present(node, "tokens");
    if (tokens.isPresent()) {
      Map<String, TokenEmbedding> embeddings = new LinkedHashMap<>();
      tokens.get().fields.forEach((token, value) -> embeddings.put(token, token(token, value)));
      choice = choice.withTokens(embeddings);
    }
    Optional<TextNode> padding = present(node, "pad_to_multiple_of");
    if (padding.isPresent()) {
      choice = choice.paddedTo(whole("pad_to_multiple_of", padding.get()));
    }
    return Optional.of(choice);
  }

  private static VocabularyChoice vocabularyOf(String text) {
    return switch (text) {
      case "base" -> VocabularyChoice.base();
      case "union" -> VocabularyChoice.union();
      default -> VocabularyChoice.of(text);
    };
  }

  private TokenEmbedding token(String token, TextNode node) {
    Optional<String> source = Optional.empty();
    boolean force = false;
    TokenEmbedding embedding = TokenEmbedding.byDefault();
    if (node.kind == Kind.MAP) {
      checkKeys(node, TOKEN_KEYS);
      source = text(node, "source");
      force = present(node, "force").map(n -> n.text.equalsIgnoreCase("true")).orElse(false);
      Optional<String> model = text(node, "model");
      Optional<String> other = text(node, "token");
      Optional<TextNode> id = present(node, "id");
      if (model.isEmpty() && (other.isPresent() || id.isPresent())) {
        problems.add(node.at() + "token '" + token + "' says no 'model'");
      } else if (other.isPresent() && id.isPresent()) {
        problems.add(node.at() + "token '" + token + "' gives both 'token' and 'id'");
      } else if (other.isPresent()) {
        embedding = TokenEmbedding.ofToken(model.get(), other.get());
      } else if (id.isPresent()) {
        embedding = TokenEmbedding.ofId(model.get(), whole("id", id.get()));
      } else if (model.isPresent()) {
        embedding = TokenEmbedding.ofModel(model.get());
      }
    } else {
      source = scalar(node, "token '" + token + "'");
    }
    if (source.isPresent() && source.get().equals("zero")) {
      embedding = TokenEmbedding.zero();
    } else if (source.isPresent() && !source.get().equals("default")) {
      problems.add(
          node.at()
              + "token '"
              + token
              + "' is '"
              + source.get()
              + "', wanted zero, default or {model: ...}");
    }
    return force ? embedding.forced() : embedding;
  }

  private void statistics(TextNode node, MergeRecipe.Builder recipe) {
    if (node.kind != Kind.MAP) {
      problems.add(node.at() + "'statistics' is " + node.kind + ", wanted a map of sources");
      return;
    }
    node.fields.forEach(
        (source, file) -> model(file).ifPresent(ref -> recipe.statistics(source, ref)));
  }

  private Optional<DataFlow> dataFlow(TextNode root) {
    Optional<TextNode> flow = present(root, "data_flow");
    Optional<TextNode> hops = present(root, "hops");
    if (flow.isEmpty() && hops.isEmpty()) {
      present(root, "models")
          .ifPresent(node -> problems.add(node.at() + "'models' are for a path: give its 'hops'"));
      return Optional.empty();
    }
    String merged = "merged";
    HopScaling scaling = HopScaling.BRANCH;
    if (flow.isPresent() && flow.get().kind == Kind.MAP) {
      checkKeys(flow.get(), FLOW_KEYS);
      merged = text(flow.get(), "merged").orElse(merged);
      scaling = text(flow.get(), "scaling").map(t -> scaling(flow.get(), t)).orElse(scaling);
    } else if (flow.isPresent()) {
      problems.add(
          flow.get().at()
              + "'data_flow' is "
              + flow.get().kind
              + ", wanted e.g. {merged: math, scaling: branch}");
    }
    List<CheckpointRef> models = new ArrayList<>();
    present(root, "models")
        .ifPresent(node -> node.items.forEach(item -> model(item).ifPresent(models::add)));
    List<Hop> path = new ArrayList<>();
    hops.ifPresent(node -> node.items.forEach(item -> hop(item).ifPresent(path::add)));
    return Optional.of(new DataFlow(merged, models, path, scaling));
  }

  private HopScaling scaling(TextNode flow, String text) {
    for (HopScaling scaling : HopScaling.values()) {
      if (scaling.name().toLowerCase(Locale.ROOT).equals(text)) {
        return scaling;
      }
    }
    problems.add(
        flow.fields.get("scaling").at() + "scaling '" + text + "', wanted branch or stream");
    return HopScaling.BRANCH;
  }

  private Optional<Hop> hop(TextNode node) {
    if (node.kind != Kind.LIST || node.items.size() < 2 || node.items.size() > 3) {
      problems.add(node.at() + "a hop is a model, its layer and a scale, e.g. [math, 0, 1.0]");
      return Optional.empty();
    }
    Optional<String> model = scalar(node.items.get(0), "the model of a hop");
    int layer = whole("layer", node.items.get(1));
    double scale = node.items.size() == 3 ? number("scale", node.items.get(2)) : 1;
    return model.map(name -> new Hop(name, layer, scale));
  }

  private String path(String written) {
    return resolve.apply(written.replace('\\', '/'));
  }

  private static String lastPart(String path) {
    String[] parts = path.replace('\\', '/').split("/");
    return parts.length == 0 ? path : parts[parts.length - 1];
  }

  private void groups(TextNode node, MergeRecipe.Builder recipe) {
    if (node.kind != Kind.LIST) {
      problems.add(node.at() + "'groups' is " + node.kind + ", wanted a list");
      return;
    }
    for (TextNode item : node.items) {
      Optional<TensorSelector> select = selector(item);
      Map<String, ParameterValue> values = parameters(item, "select");
      select.ifPresent(s -> recipe.group(s, values));
    }
  }

  private Optional<TensorSelector> selector(TextNode item) {
    TextNode select = item.kind == Kind.MAP ? item.fields.get("select") : null;
    if (select == null) {
      problems.add(item.at() + "a group needs 'select', e.g. {select: layers.0, weight: 0.5}");
      return Optional.empty();
    }
    try {
      return Optional.of(TensorSelector.parse(select.text));
    } catch (IllegalArgumentException e) {
      problems.add(select.at() + e.getMessage());
      return Optional.empty();
    }
  }

  private Map<String, ParameterValue> parameters(TextNode node, String except) {
    Map<String, ParameterValue> values = new TreeMap<>();
    if (node.kind != Kind.MAP) {
      problems.add(node.at() + "parameters are " + node.kind + ", wanted a map of names to values");
      return values;
    }
    node.fields.forEach(
        (name, value) -> {
          if (!name.equals(except)) {
            parameter(name, value).ifPresent(v -> values.put(name, v));
          }
        });
    return values;
  }

  private Optional<ParameterValue> parameter(String name, TextNode node) {
    int before = problems.size();
    ParameterValue result = null;
    if (node.kind == Kind.LIST) {
      List<Double> numbers = node.items.stream().map(item -> number(name, item)).toList();
      if (numbers.size() != sourceNames.size()) {
        problems.add(
            node.at()
                + "'"
                + name
                + "' has "
                + numbers.size()
                + " numbers for "
                + sourceNames.size()
                + " sources");
      } else {
        result = perSource(numbers);
      }
    } else if (node.kind == Kind.MAP) {
      checkKeys(node, sourceNames);
      List<Double> numbers = new ArrayList<>();
      for (String source : sourceNames) {
        TextNode item = node.fields.get(source);
        if (item == null) {
          problems.add(
              node.at() + "'" + name + "' gives no number for the source '" + source + "'");
        } else {
          numbers.add(number(name, item));
        }
      }
      result = perSource(numbers);
    } else {
      double number = number(name, node);
      result = problems.size() > before ? null : ParameterValue.of(number);
    }
    return problems.size() > before ? Optional.empty() : Optional.ofNullable(result);
  }

  private static @Nullable ParameterValue perSource(List<Double> numbers) {
    boolean finite = !numbers.isEmpty() && numbers.stream().allMatch(Double::isFinite);
    return finite ? ParameterValue.perSource(numbers) : null;
  }

  private double number(String name, TextNode node) {
    if (node.kind == Kind.FLAG) {
      return node.text.equalsIgnoreCase("true") ? 1 : 0;
    }
    double number = Double.NaN;
    // parseDouble also takes "1f" and hexadecimal; a recipe does not.
    if (node.text.matches("[-+]?[0-9_]*\\.?[0-9_]*([eE][-+]?[0-9]+)?")) {
      try {
        number = Double.parseDouble(node.text.replace("_", ""));
      } catch (NumberFormatException e) {
        number = Double.NaN;
      }
    }
    if (!Double.isFinite(number)) {
      String got =
          node.kind == Kind.TEXT || node.kind == Kind.NUMBER
              ? "'" + node.text + "'"
              : "" + node.kind;
      problems.add(node.at() + "'" + name + "' is " + got + ", wanted a finite number");
    }
    return number;
  }
}
