package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What steady-state algorithms over births share: sources first, then one birth per outcome.
 *
 * <p>With L births in flight, the birth of trial {@code j + L} is decided right after the outcome
 * of trial {@code j} has counted, and outcomes count in the order of their numbers. So a birth is a
 * function of seed and outcomes, whatever the order of telling, and {@code L = 1} is the sequential
 * algorithm. Not thread-safe.
 *
 * @param <S> what is kept of a scored trial
 */
abstract class Breeding<S> implements PopulationOptimizer {

  private final PopulationFactory factory;
  private final int version;
  final BirthSpace space;
  final List<Direction> directions;
  final long seed;
  private final int inFlight;

  /** Births that were not asked for yet. */
  private final Deque<Proposal> ready = new ArrayDeque<>();

  /** Births that were asked for and whose outcome has not counted yet. */
  private final TreeMap<Long, Genome> open = new TreeMap<>();

  /** Outcomes that wait for earlier ones; empty for a trial that was not scored. */
  private final TreeMap<Long, Optional<S>> told = new TreeMap<>();

  private long counted;
  private long nextBirth;

  Breeding(
      PopulationFactory factory,
      int version,
      BirthSpace space,
      List<Direction> directions,
      long seed,
      int inFlight) {
    this.factory = factory;
    this.version = version;
    this.space = space;
    this.directions = List.copyOf(directions);
    this.seed = seed;
    this.inFlight = inFlight;
  }

  static BirthSpace births(PopulationFactory factory, SearchSpace space, BirthSpace.Form form) {
    if (space instanceof BirthSpace births && births.form() == form) {
      return births;
    }
    throw new IllegalArgumentException(
        factory.name()
            + " searches births of models: give it the space that its method space(sources,"
            + " objectives) returns");
  }

  /** Starts with the sources. */
  final void begin() {
    for (; nextBirth < space.sources(); nextBirth++) {
      ready.add(new Proposal(nextBirth, space.source((int) nextBirth)));
    }
  }

  /**
   * Returns what to keep of an outcome, or empty for one that was not scored.
   *
   * @throws IllegalArgumentException if the fitness is not of the kind that the algorithm needs
   */
  abstract Optional<S> read(long id, Outcome outcome);

  /** Lets a scored trial into the archives, if it deserves it. */
  abstract void enter(int id, S score);

  /** Decides on a birth. */
  abstract Genome birth(int child);

  abstract void addArchives(SortedSet<Integer> living);

  abstract void writeScore(ObjectNode node, S score);

  abstract S readScore(Snapshot.Reader node);

  /** Reads what the others of these methods need. */
  void prepareToRead(Snapshot.Reader node) {}

  abstract void writeArchives(ObjectNode node);

  abstract void readArchives(Snapshot.Reader node);

  @Override
  public String name() {
    return factory.name();
  }

  @Override
  public List<Proposal> ask(int max) {
    if (max < 1) {
      throw new IllegalArgumentException("ask for at least 1 point, got " + max);
    }
    List<Proposal> asked = new ArrayList<>();
    while (asked.size() < max && !ready.isEmpty()) {
      Proposal next = ready.remove();
      open.put(next.id(), next.genome());
      asked.add(next);
    }
    return List.copyOf(asked);
  }

  @Override
  public void tell(List<Evaluation> evaluations) {
    long asked = nextBirth - ready.size();
    Map<Long, Optional<S>> fresh = new TreeMap<>();
    Set<Long> seen = new HashSet<>();
    evaluations.forEach(told -> SingleObjective.requireProposed(told.id(), asked));
    for (Evaluation evaluation : evaluations) {
      if (evaluation.id() >= counted
          && !told.containsKey(evaluation.id())
          && seen.add(evaluation.id())) {
        fresh.put(evaluation.id(), read(evaluation.id(), evaluation.outcome()));
      }
    }
    told.putAll(fresh);
    while (!told.isEmpty() && told.firstKey() == counted) {
      open.remove(counted);
      told.pollFirstEntry().getValue().ifPresent(score -> enter((int) counted, score));
      counted++;
      breed();
    }
  }

  private void breed() {
    while (counted >= space.sources() && nextBirth < counted + inFlight) {
      ready.add(new Proposal(nextBirth, birth(Math.toIntExact(nextBirth))));
      nextBirth++;
    }
  }

  @Override
  public boolean isDone() {
    return false;
  }

  @Override
  public Optional<Genome> recommendation() {
    return Optional.empty();
  }

  @Override
  public SortedSet<Integer> living() {
    SortedSet<Integer> living = new TreeSet<>();
    addArchives(living);
    ready.forEach(birth -> addFamily(birth.genome(), living));
    open.values().forEach(genome -> addFamily(genome, living));
    return living;
  }

  private static void addFamily(Genome genome, SortedSet<Integer> living) {
    for (int i = 0; i < 3; i++) {
      living.add((int) genome.value(i));
    }
  }

  @Override
  public String snapshot() {
    ObjectNode node = Snapshot.begin(factory, version, space, directions, seed);
    node.put("sources", space.sources()).put("counted", counted).put("nextBirth", nextBirth);
    ArrayNode waiting = node.putArray("open");
    open.forEach((id, genome) -> putBirth(waiting.addObject(), id, genome));
    ArrayNode born = node.putArray("ready");
    ready.forEach(birth -> putBirth(born.addObject(), birth.id(), birth.genome()));
    ArrayNode early = node.putArray("told");
    told.forEach(
        (id, score) -> {
          ObjectNode one = early.addObject().put("id", id);
          score.ifPresent(known -> writeScore(one.putObject("score"), known));
        });
    writeArchives(node);
    return node.toString();
  }

  private static void putBirth(ObjectNode node, long id, Genome genome) {
    Snapshot.putNumbers(node.put("id", id), "genome", genome.values());
  }

  /** Continues where a snapshot was taken. */
  final void resume(Snapshot.Reader from) {
    if (from.integer("sources") != space.sources()) {
      throw new IllegalArgumentException(
          "snapshot does not belong to this search: it has "
              + from.integer("sources")
              + " sources, here there are "
              + space.sources());
    }
    prepareToRead(from);
    counted = from.integer64("counted");
    nextBirth = from.integer64("nextBirth");
    for (Snapshot.Reader birth : from.children("open")) {
      open.put(birth.integer64("id"), genome(birth));
    }
    for (Snapshot.Reader birth : from.children("ready")) {
      ready.add(new Proposal(birth.integer64("id"), genome(birth)));
    }
    for (Snapshot.Reader early : from.children("told")) {
      told.put(
          early.integer64("id"),
          early.has("score") ? Optional.of(readScore(early.child("score"))) : Optional.empty());
    }
    readArchives(from);
  }

  private Genome genome(Snapshot.Reader node) {
    return Genome.of(node.numbers("genome", space.dimension()));
  }

  /** Draws an index in proportion to weights that are at least 0; empty if all are 0. */
  static Optional<Integer> draw(double[] weights, double uniform) {
    double sum = 0;
    for (double weight : weights) {
      sum += weight;
    }
    if (!(sum > 0)) {
      return Optional.empty();
    }
    double rest = uniform * sum;
    int last = -1;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] > 0) {
        last = i;
        rest -= weights[i];
        if (rest < 0) {
          break;
        }
      }
    }
    return Optional.of(last);
  }
}
