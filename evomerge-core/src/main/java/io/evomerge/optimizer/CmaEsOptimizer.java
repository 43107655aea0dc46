package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** CMA-ES as a state machine: generations, stop conditions and restarts around the distribution. */
final class CmaEsOptimizer implements Optimizer {

  private static final Logger LOG = LoggerFactory.getLogger(CmaEsOptimizer.class);

  private static final int SNAPSHOT_VERSION = 3;
  private static final int HISTORY = 20_000;
  private static final int STAGNATION_CHECK_INTERVAL = 16;
  private static final double DIVERGED = 1e4;

  private final CmaEs config;
  private final SearchSpace space;
  private final Direction direction;
  private final long seed;
  private final GeneCoordinates coordinates;

  private SearchDistribution distribution;
  private OpenPoints open;
  private History best = new History();
  private History median = new History();
  private int restart;
  private int largeRuns;
  private boolean smallRun;
  private long evaluationsLarge;
  private long evaluationsSmall;
  private double startSigma;
  private boolean done;

  CmaEsOptimizer(CmaEs config, SearchSpace space, List<Direction> directions, long seed) {
    this.config = config;
    this.space = space;
    this.direction = SingleObjective.direction(config, directions);
    this.seed = seed;
    coordinates = new GeneCoordinates(space);
    startSigma = config.sigma();
    distribution = first();
    open = points(0);
  }

  static CmaEsOptimizer restore(
      CmaEs config, SearchSpace space, List<Direction> directions, String snapshot) {
    Snapshot.Reader from = Snapshot.open(snapshot, config, SNAPSHOT_VERSION, space, directions);
    CmaEsOptimizer loaded = new CmaEsOptimizer(config, space, directions, from.integer64("seed"));
    loaded.restart = from.integer("restart");
    loaded.largeRuns = from.integer("largeRuns");
    loaded.smallRun = from.bool("smallRun");
    loaded.evaluationsLarge = from.integer64("evaluationsLarge");
    loaded.evaluationsSmall = from.integer64("evaluationsSmall");
    loaded.startSigma = from.number("startSigma");
    loaded.done = from.bool("done");
    loaded.best = new History(from.numbers("best"));
    loaded.median = new History(from.numbers("median"));
    loaded.distribution =
        SearchDistributions.load(
            config, from.child("distribution"), loaded.coordinates.dimension());
    Snapshot.Reader generation = from.child("generation");
    long firstId = generation.integer64("firstId");
    loaded.open = loaded.points(firstId);
    loaded.open.load(generation);
    return loaded;
  }

  private SearchDistribution first() {
    if (config.earlierTrials().isEmpty()) {
      return distribution(new double[coordinates.dimension()], populationSize());
    }
    WarmStart start = new WarmStart(space, coordinates, direction, config.earlierTrials());
    return SearchDistributions.create(config, start, populationSize());
  }

  private SearchDistribution distribution(double[] mean, int lambda) {
    return SearchDistributions.create(config, mean, lambda, startSigma);
  }

  private int populationSize() {
    return config
        .populationSize()
        .orElse(SelectionWeights.defaultPopulationSize(coordinates.dimension()));
  }

  @Override
  public String name() {
    return config.name();
  }

  @Override
  public List<Proposal> ask(int max) {
    return open.ask(max);
  }

  @Override
  public void tell(List<Evaluation> evaluations) {
    // All are checked before the first counts.
    double[] costs = SingleObjective.costs(evaluations, direction, open.nextId());
    for (int i = 0; i < costs.length; i++) {
      if (open.tell(evaluations.get(i).id(), costs[i]) && !done) {
        double delay = open.delay();
        move(open.close(), delay);
      }
    }
  }

  @Override
  public boolean isDone() {
    return done;
  }

  @Override
  public Optional<Genome> recommendation() {
    return Optional.of(coordinates.genome(distribution.mean(), 0));
  }

  @Override
  public String snapshot() {
    ObjectNode node = Snapshot.begin(config, SNAPSHOT_VERSION, space, List.of(direction), seed);
    node.put("restart", restart)
        .put("largeRuns", largeRuns)
        .put("smallRun", smallRun)
        .put("evaluationsLarge", evaluationsLarge)
        .put("evaluationsSmall", evaluationsSmall)
        .put("startSigma", startSigma)
        .put("done", done);
    Snapshot.putNumbers(node, "best", best.latest(HISTORY));
    Snapshot.putNumbers(node, "median", median.latest(HISTORY));
    distribution.save(node.putObject("distribution"));
    open.save(node.putObject("generation"));
    return node.toString();
  }

  /** Returns what is asked for next. */
  private OpenPoints points(long firstId) {
    if (done) {
      return new OpenGeneration(firstId, List.of());
    }
    return config.isAsynchronous()
        ? new AsynchronousPoints(coordinates, distribution, this::normals, firstId)
        : sample(firstId);
  }

  /** Returns a standard normal vector per member of a generation. */
  private double[] normals(long generation) {
    int n = coordinates.dimension();
    double[] normals = new double[Math.multiplyExact(n, distribution.populationSize())];
    for (int member = 0; member < distribution.populationSize(); member++) {
      RandomStream stream = RandomStream.of(seed, "cma-es sample", restart, generation, member);
      for (int i = 0; i < n; i++) {
        normals[member * n + i] = stream.nextGaussian();
      }
    }
    if (config.orthogonal()) {
      OrthogonalSteps.orthogonalise(normals, n);
    }
    return normals;
  }

  private OpenGeneration sample(long firstId) {
    int lambda = distribution.populationSize();
    int n = coordinates.dimension();
    double[] normals = normals(distribution.generation());
    double[] points =
        distribution.sample(
            coordinates,
            lambda,
            (member, to, from, count) -> System.arraycopy(normals, member * n, to, from, count));
    List<Genome> genomes = new ArrayList<>();
    for (int k = 0; k < lambda; k++) {
      genomes.add(coordinates.genome(points, k * n));
    }
    return new OpenGeneration(firstId, genomes);
  }

  private void move(OpenPoints.Outcomes outcomes, double delay) {
    double[] costs = outcomes.costs();
    int[] ranked = outcomes.ranked();
    int scored = (int) Arrays.stream(costs).filter(cost -> !Double.isNaN(cost)).count();
    SearchDistribution moved = distribution;
    long before = moved.generation();
    if (outcomes.firstOnly()) {
      moved.updateByFirst(coordinates, ranked, scored, delay);
    } else {
      moved.update(coordinates, ranked, scored, delay);
    }
    if (moved.generation() > before) {
      endGeneration(costs, ranked, scored);
    }
    // Points that are out when a run ends are none of the next one.
    if (done || distribution != moved || !config.isAsynchronous()) {
      open = points(open.nextId());
    }
  }

  /** Counts a generation, which need not be one that was waited for, and looks for an end. */
  private void endGeneration(double[] costs, int[] ranked, int scored) {
    if (smallRun) {
      evaluationsSmall += costs.length;
    } else if (restart > 0) {
      evaluationsLarge += costs.length;
    }
    if (scored > 0) {
      best.add(costs[ranked[0]]);
      median.add(costs[ranked[(scored - 1) / 2]]);
      double spread = costs[ranked[scored - 1]] - costs[ranked[0]];
      String reason = stopReason(costs[ranked[0]], spread);
      if (reason != null) {
        stop(reason);
      }
    }
  }

  private @Nullable String stopReason(double lowest, double spread) {
    int n = coordinates.dimension();
    int lambda = distribution.populationSize();
    if (!(distribution.condition() <= config.maxCondition())) {
      return "condition number of the covariance above " + config.maxCondition();
    }
    int window = 10 + (int) Math.ceil(30.0 * n / lambda);
    if (best.size() >= window) {
      double[] recent = best.latest(window);
      double from = Math.min(lowest, Arrays.stream(recent).min().orElseThrow());
      double to = Math.max(lowest + spread, Arrays.stream(recent).max().orElseThrow());
      if (to - from <= config.tolFun()) {
        return "scores differ by no more than tolFun " + config.tolFun();
      }
    }
    double widest = 0;
    double path = 0;
    for (int i = 0; i < n; i++) {
      widest = Math.max(widest, distribution.deviation(i));
      path = Math.max(path, distribution.sigma() * Math.abs(distribution.path(i)));
    }
    if (Math.max(widest, path) < config.tolX() * startSigma) {
      return "steps below tolX " + config.tolX();
    }
    if (widest > DIVERGED * startSigma) {
      return "steps grew " + DIVERGED + "-fold";
    }
    if (distribution.stepsVanish()) {
      return "steps below the precision of the mean";
    }
    if (distribution.generation() % STAGNATION_CHECK_INTERVAL == 0 && stagnates(n, lambda)) {
      return "stagnation";
    }
    return null;
  }

  private boolean stagnates(int n, int lambda) {
    // Low learning rates take as much longer.
    int patience = config.learningRateAdaptation() ? 10 : 1;
    // Other values of a whole number are tried once in dozens of generations.
    int mutations = coordinates.wholeGenes() > 0 ? 10 * n : 0;
    int least = patience * (120 + (int) Math.ceil(30.0 * n / lambda) + mutations);
    int window = (int) Math.min(Math.max(distribution.generation() / 5, least), HISTORY);
    return best.size() >= window && best.stagnates(window) && median.stagnates(window);
  }

  private void stop(String reason) {
    boolean again = config.restarts() != CmaEs.Restarts.NONE && largeRuns < config.maxRestarts();
    LOG.debug(
        "cma-es run {} ends after {} generations: {}; {}",
        restart,
        distribution.generation(),
        reason,
        again ? "restarts" : "done");
    if (!again) {
      done = true;
      return;
    }
    restart++;
    RandomStream stream = RandomStream.of(seed, "cma-es restart", restart);
    int lambda = populationSize();
    startSigma = config.sigma();
    smallRun = config.restarts() == CmaEs.Restarts.BIPOP && evaluationsSmall < evaluationsLarge;
    if (smallRun) {
      double ratio = 0.5 * Math.pow(2, largeRuns);
      double u = stream.nextDouble();
      lambda = (int) Math.max(lambda, Math.floor(lambda * Math.pow(ratio, u * u)));
      startSigma *= Math.pow(10, -2 * stream.nextDouble());
    } else {
      largeRuns++;
      lambda = Math.multiplyExact(lambda, 1 << largeRuns);
    }
    double[] mean = new double[coordinates.dimension()];
    if (smallRun) {
      Arrays.setAll(mean, i -> coordinates.coordinateAt(i, stream.nextDouble()));
    }
    distribution = distribution(mean, lambda);
    best = new History();
    median = new History();
  }

  /** The last values of a series, at least {@link #HISTORY} of them if there were so many. */
  private static final class History {

    private double[] values;
    private int size;

    History(double... values) {
      this.values = Arrays.copyOf(values, Math.max(64, values.length));
      size = values.length;
    }

    int size() {
      return size;
    }

    void add(double value) {
      if (size == 2 * HISTORY) {
        System.arraycopy(values, HISTORY, values, 0, HISTORY);
        size = HISTORY;
      }
      if (size == values.length) {
        values = Arrays.copyOf(values, Math.min(2 * size, 2 * HISTORY));
      }
      values[size++] = value;
    }

    double[] latest(int count) {
      return Arrays.copyOfRange(values, Math.max(0, size - count), size);
    }

    /** Returns whether the newest 30 % of a window are not better than its oldest 30 %. */
    boolean stagnates(int window) {
      int part = Math.max(1, window * 3 / 10);
      double[] recent = latest(window);
      double old = middle(Arrays.copyOfRange(recent, 0, part));
      return middle(Arrays.copyOfRange(recent, window - part, window)) >= old;
    }

    private static double middle(double[] values) {
      Arrays.sort(values);
      return values[values.length / 2];
    }
  }
}
