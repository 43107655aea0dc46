package io.evomerge.recipe.mergekit;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterSpec.Kind;
import io.evomerge.genome.ParameterSpec.Scope;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.recipe.TokenEmbedding;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.recipe.mergekit.ConfigDocument.Range;
import io.evomerge.recipe.mergekit.ConfigDocument.Slice;
import io.evomerge.recipe.mergekit.ConfigDocument.Source;
import io.evomerge.recipe.mergekit.ConfigDocument.Token;
import io.evomerge.recipe.mergekit.ConfigDocument.Tokenizer;
import io.evomerge.recipe.mergekit.ResultTensors.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Turns a configuration into a recipe for models of known layouts. */
final class RecipeCompiler {

  private final ConfigDocument config;
  private final Map<ModelReference, ReferencedModel> models;
  private final List<String> problems = new ArrayList<>();
  private final Map<Key, CheckpointRef> sources = new LinkedHashMap<>();
  private final Optional<ModelReference> base;
  private final List<Plan> plans = new ArrayList<>();

  /** A source: a model, or the same once more in one slice. */
  private record Key(ModelReference model, int occurrence) {}

  /** One model in a slice; the index is that of the source, -1 for the base. */
  private record Participant(Source source, Range range, int index) {}

  private record Plan(Slice slice, List<Participant> participants) {
    int length() {
      return participants.get(0).range().length();
    }
  }

  RecipeCompiler(ConfigDocument config, Map<ModelReference, ReferencedModel> models) {
    this.config = config;
    this.models = models;
    boolean used = config.method().base() != MergeMethod.Base.NONE;
    this.base = config.base().filter(model -> used);
  }

  MergeRecipe compile() {
    config.slices().forEach(this::plan);
    failIfAny();
    MergeRecipe.Builder recipe =
        MergeRecipe.builder(config.method().name()).semantics(Semantics.MERGEKIT);
    Map<ModelReference, String> names = name(recipe);
    if (!isWhole()) {
      recipe.slices(plans.stream().map(plan -> slice(plan, names)).toList());
    }
    config.dtype().ifPresent(recipe::dtype);
    config.tokenizer().map(t -> vocabulary(t, names)).ifPresent(recipe::vocabulary);
    config.chatTemplate().flatMap(this::chatTemplate).ifPresent(recipe::chatTemplate);
    parameters(recipe);
    failIfAny();
    return recipe.build();
  }

  private void failIfAny() {
    if (!problems.isEmpty()) {
      throw new RecipeException("mergekit configuration: " + String.join("; ", problems));
    }
  }

  // ---- models and layers

  private void plan(Slice slice) {
    List<Source> all = new ArrayList<>(slice.sources());
    boolean listed =
        config.base().isEmpty()
            || all.stream().anyMatch(s -> s.model().equals(config.base().get()));
    if (config.whole() && !listed) {
      all.add(new Source(config.base().get(), Optional.empty(), Map.of(), slice.line()));
    }
    List<Participant> participants = new ArrayList<>();
    Map<ModelReference, Integer> occurrences = new HashMap<>();
    for (Source source : all) {
      int layers = models.get(source.model()).layout().layerCount();
      Range range = source.range().orElse(new Range(0, layers));
      if (range.end() > layers) {
        problems.add(
            "line "
                + source.line()
                + ": layer_range ["
                + range.first()
                + ", "
                + range.end()
                + "] is beyond the "
                + layers
                + " layers of "
                + source.model());
      }
      int occurrence = occurrences.merge(source.model(), 1, Integer::sum) - 1;
      boolean isBase = occurrence == 0 && base.filter(source.model()::equals).isPresent();
      participants.add(
          new Participant(source, range, isBase ? -1 : index(new Key(source.model(), occurrence))));
    }
    List<Integer> lengths = participants.stream().map(p -> p.range().length()).distinct().toList();
    if (lengths.size() > 1) {
      problems.add(
          "line "
              + slice.line()
              + ": the models have different numbers of layers: "
              + String.join(
                  ", ",
                  participants.stream()
                      .map(p -> p.source().model() + " " + p.range().length())
                      .toList())
              + "; say with 'slices' which layers to take");
    }
    plans.add(new Plan(slice, participants));
  }

  private int index(Key key) {
    sources.putIfAbsent(key, models.get(key.model()).checkpoint());
    return new ArrayList<>(sources.keySet()).indexOf(key);
  }

  /** Gives every model a name of its own, and the recipe its models. */
  private Map<ModelReference, String> name(MergeRecipe.Builder recipe) {
    Map<ModelReference, String> names = new HashMap<>();
    Set<String> taken = new HashSet<>();
    // Where the method takes no base, mergekit still takes configuration and tokenizer from it.
    boolean donor =
        base.isEmpty()
            && config.base().filter(b -> !sources.containsKey(new Key(b, 0))).isPresent();
    if (base.isPresent() || donor) {
      ModelReference model = config.base().get();
      CheckpointRef named = named(models.get(model).checkpoint(), model, taken);
      recipe.base(named);
      names.put(model, named.name());
    }
    sources.replaceAll((key, ref) -> named(ref, key.model(), taken));
    sources.forEach((key, ref) -> names.putIfAbsent(key.model(), ref.name()));
    recipe.sources(new ArrayList<>(sources.values()));
    if (base.isEmpty() && !donor) {
      config.base().map(names::get).ifPresent(recipe::tokenizer);
    }
    return names;
  }

  private static CheckpointRef named(CheckpointRef ref, ModelReference model, Set<String> taken) {
    String name = model.shortName();
    for (int i = 2; !taken.add(name); i++) {
      name = model.shortName() + "-" + i;
    }
    return new CheckpointRef(name, ref.location(), ref.adapter(), ref.sha256());
  }

  /** Whether every layer comes from the same layer of all models, as without slices. */
  private boolean isWhole() {
    Set<Integer> all = null;
    int next = 0;
    for (Plan plan : plans) {
      Set<Integer> indices = new HashSet<>();
      for (Participant participant : plan.participants()) {
        indices.add(participant.index());
        if (participant.range().first() != next) {
          return false;
        }
      }
      if (all != null && !all.equals(indices)) {
        return false;
      }
      all = indices;
      next += plan.length();
    }
    int layers = next;
    return all != null
        && all.size() == sources.size() + (base.isPresent() ? 1 : 0)
        && models.values().stream().allMatch(m -> m.layout().layerCount() == layers);
  }

  private LayerSlice slice(Plan plan, Map<ModelReference, String> names) {
    List<CheckpointRef> refs = new ArrayList<>(sources.values());
    return new LayerSlice(
        plan.participants().stream()
            .map(
                p ->
                    new LayerRange(
                        p.index() < 0 ? names.get(p.source().model()) : refs.get(p.index()).name(),
                        p.range().first(),
                        p.range().end()))
            .toList());
  }

  // ---- tokenizer

  private static VocabularyChoice vocabulary(
      Tokenizer tokenizer, Map<ModelReference, String> names) {
    VocabularyChoice choice =
        tokenizer.union()
            ? VocabularyChoice.union()
            : tokenizer
                .model()
                .map(model -> VocabularyChoice.of(names.get(model)))
                .orElse(VocabularyChoice.base());
    Map<String, TokenEmbedding> tokens = new LinkedHashMap<>();
    tokenizer.tokens().forEach((text, token) -> tokens.put(text, embedding(token, names)));
    choice = choice.withTokens(tokens);
    return tokenizer.padToMultipleOf().isPresent()
        ? choice.paddedTo(tokenizer.padToMultipleOf().getAsInt())
        : choice;
  }

  private static TokenEmbedding embedding(Token token, Map<ModelReference, String> names) {
    TokenEmbedding embedding = TokenEmbedding.byDefault();
    if (token.zero()) {
      embedding = TokenEmbedding.zero();
    } else if (token.model().isPresent()) {
      String model = names.get(token.model().get());
      embedding =
          token.token().isPresent()
              ? TokenEmbedding.ofToken(model, token.token().get())
              : token.id().isPresent()
                  ? TokenEmbedding.ofId(model, token.id().getAsInt())
                  : TokenEmbedding.ofModel(model);
    }
    return token.force() ? embedding.forced() : embedding;
  }

  private Optional<String> chatTemplate(String text) {
    if (text.equals("auto")) {
      Map<String, Integer> counts = new LinkedHashMap<>();
      models
          .values()
          .forEach(
              model ->
                  model
                      .chatTemplate()
                      .map(String::strip)
                      .filter(template -> !template.isEmpty())
                      .ifPresent(template -> counts.merge(template, 1, Integer::sum)));
      return counts.entrySet().stream()
          .reduce((a, b) -> b.getValue() > a.getValue() ? b : a)
          .map(Map.Entry::getKey);
    }
    if (text.contains("{")) {
      return Optional.of(text);
    }
    Optional<String> known = ChatTemplates.byName(text);
    if (known.isEmpty()) {
      problems.add(
          "line "
              + config.chatTemplateLine()
              + ": chat_template '"
              + text
              + "' is not known here: give the Jinja text itself, auto, or one of "
              + String.join(", ", ChatTemplates.names())
              + DidYouMean.nearest(text, ChatTemplates.names())
                  .map(name -> "; did you mean '" + name + "'?")
                  .orElse(""));
    }
    return known;
  }

  // ---- parameters

  private void parameters(MergeRecipe.Builder recipe) {
    List<Tensor> tensors = tensors();
    Map<String, List<ParameterValue>> values = new TreeMap<>();
    for (MergeMethod.Parameter parameter : config.method().parameters()) {
      if (parameter.ofTheResult()) {
        values(parameter, tensors).ifPresent(list -> values.put(parameter.name(), list));
      }
    }
    if (problems.isEmpty() && !values.isEmpty()) {
      new GroupFinder(
              tensors.stream().map(Tensor::name).toList(),
              tensors.stream().map(Tensor::role).toList(),
              filters())
          .addTo(recipe, values);
    }
  }

  private List<Tensor> tensors() {
    return ResultTensors.of(
        plans.stream()
            .map(
                plan ->
                    plan.participants().stream()
                        .map(
                            p ->
                                new ResultTensors.Layers(
                                    models.get(p.source().model()).layout(),
                                    p.range().first(),
                                    p.range().end()))
                        .toList())
            .toList());
  }

  /** One value per tensor, or empty if the configuration never gives the parameter. */
  private Optional<List<ParameterValue>> values(
      MergeMethod.Parameter parameter, List<Tensor> tensors) {
    boolean perSource = parameter.scope() == Scope.PER_SOURCE;
    int count = perSource ? sources.size() : 1;
    boolean given = false;
    Map<String, List<String>> missing = new LinkedHashMap<>();
    List<@Nullable Double[]> rows = new ArrayList<>();
    for (Tensor tensor : tensors) {
      @Nullable Double[] row = new @Nullable Double[count];
      List<Optional<Participant>> askers = new ArrayList<>();
      if (perSource) {
        plans.get(tensor.slice()).participants().stream()
            .filter(p -> p.index() >= 0)
            .forEach(p -> askers.add(Optional.of(p)));
      } else {
        askers.add(Optional.empty());
      }
      for (Optional<Participant> asker : askers) {
        OptionalDouble value = value(parameter, tensor, asker);
        given |= value.isPresent();
        double number = value.orElse(parameter.defaultValue());
        if (Double.isNaN(number)) {
          String who = asker.map(p -> " of " + p.source().model()).orElse("");
          missing.computeIfAbsent(who, w -> new ArrayList<>()).add(tensor.name());
        }
        row[asker.map(Participant::index).orElse(0)] =
            parameter.kind() == Kind.FLAG ? Double.valueOf(number == 0 ? 0 : 1) : number;
      }
      rows.add(row);
    }
    missing.forEach(
        (who, where) ->
            problems.add(
                config.method().name()
                    + " needs '"
                    + parameter.name()
                    + "'"
                    + who
                    + ", which is missing for "
                    + (where.size() == tensors.size()
                        ? "all tensors"
                        : where.size() + " tensors, e.g. " + where.get(0))));
    if (!given || !missing.isEmpty()) {
      return Optional.empty();
    }
    fillWhereNothingCounts(rows, count);
    return Optional.of(rows.stream().map(row -> value(row, perSource)).toList());
  }

  /** A source that a slice does not name needs a number all the same: its most frequent one. */
  private static void fillWhereNothingCounts(List<@Nullable Double[]> rows, int count) {
    for (int i = 0; i < count; i++) {
      Map<Double, Integer> counts = new LinkedHashMap<>();
      for (@Nullable Double[] row : rows) {
        if (row[i] != null) {
          counts.merge(row[i], 1, Integer::sum);
        }
      }
      double frequent =
          counts.entrySet().stream()
              .reduce((a, b) -> b.getValue() > a.getValue() ? b : a)
              .map(Map.Entry::getKey)
              .orElse(1.0);
      for (@Nullable Double[] row : rows) {
        row[i] = row[i] == null ? Double.valueOf(frequent) : row[i];
      }
    }
  }

  private static ParameterValue value(@Nullable Double[] row, boolean perSource) {
    List<Double> numbers = new ArrayList<>();
    Collections.addAll(numbers, row);
    boolean same = new HashSet<>(numbers).size() == 1;
    return same || !perSource
        ? ParameterValue.of(numbers.get(0))
        : ParameterValue.perSource(numbers);
  }

  private OptionalDouble value(
      MergeMethod.Parameter parameter, Tensor tensor, Optional<Participant> asker) {
    String name = asker.map(p -> tensor.nameIn(p.range().first())).orElse(tensor.name());
    List<Map<String, Setting>> levels = new ArrayList<>();
    asker.ifPresent(p -> levels.add(p.source().parameters()));
    levels.add(plans.get(tensor.slice()).slice().parameters());
    levels.add(config.moduleParameters());
    levels.add(config.parameters());
    for (Map<String, Setting> level : levels) {
      Setting setting = level.get(parameter.name());
      OptionalDouble value =
          setting == null ? OptionalDouble.empty() : setting.at(name, tensor.t());
      if (value.isPresent()) {
        return value;
      }
    }
    return OptionalDouble.empty();
  }

  /** The texts by which the configuration itself selects tensors. */
  private Set<String> filters() {
    Set<String> filters = new LinkedHashSet<>();
    List<Map<String, Setting>> levels = new ArrayList<>();
    levels.add(config.parameters());
    levels.add(config.moduleParameters());
    for (Slice slice : config.slices()) {
      levels.add(slice.parameters());
      slice.sources().forEach(source -> levels.add(source.parameters()));
    }
    for (Map<String, Setting> level : levels) {
      for (Setting setting : level.values()) {
        setting.conditions().forEach(condition -> condition.filter().ifPresent(filters::add));
      }
    }
    return filters;
  }
}
