package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.commons.math3.analysis.MultivariateFunction;
import org.apache.commons.math3.linear.RealMatrix;
import org.apache.commons.math3.optim.InitialGuess;
import org.apache.commons.math3.optim.MaxEval;
import org.apache.commons.math3.optim.SimpleBounds;
import org.apache.commons.math3.optim.nonlinear.scalar.GoalType;
import org.apache.commons.math3.optim.nonlinear.scalar.ObjectiveFunction;
import org.apache.commons.math3.optim.nonlinear.scalar.noderiv.CMAESOptimizer;
import org.apache.commons.math3.random.AbstractRandomGenerator;

/** Reveals the generations of Commons Math's CMA-ES by running it again on the scores so far. */
final class CommonsMathCmaEsOptimizer implements Optimizer {

  private static final int SNAPSHOT_VERSION = 1;

  private final CommonsMathCmaEs config;
  private final SearchSpace space;
  private final Direction direction;
  private final long seed;
  private final int lambda;
  private final List<double[]> history = new ArrayList<>();
  private final double[] mean;
  private OpenGeneration open;
  private boolean done;

  CommonsMathCmaEsOptimizer(
      CommonsMathCmaEs config, SearchSpace space, List<Direction> directions, long seed) {
    this(config, space, directions, seed, List.of());
  }

  private CommonsMathCmaEsOptimizer(
      CommonsMathCmaEs config,
      SearchSpace space,
      List<Direction> directions,
      long seed,
      List<double[]> history) {
    this.config = config;
    this.space = space;
    this.direction = SingleObjective.direction(config, directions);
    this.seed = seed;
    this.history.addAll(history);
    lambda =
        config.populationSize().orElse(SelectionWeights.defaultPopulationSize(space.dimension()));
    mean = space.start().values();
    open = reveal();
  }

  static CommonsMathCmaEsOptimizer restore(
      CommonsMathCmaEs config, SearchSpace space, List<Direction> directions, String snapshot) {
    Snapshot.Reader from = Snapshot.open(snapshot, config, SNAPSHOT_VERSION, space, directions);
    List<double[]> history = new ArrayList<>();
    for (var generation : from.array("history")) {
      double[] costs = new double[generation.size()];
      Arrays.setAll(
          costs, k -> generation.get(k).isNumber() ? generation.get(k).doubleValue() : Double.NaN);
      history.add(costs);
    }
    CommonsMathCmaEsOptimizer loaded =
        new CommonsMathCmaEsOptimizer(config, space, directions, from.integer64("seed"), history);
    loaded.open.load(from.child("generation"));
    return loaded;
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
    if (open.tell(evaluations, direction) && !done) {
      history.add(open.costs());
      open = reveal();
    }
  }

  @Override
  public boolean isDone() {
    return done;
  }

  @Override
  public Optional<Genome> recommendation() {
    return Optional.of(genome(mean));
  }

  @Override
  public String snapshot() {
    ObjectNode node = Snapshot.begin(config, SNAPSHOT_VERSION, space, List.of(direction), seed);
    ArrayNode generations = node.putArray("history");
    for (double[] costs : history) {
      ArrayNode generation = generations.addArray();
      for (double cost : costs) {
        if (Double.isNaN(cost)) {
          generation.addNull();
        } else {
          generation.add(cost);
        }
      }
    }
    open.save(node.putObject("generation"));
    return node.toString();
  }

  private OpenGeneration reveal() {
    int genes = space.dimension();
    double[] low = new double[genes];
    double[] high = new double[genes];
    double[] step = new double[genes];
    for (int i = 0; i < genes; i++) {
      Gene gene = space.genes().get(i);
      low[i] = gene.min();
      high[i] = gene.max();
      double range = high[i] - low[i];
      // Commons Math refuses a step beyond the range.
      step[i] =
          Math.min(range, gene instanceof Gene.Real real ? real.step() : Math.max(range / 6, 0.5));
    }
    double[] known = replayable();
    Revelation revelation = new Revelation(known, history.isEmpty() ? lambda + 1 : lambda);
    CMAESOptimizer optimizer =
        new CMAESOptimizer(
            Integer.MAX_VALUE, 0, config.active(), 0, 0, new Normals(seed), true, null);
    try {
      optimizer.optimize(
          new InitialGuess(space.start().values()),
          new SimpleBounds(low, high),
          new CMAESOptimizer.Sigma(step),
          new CMAESOptimizer.PopulationSize(lambda),
          MaxEval.unlimited(),
          GoalType.MINIMIZE,
          new ObjectiveFunction(revelation));
      done = true;
    } catch (Revealed e) {
      done = false;
    }
    List<RealMatrix> means = optimizer.getStatisticsMeanHistory();
    if (!means.isEmpty()) {
      System.arraycopy(means.get(means.size() - 1).getRow(0), 0, mean, 0, genes);
    }
    return new OpenGeneration(
        known.length, done ? List.of() : revelation.points.stream().map(this::genome).toList());
  }

  /** Returns all costs so far in the order of ids, numbers in the place of missing ones. */
  private double[] replayable() {
    List<double[]> filled = new ArrayList<>();
    double worstEver = 0;
    boolean any = false;
    for (double[] costs : history) {
      double[] copy = costs.clone();
      double best = Arrays.stream(costs).filter(c -> !Double.isNaN(c)).min().orElse(Double.NaN);
      double worst = Arrays.stream(costs).filter(c -> !Double.isNaN(c)).max().orElse(Double.NaN);
      if (!Double.isNaN(worst)) {
        worstEver = any ? Math.max(worstEver, worst) : worst;
        any = true;
      }
      double base = Double.isNaN(worst) ? worstEver : worst;
      double range = worst > best ? worst - best : 1;
      for (int k = 0; k < copy.length; k++) {
        if (Double.isNaN(copy[k])) {
          // All different in a generation without any score: equal values would end the search.
          copy[k] = Double.isNaN(worst) ? base + 1 + k : base + range;
        }
      }
      filled.add(copy);
    }
    return filled.stream().flatMapToDouble(Arrays::stream).toArray();
  }

  private Genome genome(double[] point) {
    double[] values = new double[point.length];
    for (int i = 0; i < values.length; i++) {
      Gene gene = space.genes().get(i);
      double value = Math.min(Math.max(point[i], gene.min()), gene.max());
      values[i] = gene instanceof Gene.Real ? value : Math.rint(value);
    }
    return Genome.of(values);
  }

  /** Answers with known costs, then notes points until a generation is complete. */
  private static final class Revelation implements MultivariateFunction {

    private final double[] known;
    private final int wanted;
    private final List<double[]> points = new ArrayList<>();
    private int calls;

    Revelation(double[] known, int wanted) {
      this.known = known;
      this.wanted = wanted;
    }

    @Override
    public double value(double[] point) {
      if (calls < known.length) {
        return known[calls++];
      }
      points.add(point.clone());
      if (points.size() == wanted) {
        throw new Revealed();
      }
      return 0;
    }
  }

  private static final class Revealed extends RuntimeException {
    Revealed() {
      super("all points of the generation are known", null, false, false);
    }
  }

  private static final class Normals extends AbstractRandomGenerator {

    private final RandomStream stream;

    Normals(long seed) {
      stream = RandomStream.of(seed, "commons-math-cma-es");
    }

    @Override
    public void setSeed(int seed) {
      throw new UnsupportedOperationException("the stream is fixed by the seed of the search");
    }

    @Override
    public void setSeed(int[] seed) {
      throw new UnsupportedOperationException("the stream is fixed by the seed of the search");
    }

    @Override
    public void setSeed(long seed) {
      throw new UnsupportedOperationException("the stream is fixed by the seed of the search");
    }

    @Override
    public double nextDouble() {
      return stream.nextDouble();
    }

    @Override
    public double nextGaussian() {
      return stream.nextGaussian();
    }
  }
}
