package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * Several strategies at once, of which the leading one gets most of the trials: for who does not
 * know which one suits the function, or how many trials there will be; immutable and thread-safe.
 *
 * <pre>{@code
 * .optimizer(Optimizers.portfolio(
 *     Optimizers.bayesian().budget(200),
 *     Optimizers.cmaEs().restarts(CmaEs.Restarts.BIPOP)))
 * }</pre>
 *
 * <p><b>Rule.</b> The members' first 10 + n trials (n genes) are shared evenly. From then on
 * members rank by the best score of their present run, anew before every trial: the leader gets
 * {@link #leaderShare} of the trials, the next one that share of the rest, and so on; the last one
 * gets what is left. So no member is ever given up, and a leader that is overtaken loses its place
 * at once. Who is next is a running account of shares, not chance. (An online portfolio in the
 * sense of Baudis and Posik, PPSN 2014. Equal shares and the rule of MetaMax, Gyorgy and Kocsis,
 * JAIR 41, 2011, were behind when measured.)
 *
 * <p>Members know nothing of each other: each has its own seed and ids and is told its own trials
 * only. A member that must wait for outcomes lets the next one go first, so a portfolio seldom
 * waits. A member that is done starts again with a new seed, and ranks by its new run alone. A
 * portfolio is never done. {@link Optimizer#recommendation} is the leader's.
 */
public final class Portfolio implements OptimizerFactory {

  static final Portfolio DEFAULT = new Portfolio(List.of(), 0.7, 4, false);

  private static final long MODEL_TRIALS = 300;
  private static final int MODEL_GENES = 40;

  /** Empty stands for the default, which depends on the space. */
  private final List<OptimizerFactory> members;

  private final double leaderShare;
  private final int mostOpen;
  private final boolean asynchronous;

  private Portfolio(
      List<OptimizerFactory> members, double leaderShare, int mostOpen, boolean asynchronous) {
    this.members = members;
    this.leaderShare = leaderShare;
    this.mostOpen = mostOpen;
    this.asynchronous = asynchronous;
  }

  static Portfolio of(List<OptimizerFactory> members) {
    if (members.size() < 2) {
      throw new IllegalArgumentException(
          "a portfolio needs at least 2 strategies, got " + members.size());
    }
    return new Portfolio(
        List.copyOf(members), DEFAULT.leaderShare, DEFAULT.mostOpen, DEFAULT.asynchronous);
  }

  /**
   * Sets how much the leader gets.
   *
   * @param leaderShare of the trials, from 0.1 to 0.95; default 0.7
   * @throws IllegalArgumentException if it is outside
   */
  public Portfolio leaderShare(double leaderShare) {
    if (!(leaderShare >= 0.1 && leaderShare <= 0.95)) {
      throw new IllegalArgumentException(
          "leaderShare " + leaderShare + " must be from 0.1 to 0.95");
    }
    return new Portfolio(members, leaderShare, mostOpen, asynchronous);
  }

  /**
   * Sets how many trials may be open at once: a point is chosen from the outcomes of all trials but
   * the last so many less one, whether more are told or not, so that the number of workers and
   * their pace cannot change the search. Fewer make better use of each outcome; workers beyond it
   * wait.
   *
   * @param mostOpen at least 1; default 4
   * @throws IllegalArgumentException if it is below 1
   */
  public Portfolio mostOpen(int mostOpen) {
    return new Portfolio(members, leaderShare, FixedPastOptimizer.requireMostOpen(mostOpen), false);
  }

  /** Returns how much the leader gets. */
  public double leaderShare() {
    return leaderShare;
  }

  /** Returns how many trials may be open at once; empty: any number, outcomes count at once. */
  public OptionalInt mostOpen() {
    return mostOpen == 0 ? OptionalInt.empty() : OptionalInt.of(mostOpen);
  }

  /** Returns the strategies that were given; empty stands for the default of the space. */
  public List<OptimizerFactory> members() {
    return members;
  }

  List<OptimizerFactory> members(SearchSpace space) {
    List<OptimizerFactory> all = members.isEmpty() ? defaults(space.dimension()) : members;
    // The portfolio itself sees to it that workers and their pace do not matter.
    return all.stream()
        .map(member -> asynchronous ? member.asynchronous() : member.immediate())
        .toList();
  }

  private static List<OptimizerFactory> defaults(int genes) {
    List<OptimizerFactory> defaults = new ArrayList<>();
    if (genes <= MODEL_GENES) {
      defaults.add(BayesianOptimization.DEFAULT.budget(MODEL_TRIALS));
    }
    defaults.add(CmaEs.DEFAULT.restarts(CmaEs.Restarts.BIPOP));
    defaults.add(DifferentialEvolution.DEFAULT);
    return defaults;
  }

  @Override
  public String name() {
    return "portfolio";
  }

  @Override
  public Map<String, String> settings() {
    Map<String, String> settings = new TreeMap<>();
    settings.put("leaderShare", Double.toString(leaderShare));
    settings.put("mostOpen", FixedPastOptimizer.setting(mostOpen));
    settings.put("asynchronous", Boolean.toString(asynchronous));
    settings.put("members", members.isEmpty() ? "default" : Integer.toString(members.size()));
    List<OptimizerFactory> all = members.isEmpty() ? defaults(1) : members;
    for (int i = 0; i < all.size(); i++) {
      String member = "member" + (i + 1);
      settings.put(member, all.get(i).name());
      all.get(i).settings().forEach((name, value) -> settings.put(member + "." + name, value));
    }
    if (members.isEmpty()) {
      settings.put("member1.genes", "at most " + MODEL_GENES);
    }
    return Map.copyOf(settings);
  }

  @Override
  public OptimizerFactory immediate() {
    return new Portfolio(members, leaderShare, 0, false);
  }

  @Override
  public OptimizerFactory asynchronous() {
    return new Portfolio(members, leaderShare, 0, true);
  }

  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    return FixedPastOptimizer.create(
        this,
        mostOpen,
        space,
        directions,
        seed,
        new PortfolioOptimizer(this, space, directions, seed));
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    return FixedPastOptimizer.restore(
        this,
        mostOpen,
        space,
        directions,
        snapshot,
        state -> PortfolioOptimizer.restore(this, space, directions, state));
  }

  @Override
  public String toString() {
    return name() + new TreeMap<>(settings());
  }
}
