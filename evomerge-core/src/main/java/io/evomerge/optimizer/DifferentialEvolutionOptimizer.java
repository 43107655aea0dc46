package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The state of {@link DifferentialEvolution}; a trial's state is its point, F and CR. */
final class DifferentialEvolutionOptimizer extends SteadyStateOptimizer {

  private static final int SNAPSHOT_VERSION = 1;
  private static final int MEMORY = 6;
  private static final int LEAST_MEMBERS = 4;
  private static final double COLLAPSED = 1e-12;

  /** Stands for the paper's terminal value: crossover rate 0 from then on. */
  private static final double TERMINAL = -1;

  /** Members that were told once; a reduced population has none at the places of the dropped. */
  private final double[] @Nullable [] points;

  private final double[] costs;
  private final ArrayDeque<Integer> free = new ArrayDeque<>();
  private final List<double[]> archive = new ArrayList<>();
  private final double[] memoryF = new double[MEMORY];
  private final double[] memoryCr = new double[MEMORY];

  /** F, CR and improvement of this round's successes. */
  private final List<double[]> successes = new ArrayList<>();

  private final DifferentialEvolution config;
  private final boolean[] dropped;
  private int living;
  private int memoryAt;
  private int toldInRound;
  private long told;
  private boolean collapsed;

  DifferentialEvolutionOptimizer(
      DifferentialEvolution config, SearchSpace space, List<Direction> directions, long seed) {
    super(config, SNAPSHOT_VERSION, space, directions, seed);
    this.config = config;
    int size = config.populationSize().orElse(8 + box.dimension() / 4);
    points = new double[size][];
    costs = new double[size];
    dropped = new boolean[size];
    Arrays.fill(costs, Double.NaN);
    Arrays.fill(memoryF, 0.5);
    Arrays.fill(memoryCr, 0.5);
    living = size;
    for (int i = 0; i < size; i++) {
      free.add(i);
    }
  }

  static DifferentialEvolutionOptimizer restore(
      DifferentialEvolution config,
      SearchSpace space,
      List<Direction> directions,
      String snapshot) {
    Snapshot.Reader from = Snapshot.open(snapshot, config, SNAPSHOT_VERSION, space, directions);
    DifferentialEvolutionOptimizer loaded =
        new DifferentialEvolutionOptimizer(config, space, directions, from.integer64("seed"));
    loaded.load(from);
    return loaded;
  }

  private void load(Snapshot.Reader from) {
    int n = box.dimension();
    loadTrials(from, n + 2);
    free.clear();
    for (double slot : from.numbers("free")) {
      free.add((int) slot);
    }
    Arrays.fill(dropped, true);
    living = 0;
    for (Snapshot.Reader member : from.children("members")) {
      int slot = member.integer("slot");
      dropped[slot] = false;
      living++;
      if (member.has("cost")) {
        points[slot] = member.numbers("point", n);
        costs[slot] = member.cost();
      }
    }
    for (Snapshot.Reader entry : from.children("archive")) {
      archive.add(entry.numbers("point", n));
    }
    for (Snapshot.Reader entry : from.children("successes")) {
      successes.add(entry.numbers("success", 3));
    }
    System.arraycopy(from.numbers("memoryF", MEMORY), 0, memoryF, 0, MEMORY);
    System.arraycopy(from.numbers("memoryCr", MEMORY), 0, memoryCr, 0, MEMORY);
    memoryAt = from.integer("memoryAt");
    toldInRound = from.integer("toldInRound");
    told = from.integer64("told");
    collapsed = from.bool("collapsed");
  }

  @Override
  void save(ObjectNode node) {
    Snapshot.putNumbers(node, "free", free.stream().mapToDouble(Integer::doubleValue).toArray());
    ArrayNode members = node.putArray("members");
    for (int i = 0; i < points.length; i++) {
      if (!dropped[i]) {
        ObjectNode member = members.addObject().put("slot", i);
        if (points[i] != null) {
          Snapshot.putNumbers(member, "point", points[i]);
          Snapshot.putCost(member, costs[i]);
        }
      }
    }
    ArrayNode old = node.putArray("archive");
    archive.forEach(point -> Snapshot.putNumbers(old.addObject(), "point", point));
    ArrayNode good = node.putArray("successes");
    successes.forEach(success -> Snapshot.putNumbers(good.addObject(), "success", success));
    Snapshot.putNumbers(node, "memoryF", memoryF);
    Snapshot.putNumbers(node, "memoryCr", memoryCr);
    node.put("memoryAt", memoryAt)
        .put("toldInRound", toldInRound)
        .put("told", told)
        .put("collapsed", collapsed);
  }

  @Override
  public boolean isDone() {
    return collapsed
        || (config.budget().isPresent() && trials().nextId() >= config.budget().getAsLong());
  }

  @Override
  @Nullable Next next(long id) {
    Integer slot = free.poll();
    if (slot == null) {
      return null;
    }
    RandomStream stream = RandomStream.of(seed, "differential evolution", id);
    int n = box.dimension();
    List<Integer> known = new ArrayList<>();
    for (int i = 0; i < points.length; i++) {
      if (points[i] != null && !dropped[i]) {
        known.add(i);
      }
    }
    if (points[slot] == null || known.size() < LEAST_MEMBERS) {
      double[] point = id == 0 ? startShares() : box.random(stream);
      return new Next(slot, Arrays.copyOf(point, n + 2));
    }
    return new Next(slot, trial(slot, known, stream));
  }

  private double[] trial(int slot, List<Integer> known, RandomStream stream) {
    int n = box.dimension();
    int entry = stream.nextInt(MEMORY);
    double cr = 0;
    if (memoryCr[entry] != TERMINAL) {
      cr = Math.min(1, Math.max(0, memoryCr[entry] + 0.1 * stream.nextGaussian()));
    }
    double f;
    do {
      f = memoryF[entry] + 0.1 * StrictMath.tan(Math.PI * (stream.nextDouble() - 0.5));
    } while (f <= 0);
    f = Math.min(1, f);

    double[] parent = points[slot];
    double[] best = points[attractor(known, stream)];
    int r1;
    do {
      r1 = known.get(stream.nextInt(known.size()));
    } while (r1 == slot);
    double[] other;
    do {
      int r2 = stream.nextInt(known.size() + archive.size());
      other = r2 < known.size() ? points[known.get(r2)] : archive.get(r2 - known.size());
    } while (other == parent || other == points[r1]);

    double[] state = Arrays.copyOf(parent, n + 2);
    int always = stream.nextInt(n);
    for (int j = 0; j < n; j++) {
      if (stream.nextDouble() < cr || j == always) {
        double x = parent[j] + f * (best[j] - parent[j]) + f * (points[r1][j] - other[j]);
        state[j] = x < 0 ? parent[j] / 2 : x > 1 ? (parent[j] + 1) / 2 : x;
      }
    }
    state[n] = f;
    state[n + 1] = cr;
    return state;
  }

  /** Returns one of the best members; those without a score come last. */
  private int attractor(List<Integer> known, RandomStream stream) {
    List<Integer> ranked = new ArrayList<>(known);
    ranked.sort(Comparator.comparingDouble(i -> costs[i]));
    int scored = (int) known.stream().filter(i -> !Double.isNaN(costs[i])).count();
    int count = Math.max(2, (int) Math.rint(config.greediness() * known.size()));
    if (scored > 0) {
      count = Math.min(count, scored);
    }
    return ranked.get(stream.nextInt(count));
  }

  @Override
  void absorb(OpenTrials.Told outcome) {
    told++;
    int slot = outcome.trial().slot();
    boolean homeless = dropped[slot];
    if (homeless) {
      slot = worst();
    }
    double[] state = outcome.trial().point();
    int n = box.dimension();
    double[] point = Arrays.copyOf(state, n);
    double cost = outcome.cost();
    if (points[slot] == null) {
      points[slot] = point;
      costs[slot] = cost;
    } else if (cost <= costs[slot] || (Double.isNaN(costs[slot]) && !Double.isNaN(cost))) {
      double gain = costs[slot] - cost;
      // A rate of 0 marks a point that was not made by mutation; a violation is no size of gain.
      if (gain > 0 && !homeless && state[n] > 0 && !SingleObjective.isViolation(costs[slot])) {
        successes.add(new double[] {state[n], state[n + 1], gain});
        remember(points[slot], outcome.trial().id());
      }
      points[slot] = point;
      costs[slot] = cost;
    }
    if (!homeless) {
      free.add(slot);
    }
    toldInRound++;
    if (toldInRound >= living) {
      learn();
      toldInRound = 0;
    }
    shrink();
  }

  private int worst() {
    int worst = -1;
    for (int i = 0; i < points.length; i++) {
      if (!dropped[i]
          && points[i] != null
          && (worst < 0 || Double.compare(costs[i], costs[worst]) >= 0)) {
        worst = i;
      }
    }
    return worst;
  }

  private long known() {
    return Arrays.stream(points).filter(Objects::nonNull).count();
  }

  private void remember(double[] replaced, long id) {
    int capacity = (int) Math.rint(config.archiveRate() * living);
    if (capacity == 0) {
      return;
    }
    if (archive.size() < capacity) {
      archive.add(replaced);
    } else {
      RandomStream stream = RandomStream.of(seed, "differential evolution archive", id);
      archive.set(stream.nextInt(archive.size()), replaced);
    }
  }

  private void learn() {
    if (successes.isEmpty()) {
      return;
    }
    double f = 0;
    double f2 = 0;
    double cr = 0;
    double cr2 = 0;
    double largest = 0;
    for (double[] success : successes) {
      largest = Math.max(largest, success[2]);
    }
    for (double[] success : successes) {
      // An unbounded gain would drown the others and overflow.
      double weight = Math.min(success[2], Double.MAX_VALUE) / Math.min(largest, Double.MAX_VALUE);
      f += weight * success[0];
      f2 += weight * success[0] * success[0];
      cr += weight * success[1];
      cr2 += weight * success[1] * success[1];
    }
    memoryF[memoryAt] = f2 / f;
    memoryCr[memoryAt] = memoryCr[memoryAt] == TERMINAL || cr == 0 ? TERMINAL : cr2 / cr;
    memoryAt = (memoryAt + 1) % MEMORY;
    successes.clear();
  }

  private void shrink() {
    if (config.budget().isEmpty()) {
      return;
    }
    double done = (double) told / config.budget().getAsLong();
    int wanted =
        Math.max(
            LEAST_MEMBERS, (int) Math.rint(points.length - (points.length - LEAST_MEMBERS) * done));
    while (living > wanted && known() > LEAST_MEMBERS) {
      int worst = worst();
      dropped[worst] = true;
      points[worst] = null;
      free.remove(worst);
      living--;
    }
    while (archive.size() > Math.rint(config.archiveRate() * living)) {
      archive.remove(
          RandomStream.of(seed, "differential evolution archive", told, archive.size())
              .nextInt(archive.size()));
    }
  }

  @Override
  void settle() {
    collapsed = true;
    for (int j = 0; j < box.dimension() && collapsed; j++) {
      double low = 1;
      double high = 0;
      for (int i = 0; i < points.length && collapsed; i++) {
        if (!dropped[i]) {
          // A member that was not told yet is still to come.
          collapsed = points[i] != null && !Double.isNaN(costs[i]);
          low = Math.min(low, collapsed ? points[i][j] : low);
          high = Math.max(high, collapsed ? points[i][j] : high);
        }
      }
      collapsed &= high - low < COLLAPSED;
    }
  }
}
