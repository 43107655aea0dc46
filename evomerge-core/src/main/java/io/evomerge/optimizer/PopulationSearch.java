package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What strategies with a population share: the open trials, the outcomes that wait for those of
 * earlier trials, and the snapshot of both.
 *
 * <p>Outcomes count in the order of the trials' ids, and a point is made when a number of them
 * count that its id fixes. So neither the order in which they are told nor the moment at which a
 * point is asked for can change the search.
 */
abstract class PopulationSearch implements Optimizer {

  private static final int SNAPSHOT_VERSION = 1;

  private final OptimizerFactory factory;
  private final SearchSpace space;
  private final List<Direction> directions;
  private final long seed;
  private final TreeMap<Long, Genome> open = new TreeMap<>();
  private final TreeMap<Long, Member> told = new TreeMap<>();
  private final List<Member> population = new ArrayList<>();
  private long nextId;
  private long nextToCount;

  PopulationSearch(
      OptimizerFactory factory, SearchSpace space, List<Direction> directions, long seed) {
    if (directions.isEmpty()) {
      throw new IllegalArgumentException(
          factory.name() + " needs at least one objective, got none");
    }
    this.factory = factory;
    this.space = space;
    this.directions = List.copyOf(directions);
    this.seed = seed;
  }

  /**
   * Returns how many outcomes must count before a point is made: those of the first so many trials,
   * never fewer than for the trial before.
   */
  abstract long basis(long id);

  /** Returns the point of a trial, a function of its id and of what has counted so far. */
  abstract Genome point(long id);

  /** Lets an outcome count. */
  abstract void absorb(Member member);

  /** Adds what else must be kept. */
  abstract void save(ObjectNode to);

  /** Reads what {@link #save} added; the population is there. */
  abstract void load(Snapshot.Reader from);

  final SearchSpace space() {
    return space;
  }

  final long seed() {
    return seed;
  }

  /** Returns the population, to be changed. */
  final List<Member> population() {
    return population;
  }

  @Override
  public final String name() {
    return factory.name();
  }

  @Override
  public final List<Proposal> ask(int max) {
    if (max < 1) {
      throw new IllegalArgumentException("ask for at least 1 point, got " + max);
    }
    List<Proposal> proposals = new ArrayList<>();
    while (proposals.size() < max && count(basis(nextId))) {
      Genome point = point(nextId);
      open.put(nextId, point);
      proposals.add(new Proposal(nextId, point));
      nextId++;
    }
    return List.copyOf(proposals);
  }

  /** Lets the outcomes of the first so many trials count, if all are there. */
  private boolean count(long wanted) {
    if (told.headMap(wanted).size() < wanted - nextToCount) {
      return false;
    }
    for (; nextToCount < wanted; nextToCount++) {
      absorb(told.pollFirstEntry().getValue());
    }
    return true;
  }

  @Override
  public final void tell(List<Evaluation> evaluations) {
    List<Member> members = new ArrayList<>();
    for (Evaluation evaluation : evaluations) {
      SingleObjective.requireProposed(evaluation.id(), nextId);
      Genome genome = open.get(evaluation.id());
      // Checked also where it was told before: a wrong number of scores is a mistake in any case.
      Member member = Member.of(genome == null ? Genome.of() : genome, evaluation, directions);
      if (genome != null) {
        members.add(member);
      }
    }
    for (Member member : members) {
      if (open.remove(member.id()) != null) {
        told.put(member.id(), member);
      }
    }
  }

  @Override
  public final boolean isDone() {
    return false;
  }

  @Override
  public final Optional<Genome> recommendation() {
    return Optional.empty();
  }

  @Override
  public final String snapshot() {
    ObjectNode node = Snapshot.begin(factory, SNAPSHOT_VERSION, space, directions, seed);
    node.put("nextId", nextId).put("nextToCount", nextToCount);
    ArrayNode trials = node.putArray("open");
    open.forEach((id, genome) -> put(trials.addObject().put("id", id), "genome", genome.values()));
    putMembers(node, "told", List.copyOf(told.values()));
    putMembers(node, "population", population);
    save(node);
    return node.toString();
  }

  /** Opens a snapshot of this kind of search. */
  static Snapshot.Reader open(
      OptimizerFactory factory, SearchSpace space, List<Direction> directions, String snapshot) {
    return Snapshot.open(snapshot, factory, SNAPSHOT_VERSION, space, directions);
  }

  /** Brings a new search to where a snapshot was taken; returns it. */
  final Optimizer restored(Snapshot.Reader from) {
    nextId = from.integer64("nextId");
    nextToCount = from.integer64("nextToCount");
    for (JsonNode one : from.array("open")) {
      open.put(one.path("id").asLong(), genome(one));
    }
    members(from, "told").forEach(member -> told.put(member.id(), member));
    population.addAll(members(from, "population"));
    if (nextId < nextToCount || nextId - nextToCount != open.size() + told.size()) {
      throw new IllegalArgumentException(
          "snapshot: "
              + open.size()
              + " open and "
              + told.size()
              + " told trials do not fill the ids from "
              + nextToCount
              + " to "
              + nextId
              + "; the text was altered");
    }
    load(from);
    return this;
  }

  static void putMembers(ObjectNode node, String name, List<Member> members) {
    ArrayNode array = node.putArray(name);
    for (Member member : members) {
      ObjectNode one = array.addObject().put("id", member.id());
      put(one, "genome", member.genome().values());
      put(one, "costs", member.costs());
      one.put("violation", member.violation());
    }
  }

  final List<Member> members(Snapshot.Reader from, String name) {
    List<Member> members = new ArrayList<>();
    for (JsonNode one : from.array(name)) {
      double[] costs = numbers(one, "costs");
      if (costs.length != 0 && costs.length != directions.size()) {
        throw new IllegalArgumentException(
            "snapshot: a member of '" + name + "' has " + costs.length + " costs");
      }
      members.add(
          new Member(
              one.path("id").asLong(), genome(one), costs, one.path("violation").doubleValue()));
    }
    return members;
  }

  private Genome genome(JsonNode one) {
    double[] values = numbers(one, "genome");
    if (values.length != space.dimension()) {
      throw new IllegalArgumentException(
          "snapshot: a genome has " + values.length + " genes, wanted " + space.dimension());
    }
    return Genome.of(values);
  }

  private static void put(ObjectNode node, String name, double[] values) {
    Snapshot.putNumbers(node, name, values);
  }

  private static double[] numbers(JsonNode node, String name) {
    JsonNode array = node.path(name);
    double[] values = new double[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).doubleValue();
    }
    return values;
  }

  /** What both factories check. */
  static void requirePopulation(int populationSize, int least) {
    if (populationSize < least) {
      throw new IllegalArgumentException(
          "populationSize " + populationSize + " must be at least " + least);
    }
  }
}
