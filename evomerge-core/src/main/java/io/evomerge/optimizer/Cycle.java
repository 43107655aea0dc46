package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.Genome;
import io.evomerge.internal.RandomStream;
import io.evomerge.optimizer.CycleQd.Elite;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;

/** The search of {@link CycleQd}. */
final class Cycle extends Breeding<double[]> {

  private static final double LEAST_WEIGHT = 0.01;
  private static final double MOST_WEIGHT = 2;

  private final CycleQd settings;
  private final Elites elites;

  /** Per task the source that scores best on it, and its merit. */
  private final double[] experts;

  private final double[] expertMerits;

  Cycle(CycleQd settings, BirthSpace space, List<Direction> directions, long seed) {
    super(settings, CycleQd.SNAPSHOT_VERSION, space, directions, seed, settings.inFlight);
    this.settings = settings;
    this.elites = new Elites(settings, this.directions);
    this.experts = new double[directions.size()];
    this.expertMerits = new double[directions.size()];
    Arrays.fill(expertMerits, -Double.MAX_VALUE);
  }

  @Override
  Optional<double[]> read(long id, Outcome outcome) {
    return Elites.scores(id, outcome, directions.size());
  }

  @Override
  void enter(int id, double[] scores) {
    elites.offer(id, scores);
    for (int task = 0; id < space.sources() && task < scores.length; task++) {
      double merit = Elites.merit(directions.get(task), scores[task]);
      if (merit > expertMerits[task]) {
        expertMerits[task] = merit;
        experts[task] = id;
      }
    }
  }

  @Override
  Genome birth(int child) {
    RandomStream random = RandomStream.of(seed, "cycle-qd", child);
    double forFirst = random.nextDouble();
    double forSecond = random.nextDouble();
    double firstWeight = weight(random);
    double secondWeight = weight(random);
    int task = (child - space.sources()) / settings.turn % directions.size();
    List<Elite> archive = elites.of(task);
    int first;
    int second;
    if (archive.isEmpty()) {
      first = (int) (forFirst * space.sources());
      second = (int) (forSecond * space.sources());
    } else {
      double[] appeal = elites.appeal(task);
      int one = draw(appeal, forFirst).orElse(0);
      appeal[one] = 0;
      // A single elite has no other to mate with: mutation alone makes the child.
      int two = draw(appeal, forSecond).orElse(one);
      first = archive.get(one).member();
      second = archive.get(two).member();
    }
    return Genome.of(
        child,
        first,
        second,
        firstWeight,
        secondWeight,
        settings.mutation,
        experts[task],
        settings.mutation > 0 ? random.nextInt(Integer.MAX_VALUE) : 0,
        task);
  }

  private double weight(RandomStream random) {
    double weight = 1 + settings.deviation * random.nextGaussian();
    return Math.max(LEAST_WEIGHT, Math.min(MOST_WEIGHT, weight));
  }

  @Override
  void addArchives(SortedSet<Integer> living) {
    elites.archives().forEach(a -> a.forEach(elite -> living.add(elite.member())));
  }

  @Override
  void writeScore(ObjectNode node, double[] score) {
    Snapshot.putBinary(node, "scores", score);
  }

  @Override
  double[] readScore(Snapshot.Reader node) {
    return node.binary("scores", directions.size());
  }

  @Override
  void writeArchives(ObjectNode node) {
    Snapshot.putNumbers(node, "experts", experts);
    Snapshot.putNumbers(node, "expertMerits", expertMerits);
    elites.write(node);
  }

  @Override
  void readArchives(Snapshot.Reader node) {
    System.arraycopy(node.numbers("experts", experts.length), 0, experts, 0, experts.length);
    double[] merits = node.numbers("expertMerits", experts.length);
    System.arraycopy(merits, 0, expertMerits, 0, merits.length);
    elites.read(node);
  }
}
