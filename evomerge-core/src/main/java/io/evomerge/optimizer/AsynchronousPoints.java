package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Points that are drawn one by one, each from the distribution as it is when it is asked for.
 *
 * <p>Where the distribution {@linkplain SearchDistribution#learnsFromEach() learns from each}, a
 * point counts as soon as it is back, ranked among the latest that are: as many as a generation has
 * members, whichever these are. In the others it waits for so many, and they count together, which
 * makes it older by half a generation in the mean. All forms begin with a whole generation.
 *
 * <p>With so many points open, about {@code open / lambda} generations end before one that is drawn
 * now is back. So where the distribution can tell where its mean goes, points are drawn around
 * where the mean will be: {@link #AHEAD} of the expected way on.
 *
 * <p>By then the distribution may have moved on, so members have two places at which they could
 * count. Where they were evaluated: then what the distribution has learned meanwhile is undone, as
 * it is drawn back to where they came from. Or by the same step, in standard deviations, from where
 * the mean is now: then delayed steps add up and overshoot. Members count by their step from a
 * point between the two means, {@link #FOLLOWED} of the way; less where the points were drawn ahead
 * of the mean, {@link #FOLLOWED_AHEAD}. Measured, these lose the fewest evaluations over smooth,
 * ill-conditioned and curved functions. What learns from each point takes this step for the mean
 * alone: step size and covariance learn from the step by which the point was drawn, since a path of
 * steps that take back a part of the one before is shorter than chance makes it, and step sizes
 * fall although nothing calls for it. Whole numbers count where they were evaluated: the cell is
 * what was scored. Steps that are too long to be likely are shortened (Hansen, arXiv 1110.4181,
 * 2011).
 */
final class AsynchronousPoints implements OpenPoints {

  /** Share of the way of the mean, since a point was drawn, that the point goes along. */
  private static final double FOLLOWED = 0.7;

  private static final double FOLLOWED_AHEAD = 0.3;

  /** Share of the way that the mean is expected to go, at which points are drawn. */
  private static final double AHEAD = 0.6;

  /** Nobody can tell more generations ahead, however many points a host has open. */
  private static final double LONGEST_DELAY = 2;

  private final GeneCoordinates coordinates;
  private final SearchDistribution distribution;
  private final LongFunction<double[]> normals;
  private final long firstId;
  private final Map<Long, Trial> open = new TreeMap<>();

  /** Those that came back since the distribution moved last; by id, so that equal ones rank so. */
  private final Map<Long, Told> told = new TreeMap<>();

  /** The latest that counted, one less than a generation has, where each counts at once. */
  private final Queue<Earlier> latest = new ArrayDeque<>();

  private long nextId;

  /** The steps of the points from here on, as many as a generation has, made together. */
  private double @Nullable [] drawn;

  /** As it is now; made when it is needed. */
  private @Nullable Origin present;

  /** What a distribution was when points were drawn from it. */
  private record Origin(double[] mean, double sigma) {}

  /** A point, where it was drawn from, and by what standard normal vector. */
  private record Trial(double[] point, Origin origin, double[] normal) {}

  private record Told(Trial trial, double cost) {}

  /** An outcome that counted before. */
  private record Earlier(long id, double cost) {}

  /**
   * Begins.
   *
   * @param normals standard normal vectors for as many points as a generation has, by their number
   * @param firstId of the first point
   */
  AsynchronousPoints(
      GeneCoordinates coordinates,
      SearchDistribution distribution,
      LongFunction<double[]> normals,
      long firstId) {
    this.coordinates = coordinates;
    this.distribution = distribution;
    this.normals = normals;
    this.firstId = firstId;
    nextId = firstId;
  }

  @Override
  public List<Proposal> ask(int max) {
    OpenPoints.requireAtLeastOne(max);
    int lambda = distribution.populationSize();
    List<Proposal> proposals = new ArrayList<>();
    for (int i = 0; i < max; i++) {
      int at = (int) ((nextId - firstId) % lambda) * coordinates.dimension();
      if (drawn == null || at == 0) {
        drawn = normals.apply((nextId - firstId) / lambda);
      }
      double[] steps = drawn;
      // One at a time: blocks of another size may round differently.
      double[] points =
          distribution.sample(
              coordinates,
              1,
              (member, to, from, count) -> System.arraycopy(steps, at, to, from, count));
      double[] point = Arrays.copyOf(points, coordinates.dimension());
      lookAhead(point);
      double[] normal = Arrays.copyOfRange(steps, at, at + coordinates.dimension());
      open.put(nextId, new Trial(point, present(), normal));
      proposals.add(new Proposal(nextId, coordinates.genome(point, 0)));
      nextId++;
    }
    return List.copyOf(proposals);
  }

  private void lookAhead(double[] point) {
    double share = AHEAD * delay();
    if (share == 0 || !distribution.foresees()) {
      return;
    }
    double[] shift = distribution.expectedShift();
    for (int i = 0; i < point.length; i++) {
      if (!coordinates.isWhole(i)) {
        point[i] += share * shift[i];
      }
    }
  }

  @Override
  public double delay() {
    return Math.min(LONGEST_DELAY, open.size() / (double) distribution.populationSize());
  }

  @Override
  public long nextId() {
    return nextId;
  }

  @Override
  public boolean tell(long id, double cost) {
    Trial trial = open.remove(id);
    if (trial == null) {
      return false;
    }
    told.put(id, new Told(trial, cost));
    return told.size() + latest.size() == distribution.populationSize();
  }

  @Override
  public Outcomes close() {
    boolean firstOnly = !latest.isEmpty();
    double[] costs = new double[distribution.populationSize()];
    long[] keys = new long[costs.length];
    int member = 0;
    for (Told one : told.values()) {
      double[] point = counted(one.trial());
      if (firstOnly) {
        distribution.placeFirst(coordinates, point, one.trial().normal());
      } else {
        distribution.place(coordinates, member, point, 0);
      }
      costs[member++] = one.cost();
    }
    if (distribution.learnsFromEach()) {
      member = 0;
      for (long id : told.keySet()) {
        keys[member++] = mixed(id);
      }
      for (Earlier one : latest) {
        costs[member] = one.cost();
        keys[member++] = mixed(one.id());
      }
      told.forEach((id, one) -> latest.add(new Earlier(id, one.cost())));
      while (latest.size() >= costs.length) {
        latest.remove();
      }
    }
    told.clear();
    present = null;
    return new Outcomes(costs, OpenGeneration.rank(costs, keys), firstOnly);
  }

  /**
   * Returns by what equal outcomes are ranked, as if by chance: by id, the latest would always be
   * last. The factor is 2^64 over the golden ratio (Knuth, TAOCP 3, 6.4).
   */
  private static long mixed(long id) {
    return id * 0x9E3779B97F4A7C15L;
  }

  private Origin present() {
    if (present == null) {
      present = new Origin(distribution.mean(), distribution.sigma());
    }
    return present;
  }

  /** Returns the place at which a trial counts. */
  private double[] counted(Trial trial) {
    Origin then = trial.origin();
    Origin now = present();
    if (then == now) {
      return trial.point();
    }
    double scale = now.sigma() / then.sigma();
    double followed = distribution.foresees() ? FOLLOWED_AHEAD : FOLLOWED;
    double[] point = trial.point().clone();
    for (int i = 0; i < point.length; i++) {
      if (!coordinates.isWhole(i)) {
        double way = now.mean()[i] - then.mean()[i];
        double from = then.mean()[i] + (1 - followed) * way;
        point[i] = now.mean()[i] + scale * (point[i] - from);
      }
    }
    return point;
  }

  @Override
  public void save(ObjectNode to) {
    to.put("firstId", firstId).put("nextId", nextId);
    List<Origin> origins = new ArrayList<>();
    ArrayNode trials = to.putArray("trials");
    open.forEach((id, trial) -> save(trials.addObject().put("id", id), trial, origins));
    told.forEach(
        (id, one) -> {
          ObjectNode entry = trials.addObject().put("id", id);
          save(entry, one.trial(), origins);
          Snapshot.putCost(entry, one.cost());
        });
    ArrayNode earlier = to.putArray("latest");
    latest.forEach(one -> Snapshot.putCost(earlier.addObject().put("id", one.id()), one.cost()));
    ArrayNode states = to.putArray("origins");
    for (Origin origin : origins) {
      ObjectNode state = states.addObject();
      state.put("sigma", origin.sigma()).put("present", origin == present);
      Snapshot.putBinary(state, "mean", origin.mean());
    }
  }

  private static void save(ObjectNode entry, Trial trial, List<Origin> origins) {
    int origin = origins.indexOf(trial.origin());
    if (origin < 0) {
      origin = origins.size();
      origins.add(trial.origin());
    }
    entry.put("origin", origin);
    Snapshot.putBinary(entry, "point", trial.point());
    Snapshot.putBinary(entry, "normal", trial.normal());
  }

  @Override
  public void load(Snapshot.Reader from) {
    int n = coordinates.dimension();
    nextId = from.integer64("nextId");
    List<Origin> origins = new ArrayList<>();
    for (Snapshot.Reader state : from.children("origins")) {
      boolean isPresent = state.bool("present");
      origins.add(
          isPresent ? present() : new Origin(state.binary("mean", n), state.number("sigma")));
    }
    for (Snapshot.Reader entry : from.children("trials")) {
      long id = entry.integer64("id");
      int origin = entry.integer("origin");
      if (id < firstId || id >= nextId || origin < 0 || origin >= origins.size()) {
        throw new IllegalArgumentException(
            "snapshot: trial " + id + " of origin " + origin + " was never asked for");
      }
      Trial trial =
          new Trial(entry.binary("point", n), origins.get(origin), entry.binary("normal", n));
      if (entry.has("cost")) {
        told.put(id, new Told(trial, entry.cost()));
      } else {
        open.put(id, trial);
      }
    }
    for (Snapshot.Reader entry : from.children("latest")) {
      latest.add(new Earlier(entry.integer64("id"), entry.cost()));
    }
    int waiting = told.size() + latest.size();
    if (waiting >= distribution.populationSize()) {
      throw new IllegalArgumentException(
          "snapshot: "
              + waiting
              + " outcomes of a generation of "
              + distribution.populationSize()
              + " wait");
    }
  }
}
