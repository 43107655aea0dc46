package io.evomerge.optimizer;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.SearchSpace;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * CMA-ES, the covariance matrix adaptation evolution strategy: the default for searches of some to
 * a few thousand numbers without gradients; immutable and thread-safe.
 *
 * <pre>{@code
 * Optimizer optimizer = Optimizers.cmaEs().create(space, List.of(Direction.MINIMIZE), 42);
 * while (!optimizer.isDone()) {
 *   List<Evaluation> finished = new ArrayList<>();
 *   for (Proposal p : optimizer.ask(16)) {
 *     finished.add(new Evaluation(p.id(), Outcome.Scored.of(cost(p.genome()))));
 *   }
 *   optimizer.tell(finished);
 * }
 * }</pre>
 *
 * <p><b>Algorithm.</b> Weighted recombination, cumulative step-size adaptation, rank-one and
 * rank-mu update with negative weights, by Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv
 * 1604.00772v2 (2023), with the learning rates of Akimoto, Hansen (2020, doi 10.1162/evco_a_00260)
 * where they are higher, and with {@linkplain #orthogonal orthogonal steps} (Wang, Emmerich, Bäck,
 * Evol. Comput. 27(4), 2019, without their mirrored pairs). The factor of the covariance from which
 * samples are drawn is renewed every max(1, floor(1/(2 n (c<sub>1</sub> + c<sub>mu</sub>))))
 * generations, as a Cholesky factor, so a generation costs O(n<sup>2</sup>) per point. Memory: two
 * triangular matrices, 8 n<sup>2</sup> bytes together.
 *
 * <p><b>Start and scale.</b> The mean starts at every gene's start, with the gene's own step as
 * standard deviation; genes of different units need no scaling. Whole-number genes and choices
 * start with a sixth of their range or half a value, whichever is more.
 *
 * <p><b>Box.</b> The normal distribution lives in unbounded coordinates that a smooth, piecewise
 * linear and quadratic map folds into the box (as pycma's {@code BoundTransform}): all points are
 * inside, the inner nine tenths of a range are not distorted, and optima on a bound are found as
 * fast as others.
 *
 * <p><b>Whole numbers and choices</b> are rounded. Their deviation has a floor, so that from the
 * middle of a value, a sample has another one with a chance of at least 0.02 per gene, or 0.2
 * divided by the number of such genes if that is less; and to the mean, every good sample counts at
 * the middle of its value. So they never freeze, and where they are settled they disturb the real
 * genes little (after Marty et al., "LB+IC-CMA-ES", PPSN 2024, and Hamano et al., arXiv 2504.07884,
 * 2025). Choices are treated as ordered by index; with two options that is no restriction.
 *
 * <p><b>Outcomes.</b> Equal scores rank by id. Failed, infeasible and not finite ones rank last and
 * never attract the mean; a generation without any score leaves the distribution as it is.
 *
 * <p><b>Stop.</b> A run ends when the steps are below {@link #tolX}, the scores of the last 10 +
 * ceil(30 n / lambda) generations differ by no more than {@link #tolFun}, the median and best
 * scores have not improved for long, the covariance is numerically singular, or steps are lost in
 * rounding. Then it restarts, if {@link #restarts} says so, or {@link Optimizer#isDone}.
 *
 * <p>{@link Optimizer#ask} hands out the generation, in as many portions as wanted, then nothing
 * until all of it is told; {@link #asynchronous()} is without that wait. {@link
 * Optimizer#recommendation} is the mean of the distribution, whole numbers rounded.
 */
public final class CmaEs implements OptimizerFactory {

  /** What happens when a run has converged. */
  public enum Restarts {
    /** The search is done. */
    NONE,
    /**
     * From the start again, with twice the population (Auger, Hansen 2005, doi
     * 10.1109/CEC.2005.1554902, but for the random points there: a start that somebody chose is
     * worth keeping, and a larger population looks further from it).
     */
    IPOP,
    /**
     * As IPOP, in turn with small populations of smaller steps from random points of the box, while
     * those have used fewer trials (Hansen 2009, doi 10.1145/1570256.1570333).
     */
    BIPOP
  }

  /** Which covariances the distribution can take. */
  public enum Covariance {
    /** Any: n (n + 1)/2 numbers, O(n<sup>2</sup>) per point. Solves what the others do not. */
    FULL,
    /**
     * A variance per gene and no correlations: O(n) per point, and a few n evaluations to learn it
     * in place of n<sup>2</sup> (sep-CMA-ES, Ros, Hansen 2008, doi 10.1007/978-3-540-87700-4_30,
     * with negative weights and faster rates).
     */
    SEPARABLE,
    /**
     * A variance per gene and 4 + floor(3 ln n) directions: O(n ln n) per point (LM-MA-ES,
     * Loshchilov, Glasmachers, Beyer 2019, arXiv 1705.06693, with a diagonal that is adapted as in
     * Akimoto, Hansen 2020, doi 10.1162/evco_a_00260). From about 50 genes on, for correlated genes
     * and budgets that the full form cannot learn in; below 10 genes the full form is used.
     */
    LIMITED_MEMORY
  }

  static final CmaEs DEFAULT = new CmaEs(new Values());

  /** The settings; changed only in a copy that nothing else knows yet. */
  private static final class Values implements Cloneable {
    private int populationSize;
    private double sigma = 1;
    private boolean active = true;
    private boolean asynchronous;
    private Covariance covariance = Covariance.FULL;
    private boolean learningRateAdaptation;
    private List<EarlierTrial> earlierTrials = List.of();
    private String earlierDigest = "none";
    private boolean orthogonal = true;
    private Restarts restarts = Restarts.NONE;
    private int maxRestarts = 9;
    private double tolX = 1e-12;
    private double tolFun = 1e-12;
    private double maxCondition = 1e14;

    Values copy() {
      try {
        return (Values) clone();
      } catch (CloneNotSupportedException e) {
        throw new AssertionError(e);
      }
    }
  }

  private final Values values;

  private CmaEs(Values values) {
    this.values = values;
  }

  private CmaEs with(Consumer<Values> change) {
    Values changed = values.copy();
    change.accept(changed);
    return new CmaEs(changed);
  }

  /**
   * Sets how many points a generation has.
   *
   * @param populationSize at least 2; default 4 + floor(3 ln n) for n genes
   * @throws IllegalArgumentException if it is below 2
   */
  public CmaEs populationSize(int populationSize) {
    if (populationSize < 2) {
      throw new IllegalArgumentException(
          "populationSize " + populationSize + " must be at least 2");
    }
    return with(v -> v.populationSize = populationSize);
  }

  /**
   * Scales the initial steps of all genes.
   *
   * @param sigma factor above 0; default 1: every gene's own step
   * @throws IllegalArgumentException if it is not positive and finite
   */
  public CmaEs sigma(double sigma) {
    if (!(sigma > 0) || !Double.isFinite(sigma)) {
      throw new IllegalArgumentException("sigma " + sigma + " must be above 0 and finite");
    }
    return with(v -> v.sigma = sigma);
  }

  /**
   * Sets whether bad points shrink the covariance along their direction (negative weights).
   *
   * @param active default true
   */
  public CmaEs active(boolean active) {
    return with(v -> v.active = active);
  }

  /**
   * Returns the same strategy without generations that are waited for: {@link Optimizer#ask} always
   * has points until the search is done. Each is drawn from the distribution as it is then, and the
   * distribution moves as outcomes are told, so the order of {@link Optimizer#tell} matters: with
   * {@link Covariance#FULL} whenever lambda were told since it moved last, whichever these are; in
   * the other forms with each, ranked among the lambda latest. A point counts by its step, in
   * standard deviations, from a point between where the mean was when it was drawn and where it is.
   *
   * <p>For workers that would wait for each other: a search then takes a little more trials and
   * much less time. Open trials should be no more than the population, else points are too old when
   * they count.
   */
  @Override
  public CmaEs asynchronous() {
    return with(v -> v.asynchronous = true);
  }

  /**
   * Sets whether the steps of a generation, before the covariance shapes them, are made orthogonal
   * to each other: each alone is distributed as without it, but together they cover the directions
   * evenly, which saves a tenth to a seventh of the trials.
   *
   * @param orthogonal default true
   */
  public CmaEs orthogonal(boolean orthogonal) {
    return with(v -> v.orthogonal = orthogonal);
  }

  /**
   * Sets which covariances the distribution can take.
   *
   * @param covariance default {@link Covariance#FULL}; the others pay where evaluations are fewer
   *     than some hundred times n, or n is above a thousand
   */
  public CmaEs covariance(Covariance covariance) {
    return with(v -> v.covariance = covariance);
  }

  /**
   * Sets whether learning rates fall where updates of the distribution go to and fro, as they do
   * under noise and among many local optima (LRA-CMA-ES, Nomura, Akimoto, Ono 2023, arXiv
   * 2304.03473): slower where the score is exact and the landscape smooth, but it goes on where the
   * plain strategy stops at the level of the noise. For {@link Covariance#FULL}; a generation costs
   * O(n<sup>3</sup>) beside its points.
   *
   * @param adapted default false
   */
  public CmaEs learningRateAdaptation(boolean adapted) {
    return with(v -> v.learningRateAdaptation = adapted);
  }

  /**
   * Begins where trials of an earlier search were good, with the spread of the best tenth of them
   * in place of start and steps (WS-CMA-ES, Nomura et al. 2021, arXiv 2012.06932). That search must
   * have had the same genes and direction; data, fitness and seed may have been others. Pays if
   * good points lie near good points of that search, costs if they do not. Restarts begin anew.
   *
   * @param trials of the earlier search, at least one of them scored; none: start and steps of the
   *     genes, the default. Those of other genes are refused by {@link #create}
   */
  public CmaEs warmStart(List<EarlierTrial> trials) {
    List<EarlierTrial> copy = List.copyOf(trials);
    String digest = copy.isEmpty() ? "none" : copy.size() + " trials, sha256:" + digest(copy);
    return with(
        v -> {
          v.earlierTrials = copy;
          v.earlierDigest = digest;
        });
  }

  private static String digest(List<EarlierTrial> trials) {
    Hasher hasher = Hashing.sha256().newHasher();
    for (EarlierTrial trial : trials) {
      for (double value : trial.genome().values()) {
        hasher.putDouble(value);
      }
      if (trial.outcome() instanceof Outcome.Scored scored) {
        scored.fitness().forEach(fitness -> hasher.putDouble(fitness.score()));
      }
      hasher.putChar(';');
    }
    return hasher.hash().toString();
  }

  /**
   * Sets what happens when a run has converged.
   *
   * @param restarts default {@link Restarts#NONE}
   */
  public CmaEs restarts(Restarts restarts) {
    return with(v -> v.restarts = restarts);
  }

  /**
   * Limits the restarts with a doubled population; small runs of {@link Restarts#BIPOP} come on
   * top.
   *
   * @param maxRestarts from 0 to 16; default 9
   * @throws IllegalArgumentException if it is outside
   */
  public CmaEs maxRestarts(int maxRestarts) {
    if (maxRestarts < 0 || maxRestarts > 16) {
      throw new IllegalArgumentException("maxRestarts " + maxRestarts + " must be from 0 to 16");
    }
    return with(v -> v.maxRestarts = maxRestarts);
  }

  /**
   * Sets how small steps end a run.
   *
   * @param tolX share of the initial steps, 0 or more; default 1e-12
   * @throws IllegalArgumentException if it is negative or not finite
   */
  public CmaEs tolX(double tolX) {
    requireTolerance("tolX", tolX);
    return with(v -> v.tolX = tolX);
  }

  /**
   * Sets how small differences of scores end a run.
   *
   * @param tolFun in units of the score, 0 or more; default 1e-12; 0 ends it only when all are
   *     equal
   * @throws IllegalArgumentException if it is negative or not finite
   */
  public CmaEs tolFun(double tolFun) {
    requireTolerance("tolFun", tolFun);
    return with(v -> v.tolFun = tolFun);
  }

  /**
   * Sets which condition number of the covariance ends a run.
   *
   * @param maxCondition above 1; default 1e14
   * @throws IllegalArgumentException if it is not above 1
   */
  public CmaEs maxCondition(double maxCondition) {
    if (!(maxCondition > 1)) {
      throw new IllegalArgumentException("maxCondition " + maxCondition + " must be above 1");
    }
    return with(v -> v.maxCondition = maxCondition);
  }

  private static void requireTolerance(String name, double tolerance) {
    if (!(tolerance >= 0) || !Double.isFinite(tolerance)) {
      throw new IllegalArgumentException(name + " " + tolerance + " must be 0 or more and finite");
    }
  }

  /** Returns the population size; empty stands for the default, which depends on the space. */
  public OptionalInt populationSize() {
    return values.populationSize == 0 ? OptionalInt.empty() : OptionalInt.of(values.populationSize);
  }

  /** Returns the factor on the initial steps. */
  public double sigma() {
    return values.sigma;
  }

  /** Returns whether negative weights are used. */
  public boolean active() {
    return values.active;
  }

  /** Returns whether generations are not waited for. */
  public boolean isAsynchronous() {
    return values.asynchronous;
  }

  /** Returns whether the steps of a generation are made orthogonal. */
  public boolean orthogonal() {
    return values.orthogonal;
  }

  /** Returns which covariances the distribution can take. */
  public Covariance covariance() {
    return values.covariance;
  }

  /** Returns whether learning rates are adapted to noise. */
  public boolean learningRateAdaptation() {
    return values.learningRateAdaptation;
  }

  /** Returns the trials of an earlier search at which this one begins. */
  public List<EarlierTrial> earlierTrials() {
    return values.earlierTrials;
  }

  /** Returns what happens when a run has converged. */
  public Restarts restarts() {
    return values.restarts;
  }

  /** Returns how often the population is doubled at most. */
  public int maxRestarts() {
    return values.maxRestarts;
  }

  /** Returns the tolerance on steps. */
  public double tolX() {
    return values.tolX;
  }

  /** Returns the tolerance on scores. */
  public double tolFun() {
    return values.tolFun;
  }

  /** Returns the limit on the condition number. */
  public double maxCondition() {
    return values.maxCondition;
  }

  @Override
  public String name() {
    return "cma-es";
  }

  @Override
  public Map<String, String> settings() {
    Map<String, String> settings = new TreeMap<>();
    settings.put(
        "populationSize", values.populationSize == 0 ? "default" : "" + values.populationSize);
    settings.put("sigma", Double.toString(values.sigma));
    settings.put("active", Boolean.toString(values.active));
    settings.put("asynchronous", Boolean.toString(values.asynchronous));
    settings.put("covariance", values.covariance.name());
    settings.put("learningRateAdaptation", Boolean.toString(values.learningRateAdaptation));
    settings.put("warmStart", values.earlierDigest);
    settings.put("orthogonal", Boolean.toString(values.orthogonal));
    settings.put("restarts", values.restarts.name());
    settings.put("maxRestarts", Integer.toString(values.maxRestarts));
    settings.put("tolX", Double.toString(values.tolX));
    settings.put("tolFun", Double.toString(values.tolFun));
    settings.put("maxCondition", Double.toString(values.maxCondition));
    return Map.copyOf(settings);
  }

  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    requireMatching();
    return new CmaEsOptimizer(this, space, directions, seed);
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    return CmaEsOptimizer.restore(this, space, directions, snapshot);
  }

  private void requireMatching() {
    if (values.learningRateAdaptation && values.covariance != Covariance.FULL) {
      throw new IllegalArgumentException(
          "learningRateAdaptation is for the covariance FULL, got "
              + values.covariance
              + "; choose one of them");
    }
  }

  @Override
  public String toString() {
    return name() + new TreeMap<>(settings());
  }
}
