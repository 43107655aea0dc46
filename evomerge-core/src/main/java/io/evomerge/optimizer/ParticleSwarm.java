package io.evomerge.optimizer;

import io.evomerge.fitness.Direction;
import io.evomerge.genome.SearchSpace;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * Particle swarm optimisation in its standard form of 2011; immutable and thread-safe. A known
 * yardstick; CMA-ES and Bayesian optimisation are ahead of it on small budgets.
 *
 * <p><b>Algorithm.</b> SPSO-2011 (Clerc, "Standard Particle Swarm Optimisation", HAL hal-00764996,
 * 2012; Zambrano-Bigiarini, Clerc, Rojas, CEC 2013, doi 10.1109/CEC.2013.6557848): the next place
 * of a particle is drawn from a ball around the centre of where it is, its own best place and the
 * best of its informants, so that no axis is preferred; inertia 1/(2 ln 2), acceleration 0.5 + ln
 * 2. Each particle informs itself and {@link #informed} others drawn at random, drawn again after
 * every round that brought no better best. A number that leaves the box is set onto the bound and
 * its velocity turned around and halved. The first proposal is the start of the space, the other
 * particles start uniform in the box.
 *
 * <p><b>Steady state.</b> A particle moves on as soon as it was told, with its informants' places
 * as they are; the paper waits for the round. Every particle has at most one open trial.
 *
 * <p>Whole numbers and choices move as reals and are rounded when proposed, each value on an equal
 * stretch. Failed, infeasible and not finite trials are nobody's best place. Done when the best
 * places and velocities of all particles are within 10<sup>-12</sup> of the range of every gene.
 * Recommends nothing: its best trial is the result.
 */
public final class ParticleSwarm implements OptimizerFactory {

  static final ParticleSwarm DEFAULT = new ParticleSwarm(0, 3, 4);

  private final int swarmSize;
  private final int informed;
  private final int mostOpen;

  private ParticleSwarm(int swarmSize, int informed, int mostOpen) {
    this.swarmSize = swarmSize;
    this.informed = informed;
    this.mostOpen = mostOpen;
  }

  /**
   * Sets how many particles there are.
   *
   * @param swarmSize at least 2; default 10 + floor(2 sqrt(n)) for n genes, as in SPSO-2006, which
   *     suits small budgets better than the 40 of SPSO-2011
   * @throws IllegalArgumentException if it is below 2
   */
  public ParticleSwarm swarmSize(int swarmSize) {
    if (swarmSize < 2) {
      throw new IllegalArgumentException("swarmSize " + swarmSize + " must be at least 2");
    }
    return new ParticleSwarm(swarmSize, informed, mostOpen);
  }

  /**
   * Sets how many draws of particles to inform each particle has, besides itself.
   *
   * @param informed at least 1; default 3
   * @throws IllegalArgumentException if it is below 1
   */
  public ParticleSwarm informed(int informed) {
    if (informed < 1) {
      throw new IllegalArgumentException("informed " + informed + " must be at least 1");
    }
    return new ParticleSwarm(swarmSize, informed, mostOpen);
  }

  /**
   * Sets how many trials may be open at once: a point is chosen from the outcomes of all trials but
   * the last so many less one, whether more are told or not, so that the number of workers and
   * their pace cannot change the search. Fewer make better use of each outcome; workers beyond it
   * wait.
   *
   * @param mostOpen at least 1; default 4; no more than there are particles
   * @throws IllegalArgumentException if it is below 1
   */
  public ParticleSwarm mostOpen(int mostOpen) {
    return new ParticleSwarm(swarmSize, informed, FixedPastOptimizer.requireMostOpen(mostOpen));
  }

  /** Returns the number of particles; empty stands for the default, which depends on the space. */
  public OptionalInt swarmSize() {
    return swarmSize == 0 ? OptionalInt.empty() : OptionalInt.of(swarmSize);
  }

  /** Returns how many draws of particles to inform each particle has. */
  public int informed() {
    return informed;
  }

  /** Returns how many trials may be open at once; empty: any number, outcomes count at once. */
  public OptionalInt mostOpen() {
    return mostOpen == 0 ? OptionalInt.empty() : OptionalInt.of(mostOpen);
  }

  @Override
  public String name() {
    return "particle-swarm";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of(
        "swarmSize",
        swarmSize == 0 ? "default" : Integer.toString(swarmSize),
        "informed",
        Integer.toString(informed),
        "mostOpen",
        FixedPastOptimizer.setting(mostOpen));
  }

  @Override
  public OptimizerFactory immediate() {
    return new ParticleSwarm(swarmSize, informed, 0);
  }

  @Override
  public OptimizerFactory asynchronous() {
    return immediate();
  }

  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    return FixedPastOptimizer.create(
        this,
        mostOpen,
        space,
        directions,
        seed,
        new ParticleSwarmOptimizer(this, space, directions, seed));
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    return FixedPastOptimizer.restore(
        this,
        mostOpen,
        space,
        directions,
        snapshot,
        state -> ParticleSwarmOptimizer.restore(this, space, directions, state));
  }

  @Override
  public String toString() {
    return name() + new TreeMap<>(settings());
  }
}
