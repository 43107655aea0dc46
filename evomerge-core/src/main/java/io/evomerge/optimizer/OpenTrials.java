package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The trials of a strategy without generations: what was handed out, and what came back since the
 * strategy last looked. It looks when it is asked, and then sees outcomes in the order of ids; so
 * the order and portions of telling between two asks cannot matter.
 */
final class OpenTrials {

  /**
   * A trial.
   *
   * @param id number of the proposal
   * @param slot the strategy's own place for it, e.g. a member of a population
   * @param point the strategy's own coordinates
   */
  record Trial(long id, int slot, double[] point) {}

  /**
   * A trial with its cost.
   *
   * @param trial the trial
   * @param cost lower is better, NaN without a score
   */
  record Told(Trial trial, double cost) {}

  private final Direction direction;
  private final TreeMap<Long, Trial> open = new TreeMap<>();
  private final TreeMap<Long, Double> costs = new TreeMap<>();
  private long nextId;

  OpenTrials(Direction direction) {
    this.direction = direction;
  }

  /** Returns the id of the next trial, which is also how many there were. */
  long nextId() {
    return nextId;
  }

  static void requirePositive(int max) {
    if (max < 1) {
      throw new IllegalArgumentException("ask for at least 1 point, got " + max);
    }
  }

  /** Opens a trial and returns its id. */
  long add(int slot, double[] point) {
    open.put(nextId, new Trial(nextId, slot, point));
    return nextId++;
  }

  /** Returns the open trials in the order of ids. */
  List<Trial> open() {
    return List.copyOf(open.values());
  }

  /** Takes outcomes in; all are checked before the first counts. */
  void tell(List<Evaluation> evaluations) {
    double[] incoming = new double[evaluations.size()];
    for (int i = 0; i < incoming.length; i++) {
      SingleObjective.requireProposed(evaluations.get(i).id(), nextId);
      // Adding 0 turns the -0 of a negated score into 0.
      incoming[i] = SingleObjective.cost(evaluations.get(i), direction) + 0.0;
    }
    for (int i = 0; i < incoming.length; i++) {
      long id = evaluations.get(i).id();
      if (open.containsKey(id)) {
        costs.putIfAbsent(id, incoming[i]);
      }
    }
  }

  /** Returns what was told since the last call, by id, and closes those trials. */
  List<Told> take() {
    return take(costs);
  }

  /** Returns what was told of the trials before the first open one: {@link #take} has it first. */
  List<Told> takeUpToOpen() {
    for (long id : open.keySet()) {
      if (!costs.containsKey(id)) {
        return take(costs.headMap(id));
      }
    }
    return take(costs);
  }

  private List<Told> take(SortedMap<Long, Double> some) {
    List<Told> told = new ArrayList<>();
    some.forEach((id, cost) -> told.add(new Told(open.remove(id), cost)));
    some.clear();
    return told;
  }

  void save(ObjectNode to) {
    to.put("nextId", nextId);
    ArrayNode array = to.putArray("open");
    for (Trial trial : open.values()) {
      ObjectNode entry = array.addObject().put("id", trial.id()).put("slot", trial.slot());
      Snapshot.putNumbers(entry, "point", trial.point());
      Double cost = costs.get(trial.id());
      if (cost != null) {
        Snapshot.putCost(entry, cost);
      }
    }
  }

  static OpenTrials load(Snapshot.Reader from, Direction direction, int dimension) {
    OpenTrials trials = new OpenTrials(direction);
    trials.nextId = from.integer64("nextId");
    for (Snapshot.Reader entry : from.children("open")) {
      long id = entry.integer64("id");
      SingleObjective.requireProposed(id, trials.nextId);
      trials.open.put(id, new Trial(id, entry.integer("slot"), entry.numbers("point", dimension)));
      if (entry.has("cost")) {
        trials.costs.put(id, entry.cost());
      }
    }
    return trials;
  }
}
