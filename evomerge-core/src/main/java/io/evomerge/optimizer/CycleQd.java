package io.evomerge.optimizer;

import com.google.common.base.Preconditions;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * CycleQD: quality diversity with a task in turn; immutable and thread-safe.
 *
 * <p>Each task, an objective, has an archive of MAP-Elites: quality is that task's score, and the
 * cells are a grid over the scores of the other tasks, 15 bins each. Tasks take turns. Two
 * different parents come from the archive of the task in turn, drawn in proportion to
 *
 * <pre>prod_j (low + (high - low) (v_j - min v_j) / (max v_j - min v_j)),</pre>
 *
 * <p>with low 0.5, high 0.8 and v over quality and bins; a v that is the same for all elites does
 * not count. The child is {@code b + (w1 d1 + w2 d2) / (w1 + w2)} with task vectors d and {@code w
 * ~ N(1, 0.03^2)}; then every matrix of it gets {@code U diag(u s) V^T} on top, where {@code U
 * diag(s) V^T} is the task vector of the task's expert (the source that scores best on it) and
 * {@code u} uniform in [0, 0.1]. The child is offered to all archives and takes a cell that is
 * empty or whose elite scores less. {@link #mixture} gives the final model.
 *
 * <p>A bin holds its upper end: bin k of [min, max] is {@code (min + k h, min + (k + 1) h]}; scores
 * outside count as in the first or last. Objectives that are minimised count with their sign
 * turned.
 *
 * <p>The trials are the sources first, then the children, numbered as {@link BirthSpace} says.
 * Models that failed have no children. Deterministic for any order of telling: see {@link
 * #inFlight}. It never is done and recommends nothing.
 *
 * <p>Source: Kuroki, Nakamura, Akiba, Tang, "Agent Skill Acquisition for Large Language Models via
 * CycleQD", ICLR 2025, arXiv 2410.14735. The singular vectors are the expert's, and bins hold their
 * upper end, as in the code released with it, which has {@code high} 1.3 and weights of deviation
 * 0.01; {@link #turn} is its {@code flip_interval}.
 */
public final class CycleQd implements PopulationFactory {

  static final int SNAPSHOT_VERSION = 1;

  static final CycleQd DEFAULT = new CycleQd(List.of(), 15, 0.5, 0.8, 0.03, 0.1, 1, 4);

  final List<Range> ranges;
  final int bins;
  final double low;
  final double high;
  final double deviation;
  final double mutation;
  final int turn;
  final int inFlight;

  /** The scores that the bins of a task cover. */
  record Range(double min, double max) {}

  /**
   * The best model of a cell.
   *
   * @param member number of the model
   * @param quality its score on the archive's task
   * @param cell its bins on the other tasks, in their order
   */
  public record Elite(int member, double quality, List<Integer> cell) {
    /** Copies. */
    public Elite {
      cell = List.copyOf(cell);
    }
  }

  private CycleQd(
      List<Range> ranges,
      int bins,
      double low,
      double high,
      double deviation,
      double mutation,
      int turn,
      int inFlight) {
    this.ranges = List.copyOf(ranges);
    this.bins = bins;
    this.low = low;
    this.high = high;
    this.deviation = deviation;
    this.mutation = mutation;
    this.turn = turn;
    this.inFlight = inFlight;
  }

  /**
   * Returns it with the range of scores that the bins of the next task cover: call it once per
   * task, in the order of the objectives, or never, for [0, 1] for all.
   *
   * @param min lowest score, in the objective's own unit
   * @param max highest score
   */
  public CycleQd range(double min, double max) {
    Preconditions.checkArgument(
        min < max && Double.isFinite(max - min), "range: [%s, %s] is none", min, max);
    List<Range> more = new ArrayList<>(ranges);
    more.add(new Range(min, max));
    return new CycleQd(more, bins, low, high, deviation, mutation, turn, inFlight);
  }

  /**
   * Returns it with another number of bins per task.
   *
   * @param count 1 to 1,000; default 15
   */
  public CycleQd bins(int count) {
    Preconditions.checkArgument(
        count >= 1 && count <= 1_000, "bins: got %s, wanted 1 to 1,000", count);
    return new CycleQd(ranges, count, low, high, deviation, mutation, turn, inFlight);
  }

  /**
   * Returns it with another preference for good parents.
   *
   * @param worst factor of the lowest value, above 0; default 0.5
   * @param best factor of the highest value; default 0.8. With {@code worst} the same, all elites
   *     are drawn alike
   */
  public CycleQd eliteSampling(double worst, double best) {
    Preconditions.checkArgument(
        worst > 0 && best >= worst && Double.isFinite(best),
        "eliteSampling: got %s to %s, wanted rising factors above 0",
        worst,
        best);
    return new CycleQd(ranges, bins, worst, best, deviation, mutation, turn, inFlight);
  }

  /**
   * Returns it with another spread of the parents' weights.
   *
   * @param standardDeviation of the weights, whose mean is 1; 0 to 0.3, default 0.03. Weights are
   *     kept within [0.01, 2]
   */
  public CycleQd weights(double standardDeviation) {
    Preconditions.checkArgument(
        standardDeviation >= 0 && standardDeviation <= 0.3,
        "weights: got %s, wanted 0 to 0.3",
        standardDeviation);
    return new CycleQd(ranges, bins, low, high, standardDeviation, mutation, turn, inFlight);
  }

  /**
   * Returns it with another strength of mutation.
   *
   * @param largest factor on a singular value, in [0, 1]; default 0.1; 0 for no mutation
   */
  public CycleQd mutation(double largest) {
    Preconditions.checkArgument(
        largest >= 0 && largest <= 1, "mutation: got %s, wanted 0 to 1", largest);
    return new CycleQd(ranges, bins, low, high, deviation, largest, turn, inFlight);
  }

  /**
   * Returns it with another number of births in a row for one task, before the next task's turn.
   *
   * @param births at least 1; default 1. With those of the whole search, there is no cycling: the
   *     first task's archive gives all parents
   */
  public CycleQd turn(int births) {
    Preconditions.checkArgument(births >= 1, "turn: got %s, wanted at least 1", births);
    return new CycleQd(ranges, bins, low, high, deviation, mutation, births, inFlight);
  }

  /**
   * Returns it with another number of births at a time: the birth of trial n is decided when the
   * first {@code n - births} outcomes and one are known, so that so many workers are kept busy. It
   * changes the search, where the number of workers does not.
   *
   * @param births at least 1, which is sequential; default 4
   */
  public CycleQd inFlight(int births) {
    Preconditions.checkArgument(births >= 1, "inFlight: got %s, wanted at least 1", births);
    return new CycleQd(ranges, bins, low, high, deviation, mutation, turn, births);
  }

  /** Returns whether children are mutated, which takes the sources' common base. */
  public boolean mutates() {
    return mutation > 0;
  }

  @Override
  public String name() {
    return "cycle-qd";
  }

  @Override
  public Map<String, String> settings() {
    Map<String, String> all = new TreeMap<>();
    all.put("ranges", ranges.isEmpty() ? "0.0..1.0" : text(ranges));
    all.put("bins", Integer.toString(bins));
    all.put("eliteSampling", low + ".." + high);
    all.put("weights", Double.toString(deviation));
    all.put("mutation", Double.toString(mutation));
    all.put("turn", Integer.toString(turn));
    all.put("inFlight", Integer.toString(inFlight));
    return all;
  }

  private static String text(List<Range> ranges) {
    List<String> parts = new ArrayList<>();
    ranges.forEach(range -> parts.add(range.min() + ".." + range.max()));
    return String.join(" ", parts);
  }

  @Override
  public BirthSpace space(int sources, int objectives) {
    return BirthSpace.taskVectors(sources, objectives);
  }

  @Override
  public PopulationOptimizer create(SearchSpace space, List<Direction> directions, long seed) {
    Cycle search = new Cycle(this, births(space, directions), directions, seed);
    search.begin();
    return search;
  }

  @Override
  public PopulationOptimizer restore(
      SearchSpace space, List<Direction> directions, String snapshot) {
    BirthSpace births = births(space, directions);
    Snapshot.Reader from =
        Snapshot.open(snapshot, this, SNAPSHOT_VERSION, births, List.copyOf(directions));
    Cycle search = new Cycle(this, births, directions, from.integer64("seed"));
    search.resume(from);
    return search;
  }

  /**
   * Returns the archives after a search, one per task.
   *
   * @param directions of the tasks
   * @param trials every trial of the search, in any order
   * @throws IllegalArgumentException if a trial has another number of scores than there are tasks
   */
  public List<List<Elite>> archives(List<Direction> directions, List<Evaluation> trials) {
    requireRanges(directions);
    Elites elites = new Elites(this, directions);
    trials.stream()
        .sorted((a, b) -> Long.compare(a.id(), b.id()))
        .forEach(
            trial ->
                Elites.scores(trial.id(), trial.outcome(), directions.size())
                    .ifPresent(scores -> elites.offer(Math.toIntExact(trial.id()), scores)));
    return elites.archives();
  }

  /**
   * Returns the final model after a search, as the weights of its members, which sum to 1: the best
   * elite of each archive, mixed by the softmax of their scores, {@code exp(f_k) / sum exp(f_k)}.
   * Of elites that score the same, the one of the lowest cell is taken, which is like the expert:
   * what is better at other tasks is as good in itself, but a worse part of a mixture. Where task
   * vectors have one base, the mean of the models with these weights is the mixture of task
   * vectors.
   *
   * @param directions of the tasks
   * @param trials every trial of the search, in any order
   * @throws IllegalArgumentException if no trial was scored
   */
  public SortedMap<Integer, Double> mixture(List<Direction> directions, List<Evaluation> trials) {
    List<Elite> best = new ArrayList<>();
    List<List<Elite>> archives = archives(directions, trials);
    for (int task = 0; task < archives.size(); task++) {
      Direction direction = directions.get(task);
      best.add(
          archives.get(task).stream()
              .reduce((a, b) -> direction.isBetter(b.quality(), a.quality()) ? b : a)
              .orElseThrow(
                  () -> new IllegalArgumentException("no trial was scored: there is no elite")));
    }
    double[] merits = new double[best.size()];
    double largest = Double.NEGATIVE_INFINITY;
    for (int task = 0; task < merits.length; task++) {
      merits[task] = Elites.merit(directions.get(task), best.get(task).quality());
      largest = Math.max(largest, merits[task]);
    }
    double sum = 0;
    for (int task = 0; task < merits.length; task++) {
      merits[task] = StrictMath.exp(merits[task] - largest);
      sum += merits[task];
    }
    SortedMap<Integer, Double> weights = new TreeMap<>();
    for (int task = 0; task < merits.length; task++) {
      weights.merge(best.get(task).member(), merits[task] / sum, Double::sum);
    }
    return weights;
  }

  private BirthSpace births(SearchSpace space, List<Direction> directions) {
    BirthSpace births = Breeding.births(this, space, BirthSpace.Form.TASK_VECTORS);
    int tasks = (int) births.genes().get(8).max() + 1;
    if (directions.size() != tasks) {
      throw new IllegalArgumentException(
          "the space was made for " + tasks + " tasks, there are " + directions.size());
    }
    requireRanges(directions);
    return births;
  }

  private void requireRanges(List<Direction> directions) {
    if (!ranges.isEmpty() && ranges.size() != directions.size()) {
      throw new IllegalArgumentException(
          "cycle-qd has "
              + ranges.size()
              + " ranges for "
              + directions.size()
              + " tasks: give one per task, or none");
    }
  }

  @Override
  public String toString() {
    return name() + settings();
  }
}
