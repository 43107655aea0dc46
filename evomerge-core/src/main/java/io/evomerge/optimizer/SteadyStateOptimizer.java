package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A strategy without generations: whenever it is asked, it looks at what was told, in the order of
 * ids. So a worker that finishes gets a new point at once, and the order and portions of telling
 * between two asks cannot matter.
 */
abstract class SteadyStateOptimizer implements Optimizer {

  /**
   * What to try next.
   *
   * @param slot the strategy's own place for it
   * @param state its shares of the box, then numbers of the strategy's own
   */
  record Next(int slot, double[] state) {}

  private final OptimizerFactory factory;
  private final int version;
  private final SearchSpace space;
  private final Direction direction;
  private OpenTrials trials;

  final long seed;
  final UnitBox box;

  SteadyStateOptimizer(
      OptimizerFactory factory,
      int version,
      SearchSpace space,
      List<Direction> directions,
      long seed) {
    this.factory = factory;
    this.version = version;
    this.space = space;
    this.direction = SingleObjective.direction(factory, directions);
    this.seed = seed;
    box = new UnitBox(space);
    trials = new OpenTrials(direction);
  }

  /** Reads what {@link #snapshot} wrote, but for the strategy's own fields. */
  final void loadTrials(Snapshot.Reader from, int stateLength) {
    trials = OpenTrials.load(from.child("trials"), direction, stateLength);
  }

  /** Returns the next trial's state, or null to wait for outcomes. */
  abstract @Nullable Next next(long id);

  /** Takes in an outcome. */
  abstract void absorb(OpenTrials.Told told);

  /** Is called when a batch of outcomes was taken in. */
  void settle() {}

  abstract void save(ObjectNode node);

  final OpenTrials trials() {
    return trials;
  }

  final double[] startShares() {
    return box.shares(space.start());
  }

  final Genome genome(double[] state) {
    return box.genome(Arrays.copyOf(state, box.dimension()));
  }

  @Override
  public final String name() {
    return factory.name();
  }

  @Override
  public final List<Proposal> ask(int max) {
    OpenTrials.requirePositive(max);
    takeIn(trials.take());
    List<Proposal> proposals = new ArrayList<>();
    while (proposals.size() < max && !isDone()) {
      Next next = next(trials.nextId());
      if (next == null) {
        break;
      }
      long id = trials.add(next.slot(), next.state());
      // The start exactly, not as it comes back from the cube.
      proposals.add(new Proposal(id, id == 0 ? space.start() : genome(next.state())));
    }
    return List.copyOf(proposals);
  }

  @Override
  public final void tell(List<Evaluation> evaluations) {
    trials.tell(evaluations);
    takeIn(trials.takeUpToOpen());
  }

  private void takeIn(List<OpenTrials.Told> told) {
    if (!told.isEmpty()) {
      told.forEach(this::absorb);
      settle();
    }
  }

  @Override
  public Optional<Genome> recommendation() {
    return Optional.empty();
  }

  @Override
  public final String snapshot() {
    ObjectNode node = Snapshot.begin(factory, version, space, List.of(direction), seed);
    trials.save(node.putObject("trials"));
    save(node);
    return node.toString();
  }
}
