package io.evomerge.genome;

import io.evomerge.exception.ConfigurationException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * Declares which paths through the layers of several models evolution searches, and with which
 * scales: the data flow space of Akiba et al. 2024 (arXiv 2403.13187, section 3.2). Weights stay as
 * they are.
 *
 * <p>Immutable; every method returns a changed copy, and a later call replaces an earlier one on
 * the same setting. Nothing is checked until {@link #bind}, which knows the models and reports
 * every mistake at once.
 *
 * <pre>{@code
 * DataFlowSpace.repeats(3)                 // each layer of each model up to three times
 *     .maxLayers(48)
 *     .layers("math-en", 8, 24)            // only these layers of this model
 *     .inputScaling(0.5, 1.5)
 *     .network(8)                          // scales from a small network in place of a matrix
 * }</pre>
 *
 * <p>The genes that make the path come first, the genes that make its scales after them. All layers
 * of all models, model by model, are the row; M is how many there are. Layers outside {@link
 * #layers} are not in the row and have no genes.
 */
public final class DataFlowSpace {

  /** Where the scales of hops come from. */
  public enum Scales {
    /** All scales are 1; no genes. */
    NONE,
    /** A gene per slot or position: the scale with which it is entered. */
    PER_HOP,
    /**
     * A gene per ordered pair of layers, M<sup>2</sup> in all, row by row: entry (i, j) is the
     * scale of a hop from layer i to layer j. The first hop's scale is 1.
     */
    PER_PAIR,
    /**
     * A small network of the previous layer's place i in the row, the layer's place j and the
     * number t of the hop, each mapped to [-1, 1]: {@code 1 + b + sum_h v_h tanh(w_h (i, j, t) +
     * c_h)}, clamped to the range of scales. The first hop's scale is 1. Output weights start at 0,
     * so that all scales start at 1; hidden weights start at fixed random numbers.
     */
    NETWORK
  }

  enum Kind {
    REPEATS,
    FIXED_DEPTH,
    PATH
  }

  private static final double PUBLISHED_STEP = 0.1;
  private static final int DEFAULT_HIDDEN = 8;

  private final Shape shape;
  private final Limits limits;
  private final ScaleOptions scales;
  private final Indicators indicators;

  private DataFlowSpace(Shape shape, Limits limits, ScaleOptions scales, Indicators indicators) {
    this.shape = shape;
    this.limits = limits;
    this.scales = scales;
    this.indicators = indicators;
  }

  private static DataFlowSpace of(Kind kind, int count) {
    return new DataFlowSpace(
        new Shape(kind, count, false),
        new Limits(OptionalInt.empty(), OptionalInt.empty(), false, Map.of()),
        new ScaleOptions(
            kind == Kind.REPEATS ? Scales.PER_PAIR : Scales.PER_HOP,
            0,
            2,
            DEFAULT_HIDDEN,
            PUBLISHED_STEP,
            HopScaling.BRANCH),
        new Indicators(Optional.empty(), false, PUBLISHED_STEP));
  }

  /**
   * The published space: the row of all layers, repeated; a slot is on the path if its indicator is
   * above 0. With M layers, T = M r indicators; with the default scales T + M<sup>2</sup> genes.
   *
   * <p>With forced ends the indicator of the first slot does nothing, since that slot is always on.
   * The last hop is a slot only if the last slot that is on is of the last layer; else that layer
   * is added, entered with the scale of its last slot where scales are per hop. So the longest path
   * has T + 1 hops.
   *
   * @param r how often the row is repeated, at least 1 (checked by {@link #bind}); published: 3
   */
  public static DataFlowSpace repeats(int r) {
    return of(Kind.REPEATS, r);
  }

  /**
   * As many hops as the first model has layers: position k takes layer k of one of the models, so
   * the result is never larger than a source. A model without that layer is no option there; a
   * position with one option, such as a forced end, has no gene.
   */
  public static DataFlowSpace fixedDepth() {
    return of(Kind.FIXED_DEPTH, 0);
  }

  /**
   * A fixed number of hops, each through any layer of any model: a whole-number gene per position,
   * over the row. Forced ends have no gene.
   *
   * <p>A search starts with the layers of the first model spread evenly over the positions, in
   * order: position k of {@code hops} takes layer k (n - 1) / (hops - 1), rounded, of its n layers;
   * with as many hops as layers that is the model itself.
   *
   * @param hops at least 1 (checked by {@link #bind})
   */
  public static DataFlowSpace pathOf(int hops) {
    return of(Kind.PATH, hops);
  }

  /**
   * Orders the slots of each repetition layer by layer (layer 0 of every model, layer 1 of every
   * model that has one, ...) instead of model by model. Only for {@link #repeats}.
   */
  public DataFlowSpace interleaved() {
    return with(new Shape(shape.kind, shape.count, true));
  }

  /**
   * Sets the fewest hops of a path, forced ends included; default 2 if ends are forced (1 if the
   * first model has just one layer), else 1. To a path with fewer the slots with the highest
   * indicators of the rest are added, of equal ones the earlier.
   *
   * @param n at least 1
   */
  public DataFlowSpace minLayers(int n) {
    return with(new Limits(OptionalInt.of(n), limits.max, limits.freeEnds, limits.layers));
  }

  /**
   * Sets the most hops of a path, forced ends included; default unlimited. Of a path with more the
   * slots with the highest indicators are kept, of equal ones the earlier.
   *
   * @param n at least the least
   */
  public DataFlowSpace maxLayers(int n) {
    return with(new Limits(limits.min, OptionalInt.of(n), limits.freeEnds, limits.layers));
  }

  /**
   * Restricts a model to some of its layers; default all.
   *
   * @param model its name
   * @param first the first layer that may be used, from 0
   * @param end one more than the last, above {@code first}
   */
  public DataFlowSpace layers(String model, int first, int end) {
    Map<String, Range> copy = new TreeMap<>(limits.layers);
    copy.put(model, new Range(first, end));
    return with(new Limits(limits.min, limits.max, limits.freeEnds, copy));
  }

  /**
   * Lets a path begin and end with any layer; by default, as published, the first hop is layer 0 of
   * the first model and the last hop its last layer.
   */
  public DataFlowSpace freeEnds() {
    return with(new Limits(limits.min, limits.max, true, limits.layers));
  }

  /**
   * Sets the range of scales; default [0, 2].
   *
   * @param min lowest, at most 1
   * @param max highest, at least 1, above {@code min}
   */
  public DataFlowSpace inputScaling(double min, double max) {
    return with(
        new ScaleOptions(scales.kind, min, max, scales.hidden, scales.step, scales.semantics));
  }

  /**
   * Sets where scales come from; default, as published, {@link Scales#PER_PAIR} for {@link
   * #repeats}, {@link Scales#PER_HOP} for the others.
   *
   * @param kind which genes there are
   */
  public DataFlowSpace scales(Scales kind) {
    return with(
        new ScaleOptions(
            kind, scales.min, scales.max, scales.hidden, scales.step, scales.semantics));
  }

  /**
   * Takes scales from a network ({@link Scales#NETWORK}) of 5 hidden + 1 genes.
   *
   * @param hidden number of hidden units, at least 1; default 8
   */
  public DataFlowSpace network(int hidden) {
    return with(
        new ScaleOptions(
            Scales.NETWORK, scales.min, scales.max, hidden, scales.step, scales.semantics));
  }

  /**
   * Sets what scales multiply; default {@link HopScaling#BRANCH}.
   *
   * @param semantics handed on to recipes; the genes are the same
   */
  public DataFlowSpace scaling(HopScaling semantics) {
    return with(
        new ScaleOptions(
            scales.kind, scales.min, scales.max, scales.hidden, scales.step, semantics));
  }

  /**
   * Sets where the indicators of {@link #repeats} start; default, as published, 0.2 (two standard
   * deviations) and 0, with which a search starts at the first model as it is.
   *
   * @param on for the first model's slots of the first repetition, in [-1, 1]
   * @param off for all other slots, in [-1, 1]
   */
  public DataFlowSpace indicators(double on, double off) {
    return with(
        new Indicators(Optional.of(new Starts(on, off)), indicators.binary, indicators.step));
  }

  /**
   * Makes the indicators of {@link #repeats} whole numbers 0 and 1 instead of real numbers in [-1,
   * 1]; starts above 0 become 1, others 0.
   */
  public DataFlowSpace binaryIndicators() {
    return with(new Indicators(indicators.starts, true, indicators.step));
  }

  /**
   * Sets the initial standard deviations; default, as published, 0.1 for both.
   *
   * @param indicator of indicators that are real numbers, above 0
   * @param scale of the genes that make scales, above 0
   */
  public DataFlowSpace steps(double indicator, double scale) {
    return new DataFlowSpace(
        shape,
        limits,
        new ScaleOptions(
            scales.kind, scales.min, scales.max, scales.hidden, scale, scales.semantics),
        new Indicators(indicators.starts, indicators.binary, indicator));
  }

  /**
   * Lays the declaration over models.
   *
   * @param models the path's models; the first gives embeddings and head, and the forced ends
   * @return the genes: indicators in the order of the slots, or positions; then scales
   * @throws ConfigurationException listing every mistake: unknown models, layers that a model does
   *     not have, forced ends that may not be used, limits that no path meets, settings of
   *     indicators without indicators, ranges without 1, positions without a layer, nothing left to
   *     search
   */
  public DataFlowSearchSpace bind(List<LayeredModel> models) {
    return new DataFlowBinder(this, models).bind();
  }

  /** Returns all settings that influence the search, by name, sorted; equal for equal spaces. */
  public Map<String, String> settings() {
    Map<String, String> map = new TreeMap<>();
    map.put("path", shape.toString());
    map.put("ends", limits.freeEnds ? "free" : "forced");
    map.put("minLayers", limits.min.isPresent() ? "" + limits.min.getAsInt() : "default");
    map.put("maxLayers", limits.max.isPresent() ? "" + limits.max.getAsInt() : "unlimited");
    limits.layers.forEach((model, range) -> map.put("layers[" + model + "]", range.toString()));
    map.put("scales", scales.kind.name());
    map.put("scales.range", "[" + scales.min + ", " + scales.max + "]");
    map.put("scales.step", Double.toString(scales.step));
    if (scales.kind == Scales.NETWORK) {
      map.put("scales.hidden", Integer.toString(scales.hidden));
    }
    map.put("scaling", scales.semantics.name());
    if (shape.kind == Kind.REPEATS) {
      map.put("indicators", indicators.binary ? "binary" : "real");
      map.put("indicators.on", Double.toString(indicators.startsOrDefault().on));
      map.put("indicators.off", Double.toString(indicators.startsOrDefault().off));
      map.put("indicators.step", Double.toString(indicators.step));
    }
    return Collections.unmodifiableMap(map);
  }

  /** Returns what scales multiply. */
  public HopScaling scaling() {
    return scales.semantics;
  }

  Shape shape() {
    return shape;
  }

  Limits limits() {
    return limits;
  }

  ScaleOptions scaleOptions() {
    return scales;
  }

  Indicators indicatorOptions() {
    return indicators;
  }

  private DataFlowSpace with(Shape other) {
    return new DataFlowSpace(other, limits, scales, indicators);
  }

  private DataFlowSpace with(Limits other) {
    return new DataFlowSpace(shape, other, scales, indicators);
  }

  private DataFlowSpace with(ScaleOptions other) {
    return new DataFlowSpace(shape, limits, other, indicators);
  }

  private DataFlowSpace with(Indicators other) {
    return new DataFlowSpace(shape, limits, scales, other);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DataFlowSpace that && settings().equals(that.settings());
  }

  @Override
  public int hashCode() {
    return settings().hashCode();
  }

  @Override
  public String toString() {
    return "DataFlowSpace" + new TreeMap<>(settings());
  }

  /** Which paths there are; the count is that of repetitions or hops. */
  record Shape(Kind kind, int count, boolean interleaved) {
    @Override
    public String toString() {
      String name =
          switch (kind) {
            case REPEATS -> "repeats(" + count + ")";
            case FIXED_DEPTH -> "fixedDepth()";
            case PATH -> "pathOf(" + count + ")";
          };
      return name + (interleaved ? ".interleaved()" : "");
    }
  }

  record Range(int first, int end) {
    boolean holds(int layer) {
      return layer >= first && layer < end;
    }

    @Override
    public String toString() {
      return "[" + first + ", " + end + ")";
    }
  }

  record Limits(OptionalInt min, OptionalInt max, boolean freeEnds, Map<String, Range> layers) {
    Limits {
      layers = Collections.unmodifiableMap(new TreeMap<>(layers));
    }
  }

  record ScaleOptions(
      Scales kind, double min, double max, int hidden, double step, HopScaling semantics) {}

  record Starts(double on, double off) {
    static final Starts PUBLISHED = new Starts(2 * PUBLISHED_STEP, 0);
  }

  /** Starts are empty where none were asked for. */
  record Indicators(Optional<Starts> starts, boolean binary, double step) {
    Starts startsOrDefault() {
      return starts.orElse(Starts.PUBLISHED);
    }
  }
}
