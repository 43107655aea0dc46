package io.evomerge.genome;

import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.DataFlowSpace.Indicators;
import io.evomerge.genome.DataFlowSpace.Kind;
import io.evomerge.genome.DataFlowSpace.Limits;
import io.evomerge.genome.DataFlowSpace.Range;
import io.evomerge.genome.DataFlowSpace.ScaleOptions;
import io.evomerge.genome.DataFlowSpace.Shape;
import io.evomerge.genome.DataFlowSpace.Starts;
import io.evomerge.internal.RandomStream;
import io.evomerge.internal.text.DidYouMean;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** Lays a {@link DataFlowSpace} over models, collecting every mistake on the way. */
final class DataFlowBinder {

  /** Far above what a search can use; more would fill the heap before anybody is told. */
  private static final long MOST_GENES = 1 << 22;

  /** Hidden weights stay where tanh still has a slope. */
  private static final double HIDDEN_WEIGHT_RANGE = 4;

  private static final long NETWORK_SEED = 2403_13187L;

  /** A layer and its model's place in the list of models. */
  private record Layer(int model, int index) {}

  private final Shape shape;
  private final Limits limits;
  private final ScaleOptions scales;
  private final Indicators indicators;
  private final HopScaling scaling;
  private final List<LayeredModel> models;
  private final Set<String> problems = new LinkedHashSet<>();
  private final List<Gene> genes = new ArrayList<>();

  /** All layers that may be used, model by model. */
  private final List<Layer> row = new ArrayList<>();

  DataFlowBinder(DataFlowSpace space, List<LayeredModel> models) {
    this.shape = space.shape();
    this.limits = space.limits();
    this.scales = space.scaleOptions();
    this.indicators = space.indicatorOptions();
    this.scaling = space.scaling();
    this.models = List.copyOf(models);
  }

  DataFlowSearchSpace bind() {
    checkShape();
    checkScales();
    checkIndicators();
    if (checkModels() && checkLayers()) {
      fillRow();
      checkPositions();
      checkLimits();
      checkSize();
    }
    throwProblems();
    HopRoute route = shape.kind() == Kind.REPEATS ? slots() : positions();
    HopScales scalesOfHops = scales(route);
    if (genes.isEmpty()) {
      problems.add(
          "nothing is left to search: there is one path and no scale; give another model or"
              + " scales(...)");
    }
    Set<String> names = new HashSet<>();
    for (Gene gene : genes) {
      if (!names.add(gene.name())) {
        problems.add("two genes are called '" + gene.name() + "'; rename a model");
      }
    }
    throwProblems();
    return new DataFlowSearchSpace(
        models,
        genes,
        scaling,
        route,
        scalesOfHops,
        row.stream().mapToInt(Layer::model).toArray(),
        row.stream().mapToInt(Layer::index).toArray());
  }

  private void throwProblems() {
    if (!problems.isEmpty()) {
      throw new ConfigurationException("DataFlowSpace", List.copyOf(problems));
    }
  }

  private void checkShape() {
    if (shape.kind() != Kind.FIXED_DEPTH && shape.count() < 1) {
      problems.add(shape + ": wanted at least 1");
    }
    if (shape.kind() != Kind.REPEATS) {
      String only = " is only for repeats(r): " + shape.kind() + " has no indicators";
      if (shape.interleaved()) {
        problems.add("interleaved()" + only);
      }
      if (indicators.binary()) {
        problems.add("binaryIndicators()" + only);
      }
      if (indicators.starts().isPresent()) {
        problems.add("indicators(on, off)" + only);
      }
    }
    limits
        .min()
        .ifPresent(
            n -> {
              if (n < 1) {
                problems.add("minLayers(" + n + "): wanted at least 1");
              }
            });
    if (limits.max().isPresent() && limits.max().getAsInt() < limits.min().orElse(1)) {
      problems.add(
          "maxLayers("
              + limits.max().getAsInt()
              + "): wanted at least "
              + limits.min().orElse(1)
              + ", the fewest");
    }
  }

  private void checkScales() {
    boolean finite = Double.isFinite(scales.min()) && Double.isFinite(scales.max());
    if (!finite || !(scales.min() < scales.max() && scales.min() <= 1 && scales.max() >= 1)) {
      problems.add(
          "inputScaling("
              + scales.min()
              + ", "
              + scales.max()
              + "): wanted a finite range with 1 in it, where scales start");
    }
    if (scales.kind() == DataFlowSpace.Scales.NETWORK && scales.hidden() < 1) {
      problems.add("network(" + scales.hidden() + "): wanted at least 1 hidden unit");
    }
    checkStep("scales", scales.step());
  }

  private void checkIndicators() {
    checkStep("indicators", indicators.step());
    Starts starts = indicators.startsOrDefault();
    if (!(Math.abs(starts.on()) <= 1) || !(Math.abs(starts.off()) <= 1)) {
      problems.add(
          "indicators(" + starts.on() + ", " + starts.off() + "): wanted numbers in [-1, 1]");
    }
  }

  private void checkStep(String what, double step) {
    if (!(step > 0) || !Double.isFinite(step)) {
      problems.add("steps(...): that of " + what + " is " + step + ", wanted a number above 0");
    }
  }

  private boolean checkModels() {
    int before = problems.size();
    List<String> names = models.stream().map(LayeredModel::name).toList();
    if (models.isEmpty() || Set.copyOf(names).size() != names.size()) {
      problems.add("models " + names + ": wanted at least one, with names of their own");
    }
    for (LayeredModel model : models) {
      if (model.layers() < 1) {
        problems.add(
            "model '" + model.name() + "' has " + model.layers() + " layers, wanted at least 1");
      }
    }
    return problems.size() == before;
  }

  private boolean checkLayers() {
    int before = problems.size();
    List<String> names = models.stream().map(LayeredModel::name).toList();
    limits
        .layers()
        .forEach(
            (name, range) -> {
              if (!names.contains(name)) {
                problems.add(
                    "layers(...): unknown model '" + name + "'" + DidYouMean.hint(name, names));
                return;
              }
              LayeredModel model = models.get(names.indexOf(name));
              if (range.first() < 0
                  || range.first() >= range.end()
                  || range.end() > model.layers()) {
                problems.add(
                    "layers "
                        + range
                        + " of '"
                        + name
                        + "': wanted a range that is not empty within its layers "
                        + new Range(0, model.layers()));
              } else if (!limits.freeEnds() && model == models.get(0)) {
                checkEnd(model, range, 0, "first");
                checkEnd(model, range, model.layers() - 1, "last");
              }
            });
    return problems.size() == before;
  }

  private void checkEnd(LayeredModel model, Range range, int layer, String which) {
    if (!range.holds(layer)) {
      problems.add(
          "layers "
              + range
              + " of '"
              + model.name()
              + "' leave out layer "
              + layer
              + ", which the "
              + which
              + " hop is forced to be; widen them or use freeEnds()");
    }
  }

  private Range usable(int model) {
    LayeredModel that = models.get(model);
    Range range = limits.layers().getOrDefault(that.name(), new Range(0, that.layers()));
    return shape.kind() == Kind.FIXED_DEPTH
        ? new Range(range.first(), Math.min(range.end(), models.get(0).layers()))
        : range;
  }

  private void fillRow() {
    for (int model = 0; model < models.size(); model++) {
      Range range = usable(model);
      for (int layer = range.first(); layer < range.end(); layer++) {
        row.add(new Layer(model, layer));
      }
    }
  }

  private boolean isForced(int position) {
    return !limits.freeEnds() && (position == 0 || position == positionCount() - 1);
  }

  private int positionCount() {
    return shape.kind() == Kind.FIXED_DEPTH ? models.get(0).layers() : shape.count();
  }

  /** Returns the places in the row of the layers that a position may take. */
  private int[] options(int position) {
    if (isForced(position)) {
      return new int[] {position == 0 ? entry() : exit()};
    }
    return IntStream.range(0, row.size())
        .filter(i -> shape.kind() == Kind.PATH || row.get(i).index() == position)
        .toArray();
  }

  private int entry() {
    return row.indexOf(new Layer(0, 0));
  }

  private int exit() {
    return row.indexOf(new Layer(0, models.get(0).layers() - 1));
  }

  private void checkPositions() {
    if (shape.kind() == Kind.FIXED_DEPTH) {
      for (int position = 0; position < positionCount(); position++) {
        if (options(position).length == 0) {
          problems.add(
              "position "
                  + position
                  + ": no model may use its layer "
                  + position
                  + "; widen layers(...)");
        }
      }
    }
  }

  private int fewestHops() {
    return limits.freeEnds() || models.get(0).layers() == 1 ? 1 : 2;
  }

  private long mostHops() {
    return shape.kind() == Kind.REPEATS
        ? (long) shape.count() * row.size() + (limits.freeEnds() ? 0 : 1)
        : positionCount();
  }

  private void checkLimits() {
    long most = mostHops();
    if (shape.kind() == Kind.PATH && shape.count() >= 1 && most < fewestHops()) {
      problems.add(shape + ": forced ends are " + fewestHops() + " hops; use freeEnds()");
    }
    if (limits.max().isPresent() && limits.max().getAsInt() < fewestHops()) {
      problems.add(
          "maxLayers("
              + limits.max().getAsInt()
              + "): forced ends are "
              + fewestHops()
              + " hops; use freeEnds()");
    }
    if (shape.count() >= 1 || shape.kind() == Kind.FIXED_DEPTH) {
      if (limits.min().orElse(1) > most) {
        problems.add(
            "minLayers("
                + limits.min().getAsInt()
                + "): the longest path of "
                + shape
                + " has "
                + most
                + " hops");
      }
      if (shape.kind() != Kind.REPEATS && limits.max().orElse(Integer.MAX_VALUE) < most) {
        problems.add(
            "maxLayers("
                + limits.max().getAsInt()
                + "): every path of "
                + shape
                + " has "
                + most
                + " hops");
      }
    }
  }

  private void checkSize() {
    long perHop = shape.kind() == Kind.REPEATS ? (long) shape.count() * row.size() : mostHops();
    long count =
        perHop
            + switch (scales.kind()) {
              case NONE -> 0;
              case PER_HOP -> perHop;
              case PER_PAIR -> (long) row.size() * row.size();
              case NETWORK -> (long) HopScales.Network.GENES_PER_UNIT * scales.hidden() + 1;
            };
    if (count > MOST_GENES) {
      problems.add(
          shape
              + " with scales "
              + scales.kind()
              + " over "
              + row.size()
              + " layers would be "
              + count
              + " genes, wanted at most "
              + MOST_GENES);
    }
  }

  private HopRoute slots() {
    List<Integer> order = new ArrayList<>(IntStream.range(0, row.size()).boxed().toList());
    if (shape.interleaved()) {
      // A stable sort: models keep their order within a layer.
      order.sort((a, b) -> Integer.compare(row.get(a).index(), row.get(b).index()));
    }
    int[] layers = new int[shape.count() * row.size()];
    Starts starts = indicators.startsOrDefault();
    for (int slot = 0; slot < layers.length; slot++) {
      layers[slot] = order.get(slot % row.size());
      Layer layer = row.get(layers[slot]);
      double start = slot < row.size() && layer.model() == 0 ? starts.on() : starts.off();
      String name = "slot." + slotName(slot, layers[slot]);
      genes.add(
          indicators.binary()
              ? new Gene.Int(name, 0, 1, start > 0 ? 1 : 0)
              : new Gene.Real(name, -1, 1, start, indicators.step()));
    }
    return new HopRoute.Slots(
        layers,
        limits.freeEnds() ? -1 : exit(),
        Math.max(fewestHops(), limits.min().orElse(1)),
        limits.max().orElse(Integer.MAX_VALUE));
  }

  private String slotName(int slot, int place) {
    return "r" + (slot / row.size() + 1) + "." + layerName(place);
  }

  private String layerName(int place) {
    Layer layer = row.get(place);
    return models.get(layer.model()).name() + "." + layer.index();
  }

  private HopRoute positions() {
    int count = positionCount();
    int[] geneOf = new int[count];
    int[][] options = new int[count][];
    for (int position = 0; position < count; position++) {
      options[position] = options(position);
      geneOf[position] = -1;
      if (options[position].length > 1) {
        geneOf[position] = genes.size();
        genes.add(positionGene(position, options[position]));
      }
    }
    return new HopRoute.Positions(geneOf, options);
  }

  private Gene positionGene(int position, int[] options) {
    String name = "position." + position;
    if (shape.kind() == Kind.PATH) {
      return new Gene.Int(name, 0, options.length - 1, spread(position));
    }
    // Options are model by model, so where the first model is one of them it comes first.
    List<String> names =
        IntStream.of(options).mapToObj(i -> models.get(row.get(i).model()).name()).toList();
    return new Gene.Choice(name, names, 0);
  }

  /** The first model's layers begin the row. */
  private int spread(int position) {
    Range range = usable(0);
    long steps = shape.count() - 1L;
    long last = range.end() - range.first() - 1L;
    return steps == 0 ? 0 : (int) ((2 * position * last + steps) / (2 * steps));
  }

  private HopScales scales(HopRoute route) {
    int first = genes.size();
    switch (scales.kind()) {
      case PER_HOP -> {
        if (route instanceof HopRoute.Slots slots) {
          for (int slot = 0; slot < slots.layers().length; slot++) {
            addScale(slotName(slot, slots.layers()[slot]));
          }
        } else {
          IntStream.range(0, positionCount()).forEach(i -> addScale(Integer.toString(i)));
        }
        return new HopScales.PerHop(first);
      }
      case PER_PAIR -> {
        for (int from = 0; from < row.size(); from++) {
          for (int to = 0; to < row.size(); to++) {
            addScale(layerName(from) + "->" + layerName(to));
          }
        }
        return new HopScales.PerPair(first, row.size());
      }
      case NETWORK -> {
        addNetwork();
        int most = (int) Math.min(limits.max().orElse(Integer.MAX_VALUE), mostHops());
        return new HopScales.Network(
            first, scales.hidden(), row.size(), most, scales.min(), scales.max());
      }
      case NONE -> {
        return new HopScales.None();
      }
    }
    throw new IllegalStateException("no such scales: " + scales.kind());
  }

  private void addScale(String of) {
    genes.add(new Gene.Real("scale." + of, scales.min(), scales.max(), 1, scales.step()));
  }

  private void addNetwork() {
    RandomStream random = RandomStream.of(NETWORK_SEED, "data-flow-network");
    for (int unit = 0; unit < scales.hidden(); unit++) {
      for (String input : List.of("from", "to", "hop", "bias")) {
        double bound = HIDDEN_WEIGHT_RANGE;
        double start = Math.max(-bound, Math.min(random.nextGaussian(), bound));
        genes.add(
            new Gene.Real("network." + unit + "." + input, -bound, bound, start, scales.step()));
      }
      addOutput("network." + unit + ".output");
    }
    addOutput("network.output");
  }

  /** One output weight alone can bring a scale from anywhere in the range to anywhere in it. */
  private void addOutput(String name) {
    double bound = scales.max() - scales.min();
    genes.add(new Gene.Real(name, -bound, bound, 0, scales.step()));
  }
}
