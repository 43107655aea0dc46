package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The state of {@link BayesianOptimization}. */
final class BayesianOptimizer extends SteadyStateOptimizer {

  private static final int SNAPSHOT_VERSION = 2;
  private static final int FIRST_FIT = 60;
  private static final int LATER_FIT = 15;

  /** The parameters are fitted again when there are this much more data. */
  private static final double GROWTH = 1.1;

  private final BayesianOptimization config;
  private final boolean[] unordered;
  private final SobolPoints design;
  private final int designSize;
  private final List<double[]> points = new ArrayList<>();
  private final List<Double> costs = new ArrayList<>();
  private double[] parameters;

  /** How many data the parameters were last fitted to, if those could be. */
  private int fittedTo;

  private boolean fitted;

  /** What follows from the data and parameters; null when they changed. */
  private SurrogateData.@Nullable Surrogate data;

  private @Nullable ExpectedImprovement acquisition;

  BayesianOptimizer(
      BayesianOptimization config, SearchSpace space, List<Direction> directions, long seed) {
    super(config, SNAPSHOT_VERSION, space, directions, seed);
    this.config = config;
    int n = box.dimension();
    if (n > BayesianOptimization.MAX_GENES) {
      throw new IllegalArgumentException(
          "bayesian-optimization takes at most "
              + BayesianOptimization.MAX_GENES
              + " genes, the space has "
              + n
              + "; use cma-es, or a coarser space");
    }
    unordered = new boolean[n];
    for (int i = 0; i < n; i++) {
      unordered[i] =
          space.genes().get(i) instanceof Gene.Choice choice && choice.options().size() > 2;
    }
    design = new SobolPoints(n, seed);
    designSize = config.initialPoints().orElse(4 + n / 2);
    parameters = GaussianProcess.prior(n);
  }

  static BayesianOptimizer restore(
      BayesianOptimization config, SearchSpace space, List<Direction> directions, String snapshot) {
    Snapshot.Reader from = Snapshot.open(snapshot, config, SNAPSHOT_VERSION, space, directions);
    BayesianOptimizer loaded =
        new BayesianOptimizer(config, space, directions, from.integer64("seed"));
    int n = loaded.box.dimension();
    loaded.loadTrials(from, n);
    for (Snapshot.Reader entry : from.children("data")) {
      loaded.points.add(entry.numbers("point", n));
      loaded.costs.add(entry.cost());
    }
    loaded.parameters = from.numbers("parameters", n + 1);
    loaded.fittedTo = from.integer("fittedTo");
    loaded.fitted = from.bool("fitted");
    return loaded;
  }

  @Override
  void save(ObjectNode node) {
    ArrayNode entries = node.putArray("data");
    for (int i = 0; i < points.size(); i++) {
      ObjectNode entry = entries.addObject();
      Snapshot.putNumbers(entry, "point", points.get(i));
      Snapshot.putCost(entry, costs.get(i));
    }
    Snapshot.putNumbers(node, "parameters", parameters);
    node.put("fittedTo", fittedTo).put("fitted", fitted);
  }

  @Override
  public boolean isDone() {
    return config.budget().isPresent() && trials().nextId() >= config.budget().getAsLong();
  }

  @Override
  void absorb(OpenTrials.Told told) {
    points.add(told.trial().point());
    // How far a constraint is violated has another scale than scores have.
    costs.add(SingleObjective.isViolation(told.cost()) ? Double.NaN : told.cost());
    data = null;
    acquisition = null;
  }

  @Override
  Next next(long id) {
    return new Next(0, id == 0 ? startShares() : centred(propose(id, trials().open())));
  }

  private double[] propose(long id, List<OpenTrials.Trial> open) {
    if (id < designSize) {
      return design.point((int) id);
    }
    refresh();
    if (data == null) {
      return design.point((int) (id % Integer.MAX_VALUE));
    }
    if (acquisition == null) {
      acquisition = new ExpectedImprovement(data.process(), data.incumbent());
      for (OpenTrials.Trial trial : open) {
        acquisition.believe(trial.point());
      }
    }
    Set<Genome> seen = new HashSet<>();
    points.forEach(point -> seen.add(genome(point)));
    open.forEach(trial -> seen.add(genome(trial.point())));
    AcquisitionSearch search =
        new AcquisitionSearch(box, unordered, acquisition, data.best(), config.candidates());
    double[] point =
        centred(
            search.maximize(
                RandomStream.of(seed, "bayesian optimization", id),
                candidate -> !seen.contains(genome(candidate))));
    acquisition.believe(point);
    return point;
  }

  /** Brings the model up to date with the data; a function of the data alone, whenever asked. */
  private void refresh() {
    if (data != null) {
      return;
    }
    for (int size = nextFit(); size <= points.size(); size = nextFit()) {
      SurrogateData first =
          SurrogateData.of(points.subList(0, size), costs.subList(0, size), config.maxData());
      if (first != null) {
        parameters = first.fit(parameters, unordered, fitted ? LATER_FIT : FIRST_FIT);
        fitted = true;
      }
      fittedTo = size;
    }
    SurrogateData all = SurrogateData.of(points, costs, config.maxData());
    if (all != null) {
      data = all.condition(parameters, unordered);
    }
  }

  private int nextFit() {
    return Math.max(designSize, Math.max(fittedTo + 1, (int) Math.ceil(GROWTH * fittedTo)));
  }

  /** Returns a point with whole numbers in the middle of their stretches, as the model sees it. */
  private double[] centred(double[] point) {
    double[] centred = point.clone();
    for (int i = 0; i < centred.length; i++) {
      if (box.isWhole(i)) {
        centred[i] = box.share(i, box.value(i, point[i]));
      }
    }
    return centred;
  }

  @Override
  public Optional<Genome> recommendation() {
    refresh();
    return Optional.ofNullable(data).map(known -> genome(known.best().get(0)));
  }
}
