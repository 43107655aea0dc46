package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The state of {@link ParticleSwarm}. */
final class ParticleSwarmOptimizer extends SteadyStateOptimizer {

  private static final int SNAPSHOT_VERSION = 1;
  private static final double INERTIA = 1 / (2 * StrictMath.log(2));
  private static final double ACCELERATION = 0.5 + StrictMath.log(2);
  private static final double COLLAPSED = 1e-12;

  /** A particle: where it is, how it moves, where it was best. */
  private static final class Particle {

    double @Nullable [] place;
    double[] velocity;
    double @Nullable [] best;
    double bestCost = Double.NaN;

    Particle(int dimension) {
      velocity = new double[dimension];
    }
  }

  private final ParticleSwarm config;
  private final Particle[] swarm;
  private final ArrayDeque<Integer> free = new ArrayDeque<>();
  private boolean[][] informs;
  private long topology;
  private int toldInRound;
  private boolean improved;
  private double lowest = Double.NaN;
  private boolean collapsed;

  ParticleSwarmOptimizer(
      ParticleSwarm config, SearchSpace space, List<Direction> directions, long seed) {
    super(config, SNAPSHOT_VERSION, space, directions, seed);
    this.config = config;
    int n = box.dimension();
    int size = config.swarmSize().orElse(10 + (int) Math.floor(2 * Math.sqrt(n)));
    swarm = new Particle[size];
    for (int i = 0; i < size; i++) {
      swarm[i] = new Particle(n);
      free.add(i);
    }
    informs = drawTopology();
  }

  static ParticleSwarmOptimizer restore(
      ParticleSwarm config, SearchSpace space, List<Direction> directions, String snapshot) {
    Snapshot.Reader from = Snapshot.open(snapshot, config, SNAPSHOT_VERSION, space, directions);
    ParticleSwarmOptimizer loaded =
        new ParticleSwarmOptimizer(config, space, directions, from.integer64("seed"));
    loaded.load(from);
    return loaded;
  }

  private void load(Snapshot.Reader from) {
    int n = box.dimension();
    loadTrials(from, n);
    free.clear();
    for (double slot : from.numbers("free")) {
      free.add((int) slot);
    }
    List<Snapshot.Reader> particles = from.children("particles");
    if (particles.size() != swarm.length) {
      throw new IllegalArgumentException(
          "snapshot: " + particles.size() + " particles, the swarm has " + swarm.length);
    }
    for (int i = 0; i < swarm.length; i++) {
      Snapshot.Reader entry = particles.get(i);
      swarm[i].velocity = entry.numbers("velocity", n);
      if (entry.has("place")) {
        swarm[i].place = entry.numbers("place", n);
      }
      if (entry.has("best")) {
        swarm[i].best = entry.numbers("best", n);
        swarm[i].bestCost = entry.cost();
      }
    }
    topology = from.integer64("topology");
    informs = drawTopology();
    toldInRound = from.integer("toldInRound");
    improved = from.bool("improved");
    lowest = from.cost();
    collapsed = from.bool("collapsed");
  }

  @Override
  void save(ObjectNode node) {
    Snapshot.putNumbers(node, "free", free.stream().mapToDouble(Integer::doubleValue).toArray());
    ArrayNode particles = node.putArray("particles");
    for (Particle particle : swarm) {
      ObjectNode entry = particles.addObject();
      Snapshot.putNumbers(entry, "velocity", particle.velocity);
      if (particle.place != null) {
        Snapshot.putNumbers(entry, "place", particle.place);
      }
      if (particle.best != null) {
        Snapshot.putNumbers(entry, "best", particle.best);
        Snapshot.putCost(entry, particle.bestCost);
      }
    }
    node.put("topology", topology)
        .put("toldInRound", toldInRound)
        .put("improved", improved)
        .put("collapsed", collapsed);
    Snapshot.putCost(node, lowest);
  }

  /** Returns who informs whom: {@code [from][to]}. */
  private boolean[][] drawTopology() {
    RandomStream stream = RandomStream.of(seed, "particle swarm topology", topology);
    boolean[][] drawn = new boolean[swarm.length][swarm.length];
    for (int i = 0; i < swarm.length; i++) {
      drawn[i][i] = true;
      for (int k = 0; k < config.informed(); k++) {
        drawn[i][stream.nextInt(swarm.length)] = true;
      }
    }
    return drawn;
  }

  @Override
  public boolean isDone() {
    return collapsed;
  }

  @Override
  @Nullable Next next(long id) {
    Integer slot = free.poll();
    if (slot == null) {
      return null;
    }
    RandomStream stream = RandomStream.of(seed, "particle swarm", id);
    Particle particle = swarm[slot];
    Particle informant = bestInformant(slot);
    if (particle.place == null || informant == null) {
      // A particle without any known place to go to starts anew.
      double[] place = id == 0 ? startShares() : box.random(stream);
      for (int j = 0; j < place.length; j++) {
        particle.velocity[j] = stream.nextDouble() - place[j];
      }
      return new Next(slot, place);
    }
    return new Next(slot, move(particle, particle.place, informant, stream));
  }

  private @Nullable Particle bestInformant(int slot) {
    Particle best = null;
    for (int i = 0; i < swarm.length; i++) {
      if (informs[i][slot]
          && swarm[i].best != null
          && (best == null || swarm[i].bestCost < best.bestCost)) {
        best = swarm[i];
      }
    }
    return best;
  }

  private static double[] move(
      Particle particle, double[] place, Particle informant, RandomStream stream) {
    int n = place.length;
    double[] centre = place.clone();
    int terms = 1;
    for (Particle to :
        particle == informant ? new Particle[] {particle} : new Particle[] {particle, informant}) {
      if (to.best != null) {
        terms++;
        for (int j = 0; j < n; j++) {
          centre[j] += place[j] + ACCELERATION * (to.best[j] - place[j]);
        }
      }
    }
    double radius = 0;
    for (int j = 0; j < n; j++) {
      centre[j] /= terms;
      radius += (centre[j] - place[j]) * (centre[j] - place[j]);
    }
    radius = Math.sqrt(radius) * stream.nextDouble();
    double[] direction = new double[n];
    double length = 0;
    for (int j = 0; j < n; j++) {
      direction[j] = stream.nextGaussian();
      length += direction[j] * direction[j];
    }
    length = Math.sqrt(length);

    double[] moved = new double[n];
    for (int j = 0; j < n; j++) {
      double drawn = centre[j] + radius * direction[j] / length;
      double velocity = INERTIA * particle.velocity[j] + drawn - place[j];
      double x = place[j] + velocity;
      if (x < 0 || x > 1) {
        velocity *= -0.5;
        x = x < 0 ? 0 : 1;
      }
      particle.velocity[j] = velocity;
      moved[j] = x;
    }
    return moved;
  }

  @Override
  void absorb(OpenTrials.Told told) {
    int slot = told.trial().slot();
    Particle particle = swarm[slot];
    particle.place = told.trial().point();
    double cost = told.cost();
    if (cost <= particle.bestCost || (particle.best == null && !Double.isNaN(cost))) {
      particle.best = particle.place;
      particle.bestCost = cost;
    }
    if (cost < lowest || (Double.isNaN(lowest) && !Double.isNaN(cost))) {
      lowest = cost;
      improved = true;
    }
    free.add(slot);
    toldInRound++;
    if (toldInRound == swarm.length) {
      if (!improved) {
        topology++;
        informs = drawTopology();
      }
      toldInRound = 0;
      improved = false;
    }
  }

  @Override
  void settle() {
    collapsed = true;
    for (int j = 0; j < box.dimension() && collapsed; j++) {
      double low = 1;
      double high = 0;
      for (Particle particle : swarm) {
        if (particle.best == null || Math.abs(particle.velocity[j]) > COLLAPSED) {
          collapsed = false;
          break;
        }
        low = Math.min(low, particle.best[j]);
        high = Math.max(high, particle.best[j]);
      }
      collapsed &= high - low < COLLAPSED;
    }
  }
}
