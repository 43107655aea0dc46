package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.SearchSpace;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * Bayesian optimisation with a Gaussian process: the choice for tens to a few hundred trials of up
 * to some 40 genes; immutable and thread-safe.
 *
 * <p><b>Algorithm.</b> After the start of the space and a few points of a Sobol sequence, every
 * trial goes where the logarithm of the expected improvement is highest (Jones, Schonlau, Welch
 * 1998, doi 10.1023/A:1008306431147; Ament et al. 2023, arXiv 2310.20708), by a Gaussian process
 * with Matern 5/2 covariance, a length scale per gene and noise, fitted to likelihood and prior
 * (Hvarfner, Hellsten, Nardi 2024, arXiv 2402.02229) whenever there are a tenth more data. Costs
 * above the median enter by their logarithm, so that a long tail of bad models does not hide the
 * differences between good ones.
 *
 * <p><b>Several open trials.</b> An open trial counts as if it had the expected cost ("kriging
 * believer", Ginsbourger, Le Riche, Carraro 2010, doi 10.1007/978-3-642-10701-6_6), so the next one
 * goes elsewhere. {@link #mostOpen} may be open; the search does not depend on how many are.
 *
 * <p>Whole numbers enter the model rounded (Garrido-Merchan, Hernandez-Lobato 2020, doi
 * 10.1016/j.neucom.2019.11.004), options of a choice as equal or different. What was tried or is
 * open is not proposed again while there is anything else. Failed, infeasible, violating and not
 * finite trials count as bad as the worst score. Done after the {@link #budget}, if there is one.
 * {@link Optimizer#recommendation} is the told point with the best expected cost, which under noise
 * is a better choice than the luckiest score.
 *
 * <p><b>Cost.</b> A proposal takes time that grows with the square of the told trials, a fit with
 * their cube: on one core about 1 s in all for 200 trials of 10 genes, 3 s for 300. Of more than
 * {@link #maxData} trials only the best half of so many and the latest are used.
 */
public final class BayesianOptimization implements OptimizerFactory {

  static final int MAX_GENES = 1000;

  static final BayesianOptimization DEFAULT = new BayesianOptimization(0, 0, 2, 400, 200);

  private final long budget;
  private final int initialPoints;
  private final int mostOpen;
  private final int maxData;
  private final int candidates;

  private BayesianOptimization(
      long budget, int initialPoints, int mostOpen, int maxData, int candidates) {
    this.budget = budget;
    this.initialPoints = initialPoints;
    this.mostOpen = mostOpen;
    this.maxData = maxData;
    this.candidates = candidates;
  }

  /**
   * Sets after how many trials the search is done.
   *
   * @param budget at least 1; default none
   * @throws IllegalArgumentException if it is below 1
   */
  public BayesianOptimization budget(long budget) {
    if (budget < 1) {
      throw new IllegalArgumentException("budget " + budget + " must be at least 1 trial");
    }
    return new BayesianOptimization(budget, initialPoints, mostOpen, maxData, candidates);
  }

  /**
   * Sets how many trials come before the model is used.
   *
   * @param initialPoints at least 2; default 4 + n / 2 for n genes
   * @throws IllegalArgumentException if it is below 2
   */
  public BayesianOptimization initialPoints(int initialPoints) {
    if (initialPoints < 2) {
      throw new IllegalArgumentException("initialPoints " + initialPoints + " must be at least 2");
    }
    return new BayesianOptimization(budget, initialPoints, mostOpen, maxData, candidates);
  }

  /**
   * Sets how many trials may be open at once: a point is chosen from the outcomes of all trials but
   * the last so many less one, whether more are told or not, so that the number of workers and
   * their pace cannot change the search. Fewer make better use of each outcome; workers beyond it
   * wait.
   *
   * @param mostOpen at least 1; default 2
   * @throws IllegalArgumentException if it is below 1
   */
  public BayesianOptimization mostOpen(int mostOpen) {
    return new BayesianOptimization(
        budget, initialPoints, FixedPastOptimizer.requireMostOpen(mostOpen), maxData, candidates);
  }

  /**
   * Sets how many told trials the model uses at most.
   *
   * @param maxData at least 10; default 400
   * @throws IllegalArgumentException if it is below 10
   */
  public BayesianOptimization maxData(int maxData) {
    if (maxData < 10) {
      throw new IllegalArgumentException("maxData " + maxData + " must be at least 10");
    }
    return new BayesianOptimization(budget, initialPoints, mostOpen, maxData, candidates);
  }

  /**
   * Sets at how many points the expected improvement is looked at, of which the best, one of 64 but
   * at least one, are refined.
   *
   * @param candidates at least 4; default 200
   * @throws IllegalArgumentException if it is below 4
   */
  public BayesianOptimization candidates(int candidates) {
    if (candidates < 4) {
      throw new IllegalArgumentException("candidates " + candidates + " must be at least 4");
    }
    return new BayesianOptimization(budget, initialPoints, mostOpen, maxData, candidates);
  }

  /** Returns after how many trials the search is done, if it was set. */
  public OptionalLong budget() {
    return budget == 0 ? OptionalLong.empty() : OptionalLong.of(budget);
  }

  /** Returns the trials before the model; empty stands for the default of the space. */
  public OptionalInt initialPoints() {
    return initialPoints == 0 ? OptionalInt.empty() : OptionalInt.of(initialPoints);
  }

  /** Returns how many trials may be open at once; empty: any number, outcomes count at once. */
  public OptionalInt mostOpen() {
    return mostOpen == 0 ? OptionalInt.empty() : OptionalInt.of(mostOpen);
  }

  /** Returns how many told trials the model uses at most. */
  public int maxData() {
    return maxData;
  }

  /** Returns at how many points the expected improvement is looked at first. */
  public int candidates() {
    return candidates;
  }

  @Override
  public String name() {
    return "bayesian-optimization";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of(
        "budget",
        budget == 0 ? "none" : Long.toString(budget),
        "initialPoints",
        initialPoints == 0 ? "default" : Integer.toString(initialPoints),
        "mostOpen",
        FixedPastOptimizer.setting(mostOpen),
        "maxData",
        Integer.toString(maxData),
        "candidates",
        Integer.toString(candidates));
  }

  @Override
  public OptimizerFactory immediate() {
    return new BayesianOptimization(budget, initialPoints, 0, maxData, candidates);
  }

  @Override
  public OptimizerFactory asynchronous() {
    return immediate();
  }

  /**
   * Starts a search.
   *
   * @throws IllegalArgumentException if there are more than 1000 genes or not one objective
   */
  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    return FixedPastOptimizer.create(
        this,
        mostOpen,
        space,
        directions,
        seed,
        new BayesianOptimizer(this, space, directions, seed));
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    return FixedPastOptimizer.restore(
        this,
        mostOpen,
        space,
        directions,
        snapshot,
        state -> BayesianOptimizer.restore(this, space, directions, state));
  }

  @Override
  public String toString() {
    return name() + new TreeMap<>(settings());
  }
}
