package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Tells a strategy without generations its outcomes in the order of the trials' ids, and each at a
 * moment that ids alone fix: a proposal is made when all trials but the last {@code mostOpen - 1}
 * before it have counted, whether more are told or not. So neither the number of workers nor their
 * pace nor an interruption can change the search, and that many trials can be open at once.
 */
final class FixedPastOptimizer implements Optimizer {

  private static final int SNAPSHOT_VERSION = 1;

  private final OptimizerFactory factory;
  private final SearchSpace space;
  private final Direction direction;
  private final long seed;
  private final int mostOpen;
  private final Optimizer inner;

  /** Told, but not counted yet. */
  private final TreeMap<Long, Evaluation> waiting = new TreeMap<>();

  /** After the last {@code mostOpen} counts, the newest last. */
  private final List<Optional<Genome>> recommendations = new ArrayList<>();

  private long nextId;
  private long counted;

  private FixedPastOptimizer(
      OptimizerFactory factory,
      int mostOpen,
      SearchSpace space,
      List<Direction> directions,
      long seed,
      Optimizer inner) {
    this.factory = factory;
    this.space = space;
    this.direction = SingleObjective.direction(factory, directions);
    this.seed = seed;
    this.mostOpen = mostOpen;
    this.inner = inner;
  }

  /**
   * Starts a search.
   *
   * @param mostOpen 0: the strategy as it is
   * @param inner new; its ids count from 0
   */
  static Optimizer create(
      OptimizerFactory factory,
      int mostOpen,
      SearchSpace space,
      List<Direction> directions,
      long seed,
      Optimizer inner) {
    if (mostOpen == 0) {
      return inner;
    }
    FixedPastOptimizer created =
        new FixedPastOptimizer(factory, mostOpen, space, directions, seed, inner);
    created.recommendations.add(inner.recommendation());
    return created;
  }

  /**
   * Continues a search.
   *
   * @param restore of the strategy as it is
   */
  static Optimizer restore(
      OptimizerFactory factory,
      int mostOpen,
      SearchSpace space,
      List<Direction> directions,
      String snapshot,
      Function<String, Optimizer> restore) {
    if (mostOpen == 0) {
      return restore.apply(snapshot);
    }
    Snapshot.Reader from = Snapshot.open(snapshot, factory, SNAPSHOT_VERSION, space, directions);
    FixedPastOptimizer restored =
        new FixedPastOptimizer(
            factory,
            mostOpen,
            space,
            directions,
            from.integer64("seed"),
            restore.apply(from.text("inner")));
    restored.load(from);
    return restored;
  }

  static int requireMostOpen(int mostOpen) {
    if (mostOpen < 1) {
      throw new IllegalArgumentException("mostOpen " + mostOpen + " must be at least 1");
    }
    return mostOpen;
  }

  /** Returns what {@link OptimizerFactory#settings} says of it. */
  static String setting(int mostOpen) {
    return mostOpen == 0 ? "any, outcomes count at once" : Integer.toString(mostOpen);
  }

  /** Returns how many trials must have counted before one is proposed. */
  private long basis(long id) {
    return Math.max(0, id + 1 - mostOpen);
  }

  @Override
  public String name() {
    return factory.name();
  }

  @Override
  public List<Proposal> ask(int max) {
    OpenTrials.requirePositive(max);
    List<Proposal> proposals = new ArrayList<>();
    while (proposals.size() < max && counted >= basis(nextId)) {
      List<Proposal> one = inner.ask(1);
      if (!one.isEmpty()) {
        proposals.addAll(one);
        nextId++;
        countTo(basis(nextId));
      } else if (inner.isDone() || !countNext()) {
        // It wants to know more than is told.
        break;
      }
    }
    return List.copyOf(proposals);
  }

  @Override
  public void tell(List<Evaluation> evaluations) {
    for (Evaluation evaluation : evaluations) {
      SingleObjective.requireProposed(evaluation.id(), nextId);
      SingleObjective.cost(evaluation, direction);
    }
    for (Evaluation evaluation : evaluations) {
      if (evaluation.id() >= counted) {
        waiting.putIfAbsent(evaluation.id(), evaluation);
      }
    }
    countTo(basis(nextId));
  }

  private void countTo(long wanted) {
    boolean more = true;
    while (more && counted < wanted) {
      more = countNext();
    }
  }

  private boolean countNext() {
    Evaluation next = waiting.remove(counted);
    if (next == null) {
      return false;
    }
    inner.tell(List.of(next));
    counted++;
    recommendations.add(inner.recommendation());
    if (recommendations.size() > mostOpen) {
      recommendations.remove(0);
    }
    return true;
  }

  @Override
  public boolean isDone() {
    return inner.isDone();
  }

  /** What the strategy recommends once all trials but the last of the told ones have counted. */
  @Override
  public Optional<Genome> recommendation() {
    long told = counted;
    while (waiting.containsKey(told)) {
      told++;
    }
    int newer = (int) (counted - basis(told));
    return recommendations.get(recommendations.size() - 1 - newer);
  }

  @Override
  public String snapshot() {
    ObjectNode node = Snapshot.begin(factory, SNAPSHOT_VERSION, space, List.of(direction), seed);
    node.put("nextId", nextId).put("counted", counted).put("inner", inner.snapshot());
    ArrayNode told = node.putArray("waiting");
    for (Evaluation evaluation : waiting.values()) {
      ObjectNode entry = told.addObject().put("id", evaluation.id());
      if (evaluation.outcome() instanceof Outcome.Scored scored
          && !Double.isNaN(SingleObjective.cost(evaluation, direction))) {
        entry.put("score", scored.fitness().get(0).score()).put("violation", scored.violation());
      }
    }
    ArrayNode recommended = node.putArray("recommendations");
    for (Optional<Genome> genome : recommendations) {
      ObjectNode entry = recommended.addObject();
      genome.ifPresent(point -> Snapshot.putNumbers(entry, "genome", point.values()));
    }
    return node.toString();
  }

  private void load(Snapshot.Reader from) {
    nextId = from.integer64("nextId");
    counted = from.integer64("counted");
    for (Snapshot.Reader entry : from.children("waiting")) {
      long id = entry.integer64("id");
      SingleObjective.requireProposed(id, nextId);
      waiting.put(id, new Evaluation(id, outcome(entry)));
    }
    for (Snapshot.Reader entry : from.children("recommendations")) {
      double @Nullable [] genome =
          entry.has("genome") ? entry.numbers("genome", space.dimension()) : null;
      recommendations.add(Optional.ofNullable(genome).map(Genome::of));
    }
  }

  private static Outcome outcome(Snapshot.Reader entry) {
    return entry.has("score")
        ? new Outcome.Scored(List.of(Fitness.of(entry.number("score"))), entry.number("violation"))
        : new Outcome.Failed("no finite score");
  }
}
