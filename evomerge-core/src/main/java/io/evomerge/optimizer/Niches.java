package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.Genome;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;

/** The search of {@link M2n2}. */
final class Niches extends Breeding<double[]> {

  private static final double EPSILON = 1e-9;

  private final M2n2 settings;
  private final List<Member> archive = new ArrayList<>();
  private int items = -1;

  /** A model with its scores on the items. */
  private record Member(int id, double[] scores) {}

  Niches(M2n2 settings, BirthSpace space, List<Direction> directions, long seed) {
    super(settings, M2n2.SNAPSHOT_VERSION, space, directions, seed, settings.inFlight);
    this.settings = settings;
  }

  @Override
  Optional<double[]> read(long id, Outcome outcome) {
    double cost = SingleObjective.cost(new Evaluation(id, outcome), Direction.MAXIMIZE);
    if (Double.isNaN(cost) || SingleObjective.isViolation(cost)) {
      return Optional.empty();
    }
    Fitness fitness = ((Outcome.Scored) outcome).fitness().get(0);
    double[] scores = fitness.items();
    if (scores.length == 0) {
      throw new IllegalArgumentException(
          "trial "
              + id
              + " was told a score without items; m2n2 needs the score of each item: give a"
              + " FitnessFunction whose evaluate() returns them");
    }
    if (items >= 0 && scores.length != items) {
      throw new IllegalArgumentException(
          "trial "
              + id
              + " was told "
              + scores.length
              + " items, earlier ones "
              + items
              + "; m2n2 compares models on the same items: score all of them every time");
    }
    for (int i = 0; i < scores.length; i++) {
      if (!(scores[i] >= 0) || scores[i] == Double.POSITIVE_INFINITY) {
        throw new IllegalArgumentException(
            "trial "
                + id
                + " was told "
                + scores[i]
                + " for item "
                + i
                + "; m2n2 shares items out among models: wanted a number of at least 0");
      }
    }
    items = scores.length;
    return Optional.of(scores);
  }

  @Override
  void enter(int id, double[] scores) {
    archive.add(new Member(id, scores));
    if (archive.size() > settings.archive) {
      double[] fitness = fitness(scores(), settings.alpha);
      int worst = 0;
      for (int i = 1; i < fitness.length; i++) {
        if (fitness[i] < fitness[worst]) {
          worst = i;
        }
      }
      archive.remove(worst);
    }
  }

  private double[][] scores() {
    return archive.stream().map(Member::scores).toArray(double[][]::new);
  }

  @Override
  Genome birth(int child) {
    RandomStream random = RandomStream.of(seed, "m2n2", child);
    double forFirst = random.nextDouble();
    double forSecond = random.nextDouble();
    double weight = random.nextDouble();
    double split = random.nextDouble();
    int first;
    int second;
    if (archive.isEmpty()) {
      first = (int) (forFirst * space.sources());
      second = (int) (forSecond * space.sources());
    } else {
      double[][] scores = scores();
      double[] fitness = fitness(scores, settings.alpha);
      int one = draw(fitness, forFirst).orElse((int) (forFirst * archive.size()));
      double[] appeal = settings.attraction ? attraction(scores, one) : fitness;
      // No one can do what the first cannot: fitness decides, as without attraction.
      int two =
          draw(appeal, forSecond)
              .or(() -> draw(fitness, forSecond))
              .orElse((int) (forSecond * archive.size()));
      first = archive.get(one).id();
      second = archive.get(two).id();
    }
    return Genome.of(
        child,
        first,
        second,
        weight,
        settings.split ? split : 1,
        settings.noise,
        settings.noise > 0 ? random.nextInt(Integer.MAX_VALUE) : 0);
  }

  /** The share of each model: {@code f_i = sum_j c_j s_ij / (z_j^alpha + eps)}. */
  static double[] fitness(double[][] scores, double alpha) {
    double[] shares = new double[scores.length];
    for (int j = 0; j < scores[0].length; j++) {
      double each = capacity(scores, j) / (power(demand(scores, j), alpha) + EPSILON);
      for (int i = 0; i < scores.length; i++) {
        shares[i] += each * scores[i][j];
      }
    }
    return shares;
  }

  /** What others can do better: {@code g_i = sum_j c_j / (z_j + eps) max(s_ij - s_1j, 0)}. */
  static double[] attraction(double[][] scores, int first) {
    double[] appeal = new double[scores.length];
    for (int j = 0; j < scores[0].length; j++) {
      double each = capacity(scores, j) / (demand(scores, j) + EPSILON);
      for (int i = 0; i < scores.length; i++) {
        appeal[i] += each * Math.max(scores[i][j] - scores[first][j], 0);
      }
    }
    return appeal;
  }

  private static double capacity(double[][] scores, int item) {
    double most = 0;
    for (double[] model : scores) {
      most = Math.max(most, model[item]);
    }
    return most;
  }

  private static double demand(double[][] scores, int item) {
    double sum = 0;
    for (double[] model : scores) {
      sum += model[item];
    }
    return sum;
  }

  private static double power(double base, double exponent) {
    return exponent == 1 ? base : StrictMath.pow(base, exponent);
  }

  @Override
  void addArchives(SortedSet<Integer> living) {
    archive.forEach(member -> living.add(member.id()));
  }

  @Override
  void writeScore(ObjectNode node, double[] score) {
    Snapshot.putBinary(node, "items", score);
  }

  @Override
  double[] readScore(Snapshot.Reader node) {
    return node.binary("items", items);
  }

  @Override
  void writeArchives(ObjectNode node) {
    node.put("items", items);
    ArrayNode members = node.putArray("archive");
    for (Member member : archive) {
      writeScore(members.addObject().put("id", member.id()), member.scores());
    }
  }

  @Override
  void readArchives(Snapshot.Reader node) {
    for (Snapshot.Reader member : node.children("archive")) {
      archive.add(new Member(member.integer("id"), readScore(member)));
    }
  }

  @Override
  void prepareToRead(Snapshot.Reader node) {
    items = node.integer("items");
  }
}
