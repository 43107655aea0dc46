package io.evomerge.genome;

import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.ConfigurationException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * Declares which parameters of a merge operator evolution searches, and how finely: the parameter
 * space of Akiba et al. 2024 (arXiv 2403.13187).
 *
 * <p>Immutable; every method returns a changed copy, and a later call replaces an earlier one on
 * the same parameter. Nothing is checked until {@link #bind}, which knows model, operator and
 * sources and reports every mistake at once. Defaults, as published: each searched parameter is a
 * gene per group (and per source, where the operator wants one per source), box [0, 1] unless the
 * operator declares another, start 0.5, initial standard deviation a sixth of the range, weights
 * not normalised.
 *
 * <pre>{@code
 * ParameterSpace.perLayer()
 *     .share("density")                      // one density per source for the whole model
 *     .range("weight", 0.0, 1.5)
 *     .start("weight", "math-en", 1.0)
 *     .freeze("lambda", 1.0)
 * }</pre>
 */
public final class ParameterSpace {

  private enum Granularity {
    MODEL,
    LAYERS
  }

  private final Granularity granularity;
  private final int layersPerGroup;
  private final boolean byComponent;
  private final boolean normalize;
  private final Map<String, Settings> parameters;
  private final List<GroupFreeze> groupFreezes;

  private ParameterSpace(
      Granularity granularity,
      int layersPerGroup,
      boolean byComponent,
      boolean normalize,
      Map<String, Settings> parameters,
      List<GroupFreeze> groupFreezes) {
    this.granularity = granularity;
    this.layersPerGroup = layersPerGroup;
    this.byComponent = byComponent;
    this.normalize = normalize;
    this.parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
    this.groupFreezes = List.copyOf(groupFreezes);
  }

  /** One group for the whole model: with weights and densities, 2K genes for K sources. */
  public static ParameterSpace perModel() {
    return new ParameterSpace(Granularity.MODEL, 0, false, false, Map.of(), List.of());
  }

  /**
   * One group per {@code n} consecutive blocks (the last may have fewer); the embeddings are a
   * group of their own, and so are head and final norm together, and whatever is none of these.
   *
   * @param n blocks per group, at least 1 (checked by {@link #bind})
   */
  public static ParameterSpace perLayerGroup(int n) {
    return new ParameterSpace(Granularity.LAYERS, n, false, false, Map.of(), List.of());
  }

  /** One group per block, as {@link #perLayerGroup} with 1. */
  public static ParameterSpace perLayer() {
    return perLayerGroup(1);
  }

  /**
   * One group per component (attention, MLP, norms, the rest) of each block: {@code
   * perLayer().byComponent()}.
   */
  public static ParameterSpace perComponent() {
    return perLayer().byComponent();
  }

  /**
   * Splits every group of blocks into its components: attention, MLP, norms, the rest, where the
   * model has them. {@code perModel().byComponent()} is one group per component over all blocks.
   */
  public ParameterSpace byComponent() {
    return new ParameterSpace(
        granularity, layersPerGroup, true, normalize, parameters, groupFreezes);
  }

  /**
   * Fixes a parameter everywhere.
   *
   * @param parameter name as in recipes
   * @param value for all sources
   */
  public ParameterSpace freeze(String parameter, double value) {
    return with(parameter, settings(parameter).frozen(OptionalDouble.of(value)));
  }

  /**
   * Fixes a parameter everywhere at the operator's default.
   *
   * @param parameter name as in recipes
   */
  public ParameterSpace freeze(String parameter) {
    return with(parameter, settings(parameter).frozen(OptionalDouble.empty()));
  }

  /**
   * Fixes a parameter of one source everywhere.
   *
   * @param parameter name as in recipes, one with a value per source
   * @param source its short name
   * @param value for this source
   */
  public ParameterSpace freeze(String parameter, String source, double value) {
    return with(parameter, settings(parameter).source(source, s -> s.frozen(value)));
  }

  /**
   * Fixes a parameter for a group of tensors; a gene whose tensors are all covered disappears.
   *
   * @param group which tensors
   * @param parameter name as in recipes
   * @param value for all sources
   */
  public ParameterSpace freeze(TensorSelector group, String parameter, double value) {
    List<GroupFreeze> freezes = new ArrayList<>(groupFreezes);
    freezes.removeIf(f -> f.select().equals(group) && f.parameter().equals(parameter));
    freezes.add(new GroupFreeze(group, parameter, value));
    return new ParameterSpace(
        granularity, layersPerGroup, byComponent, normalize, parameters, freezes);
  }

  /**
   * Searches a parameter that the operator does not declare as searched, or that was frozen.
   *
   * @param parameter name as in recipes
   */
  public ParameterSpace search(String parameter) {
    return with(parameter, settings(parameter).searched());
  }

  /**
   * Searches a parameter in a range; a parameter that the operator does not declare as searched
   * becomes so. Where no start is given, the operator's is kept if the range holds it, else the
   * middle of the range is taken.
   *
   * @param parameter name as in recipes
   * @param min lowest value, within what the operator accepts
   * @param max highest value, above {@code min}, within what the operator accepts
   */
  public ParameterSpace range(String parameter, double min, double max) {
    return with(parameter, settings(parameter).searched().all(s -> s.range(min, max)));
  }

  /**
   * Searches a parameter of one source in a range of its own.
   *
   * @param parameter name as in recipes, one with a value per source
   * @param source its short name
   * @param min lowest value
   * @param max highest value
   */
  public ParameterSpace range(String parameter, String source, double min, double max) {
    return with(parameter, settings(parameter).searched().source(source, s -> s.range(min, max)));
  }

  /**
   * Starts a parameter's genes at a value.
   *
   * @param parameter name as in recipes
   * @param start within the range
   */
  public ParameterSpace start(String parameter, double start) {
    return with(parameter, settings(parameter).searched().all(s -> s.start(start)));
  }

  /**
   * Starts the genes of one source at a value, e.g. {@code start("weight", "math-en", 1.0)}.
   *
   * @param parameter name as in recipes, one with a value per source
   * @param source its short name
   * @param start within the range
   */
  public ParameterSpace start(String parameter, String source, double start) {
    return with(parameter, settings(parameter).searched().source(source, s -> s.start(start)));
  }

  /**
   * Sets the initial standard deviation of a parameter's genes; default a sixth of the range.
   *
   * @param parameter name as in recipes
   * @param step above 0, in the parameter's own unit
   */
  public ParameterSpace step(String parameter, double step) {
    return with(parameter, settings(parameter).searched().all(s -> s.step(step)));
  }

  /**
   * Sets the initial standard deviation for one source.
   *
   * @param parameter name as in recipes, one with a value per source
   * @param source its short name
   * @param step above 0
   */
  public ParameterSpace step(String parameter, String source, double step) {
    return with(parameter, settings(parameter).searched().source(source, s -> s.step(step)));
  }

  /**
   * Gives a parameter one value (or one per source) for the whole model in place of one per group,
   * e.g. density shared while weights differ by layer.
   *
   * @param parameter name as in recipes
   */
  public ParameterSpace share(String parameter) {
    return with(parameter, settings(parameter).shared(true));
  }

  /**
   * Says whether weights are normalised to sum 1; default false, as published.
   *
   * <p>If the operator has a flag {@code normalize}, recipes set it (unless it is frozen by name).
   * If not, and this is true, the weights of each group are divided by their sum when a genome is
   * decoded; weights that sum to 0 become equal ones.
   *
   * @param on whether to normalise
   */
  public ParameterSpace normalize(boolean on) {
    return new ParameterSpace(
        granularity, layersPerGroup, byComponent, on, parameters, groupFreezes);
  }

  /**
   * Lays the declaration over a model, an operator and sources.
   *
   * @param layout what the tensors of the model are
   * @param specs the operator's parameters, in the order in which they become genes
   * @param sourceNames short names of the sources, in the recipe's order
   * @return the genes, by group (the whole model first), then parameter, then source
   * @throws ConfigurationException listing every mistake: unknown parameters or sources, ranges
   *     that the operator does not accept, starts outside their range, groups without tensors,
   *     nothing left to search
   */
  public ParameterSearchSpace bind(
      ModelLayout layout, List<ParameterSpec> specs, List<String> sourceNames) {
    return new SpaceBinder(this, layout, specs, sourceNames).bind();
  }

  /** Returns all settings that influence the search, by name, sorted; equal for equal spaces. */
  public Map<String, String> settings() {
    Map<String, String> map = new TreeMap<>();
    String groups = granularity == Granularity.MODEL ? "model" : "layers(" + layersPerGroup + ")";
    map.put("groups", groups + (byComponent ? " by component" : ""));
    map.put("normalize", Boolean.toString(normalize));
    parameters.forEach((name, settings) -> settings.describe(name, map));
    for (int i = 0; i < groupFreezes.size(); i++) {
      GroupFreeze freeze = groupFreezes.get(i);
      map.put(
          String.format(Locale.ROOT, "freeze.%03d", i),
          freeze.select() + " " + freeze.parameter() + "=" + freeze.value());
    }
    return Collections.unmodifiableMap(map);
  }

  /** Returns {@link #settings()} in one line. */
  public String describe() {
    StringBuilder text = new StringBuilder();
    settings()
        .forEach(
            (name, value) -> text.append(text.length() > 0 ? ", " : "").append(name + "=" + value));
    return text.toString();
  }

  boolean perWholeModel() {
    return granularity == Granularity.MODEL && !byComponent;
  }

  /** Blocks per group; 0 means all of them. */
  int layersPerGroup() {
    return layersPerGroup;
  }

  boolean groupedByLayers() {
    return granularity == Granularity.LAYERS;
  }

  boolean splitByComponent() {
    return byComponent;
  }

  boolean normalized() {
    return normalize;
  }

  Map<String, Settings> parameters() {
    return parameters;
  }

  List<GroupFreeze> groupFreezes() {
    return groupFreezes;
  }

  Settings settings(String parameter) {
    return parameters.getOrDefault(parameter, Settings.NONE);
  }

  private ParameterSpace with(String parameter, Settings settings) {
    Map<String, Settings> copy = new TreeMap<>(parameters);
    copy.put(parameter, settings);
    return new ParameterSpace(
        granularity, layersPerGroup, byComponent, normalize, copy, groupFreezes);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ParameterSpace that && settings().equals(that.settings());
  }

  @Override
  public int hashCode() {
    return settings().hashCode();
  }

  @Override
  public String toString() {
    return "ParameterSpace[" + describe() + "]";
  }

  record GroupFreeze(TensorSelector select, String parameter, double value) {}

  record Range(double min, double max) {}

  record Bounds(
      Optional<Range> range, OptionalDouble start, OptionalDouble step, OptionalDouble frozen) {
    static final Bounds NONE =
        new Bounds(
            Optional.empty(),
            OptionalDouble.empty(),
            OptionalDouble.empty(),
            OptionalDouble.empty());

    Bounds range(double min, double max) {
      return new Bounds(Optional.of(new Range(min, max)), start, step, OptionalDouble.empty());
    }

    Bounds start(double value) {
      return new Bounds(range, OptionalDouble.of(value), step, OptionalDouble.empty());
    }

    Bounds step(double value) {
      return new Bounds(range, start, OptionalDouble.of(value), OptionalDouble.empty());
    }

    Bounds frozen(double value) {
      return new Bounds(range, start, step, OptionalDouble.of(value));
    }

    /** What is given here, and from the other where nothing is. */
    Bounds over(Bounds other) {
      return new Bounds(
          range.or(() -> other.range),
          start.isPresent() ? start : other.start,
          step.isPresent() ? step : other.step,
          frozen.isPresent() ? frozen : other.frozen);
    }
  }

  /** What was said about one parameter; per-source values stand above those for all. */
  record Settings(
      Mode mode, OptionalDouble value, boolean shared, Bounds all, Map<String, Bounds> sources) {

    enum Mode {
      DEFAULT,
      SEARCHED,
      FROZEN
    }

    static final Settings NONE =
        new Settings(Mode.DEFAULT, OptionalDouble.empty(), false, Bounds.NONE, Map.of());

    Settings {
      sources = Collections.unmodifiableMap(new TreeMap<>(sources));
    }

    Settings frozen(OptionalDouble at) {
      return new Settings(Mode.FROZEN, at, shared, all, sources);
    }

    Settings searched() {
      return new Settings(Mode.SEARCHED, OptionalDouble.empty(), shared, all, sources);
    }

    Settings shared(boolean on) {
      return new Settings(mode, value, on, all, sources);
    }

    Settings all(UnaryOperator<Bounds> change) {
      return new Settings(mode, value, shared, change.apply(all), sources);
    }

    Settings source(String name, UnaryOperator<Bounds> change) {
      Map<String, Bounds> copy = new TreeMap<>(sources);
      copy.put(name, change.apply(copy.getOrDefault(name, Bounds.NONE)));
      return new Settings(mode, value, shared, all, copy);
    }

    void describe(String parameter, Map<String, String> map) {
      if (mode != Mode.DEFAULT) {
        map.put(
            "parameter." + parameter,
            mode == Mode.SEARCHED
                ? "searched"
                : "frozen=" + (value.isPresent() ? "" + value.getAsDouble() : "default"));
      }
      if (shared) {
        map.put("parameter." + parameter + ".shared", "true");
      }
      describe("parameter." + parameter, all, map);
      sources.forEach((s, b) -> describe("parameter." + parameter + "[" + s + "]", b, map));
    }

    private static void describe(String prefix, Bounds bounds, Map<String, String> map) {
      bounds.range.ifPresent(r -> map.put(prefix + ".range", "[" + r.min() + ", " + r.max() + "]"));
      bounds.start.ifPresent(v -> map.put(prefix + ".start", Double.toString(v)));
      bounds.step.ifPresent(v -> map.put(prefix + ".step", Double.toString(v)));
      bounds.frozen.ifPresent(v -> map.put(prefix + ".frozen", Double.toString(v)));
    }
  }
}
