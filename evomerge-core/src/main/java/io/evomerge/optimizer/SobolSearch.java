package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Quasi-random search: a scrambled Sobol sequence, which fills the box more evenly than chance;
 * immutable and thread-safe.
 *
 * <p>The first proposal is the start of the space, every further one the next point of the sequence
 * of Sobol (1967, doi 10.1016/0041-5553(67)90144-9) with the direction numbers of Joe and Kuo
 * (2008, doi 10.1137/070709359), as {@code SobolSequenceGenerator} of Apache Commons Math computes
 * it, under a random digital shift (L'Ecuyer, Lemieux 2002, doi 10.1007/0-306-48102-2_20): the bits
 * of every coordinate are exchanged with those of one number per gene that the seed gives. Whole
 * numbers and choices take each of their values on equal stretches. The sequence is most even at
 * powers of two.
 *
 * <p>At most 1000 genes. Points depend on the seed and their id only, so it never waits, is done
 * after 2<sup>31</sup> - 2 points, and takes any number of objectives. It recommends nothing.
 */
public final class SobolSearch implements OptimizerFactory {

  private static final int SNAPSHOT_VERSION = 1;

  static final SobolSearch DEFAULT = new SobolSearch();

  private SobolSearch() {}

  @Override
  public String name() {
    return "sobol-search";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of();
  }

  /**
   * Starts a search.
   *
   * @throws IllegalArgumentException if there are more than 1000 genes or no objective
   */
  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    return new Search(this, space, directions, seed, 0);
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    Snapshot.Reader from = Snapshot.open(snapshot, this, SNAPSHOT_VERSION, space, directions);
    long nextId = from.integer64("nextId");
    if (nextId < 0 || nextId > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("snapshot: nextId " + nextId + " is no number of points");
    }
    return new Search(this, space, directions, from.integer64("seed"), nextId);
  }

  @Override
  public String toString() {
    return name();
  }

  private static final class Search implements Optimizer {

    private final SobolSearch factory;
    private final SearchSpace space;
    private final List<Direction> directions;
    private final long seed;
    private final UnitBox box;
    private final SobolPoints points;
    private long nextId;

    Search(
        SobolSearch factory,
        SearchSpace space,
        List<Direction> directions,
        long seed,
        long nextId) {
      if (directions.isEmpty()) {
        throw new IllegalArgumentException("sobol-search needs at least one objective, got none");
      }
      if (space.dimension() > SobolPoints.MAX_DIMENSION) {
        throw new IllegalArgumentException(
            "sobol-search takes at most "
                + SobolPoints.MAX_DIMENSION
                + " genes, the space has "
                + space.dimension()
                + "; use random-search, or a coarser space");
      }
      this.factory = factory;
      this.space = space;
      this.directions = List.copyOf(directions);
      this.seed = seed;
      this.nextId = nextId;
      box = new UnitBox(space);
      points = new SobolPoints(space.dimension(), seed);
    }

    @Override
    public String name() {
      return factory.name();
    }

    @Override
    public List<Proposal> ask(int max) {
      OpenTrials.requirePositive(max);
      List<Proposal> proposals = new ArrayList<>();
      while (proposals.size() < max && !isDone()) {
        proposals.add(
            new Proposal(
                nextId, nextId == 0 ? space.start() : box.genome(points.point((int) nextId))));
        nextId++;
      }
      return List.copyOf(proposals);
    }

    @Override
    public void tell(List<Evaluation> evaluations) {
      for (Evaluation evaluation : evaluations) {
        SingleObjective.requireProposed(evaluation.id(), nextId);
      }
    }

    @Override
    public boolean isDone() {
      return nextId == Integer.MAX_VALUE;
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
