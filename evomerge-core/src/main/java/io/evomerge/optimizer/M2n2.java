package io.evomerge.optimizer;

import com.google.common.base.Preconditions;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.SearchSpace;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * M2N2, model merging of natural niches; immutable and thread-safe.
 *
 * <p>An archive of models lives on the items of a task, of which each has so much to give. Model i
 * scores {@code s_ij >= 0} on item j; {@code c_j = max_i s_ij} is what the item has (1 where items
 * are right or wrong), and {@code z_j = sum_k s_kj} how much is asked of it. Fitness is a model's
 * share:
 *
 * <pre>f_i = sum_j c_j s_ij / (z_j^alpha + eps)</pre>
 *
 * <p>so that a model which solves what few others solve stays. The first parent is drawn in
 * proportion to f, the second in proportion to its attraction for the first, which is what it can
 * do better where there is little competition:
 *
 * <pre>g(A, B) = sum_j c_j / (z_j + eps) * max(s_Bj - s_Aj, 0)</pre>
 *
 * <p>The child is a spherical interpolation with weight w of the second parent before a split point
 * and 1 - w after it, both uniform. It joins the archive; then the least fit leaves (the oldest of
 * equals). eps is 1e-9.
 *
 * <p>The trials are the sources first, then the children, numbered as {@link BirthSpace} says. It
 * takes one objective, to maximise, whose {@link io.evomerge.fitness.Fitness#items} are the scores
 * of the items, at least 0 and of the same number for all; its score is not looked at. Models that
 * failed have no children.
 *
 * <p>Deterministic for any order of telling: see {@link #inFlight}. It never is done and recommends
 * nothing.
 *
 * <p>Source: Abrantes, Lange, Tang, "Competition and Attraction Improve Model Fusion", GECCO 2025,
 * arXiv 2508.16204.
 */
public final class M2n2 implements PopulationFactory {

  static final int SNAPSHOT_VERSION = 1;

  static final M2n2 DEFAULT = new M2n2(20, 1, true, true, 0, 4);

  final int archive;
  final double alpha;
  final boolean attraction;
  final boolean split;
  final double noise;
  final int inFlight;

  private M2n2(
      int archive, double alpha, boolean attraction, boolean split, double noise, int inFlight) {
    this.archive = archive;
    this.alpha = alpha;
    this.attraction = attraction;
    this.split = split;
    this.noise = noise;
    this.inFlight = inFlight;
  }

  /**
   * Returns it with another size of the archive.
   *
   * @param models at least 2; default 20, as published for the digits
   */
  public M2n2 archive(int models) {
    Preconditions.checkArgument(models >= 2, "archive: got %s, wanted at least 2", models);
    return new M2n2(models, alpha, attraction, split, noise, inFlight);
  }

  /**
   * Returns it with another strength of competition.
   *
   * @param value at least 0; default 1. 0 is none: fitness is then the sum of the items' scores
   */
  public M2n2 competition(double value) {
    Preconditions.checkArgument(
        value >= 0 && Double.isFinite(value), "competition: got %s, wanted at least 0", value);
    return new M2n2(archive, value, attraction, split, noise, inFlight);
  }

  /** Returns it without attraction: both parents are drawn in proportion to fitness. */
  public M2n2 withoutAttraction() {
    return new M2n2(archive, alpha, false, split, noise, inFlight);
  }

  /** Returns it without split points: children have one weight for the whole model. */
  public M2n2 withoutSplit() {
    return new M2n2(archive, alpha, attraction, false, noise, inFlight);
  }

  /**
   * Returns it with normal noise on every weight of a child, for searches that start from random
   * models; published with 0.01 there, and without where the sources are trained.
   *
   * @param deviation standard deviation, in [0, 1]; default 0
   */
  public M2n2 mutation(double deviation) {
    Preconditions.checkArgument(
        deviation >= 0 && deviation <= 1, "mutation: got %s, wanted 0 to 1", deviation);
    return new M2n2(archive, alpha, attraction, split, deviation, inFlight);
  }

  /**
   * Returns it with another number of births at a time: the birth of trial n is decided when the
   * first {@code n - births} outcomes and one are known, so that so many workers are kept busy. It
   * changes the search, where the number of workers does not.
   *
   * @param births at least 1, which is the sequential algorithm as published; default 4
   */
  public M2n2 inFlight(int births) {
    Preconditions.checkArgument(births >= 1, "inFlight: got %s, wanted at least 1", births);
    return new M2n2(archive, alpha, attraction, split, noise, births);
  }

  @Override
  public String name() {
    return "m2n2";
  }

  @Override
  public Map<String, String> settings() {
    Map<String, String> all = new TreeMap<>();
    all.put("archive", Integer.toString(archive));
    all.put("competition", Double.toString(alpha));
    all.put("attraction", Boolean.toString(attraction));
    all.put("split", Boolean.toString(split));
    all.put("mutation", Double.toString(noise));
    all.put("inFlight", Integer.toString(inFlight));
    return all;
  }

  @Override
  public BirthSpace space(int sources, int objectives) {
    if (objectives != 1) {
      throw new IllegalArgumentException("m2n2 has one objective, got " + objectives);
    }
    return BirthSpace.splitSlerp(sources);
  }

  @Override
  public PopulationOptimizer create(SearchSpace space, List<Direction> directions, long seed) {
    Niches search = new Niches(this, births(space, directions), directions, seed);
    search.begin();
    return search;
  }

  @Override
  public PopulationOptimizer restore(
      SearchSpace space, List<Direction> directions, String snapshot) {
    BirthSpace births = births(space, directions);
    Snapshot.Reader from =
        Snapshot.open(snapshot, this, SNAPSHOT_VERSION, births, List.copyOf(directions));
    Niches search = new Niches(this, births, directions, from.integer64("seed"));
    search.resume(from);
    return search;
  }

  private BirthSpace births(SearchSpace space, List<Direction> directions) {
    if (SingleObjective.direction(this, directions) != Direction.MAXIMIZE) {
      throw new IllegalArgumentException(
          "m2n2 shares out what items have to give: maximise a score of which more is better");
    }
    return Breeding.births(this, space, BirthSpace.Form.SPLIT_SLERP);
  }

  @Override
  public String toString() {
    return name() + settings();
  }
}
