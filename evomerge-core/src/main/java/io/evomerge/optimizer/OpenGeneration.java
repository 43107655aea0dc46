package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Genome;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** The points of one generation: what was handed out, and what came back. */
final class OpenGeneration implements OpenPoints {

  private final long firstId;
  private final List<Genome> points;
  private final double[] costs;
  private final boolean[] told;
  private int asked;
  private int missing;

  OpenGeneration(long firstId, List<Genome> points) {
    this.firstId = firstId;
    this.points = points;
    costs = new double[points.size()];
    told = new boolean[points.size()];
    missing = points.size();
  }

  int size() {
    return points.size();
  }

  @Override
  public long nextId() {
    return firstId + asked;
  }

  @Override
  public List<Proposal> ask(int max) {
    OpenPoints.requireAtLeastOne(max);
    List<Proposal> proposals = new ArrayList<>();
    while (proposals.size() < max && asked < points.size()) {
      proposals.add(new Proposal(nextId(), points.get(asked)));
      asked++;
    }
    return List.copyOf(proposals);
  }

  @Override
  public double delay() {
    return 0;
  }

  /**
   * Takes outcomes in; all are checked before the first counts.
   *
   * @return whether the whole generation is told now
   */
  boolean tell(List<Evaluation> evaluations, Direction direction) {
    double[] costs = SingleObjective.costs(evaluations, direction, nextId());
    for (int i = 0; i < costs.length; i++) {
      tell(evaluations.get(i).id(), costs[i]);
    }
    return missing == 0;
  }

  @Override
  public boolean tell(long id, double cost) {
    if (id >= firstId) {
      set((int) (id - firstId), cost);
    }
    return missing == 0;
  }

  private void set(int member, double cost) {
    if (!told[member]) {
      told[member] = true;
      costs[member] = cost;
      missing--;
    }
  }

  @Override
  public Outcomes close() {
    return new Outcomes(costs(), rank(costs), false);
  }

  /** Returns the costs in the order of ids, NaN for a member without a score. */
  double[] costs() {
    return costs.clone();
  }

  @Override
  public void save(ObjectNode to) {
    to.put("firstId", firstId).put("asked", asked);
    ArrayNode array = to.putArray("told");
    for (int member = 0; member < asked; member++) {
      if (told[member]) {
        ObjectNode entry = array.addObject().put("member", member);
        Snapshot.putCost(entry, costs[member]);
      }
    }
  }

  @Override
  public void load(Snapshot.Reader from) {
    asked = from.integer("asked");
    if (asked < 0 || asked > points.size()) {
      throw new IllegalArgumentException(
          "snapshot: " + asked + " points asked of a generation of " + points.size());
    }
    for (var entry : from.array("told")) {
      int member = entry.path("member").asInt(-1);
      if (member < 0 || member >= asked) {
        throw new IllegalArgumentException("snapshot: member " + member + " was never asked for");
      }
      set(member, entry.path("cost").isNumber() ? entry.path("cost").doubleValue() : Double.NaN);
    }
  }

  /** Returns members by cost, equal ones by id, those without a score last. */
  static int[] rank(double[] costs) {
    return rank(costs, new long[costs.length]);
  }

  /** Returns members by cost, equal ones by a key of theirs, those without a score last. */
  static int[] rank(double[] costs, long[] keys) {
    Integer[] order = new Integer[costs.length];
    Arrays.setAll(order, i -> i);
    // Double.compare would put -0.0 before 0.0; the sort is stable, so equal costs stay by id.
    Arrays.sort(
        order,
        Comparator.<Integer>comparingDouble(i -> costs[i] + 0.0).thenComparingLong(i -> keys[i]));
    return Arrays.stream(order).mapToInt(Integer::intValue).toArray();
  }
}
