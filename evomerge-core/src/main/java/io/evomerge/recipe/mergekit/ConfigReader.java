package io.evomerge.recipe.mergekit;

import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterSpec.Scope;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.internal.text.TextNode;
import io.evomerge.internal.text.TextNode.Kind;
import io.evomerge.recipe.mergekit.ConfigDocument.Range;
import io.evomerge.recipe.mergekit.ConfigDocument.Slice;
import io.evomerge.recipe.mergekit.ConfigDocument.Source;
import io.evomerge.recipe.mergekit.ConfigDocument.Token;
import io.evomerge.recipe.mergekit.ConfigDocument.Tokenizer;
import io.evomerge.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;

/** Turns a YAML text into a configuration, collecting every mistake with its line. */
final class ConfigReader {

  private static final List<String> KEYS =
      List.of(
          "merge_method",
          "slices",
          "models",
          "modules",
          "parameters",
          "base_model",
          "dtype",
          "out_dtype",
          "tokenizer_source",
          "tokenizer",
          "chat_template",
          "name");
  private static final List<String> SLICE_KEYS =
      List.of("sources", "base_model", "parameters", "residual_weight");
  private static final List<String> SOURCE_KEYS = List.of("model", "layer_range", "parameters");
  private static final List<String> MODEL_KEYS = List.of("model", "parameters");
  private static final List<String> MODULE_KEYS = List.of("slices", "models", "parameters");
  private static final List<String> REFERENCE_KEYS =
      List.of("model", "lora", "override_architecture");
  private static final List<String> PATH_KEYS = List.of("path", "revision");
  private static final List<String> TOKENIZER_KEYS =
      List.of("source", "tokens", "pad_to_multiple_of");
  private static final List<String> TOKEN_KEYS = List.of("source", "force");
  private static final List<String> EMBEDDING_KEYS = List.of("kind", "model", "token_id", "token");
  private static final List<String> CONDITION_KEYS = List.of("filter", "value");
  private static final String MODULE = "default";

  private final List<String> problems = new ArrayList<>();
  private final Set<String> warnings = new LinkedHashSet<>();
  private Optional<MergeMethod> method = Optional.empty();

  static ConfigDocument read(String yaml) {
    TextNode root = TextNode.parseWithAliases(new YAMLFactory(), "mergekit configuration", yaml);
    ConfigReader reader = new ConfigReader();
    Optional<ConfigDocument> document = reader.document(root);
    if (!reader.problems.isEmpty() || document.isEmpty()) {
      reader.problems.sort(Comparator.comparing(ConfigReader::line));
      throw new RecipeException("mergekit configuration: " + String.join("; ", reader.problems));
    }
    return document.get();
  }

  private static int line(String problem) {
    return problem.startsWith("line ")
        ? Integer.parseInt(problem.substring("line ".length(), problem.indexOf(':')))
        : 0;
  }

  private Optional<ConfigDocument> document(TextNode root) {
    if (root.kind != Kind.MAP) {
      problem(root, "wanted a map with the keys " + String.join(", ", KEYS));
      return Optional.empty();
    }
    checkKeys(root, KEYS);
    method = text(root, "merge_method").flatMap(name -> method(root, name));
    if (!root.fields.containsKey("merge_method")) {
      problems.add("'merge_method' is missing, e.g. merge_method: ties");
    }
    Optional<ModelReference> base = present(root, "base_model").flatMap(this::model);
    Map<String, Setting> parameters = parameters(root, false);
    Map<String, Setting> moduleParameters = Map.of();
    TextNode holder = root;
    long inputs =
        List.of("models", "slices", "modules").stream()
            .filter(key -> present(root, key).isPresent())
            .count();
    if (inputs != 1) {
      problems.add(
          "wanted exactly one of 'models', 'slices' and 'modules', got "
              + (inputs == 0 ? "none" : inputs));
    }
    Optional<TextNode> modules = present(root, "modules");
    if (modules.isPresent()) {
      Optional<TextNode> module = onlyModule(modules.get());
      if (module.isPresent()) {
        holder = module.get();
        moduleParameters = parameters(holder, false);
        if (present(holder, "models").isPresent() == present(holder, "slices").isPresent()) {
          problem(holder, "a module needs either 'models' or 'slices'");
        }
      }
    }
    boolean whole = present(holder, "models").isPresent();
    List<Slice> slices =
        whole
            ? models(present(holder, "models").get())
            : present(holder, "slices").map(this::slices).orElse(List.of());
    base = commonBase(base, slices);
    Optional<Tokenizer> tokenizer = tokenizer(root);
    Optional<TextNode> template = present(root, "chat_template");
    Optional<DType> dtype = dtype(root, "dtype");
    Optional<DType> outDtype = dtype(root, "out_dtype");
    if (method.isEmpty() || slices.isEmpty()) {
      if (problems.isEmpty()) {
        problems.add("there is no model to merge");
      }
      return Optional.empty();
    }
    ConfigDocument document =
        new ConfigDocument(
            method.get(),
            text(root, "name"),
            base,
            slices,
            whole,
            moduleParameters,
            parameters,
            outDtype.or(() -> dtype),
            tokenizer,
            text(root, "chat_template"),
            template.map(node -> node.line).orElse(0),
            List.of());
    checkModels(root, document);
    return Optional.of(document.withWarnings(new ArrayList<>(warnings)));
  }

  private Optional<MergeMethod> method(TextNode root, String name) {
    Optional<MergeMethod> known = MergeMethod.byName(name);
    if (known.isEmpty()) {
      problem(
          root.fields.get("merge_method"),
          "there is no merge_method '" + name + "'" + DidYouMean.hint(name, MergeMethod.names()));
    }
    return known;
  }

  private Optional<TextNode> onlyModule(TextNode modules) {
    if (modules.kind != Kind.MAP) {
      problem(modules, "'modules' is " + modules.kind + ", wanted a map of modules");
      return Optional.empty();
    }
    modules.fields.forEach(
        (name, module) -> {
          if (!name.equals(MODULE)) {
            problem(
                module,
                "module '"
                    + name
                    + "': models of several modules, each merged in its own way, are not"
                    + " supported, only the module '"
                    + MODULE
                    + "'");
          }
        });
    Optional<TextNode> module = Optional.ofNullable(modules.fields.get(MODULE));
    if (module.isPresent()) {
      if (module.get().kind != Kind.MAP) {
        problem(module.get(), "module '" + MODULE + "' is " + module.get().kind);
        return Optional.empty();
      }
      checkKeys(module.get(), MODULE_KEYS);
    }
    return module;
  }

  private List<Slice> models(TextNode node) {
    List<Source> sources = new ArrayList<>();
    for (TextNode item : list(node, "'models'")) {
      if (!isMap(item, "a model", "e.g. {model: path/to/model}")) {
        continue;
      }
      checkKeys(item, MODEL_KEYS);
      requiredModel(item)
          .ifPresent(
              model ->
                  sources.add(
                      new Source(model, Optional.empty(), parameters(item, true), item.line)));
    }
    return sources.isEmpty()
        ? List.of()
        : List.of(new Slice(sources, Optional.empty(), Map.of(), node.line));
  }

  private List<Slice> slices(TextNode node) {
    List<Slice> slices = new ArrayList<>();
    for (TextNode item : list(node, "'slices'")) {
      if (!isMap(item, "a slice", "with the key 'sources'")) {
        continue;
      }
      checkKeys(item, SLICE_KEYS);
      present(item, "residual_weight")
          .ifPresent(
              value -> warnings.add(value.at() + "'residual_weight' changes nothing in mergekit"));
      Optional<TextNode> list = present(item, "sources");
      if (list.isEmpty()) {
        problem(item, "a slice needs 'sources'");
        continue;
      }
      List<Source> sources = new ArrayList<>();
      for (TextNode source : list(list.get(), "'sources'")) {
        if (isMap(source, "a source", "e.g. {model: path/to/model, layer_range: [0, 8]}")) {
          checkKeys(source, SOURCE_KEYS);
          Optional<ModelReference> model = requiredModel(source);
          Optional<Range> range = range(source);
          Map<String, Setting> parameters = parameters(source, true);
          if (model.isPresent() && range.isPresent()) {
            sources.add(new Source(model.get(), range, parameters, source.line));
          }
        }
      }
      checkLengths(item, sources);
      Optional<ModelReference> base = present(item, "base_model").flatMap(this::model);
      if (!sources.isEmpty()) {
        slices.add(new Slice(sources, base, parameters(item, false), item.line));
      }
    }
    return slices;
  }

  private void checkLengths(TextNode slice, List<Source> sources) {
    List<Integer> lengths = sources.stream().map(s -> s.range().get().length()).distinct().toList();
    if (lengths.size() > 1) {
      problem(
          slice,
          "the models of a slice must give the same number of layers, got "
              + String.join(
                  ", ",
                  sources.stream().map(s -> s.model() + ": " + s.range().get().length()).toList()));
    }
  }

  private Optional<Range> range(TextNode source) {
    Optional<TextNode> node = present(source, "layer_range");
    if (node.isEmpty()) {
      problem(source, "'layer_range' is missing, e.g. layer_range: [0, 8]");
      return Optional.empty();
    }
    List<Integer> ends = new ArrayList<>();
    if (node.get().kind == Kind.LIST) {
      node.get().items.forEach(item -> whole(item, "'layer_range'").ifPresent(ends::add));
    }
    if (ends.size() != 2 || ends.get(0) < 0 || ends.get(1) <= ends.get(0)) {
      problem(
          node.get(),
          "layer_range: wanted the first layer, from 0, and the one after the last, e.g. [0, 8]"
              + (ends.isEmpty() ? "" : ", got " + ends));
      return Optional.empty();
    }
    return Optional.of(new Range(ends.get(0), ends.get(1)));
  }

  /** One base for all slices: a recipe has one. */
  private Optional<ModelReference> commonBase(Optional<ModelReference> base, List<Slice> slices) {
    Set<ModelReference> bases = new LinkedHashSet<>();
    slices.forEach(slice -> slice.base().or(() -> base).ifPresent(bases::add));
    if (bases.size() > 1) {
      slices.stream()
          .filter(slice -> slice.base().isPresent())
          .findFirst()
          .ifPresent(
              slice ->
                  problems.add(
                      "line "
                          + slice.line()
                          + ": the slices have different base models ("
                          + String.join(", ", bases.stream().map(ModelReference::toString).toList())
                          + "), which is not supported: merge them one by one, then stack the"
                          + " results with passthrough"));
    }
    return base.or(() -> bases.stream().findFirst());
  }

  private void checkModels(TextNode root, ConfigDocument document) {
    MergeMethod known = document.method();
    boolean hasBase = known.base() != MergeMethod.Base.NONE && document.base().isPresent();
    if (known.base() == MergeMethod.Base.REQUIRED && document.base().isEmpty()) {
      problem(
          root.fields.get("merge_method"), known.name() + " needs a 'base_model', there is none");
      return;
    }
    Set<ModelReference> all = new LinkedHashSet<>();
    document.base().ifPresent(all::add);
    for (Slice slice : document.slices()) {
      List<ModelReference> models = new ArrayList<>();
      slice.sources().forEach(source -> models.add(source.model()));
      all.addAll(models);
      Set<ModelReference> seen = new LinkedHashSet<>();
      for (ModelReference model : models) {
        if (!seen.add(model)) {
          warnings.add(
              "line "
                  + slice.line()
                  + ": "
                  + model
                  + " is listed twice; here it counts as two models, mergekit keeps one of them");
        }
      }
      boolean added =
          document.whole() && document.base().filter(b -> !seen.contains(b)).isPresent();
      boolean baseThere = added || document.base().filter(seen::contains).isPresent();
      if (known.base() == MergeMethod.Base.REQUIRED && !baseThere) {
        problems.add(
            "line "
                + slice.line()
                + ": the base model "
                + document.base().get()
                + " must be one of the sources of this slice");
      }
      int others = models.size() - (hasBase && seen.contains(document.base().get()) ? 1 : 0);
      others += !hasBase && added ? 1 : 0;
      if (others < known.minSources() || others > known.maxSources()) {
        problems.add(
            "line "
                + slice.line()
                + ": "
                + known.name()
                + " merges "
                + (known.minSources() == known.maxSources() ? "exactly " : "at least ")
                + known.minSources()
                + (known.minSources() == 1 ? " model" : " models")
                + (hasBase ? " beside the base" : "")
                + ", got "
                + others);
      }
    }
    document.tokenizer().ifPresent(tokenizer -> checkTokenizer(root, tokenizer, all));
  }

  private void checkTokenizer(TextNode root, Tokenizer tokenizer, Set<ModelReference> all) {
    Set<ModelReference> used = new LinkedHashSet<>();
    tokenizer.model().ifPresent(used::add);
    tokenizer.tokens().values().forEach(token -> token.model().ifPresent(used::add));
    for (ModelReference model : used) {
      if (!all.contains(model)) {
        TextNode node =
            present(root, "tokenizer").orElseGet(() -> root.fields.get("tokenizer_source"));
        problem(
            node,
            "the tokenizer uses "
                + model
                + ", which takes no part in the merge"
                + DidYouMean.hint(
                    model.toString(), all.stream().map(ModelReference::toString).toList()));
      }
    }
  }

  // ---- models

  private Optional<ModelReference> requiredModel(TextNode holder) {
    Optional<TextNode> node = present(holder, "model");
    if (node.isEmpty()) {
      problem(holder, "'model' is missing, e.g. model: path/to/model");
    }
    return node.flatMap(this::model);
  }

  private Optional<ModelReference> model(TextNode node) {
    if (node.kind != Kind.MAP) {
      return scalar(node, "a model").flatMap(text -> reference(node, text));
    }
    checkKeys(node, REFERENCE_KEYS);
    present(node, "override_architecture")
        .ifPresent(value -> problem(value, "'override_architecture' is not supported"));
    Optional<TextNode> path = present(node, "model");
    if (path.isEmpty()) {
      problem(node, "a model needs 'model', e.g. {model: {path: org/name, revision: v1}}");
    }
    Optional<ModelReference> model = path.flatMap(this::path);
    Optional<ModelReference> lora = present(node, "lora").flatMap(this::path);
    return model.map(
        m ->
            new ModelReference(
                m.path(),
                m.revision(),
                lora.map(ModelReference::path),
                lora.flatMap(ModelReference::revision)));
  }

  private Optional<ModelReference> path(TextNode node) {
    if (node.kind != Kind.MAP) {
      return scalar(node, "a path").flatMap(text -> reference(node, text));
    }
    checkKeys(node, PATH_KEYS);
    Optional<String> path = text(node, "path");
    if (path.isEmpty()) {
      problem(node, "'path' is missing");
    }
    return path.map(
        p -> new ModelReference(p, text(node, "revision"), Optional.empty(), Optional.empty()));
  }

  private Optional<ModelReference> reference(TextNode node, String text) {
    try {
      return Optional.of(ModelReference.parse(text));
    } catch (IllegalArgumentException e) {
      problem(node, e.getMessage());
      return Optional.empty();
    }
  }

  // ---- parameters

  private Map<String, Setting> parameters(TextNode holder, boolean ofOneModel) {
    Map<String, Setting> settings = new TreeMap<>();
    Optional<TextNode> node = present(holder, "parameters");
    if (node.isEmpty() || !isMap(node.get(), "'parameters'", "of names to values")) {
      return settings;
    }
    node.get()
        .fields
        .forEach(
            (name, value) -> {
              if (value.kind != Kind.NULL) {
                checkParameter(name, value, ofOneModel);
                setting(name, value).ifPresent(setting -> settings.put(name, setting));
              }
            });
    return settings;
  }

  private void checkParameter(String name, TextNode node, boolean ofOneModel) {
    if (method.isEmpty()) {
      return;
    }
    Optional<MergeMethod.Parameter> known = method.get().parameter(name);
    if (known.isEmpty() && !MergeMethod.parameterNames().contains(name)) {
      List<String> names =
          method.get().parameters().stream().map(MergeMethod.Parameter::name).toList();
      problem(
          node,
          method.get().name() + " has no parameter '" + name + "'" + DidYouMean.hint(name, names));
    } else if (known.isEmpty()) {
      warnings.add(node.at() + method.get().name() + " does not use '" + name + "'");
    } else if (ofOneModel && known.get().scope() == Scope.GLOBAL) {
      warnings.add(
          node.at() + "'" + name + "' of one model changes nothing: it is one value for all");
    }
  }

  private Optional<Setting> setting(String name, TextNode node) {
    int before = problems.size();
    List<Setting.Condition> conditions = new ArrayList<>();
    boolean conditional =
        node.kind == Kind.MAP
            || (!node.items.isEmpty() && node.items.stream().allMatch(i -> i.kind == Kind.MAP));
    if (conditional) {
      for (TextNode item : node.kind == Kind.MAP ? List.of(node) : node.items) {
        condition(name, item).ifPresent(conditions::add);
      }
    } else {
      conditions.add(new Setting.Condition(Optional.empty(), values(name, node)));
    }
    return problems.size() > before ? Optional.empty() : Optional.of(new Setting(conditions));
  }

  private Optional<Setting.Condition> condition(String name, TextNode node) {
    checkKeys(node, CONDITION_KEYS);
    Optional<String> filter = text(node, "filter").filter(text -> !text.equals("*"));
    Optional<TextNode> value = present(node, "value");
    if (value.isEmpty()) {
      problem(node, "'" + name + "': a filter needs a 'value'");
      return Optional.empty();
    }
    List<Double> values = values(name, value.get());
    return values.isEmpty() ? Optional.empty() : Optional.of(new Setting.Condition(filter, values));
  }

  private List<Double> values(String name, TextNode node) {
    List<Double> values = new ArrayList<>();
    if (node.kind != Kind.LIST) {
      number(name, node).ifPresent(values::add);
    } else if (node.items.isEmpty()) {
      problem(node, "'" + name + "' is an empty list");
    } else {
      node.items.forEach(item -> number(name, item).ifPresent(values::add));
    }
    return values;
  }

  private Optional<Double> number(String name, TextNode node) {
    String text = node.text.replace("_", "");
    switch (text.toLowerCase(Locale.ROOT)) {
      case "true", "yes", "on":
        return Optional.of(1.0);
      case "false", "no", "off":
        return Optional.of(0.0);
      default:
        break;
    }
    boolean scalar = node.kind == Kind.NUMBER || node.kind == Kind.TEXT;
    if (scalar && text.matches("[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?")) {
      double number = Double.parseDouble(text);
      if (Double.isFinite(number)) {
        return Optional.of(number);
      }
    }
    problem(
        node,
        "'"
            + name
            + "' is "
            + (scalar ? "'" + node.text + "'" : node.kind)
            + ", wanted a number, true or false, a list of them, or a list of filters");
    return Optional.empty();
  }

  // ---- tokenizer

  private Optional<Tokenizer> tokenizer(TextNode root) {
    Optional<TextNode> old = present(root, "tokenizer_source");
    Optional<TextNode> node = present(root, "tokenizer");
    if (old.isPresent() && node.isPresent()) {
      problem(old.get(), "give either 'tokenizer_source' or 'tokenizer', not both");
    }
    if (node.isEmpty()) {
      return old.flatMap(value -> tokenizer(value, Map.of(), OptionalInt.empty()));
    }
    if (!isMap(node.get(), "'tokenizer'", "with the keys " + String.join(", ", TOKENIZER_KEYS))) {
      return Optional.empty();
    }
    checkKeys(node.get(), TOKENIZER_KEYS);
    Map<String, Token> tokens = new LinkedHashMap<>();
    present(node.get(), "tokens")
        .filter(map -> isMap(map, "'tokens'", "of tokens to their embeddings"))
        .ifPresent(
            map -> map.fields.forEach((name, value) -> tokens.put(name, token(name, value))));
    OptionalInt pad = OptionalInt.empty();
    Optional<TextNode> multiple = present(node.get(), "pad_to_multiple_of");
    if (multiple.isPresent()) {
      int value = whole(multiple.get(), "'pad_to_multiple_of'").orElse(1);
      if (value < 1) {
        problem(multiple.get(), "'pad_to_multiple_of' is " + value + ", wanted at least 1");
      }
      pad = OptionalInt.of(value);
    }
    Optional<TextNode> source = present(node.get(), "source");
    if (source.isEmpty()) {
      return Optional.of(new Tokenizer(true, Optional.empty(), tokens, pad));
    }
    return tokenizer(source.get(), tokens, pad);
  }

  private Optional<Tokenizer> tokenizer(
      TextNode source, Map<String, Token> tokens, OptionalInt pad) {
    boolean text = source.kind != Kind.MAP;
    if (text && source.text.equals("union")) {
      return Optional.of(new Tokenizer(true, Optional.empty(), tokens, pad));
    }
    if (text && source.text.equals("base")) {
      return Optional.of(new Tokenizer(false, Optional.empty(), tokens, pad));
    }
    Optional<ModelReference> model =
        text && source.text.startsWith("model:")
            ? reference(source, source.text.substring("model:".length()))
            : model(source);
    return model.map(m -> new Tokenizer(false, Optional.of(m), tokens, pad));
  }

  private Token token(String name, TextNode node) {
    String what = "token '" + name + "'";
    Optional<TextNode> source = Optional.empty();
    boolean force = false;
    if (isMap(node, what, "e.g. {source: path/to/model}")) {
      checkKeys(node, TOKEN_KEYS);
      source = present(node, "source");
      Optional<TextNode> flag = present(node, "force");
      if (flag.isPresent()) {
        force = number("force", flag.get()).orElse(0.0) != 0;
      }
    }
    Optional<ModelReference> model = Optional.empty();
    Optional<String> token = Optional.empty();
    OptionalInt id = OptionalInt.empty();
    boolean zero = false;
    if (source.isPresent()) {
      TextNode from = source.get();
      if (from.kind == Kind.MAP && from.fields.containsKey("kind")) {
        checkKeys(from, EMBEDDING_KEYS);
        String kind = text(from, "kind").orElse("");
        zero = kind.equals("zero");
        if (kind.equals("model_token")) {
          model = requiredModel(from);
          token = text(from, "token");
          Optional<TextNode> row = present(from, "token_id");
          if (row.isPresent() == token.isPresent()) {
            problem(from, what + ": wanted either 'token' or 'token_id'");
          }
          if (row.isPresent()) {
            id = OptionalInt.of(whole(row.get(), "'token_id'").orElse(0));
            if (id.getAsInt() < 0) {
              problem(row.get(), "'token_id' is " + id.getAsInt() + ", wanted at least 0");
            }
          }
        } else if (!zero) {
          problem(
              from,
              what
                  + ": there is no kind '"
                  + kind
                  + "'"
                  + DidYouMean.hint(kind, List.of("model_token", "zero")));
        }
      } else if (from.kind == Kind.TEXT && from.text.equals("zero")) {
        zero = true;
      } else {
        model = model(from);
      }
    }
    return new Token(zero, model, token, id, force);
  }

  // ---- small things

  private Optional<DType> dtype(TextNode root, String key) {
    Optional<String> text = text(root, key);
    Optional<DType> type =
        text.map(t -> t.startsWith("torch.") ? t.substring("torch.".length()) : t)
            .flatMap(DType::byName)
            .filter(DType::isFloating);
    if (text.isPresent() && type.isEmpty()) {
      List<String> known =
          Arrays.stream(DType.values()).filter(DType::isFloating).map(DType::configName).toList();
      problem(
          root.fields.get(key),
          "unknown " + key + " '" + text.get() + "'" + DidYouMean.hint(text.get(), known));
    }
    return type;
  }

  private Optional<Integer> whole(TextNode node, String what) {
    try {
      return Optional.of(Integer.parseInt(node.text));
    } catch (NumberFormatException e) {
      String got = node.text.isEmpty() ? node.kind.toString() : "'" + node.text + "'";
      problem(node, what + " is " + got + ", wanted a whole number");
      return Optional.empty();
    }
  }

  private List<TextNode> list(TextNode node, String what) {
    if (node.kind != Kind.LIST) {
      problem(node, what + " is " + node.kind + ", wanted a list");
      return List.of();
    }
    if (node.items.isEmpty()) {
      problem(node, what + " is empty");
    }
    return node.items;
  }

  private boolean isMap(TextNode node, String what, String wanted) {
    if (node.kind != Kind.MAP) {
      problem(node, what + " is " + node.kind + ", wanted a map, " + wanted);
    }
    return node.kind == Kind.MAP;
  }

  private void checkKeys(TextNode map, List<String> known) {
    map.fields.forEach(
        (key, value) -> {
          if (!known.contains(key)) {
            problem(value, "unknown key '" + key + "'" + DidYouMean.hint(key, known));
          }
        });
  }

  private static Optional<TextNode> present(TextNode map, String key) {
    return Optional.ofNullable(map.fields.get(key)).filter(node -> node.kind != Kind.NULL);
  }

  private Optional<String> text(TextNode map, String key) {
    return present(map, key).flatMap(node -> scalar(node, "'" + key + "'"));
  }

  private Optional<String> scalar(TextNode node, String what) {
    if (node.kind == Kind.MAP || node.kind == Kind.LIST || node.kind == Kind.NULL) {
      problem(node, what + " is " + node.kind + ", wanted a text");
      return Optional.empty();
    }
    return Optional.of(node.text);
  }

  private void problem(TextNode node, String text) {
    problems.add(node.at() + text);
  }
}
