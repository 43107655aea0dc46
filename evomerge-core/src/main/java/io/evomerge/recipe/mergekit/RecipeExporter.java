package io.evomerge.recipe.mergekit;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelLayout;
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
import io.evomerge.recipe.mergekit.MergeMethod.Base;
import io.evomerge.recipe.mergekit.MergeMethod.Parameter;
import io.evomerge.recipe.mergekit.ResultTensors.Tensor;
import io.evomerge.tensor.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;

/** Writes a recipe as a configuration, or says everything that keeps it from being one. */
final class RecipeExporter {

  private final MergeRecipe recipe;
  private final MergeMethod method;
  private final Function<String, ModelLayout> layouts;
  private final List<String> reasons = new ArrayList<>();
  private final Set<String> notes = new LinkedHashSet<>();
  private final Map<String, CheckpointRef> models = new LinkedHashMap<>();
  private final Optional<String> baseModel;
  private final List<CheckpointRef> sources;
  private final StringBuilder yaml = new StringBuilder();

  /** One model in a slice; the index is that of the recipe's source, -1 for the base. */
  private record Participant(String model, int first, int end, int index) {}

  private RecipeExporter(
      MergeRecipe recipe, MergeMethod method, Function<String, ModelLayout> layouts) {
    this.recipe = recipe;
    this.method = method;
    this.layouts = layouts;
    recipe.base().ifPresent(ref -> models.put(ref.name(), ref));
    recipe.sources().forEach(ref -> models.put(ref.name(), ref));
    this.sources = recipe.sources();
    this.baseModel = baseModel();
  }

  static MergekitYaml.Export export(
      MergeRecipe recipe, Function<String, ModelLayout> layouts, boolean evenIfResultsDiffer) {
    Optional<MergeMethod> method = MergeMethod.byName(recipe.operator());
    if (method.isEmpty()) {
      throw new RecipeException(
          "the recipe cannot be said as a mergekit configuration: mergekit has no merge method '"
              + recipe.operator()
              + "'"
              + DidYouMean.hint(recipe.operator(), MergeMethod.names()));
    }
    return new RecipeExporter(recipe, method.get(), layouts).export(evenIfResultsDiffer);
  }

  private MergekitYaml.Export export(boolean evenIfResultsDiffer) {
    checkMeaning(evenIfResultsDiffer);
    checkModels();
    List<List<Participant>> slices = slices();
    checkSlices(slices);
    failIfAny();
    line("", "merge_method", YamlText.text(method.name()));
    baseModel.ifPresent(name -> line("", "base_model", reference(models.get(name))));
    write(slices);
    dtype();
    tokenizer();
    recipe.chatTemplate().ifPresent(this::chatTemplate);
    failIfAny();
    return new MergekitYaml.Export(yaml.toString(), new ArrayList<>(notes));
  }

  private void failIfAny() {
    if (!reasons.isEmpty()) {
      throw new RecipeException(
          "the recipe cannot be said as a mergekit configuration: " + String.join("; ", reasons));
    }
  }

  // ---- what cannot be said

  private void checkMeaning(boolean evenIfResultsDiffer) {
    if (recipe.semantics() == Semantics.PAPER && method.paperDiffers()) {
      String text =
          "the recipe follows the paper's " + method.name() + ", mergekit computes another one";
      if (evenIfResultsDiffer) {
        notes.add(text);
      } else {
        reasons.add(text + ": set its semantics to mergekit, or export although results differ");
      }
    }
    if (method.random()) {
      notes.add(
          "mergekit draws its own random masks: the seed "
              + recipe.seed()
              + " cannot be carried over");
    }
    if (!recipe.statistics().isEmpty()) {
      reasons.add("mergekit takes no activation statistics");
    }
    Set<String> given = new TreeSet<>(recipe.parameters().keySet());
    recipe.groups().forEach(group -> given.addAll(group.parameters().keySet()));
    for (String name : given) {
      Optional<Parameter> parameter = method.parameter(name);
      if (parameter.isEmpty()) {
        reasons.add("mergekit's " + method.name() + " has no parameter '" + name + "'");
      } else if (parameter.get().scope() == Scope.GLOBAL && isPerSource(name)) {
        reasons.add("'" + name + "' is one number for all models in mergekit");
      }
    }
  }

  private boolean isPerSource(String name) {
    List<Map<String, ParameterValue>> all = new ArrayList<>(List.of(recipe.parameters()));
    recipe.groups().forEach(group -> all.add(group.parameters()));
    return all.stream().anyMatch(map -> map.containsKey(name) && map.get(name).perSource());
  }

  /** Which of the models mergekit's {@code base_model} is. */
  private Optional<String> baseModel() {
    Optional<String> base = recipe.base().map(CheckpointRef::name);
    if (isSlerpOfTwoSources()) {
      return Optional.of(sources.get(0).name());
    }
    if (method.base() == Base.NONE && !sources.isEmpty()) {
      // Else mergekit takes configuration and tokenizer from any model.
      return Optional.of(recipe.tokenizerSource().name());
    }
    return base;
  }

  private boolean isSlerpOfTwoSources() {
    return method.name().equals("slerp") && sources.size() == 2 && recipe.slices().isEmpty();
  }

  private void checkModels() {
    if (method.base() == Base.REQUIRED && baseModel.isEmpty()) {
      reasons.add("mergekit's " + method.name() + " needs a base, the recipe has none");
    }
    boolean baseIsSource =
        recipe.base().filter(base -> sources.contains(base)).isPresent() && !isSlerpOfTwoSources();
    if (baseIsSource && method.base() != Base.NONE) {
      reasons.add("in mergekit the base cannot also be a source");
    }
    Map<String, String> names = new HashMap<>();
    models
        .values()
        .forEach(
            ref -> {
              String other = names.put(reference(ref), ref.name());
              if (other != null) {
                reasons.add(
                    "'"
                        + other
                        + "' and '"
                        + ref.name()
                        + "' are the same model, which mergekit takes only once");
              }
            });
  }

  private List<List<Participant>> slices() {
    List<List<Participant>> slices = new ArrayList<>();
    List<String> names = sources.stream().map(CheckpointRef::name).toList();
    if (recipe.slices().isEmpty()) {
      List<Participant> all = new ArrayList<>();
      if (method.base() != Base.NONE && !isSlerpOfTwoSources()) {
        recipe.base().ifPresent(base -> all.add(whole(base.name(), -1)));
      }
      for (int i = 0; i < names.size(); i++) {
        all.add(whole(names.get(i), i));
      }
      slices.add(all);
    }
    for (LayerSlice slice : recipe.slices()) {
      List<Participant> some = new ArrayList<>();
      for (LayerRange range : slice.ranges()) {
        int index = names.indexOf(range.model());
        some.add(new Participant(range.model(), range.first(), range.end(), index));
      }
      slices.add(some);
    }
    return slices;
  }

  private Participant whole(String model, int index) {
    return new Participant(model, 0, layouts.apply(model).layerCount(), index);
  }

  private void checkSlices(List<List<Participant>> slices) {
    for (int i = 0; i < slices.size(); i++) {
      String where = recipe.slices().isEmpty() ? "the recipe" : "slice " + i;
      List<Participant> slice = slices.get(i);
      boolean hasBase =
          slice.stream().anyMatch(p -> baseModel.filter(p.model()::equals).isPresent());
      int others = slice.size();
      if (method.base() != Base.NONE && baseModel.isPresent()) {
        others -= hasBase ? 1 : 0;
        if (!hasBase) {
          reasons.add(
              where + " does not name the base, which mergekit's " + method.name() + " needs");
        }
      }
      if (others < method.minSources() || others > method.maxSources()) {
        reasons.add(
            where
                + " merges "
                + others
                + " models, mergekit's "
                + method.name()
                + (method.minSources() == method.maxSources() ? " exactly " : " at least ")
                + method.minSources());
      }
      if (method.base() == Base.NONE && slice.stream().anyMatch(p -> p.index() < 0)) {
        reasons.add(where + " names the base, which " + method.name() + " does not merge");
      }
      if (slice.stream().map(p -> p.end() - p.first()).distinct().count() > 1) {
        reasons.add(where + ": the models have different numbers of layers");
      }
    }
  }

  // ---- models and parameters

  /**
   * Whole models are listed, unless the base gives its tokenizer only: mergekit would add it to the
   * models, but not to slices.
   */
  private void write(List<List<Participant>> slices) {
    boolean listed =
        baseModel.isEmpty()
            || slices.get(0).stream().anyMatch(p -> p.model().equals(baseModel.get()));
    boolean whole = recipe.slices().isEmpty() && listed;
    List<Tensor> tensors =
        ResultTensors.of(
            slices.stream()
                .map(
                    slice ->
                        slice.stream()
                            .map(
                                p ->
                                    new ResultTensors.Layers(
                                        layouts.apply(p.model()), p.first(), p.end()))
                            .toList())
                .toList());
    Map<String, double[][]> values = new TreeMap<>();
    for (Parameter parameter : method.parameters()) {
      values(parameter, tensors, slices).ifPresent(v -> values.put(parameter.name(), v));
    }
    if (!reasons.isEmpty()) {
      return;
    }
    Map<String, Setting> global = new TreeMap<>();
    values.forEach(
        (name, rows) ->
            global(method.parameter(name).get(), rows, tensors, slices, whole)
                .ifPresent(setting -> global.put(name, setting)));
    yaml.append(whole ? "models:\n" : "slices:\n");
    for (int s = 0; s < slices.size(); s++) {
      List<Participant> slice = slices.get(s);
      String indent = whole ? "  " : "      ";
      if (!whole) {
        yaml.append("  - sources:\n");
      }
      for (Participant p : slice) {
        yaml.append(indent).append("- model: ").append(reference(models.get(p.model())));
        yaml.append('\n');
        if (!whole) {
          line(indent + "  ", "layer_range", "[" + p.first() + ", " + p.end() + "]");
        }
        if (p.index() >= 0) {
          parameters(indent + "  ", values, global, tensors, s, slice, Optional.of(p));
        }
      }
      if (!whole) {
        parameters("    ", values, global, tensors, s, slice, Optional.empty());
      }
    }
    settings("", global);
  }

  /** The values of all tensors, by tensor and source; empty if the recipe never gives them. */
  private Optional<double[][]> values(
      Parameter parameter, List<Tensor> tensors, List<List<Participant>> slices) {
    int count = parameter.scope() == Scope.PER_SOURCE ? sources.size() : 1;
    double[][] rows = new double[tensors.size()][count];
    boolean given = false;
    List<String> missing = new ArrayList<>();
    for (int i = 0; i < rows.length; i++) {
      Tensor tensor = tensors.get(i);
      Optional<ParameterValue> value =
          Optional.ofNullable(recipe.parameters().get(parameter.name()));
      for (MergeRecipe.Group group : recipe.groups()) {
        if (group.select().matches(tensor.name(), tensor.role())) {
          value = Optional.ofNullable(group.parameters().get(parameter.name())).or(keep(value));
        }
      }
      given |= value.isPresent();
      for (int k = 0; k < count; k++) {
        int column = k;
        rows[i][k] =
            value
                .map(v -> v.numbers().get(v.perSource() ? column : 0))
                .orElse(parameter.defaultValue());
      }
      boolean used =
          count == 1 || slices.get(tensor.slice()).stream().anyMatch(p -> p.index() >= 0);
      if (Double.isNaN(rows[i][0]) && used) {
        missing.add(tensor.name());
      }
    }
    if (!missing.isEmpty()) {
      reasons.add(
          method.name()
              + " needs '"
              + parameter.name()
              + "', and the recipe does not give it for "
              + missing.size()
              + " tensors, e.g. "
              + missing.get(0));
    }
    return given && missing.isEmpty() ? Optional.of(rows) : Optional.empty();
  }

  private static Supplier<Optional<ParameterValue>> keep(Optional<ParameterValue> value) {
    return () -> value;
  }

  /** What can stand once for all: with whole models, what is the same for every source. */
  private static Optional<Setting> global(
      Parameter parameter,
      double[][] rows,
      List<Tensor> tensors,
      List<List<Participant>> slices,
      boolean whole) {
    boolean sameForAll = true;
    Set<Double> distinct = new HashSet<>();
    for (int i = 0; i < rows.length; i++) {
      List<Double> used = new ArrayList<>();
      for (Participant p : slices.get(tensors.get(i).slice())) {
        if (parameter.scope() == Scope.GLOBAL) {
          used.add(rows[i][0]);
        } else if (p.index() >= 0) {
          used.add(rows[i][p.index()]);
        }
      }
      sameForAll &= new HashSet<>(used).size() <= 1;
      distinct.addAll(used);
    }
    if (distinct.size() == 1) {
      return Optional.of(Setting.of(distinct.iterator().next()));
    }
    if (!whole || !sameForAll) {
      return Optional.empty();
    }
    int column =
        parameter.scope() == Scope.GLOBAL
            ? 0
            : slices.get(0).stream().mapToInt(Participant::index).max().orElse(0);
    return Optional.of(setting(rows, column, tensors, 0, slices.get(0), Optional.empty()));
  }

  private void parameters(
      String indent,
      Map<String, double[][]> values,
      Map<String, Setting> global,
      List<Tensor> tensors,
      int slice,
      List<Participant> participants,
      Optional<Participant> participant) {
    Map<String, Setting> settings = new TreeMap<>();
    Scope scope = participant.isPresent() ? Scope.PER_SOURCE : Scope.GLOBAL;
    values.forEach(
        (name, rows) -> {
          if (!global.containsKey(name) && method.parameter(name).get().scope() == scope) {
            int column = participant.map(Participant::index).orElse(0);
            settings.put(name, setting(rows, column, tensors, slice, participants, participant));
          }
        });
    settings(indent, settings);
  }

  private static Setting setting(
      double[][] rows,
      int column,
      List<Tensor> tensors,
      int slice,
      List<Participant> participants,
      Optional<Participant> participant) {
    List<SettingFinder.Cell> cells = new ArrayList<>();
    for (int i = 0; i < rows.length; i++) {
      Tensor tensor = tensors.get(i);
      if (tensor.slice() == slice) {
        boolean layer = tensor.role().layer() >= 0;
        String name = participant.map(p -> tensor.nameIn(p.first())).orElse(tensor.name());
        cells.add(new SettingFinder.Cell(name, layer ? tensor.offset() : -1, rows[i][column]));
      }
    }
    return SettingFinder.find(cells, participants.get(0).end() - participants.get(0).first());
  }

  private void settings(String indent, Map<String, Setting> settings) {
    if (settings.isEmpty()) {
      return;
    }
    yaml.append(indent).append("parameters:\n");
    settings.forEach(
        (name, setting) -> {
          Kind kind = method.parameter(name).get().kind();
          List<Setting.Condition> conditions = setting.conditions();
          if (conditions.size() == 1 && conditions.get(0).filter().isEmpty()) {
            line(indent + "  ", name, values(conditions.get(0).values(), kind));
            return;
          }
          yaml.append(indent).append("  ").append(name).append(":\n");
          for (Setting.Condition condition : conditions) {
            yaml.append(indent).append("    - {");
            condition
                .filter()
                .ifPresent(
                    text -> yaml.append("filter: ").append(YamlText.text(text)).append(", "));
            yaml.append("value: ").append(values(condition.values(), kind)).append("}\n");
          }
        });
  }

  private static String values(List<Double> values, Kind kind) {
    if (values.size() > 1) {
      return YamlText.numbers(values);
    }
    return switch (kind) {
      case REAL -> YamlText.number(values.get(0));
      case INTEGER -> Long.toString(values.get(0).longValue());
      case FLAG -> Boolean.toString(values.get(0) != 0);
    };
  }

  // ---- the rest

  private void dtype() {
    if (recipe.dtype().isEmpty()) {
      notes.add("mergekit computes in the files' own element type, not in float32");
      return;
    }
    DType type = recipe.dtype().get();
    if (type == DType.F64) {
      reasons.add("mergekit does not write float64");
    }
    line("", "dtype", "float32");
    if (type != DType.F32) {
      line("", "out_dtype", type.configName());
    }
  }

  private void tokenizer() {
    String donor = recipe.tokenizerSource().name();
    if (recipe.vocabulary().isEmpty()) {
      if (baseModel.isEmpty()) {
        notes.add("mergekit may take configuration and tokenizer from another model than " + donor);
      } else if (!baseModel.get().equals(donor)) {
        line("", "tokenizer_source", reference(models.get(donor)));
        notes.add(
            "mergekit takes the configuration from "
                + baseModel.get()
                + ", and rows of the embeddings beyond the tokens of "
                + donor
                + " are left out");
      }
      return;
    }
    VocabularyChoice choice = recipe.vocabulary().get();
    String source =
        switch (choice.source()) {
          case UNION -> "union";
          case BASE -> "base";
          case MODEL -> reference(models.get(choice.model().orElse(donor)));
        };
    if (choice.source() == VocabularyChoice.Source.BASE
        && baseModel.isPresent()
        && !baseModel.get().equals(firstModel())) {
      source = reference(models.get(firstModel()));
    }
    if (choice.tokens().isEmpty() && choice.padToMultipleOf().isEmpty()) {
      line("", "tokenizer_source", source);
      return;
    }
    yaml.append("tokenizer:\n");
    line("  ", "source", source);
    choice.padToMultipleOf().ifPresent(n -> line("  ", "pad_to_multiple_of", "" + n));
    if (!choice.tokens().isEmpty()) {
      yaml.append("  tokens:\n");
      choice.tokens().forEach(this::token);
    }
  }

  /** Whose vocabulary a recipe means by that of the base. */
  private String firstModel() {
    return recipe.base().map(CheckpointRef::name).orElseGet(() -> sources.get(0).name());
  }

  private void token(String text, TokenEmbedding embedding) {
    String model = embedding.model().map(name -> reference(models.get(name))).orElse("");
    String source =
        switch (embedding.kind()) {
          case ZERO -> "{kind: zero}";
          case MODEL -> model;
          case TOKEN ->
              "{kind: model_token, model: "
                  + model
                  + ", token: "
                  + YamlText.text(embedding.token().orElse(""))
                  + "}";
          case ID ->
              "{kind: model_token, model: "
                  + model
                  + ", token_id: "
                  + embedding.id().orElse(0)
                  + "}";
          case DEFAULT -> "";
        };
    if (embedding.kind() == TokenEmbedding.Kind.DEFAULT) {
      reasons.add("token '" + text + "': mergekit must be told where its embedding is from");
    }
    yaml.append("    ").append(YamlText.text(text)).append(": {source: ").append(source);
    yaml.append(embedding.force() ? ", force: true}\n" : "}\n");
  }

  private void chatTemplate(String text) {
    if (text.length() < 20 || !text.contains("{")) {
      reasons.add("mergekit does not take '" + text + "' as a chat template");
    }
    line("", "chat_template", YamlText.text(text));
  }

  private static String reference(CheckpointRef ref) {
    String all = ref.location() + ref.adapter().orElse("");
    if (all.contains("+") || all.contains("@")) {
      return "{model: {path: "
          + YamlText.text(ref.location())
          + "}"
          + ref.adapter().map(a -> ", lora: {path: " + YamlText.text(a) + "}").orElse("")
          + "}";
    }
    return YamlText.text(ref.location() + ref.adapter().map(a -> "+" + a).orElse(""));
  }

  private void line(String indent, String key, String value) {
    yaml.append(indent).append(key).append(": ").append(value).append('\n');
  }
}
