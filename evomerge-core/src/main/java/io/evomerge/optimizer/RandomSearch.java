package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Uniform random search, the baseline that a strategy has to beat; immutable and thread-safe.
 *
 * <p>The first proposal is the start of the space, every further one is uniform in the box: real
 * genes over their interval, whole numbers and choices over their values. Points depend on the seed
 * and their id only, so it never waits, never is done, and takes any number of objectives. It
 * recommends nothing.
 */
public final class RandomSearch implements OptimizerFactory {

  private static final int SNAPSHOT_VERSION = 1;

  static final RandomSearch DEFAULT = new RandomSearch();

  private RandomSearch() {}

  @Override
  public String name() {
    return "random-search";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of();
  }

  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    if (directions.isEmpty()) {
      throw new IllegalArgumentException("random-search needs at least one objective, got none");
    }
    return new Search(this, space, List.copyOf(directions), seed, 0);
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    Snapshot.Reader from = Snapshot.open(snapshot, this, SNAPSHOT_VERSION, space, directions);
    long nextId = from.integer64("nextId");
    return new Search(this, space, List.copyOf(directions), from.integer64("seed"), nextId);
  }

  @Override
  public String toString() {
    return name();
  }

  private static final class Search implements Optimizer {

    private final RandomSearch factory;
    private final SearchSpace space;
    private final List<Direction> directions;
    private final long seed;
    private final UnitBox box;
    private long nextId;

    Search(
        RandomSearch factory,
        SearchSpace space,
        List<Direction> directions,
        long seed,
        long nextId) {
      this.factory = factory;
      this.space = space;
      this.directions = directions;
      this.seed = seed;
      this.nextId = nextId;
      box = new UnitBox(space);
    }

    @Override
    public String name() {
      return factory.name();
    }

    @Override
    public List<Proposal> ask(int max) {
      if (max < 1) {
        throw new IllegalArgumentException("ask for at least 1 point, got " + max);
      }
      List<Proposal> proposals = new ArrayList<>();
      for (int i = 0; i < max; i++) {
        proposals.add(new Proposal(nextId, point(nextId)));
        nextId++;
      }
      return List.copyOf(proposals);
    }

    private Genome point(long id) {
      if (id == 0) {
        return space.start();
      }
      RandomStream stream = RandomStream.of(seed, "random-search", id);
      return box.genome(box.random(stream));
    }

    @Override
    public void tell(List<Evaluation> evaluations) {
      for (Evaluation evaluation : evaluations) {
        SingleObjective.requireProposed(evaluation.id(), nextId);
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
    public String snapshot() {
      ObjectNode node = Snapshot.begin(factory, SNAPSHOT_VERSION, space, directions, seed);
      return node.put("nextId", nextId).toString();
    }
  }
}
