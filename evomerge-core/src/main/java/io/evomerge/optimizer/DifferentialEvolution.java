package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.SearchSpace;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * Differential evolution that adapts its own settings, SHADE and L-SHADE; immutable and
 * thread-safe. Robust on rugged functions of some dozens of numbers when there are thousands of
 * trials; on fewer, CMA-ES and Bayesian optimisation are ahead.
 *
 * <p><b>Algorithm.</b> Tanabe, Fukunaga, "Improving the search performance of SHADE using linear
 * population size reduction", CEC 2014, doi 10.1109/CEC.2014.6900380: the mutation {@code
 * current-to-pbest/1} with an archive of replaced members, binomial crossover, and the two rates of
 * a trial drawn around what has led to improvements (a memory of 6 entries). A number that leaves
 * the box is set halfway between its parent and the bound. The first proposal is the start of the
 * space, the rest of the first population uniform in the box. With a {@link #budget} the population
 * shrinks linearly to 4 over it; without one its size stays.
 *
 * <p><b>Steady state.</b> A member is replaced as soon as its trial is told, and the next trial is
 * made from the members as they are; the paper waits for the whole generation. The memory is
 * renewed after as many outcomes as there are members. Every member has at most one open trial.
 *
 * <p>Whole numbers and choices evolve as reals and are rounded when proposed, each value on an
 * equal stretch. Failed, infeasible and not finite trials never replace a member. Done after the
 * budget, or when all members are within 10<sup>-12</sup> of the range of every gene. Recommends
 * nothing: its best trial is the result.
 */
public final class DifferentialEvolution implements OptimizerFactory {

  static final DifferentialEvolution DEFAULT = new DifferentialEvolution(0, 0, 0.11, 2.6, 4);

  private final int populationSize;
  private final long budget;
  private final double greediness;
  private final double archiveRate;
  private final int mostOpen;

  private DifferentialEvolution(
      int populationSize, long budget, double greediness, double archiveRate, int mostOpen) {
    this.populationSize = populationSize;
    this.budget = budget;
    this.greediness = greediness;
    this.archiveRate = archiveRate;
    this.mostOpen = mostOpen;
  }

  /**
   * Sets how many members the (first) population has.
   *
   * @param populationSize at least 4; default 8 + n / 4 for n genes, chosen for up to some thousand
   *     trials (the paper takes 18 n for 10,000 n of them)
   * @throws IllegalArgumentException if it is below 4
   */
  public DifferentialEvolution populationSize(int populationSize) {
    if (populationSize < 4) {
      throw new IllegalArgumentException(
          "populationSize " + populationSize + " must be at least 4");
    }
    return new DifferentialEvolution(populationSize, budget, greediness, archiveRate, mostOpen);
  }

  /**
   * Sets after how many trials the search is done, and lets the population shrink over them.
   *
   * @param budget at least 1; default none
   * @throws IllegalArgumentException if it is below 1
   */
  public DifferentialEvolution budget(long budget) {
    if (budget < 1) {
      throw new IllegalArgumentException("budget " + budget + " must be at least 1 trial");
    }
    return new DifferentialEvolution(populationSize, budget, greediness, archiveRate, mostOpen);
  }

  /**
   * Sets which share of the population, best first, attracts the trials.
   *
   * @param greediness above 0, at most 1, of the population but at least two members; default 0.11
   * @throws IllegalArgumentException if it is outside
   */
  public DifferentialEvolution greediness(double greediness) {
    if (!(greediness > 0 && greediness <= 1)) {
      throw new IllegalArgumentException(
          "greediness " + greediness + " must be above 0 and at most 1");
    }
    return new DifferentialEvolution(populationSize, budget, greediness, archiveRate, mostOpen);
  }

  /**
   * Sets how many replaced members are remembered.
   *
   * @param archiveRate times the population, from 0 to 10; default 2.6
   * @throws IllegalArgumentException if it is outside
   */
  public DifferentialEvolution archiveRate(double archiveRate) {
    if (!(archiveRate >= 0 && archiveRate <= 10)) {
      throw new IllegalArgumentException("archiveRate " + archiveRate + " must be from 0 to 10");
    }
    return new DifferentialEvolution(populationSize, budget, greediness, archiveRate, mostOpen);
  }

  /**
   * Sets how many trials may be open at once: a point is chosen from the outcomes of all trials but
   * the last so many less one, whether more are told or not, so that the number of workers and
   * their pace cannot change the search. Fewer make better use of each outcome; workers beyond it
   * wait.
   *
   * @param mostOpen at least 1; default 4; no more than there are members
   * @throws IllegalArgumentException if it is below 1
   */
  public DifferentialEvolution mostOpen(int mostOpen) {
    return new DifferentialEvolution(
        populationSize,
        budget,
        greediness,
        archiveRate,
        FixedPastOptimizer.requireMostOpen(mostOpen));
  }

  /** Returns the population size; empty stands for the default, which depends on the space. */
  public OptionalInt populationSize() {
    return populationSize == 0 ? OptionalInt.empty() : OptionalInt.of(populationSize);
  }

  /** Returns after how many trials the search is done, if it was set. */
  public OptionalLong budget() {
    return budget == 0 ? OptionalLong.empty() : OptionalLong.of(budget);
  }

  /** Returns the share of the population that attracts. */
  public double greediness() {
    return greediness;
  }

  /** Returns the size of the archive, times the population. */
  public double archiveRate() {
    return archiveRate;
  }

  /** Returns how many trials may be open at once; empty: any number, outcomes count at once. */
  public OptionalInt mostOpen() {
    return mostOpen == 0 ? OptionalInt.empty() : OptionalInt.of(mostOpen);
  }

  @Override
  public String name() {
    return "differential-evolution";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of(
        "populationSize",
        populationSize == 0 ? "default" : Integer.toString(populationSize),
        "budget",
        budget == 0 ? "none" : Long.toString(budget),
        "greediness",
        Double.toString(greediness),
        "archiveRate",
        Double.toString(archiveRate),
        "mostOpen",
        FixedPastOptimizer.setting(mostOpen));
  }

  @Override
  public OptimizerFactory immediate() {
    return new DifferentialEvolution(populationSize, budget, greediness, archiveRate, 0);
  }

  @Override
  public OptimizerFactory asynchronous() {
    return immediate();
  }

  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    return FixedPastOptimizer.create(
        this,
        mostOpen,
        space,
        directions,
        seed,
        new DifferentialEvolutionOptimizer(this, space, directions, seed));
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    return FixedPastOptimizer.restore(
        this,
        mostOpen,
        space,
        directions,
        snapshot,
        state -> DifferentialEvolutionOptimizer.restore(this, space, directions, state));
  }

  @Override
  public String toString() {
    return name() + new TreeMap<>(settings());
  }
}
