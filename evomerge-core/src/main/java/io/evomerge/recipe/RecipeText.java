package io.evomerge.recipe;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import io.evomerge.checkpoint.CheckpointRef;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/** Writes recipes: YAML and JSON for people, and the one canonical JSON. */
final class RecipeText {

  /** The version of the format, the value of the key {@code evomerge}. */
  static final int VERSION = 1;

  // Whatever YAML 1.1 or 1.2 could take for something else than a text is quoted.
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z_][A-Za-z0-9_./-]*");
  private static final Pattern RESERVED =
      Pattern.compile("(?i)y|n|yes|no|on|off|true|false|null|nan|inf");

  private final UnaryOperator<String> quote;
  private final String comma;
  private final String colon;
  private final boolean canonical;

  private RecipeText(UnaryOperator<String> quote, String comma, String colon, boolean canonical) {
    this.quote = quote;
    this.comma = comma;
    this.colon = colon;
    this.canonical = canonical;
  }

  static String canonicalJson(MergeRecipe recipe) {
    RecipeText text = new RecipeText(RecipeText::json, ",", ":", true);
    Map<String, String> entries = new LinkedHashMap<>();
    text.entries(recipe)
        .forEach(
            (key, value) ->
                entries.put(
                    key,
                    value instanceof Lines lines ? text.list(lines.items()) : value.toString()));
    return text.map(entries);
  }

  static String toJson(MergeRecipe recipe) {
    StringBuilder out = new StringBuilder("{");
    new RecipeText(RecipeText::json, ", ", ": ", false)
        .entries(recipe)
        .forEach(
            (key, value) -> {
              out.append(out.length() > 1 ? ",\n  " : "\n  ").append(json(key)).append(": ");
              if (value instanceof Lines lines && !lines.items().isEmpty()) {
                out.append("[\n    ");
                out.append(String.join(",\n    ", lines.items()));
                out.append("\n  ]");
              } else {
                out.append(value);
              }
            });
    return out.append("\n}\n").toString();
  }

  static String toYaml(MergeRecipe recipe) {
    StringBuilder out = new StringBuilder();
    new RecipeText(RecipeText::yaml, ", ", ": ", false)
        .entries(recipe)
        .forEach(
            (key, value) -> {
              out.append(key).append(":");
              if (value instanceof Lines lines && !lines.items().isEmpty()) {
                out.append('\n');
                lines.items().forEach(item -> out.append("  - ").append(item).append('\n'));
              } else {
                out.append(' ').append(value).append('\n');
              }
            });
    return out.toString();
  }

  /** A list whose items deserve a line each. */
  private record Lines(List<String> items) {
    @Override
    public String toString() {
      return "[]";
    }
  }

  private Map<String, Object> entries(MergeRecipe recipe) {
    Map<String, Object> entries = new LinkedHashMap<>();
    entries.put("evomerge", VERSION);
    entries.put("operator", quote.apply(recipe.operator()));
    entries.put("semantics", quote.apply(recipe.semantics().name().toLowerCase(Locale.ROOT)));
    recipe.base().ifPresent(base -> entries.put("base", model(base)));
    entries.put("sources", new Lines(recipe.sources().stream().map(this::model).toList()));
    if (canonical || !recipe.parameters().isEmpty()) {
      entries.put("parameters", map(values(recipe.parameters())));
    }
    if (canonical || !recipe.groups().isEmpty()) {
      List<String> groups = new ArrayList<>();
      for (MergeRecipe.Group group : recipe.groups()) {
        Map<String, String> entry = new LinkedHashMap<>();
        entry.put("select", quote.apply(group.select().toString()));
        entry.putAll(values(group.parameters()));
        groups.add(map(entry));
      }
      entries.put("groups", new Lines(groups));
    }
    entries.put("seed", recipe.seed());
    recipe.dtype().ifPresent(type -> entries.put("dtype", quote.apply(type.configName())));
    if (canonical && !recipe.sources().isEmpty()) {
      // Said or implied, the model is the same.
      entries.put("tokenizer", quote.apply(recipe.tokenizerSource().name()));
    } else {
      recipe.tokenizer().ifPresent(name -> entries.put("tokenizer", quote.apply(name)));
    }
    if (!recipe.slices().isEmpty()) {
      entries.put("slices", new Lines(recipe.slices().stream().map(this::slice).toList()));
    }
    recipe.vocabulary().ifPresent(choice -> entries.put("vocabulary", vocabulary(choice)));
    recipe.chatTemplate().ifPresent(text -> entries.put("chat_template", quote.apply(text)));
    if (!recipe.statistics().isEmpty()) {
      Map<String, String> files = new LinkedHashMap<>();
      recipe.statistics().forEach((source, file) -> files.put(source, model(file)));
      entries.put("statistics", map(files));
    }
    recipe.dataFlow().ifPresent(flow -> dataFlow(flow, entries));
    return entries;
  }

  private void dataFlow(DataFlow flow, Map<String, Object> entries) {
    Map<String, String> entry = new LinkedHashMap<>();
    entry.put("merged", quote.apply(flow.merged()));
    entry.put("scaling", quote.apply(flow.scaling().name().toLowerCase(Locale.ROOT)));
    entries.put("data_flow", map(entry));
    if (canonical || !flow.models().isEmpty()) {
      entries.put("models", new Lines(flow.models().stream().map(this::model).toList()));
    }
    List<String> hops = new ArrayList<>();
    for (Hop hop : flow.hops()) {
      hops.add(
          list(
              List.of(
                  quote.apply(hop.model()),
                  String.valueOf(hop.layer()),
                  Numbers.text(hop.scale()))));
    }
    entries.put("hops", new Lines(hops));
  }

  private String slice(LayerSlice slice) {
    Map<String, String> ranges = new LinkedHashMap<>();
    for (LayerRange range : slice.ranges()) {
      List<String> layers = List.of(String.valueOf(range.first()), String.valueOf(range.end()));
      ranges.put(range.model(), list(layers));
    }
    return map(ranges);
  }

  private String vocabulary(VocabularyChoice choice) {
    Map<String, String> entry = new LinkedHashMap<>();
    if (choice.model().isPresent()) {
      entry.put("model", quote.apply(choice.model().get()));
    } else {
      entry.put("source", quote.apply(choice.source().name().toLowerCase(Locale.ROOT)));
    }
    if (!choice.tokens().isEmpty()) {
      Map<String, String> tokens = new LinkedHashMap<>();
      choice.tokens().forEach((token, embedding) -> tokens.put(token, token(embedding)));
      entry.put("tokens", map(tokens));
    }
    choice.padToMultipleOf().ifPresent(n -> entry.put("pad_to_multiple_of", String.valueOf(n)));
    return map(entry);
  }

  private String token(TokenEmbedding embedding) {
    Map<String, String> entry = new LinkedHashMap<>();
    switch (embedding.kind()) {
      case DEFAULT -> entry.put("source", quote.apply("default"));
      case ZERO -> entry.put("source", quote.apply("zero"));
      default -> embedding.model().ifPresent(model -> entry.put("model", quote.apply(model)));
    }
    embedding.token().ifPresent(token -> entry.put("token", quote.apply(token)));
    embedding.id().ifPresent(id -> entry.put("id", String.valueOf(id)));
    if (embedding.force()) {
      entry.put("force", "true");
    }
    return map(entry);
  }

  private String model(CheckpointRef ref) {
    Map<String, String> entry = new LinkedHashMap<>();
    entry.put("name", quote.apply(ref.name()));
    if (!canonical || ref.sha256().isEmpty()) {
      entry.put("path", quote.apply(ref.location()));
      ref.adapter().ifPresent(adapter -> entry.put("adapter", quote.apply(adapter)));
    }
    if (!ref.sha256().isEmpty()) {
      entry.put("sha256", quote.apply(ref.sha256()));
    }
    return map(entry);
  }

  private Map<String, String> values(Map<String, ParameterValue> parameters) {
    Map<String, String> values = new LinkedHashMap<>();
    parameters.forEach(
        (name, value) -> {
          List<String> numbers = value.numbers().stream().map(Numbers::text).toList();
          values.put(name, value.perSource() ? list(numbers) : numbers.get(0));
        });
    return values;
  }

  private String list(List<String> items) {
    return "[" + String.join(comma, items) + "]";
  }

  private String map(Map<String, String> entries) {
    List<String> items = new ArrayList<>();
    entries.forEach((key, value) -> items.add(quote.apply(key) + colon + value));
    return "{" + String.join(comma, items) + "}";
  }

  private static String json(String text) {
    return '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + '"';
  }

  private static String yaml(String text) {
    return PLAIN.matcher(text).matches() && !RESERVED.matcher(text).matches() ? text : json(text);
  }
}
