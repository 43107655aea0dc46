package io.evomerge.genome;

import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.ParameterSearchSpace.Assignment;
import io.evomerge.genome.ParameterSearchSpace.Slot;
import io.evomerge.genome.ParameterSearchSpace.Target;
import io.evomerge.genome.ParameterSpace.Bounds;
import io.evomerge.genome.ParameterSpace.GroupFreeze;
import io.evomerge.genome.ParameterSpace.Range;
import io.evomerge.genome.ParameterSpace.Settings;
import io.evomerge.genome.ParameterSpace.Settings.Mode;
import io.evomerge.genome.ParameterSpec.Kind;
import io.evomerge.genome.ParameterSpec.Scope;
import io.evomerge.internal.text.DidYouMean;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Predicate;

/** Lays a {@link ParameterSpace} over a model, collecting every mistake on the way. */
final class SpaceBinder {

  static final String WEIGHT = "weight";
  private static final String NORMALIZE = "normalize";

  /** Tensors that share values; an empty name is the whole model. */
  private record Unit(String name, List<TensorSelector> select) {
    boolean holds(Map.Entry<String, TensorRole> tensor) {
      return select.stream().anyMatch(s -> s.matches(tensor.getKey(), tensor.getValue()));
    }
  }

  private static final Unit WHOLE_MODEL = new Unit("", List.of(TensorSelector.all()));

  private final ParameterSpace space;
  private final ModelLayout layout;
  private final Map<String, ParameterSpec> specs = new LinkedHashMap<>();
  private final List<String> sources;
  private final Set<String> problems = new LinkedHashSet<>();
  private final List<Gene> genes = new ArrayList<>();
  private final List<Target> targets = new ArrayList<>();
  private final List<Assignment> assignments = new ArrayList<>();

  SpaceBinder(
      ParameterSpace space, ModelLayout layout, List<ParameterSpec> specs, List<String> sources) {
    this.space = space;
    this.layout = layout;
    specs.forEach(spec -> this.specs.put(spec.name(), spec));
    this.sources = List.copyOf(sources);
  }

  ParameterSearchSpace bind() {
    checkNames();
    boolean flag =
        Optional.ofNullable(specs.get(NORMALIZE)).map(ParameterSpec::kind).orElse(null)
            == Kind.FLAG;
    boolean divide = space.normalized() && !flag;
    if (divide
        && Optional.ofNullable(specs.get(WEIGHT)).map(ParameterSpec::scope).orElse(null)
            != Scope.PER_SOURCE) {
      problems.add(
          "normalize(true) has nothing to normalise: the operator has no weight per source");
    }
    if (flag && space.settings(NORMALIZE).mode() == Mode.DEFAULT) {
      fix(WHOLE_MODEL.select(), specs.get(NORMALIZE), space.normalized() ? 1 : 0, 0);
    }
    List<Unit> units = units();
    specs.values().forEach(this::bindForWholeModel);
    for (Unit unit : units) {
      specs.values().stream()
          .filter(spec -> isSearched(spec) && !isModelWide(spec))
          .forEach(spec -> assign(unit, spec));
    }
    bindGroupFreezes();
    if (genes.isEmpty() && problems.isEmpty()) {
      problems.add(
          "nothing is left to search: every parameter of "
              + specs.keySet()
              + " is frozen or not searched; use search(name) or range(name, min, max)");
    }
    if (!problems.isEmpty()) {
      throw new ConfigurationException("ParameterSpace", List.copyOf(problems));
    }
    return new ParameterSearchSpace(
        space, List.copyOf(specs.values()), sources, genes, targets, assignments, divide);
  }

  private void checkNames() {
    if (layout.roles().isEmpty()) {
      problems.add("the model has no tensors");
    }
    if (sources.isEmpty() || Set.copyOf(sources).size() != sources.size()) {
      problems.add("sources " + sources + ": wanted at least one, with names of their own");
    }
    if (space.groupedByLayers() && space.layersPerGroup() < 1) {
      problems.add("perLayerGroup(" + space.layersPerGroup() + "): wanted at least 1 layer");
    }
    space.parameters().keySet().forEach(this::known);
    space.groupFreezes().forEach(freeze -> known(freeze.parameter()));
    space
        .parameters()
        .forEach(
            (name, settings) -> {
              for (String source : settings.sources().keySet()) {
                if (!sources.contains(source)) {
                  problems.add(
                      "parameter '"
                          + name
                          + "': unknown source '"
                          + source
                          + "'"
                          + DidYouMean.hint(source, sources));
                } else if (specs.containsKey(name) && specs.get(name).scope() == Scope.GLOBAL) {
                  problems.add(
                      "parameter '" + name + "' has one value for all sources, not one per source");
                }
              }
            });
  }

  private void known(String parameter) {
    if (!specs.containsKey(parameter)) {
      problems.add(
          "unknown parameter '" + parameter + "'" + DidYouMean.hint(parameter, specs.keySet()));
    }
  }

  private List<Unit> units() {
    if (space.perWholeModel()) {
      return List.of();
    }
    List<Unit> units = new ArrayList<>();
    add(units, "embeddings", List.of(TensorSelector.of(Part.EMBEDDINGS)));
    int perGroup =
        space.groupedByLayers()
            ? Math.max(1, space.layersPerGroup())
            : Math.max(1, layout.layerCount());
    for (int first = 0;
        first < layout.layerCount();
        first += Math.min(perGroup, layout.layerCount())) {
      int last = Math.min(first + perGroup, layout.layerCount()) - 1;
      TensorSelector blocks = TensorSelector.layers(first, last);
      if (space.splitByComponent()) {
        for (Component component : Component.values()) {
          TensorSelector part = blocks.component(component);
          add(units, part.toString(), List.of(part));
        }
      } else {
        add(units, blocks.toString(), List.of(blocks));
      }
    }
    add(units, "head", List.of(TensorSelector.of(Part.FINAL_NORM), TensorSelector.of(Part.HEAD)));
    add(units, "other", List.of(TensorSelector.of(Part.OTHER)));
    return units;
  }

  private void add(List<Unit> units, String name, List<TensorSelector> select) {
    List<TensorSelector> present = select.stream().filter(layout::has).toList();
    if (!present.isEmpty()) {
      units.add(new Unit(name, present));
    }
  }

  private boolean isSearched(ParameterSpec spec) {
    Mode mode = space.settings(spec.name()).mode();
    return mode == Mode.SEARCHED || (mode == Mode.DEFAULT && spec.searched());
  }

  private boolean isModelWide(ParameterSpec spec) {
    return space.perWholeModel() || space.settings(spec.name()).shared();
  }

  private void bindForWholeModel(ParameterSpec spec) {
    Settings settings = space.settings(spec.name());
    if (isSearched(spec)) {
      if (isModelWide(spec)) {
        assign(WHOLE_MODEL, spec);
      }
    } else if (settings.mode() == Mode.FROZEN || !settings.sources().isEmpty()) {
      double common = settings.value().orElse(spec.defaultValue());
      List<Slot> slots = new ArrayList<>();
      for (String source : slotSources(spec)) {
        double value =
            Optional.ofNullable(settings.sources().get(source))
                .map(Bounds::frozen)
                .filter(frozen -> frozen.isPresent())
                .map(frozen -> frozen.getAsDouble())
                .orElse(common);
        slots.add(new Slot(OptionalInt.empty(), accepted(spec, value, "frozen at")));
      }
      assignments.add(new Assignment(WHOLE_MODEL.select(), spec.name(), slots, 0));
    }
  }

  /** One entry per number that the parameter has: the sources, or a single empty name. */
  private List<String> slotSources(ParameterSpec spec) {
    return spec.scope() == Scope.PER_SOURCE ? sources : List.of("");
  }

  private void assign(Unit unit, ParameterSpec spec) {
    Settings settings = space.settings(spec.name());
    Predicate<Map.Entry<String, TensorRole>> frozen =
        tensor ->
            space.groupFreezes().stream()
                .anyMatch(
                    f ->
                        f.parameter().equals(spec.name())
                            && f.select().matches(tensor.getKey(), tensor.getValue()));
    if (layout.roles().entrySet().stream().filter(unit::holds).allMatch(frozen)) {
      return;
    }
    List<Slot> slots = new ArrayList<>();
    for (String source : slotSources(spec)) {
      Bounds bounds = settings.sources().getOrDefault(source, Bounds.NONE).over(settings.all());
      if (bounds.frozen().isPresent()) {
        double value = accepted(spec, bounds.frozen().getAsDouble(), "frozen at");
        slots.add(new Slot(OptionalInt.empty(), value));
        continue;
      }
      String name =
          (unit.name().isEmpty() ? "" : unit.name() + ".")
              + spec.name()
              + (source.isEmpty() ? "" : "[" + source + "]");
      Optional<Gene> gene = gene(name, spec, source, bounds);
      if (gene.isPresent()) {
        slots.add(new Slot(OptionalInt.of(genes.size()), 0));
        genes.add(gene.get());
        targets.add(
            new Target(
                unit.select(),
                spec.name(),
                source.isEmpty() ? Optional.empty() : Optional.of(source)));
      }
    }
    assignments.add(new Assignment(unit.select(), spec.name(), slots, 0));
  }

  private Optional<Gene> gene(String name, ParameterSpec spec, String source, Bounds bounds) {
    // Problems name parameter and source, not the gene: one mistake is reported once, not per
    // layer.
    String what =
        "parameter '" + spec.name() + "'" + (source.isEmpty() ? "" : " of '" + source + "'");
    Range range =
        bounds
            .range()
            .orElse(
                new Range(
                    Math.max(spec.searchMin(), spec.min()),
                    Math.min(spec.searchMax(), spec.max())));
    if (!(range.min() < range.max())
        || !Double.isFinite(range.min())
        || !Double.isFinite(range.max())) {
      problems.add(
          what + ": range " + text(range) + " is empty or not finite; give one with range(...)");
      return Optional.empty();
    }
    if (range.min() < spec.min() || range.max() > spec.max()) {
      problems.add(
          what
              + ": range "
              + text(range)
              + " leaves what the operator accepts, "
              + text(new Range(spec.min(), spec.max())));
      return Optional.empty();
    }
    double start;
    if (bounds.start().isPresent()) {
      start = bounds.start().getAsDouble();
      if (!(start >= range.min() && start <= range.max())) {
        problems.add(what + ": start " + start + " is outside its range " + text(range));
        return Optional.empty();
      }
    } else {
      double wanted = spec.searchStart();
      start =
          wanted >= range.min() && wanted <= range.max()
              ? wanted
              : range.min() + (range.max() - range.min()) / 2;
    }
    if (spec.kind() != Kind.REAL) {
      return wholeGene(name, what, range, start);
    }
    double step = bounds.step().orElse((range.max() - range.min()) / 6);
    if (!(step > 0) || !Double.isFinite(step)) {
      problems.add(what + ": step " + step + ", wanted a number above 0");
      return Optional.empty();
    }
    return Optional.of(new Gene.Real(name, range.min(), range.max(), start, step));
  }

  private Optional<Gene> wholeGene(String name, String what, Range range, double start) {
    int low = (int) Math.ceil(range.min());
    int high = (int) Math.floor(range.max());
    if (low >= high) {
      problems.add(what + ": range " + text(range) + " holds fewer than two whole numbers");
      return Optional.empty();
    }
    int first = (int) Math.max(low, Math.min(high, Math.rint(start)));
    return Optional.of(new Gene.Int(name, low, high, first));
  }

  private void bindGroupFreezes() {
    int rank = 0;
    for (GroupFreeze freeze : space.groupFreezes()) {
      rank++;
      if (!layout.has(freeze.select())) {
        problems.add(
            "freeze("
                + freeze.select()
                + ", "
                + freeze.parameter()
                + "): the model, with "
                + layout.layerCount()
                + " layers, has no such tensors");
      }
      ParameterSpec spec = specs.get(freeze.parameter());
      if (spec != null) {
        fix(List.of(freeze.select()), spec, freeze.value(), rank);
      }
    }
  }

  private void fix(List<TensorSelector> select, ParameterSpec spec, double value, int rank) {
    Slot slot = new Slot(OptionalInt.empty(), accepted(spec, value, "frozen at"));
    List<Slot> slots = slotSources(spec).stream().map(source -> slot).toList();
    assignments.add(new Assignment(select, spec.name(), slots, rank));
  }

  private double accepted(ParameterSpec spec, double value, String verb) {
    String what = "parameter '" + spec.name() + "' ";
    if (Double.isNaN(value)) {
      problems.add(what + "has no default to freeze it at: use freeze(name, value)");
    } else if (!(value >= spec.min() && value <= spec.max()) || Double.isInfinite(value)) {
      problems.add(
          what
              + verb
              + " "
              + value
              + " leaves what the operator accepts, "
              + text(new Range(spec.min(), spec.max())));
    } else if (spec.kind() != Kind.REAL && value != Math.rint(value)) {
      problems.add(what + verb + " " + value + ", wanted a whole number");
    }
    return value;
  }

  private static String text(Range range) {
    return "[" + range.min() + ", " + range.max() + "]";
  }
}
