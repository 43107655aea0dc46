package io.evomerge.allocation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.allocation.Cohort.Member;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.Proposal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Takes a cohort from an optimiser, has it scored in rounds on subsets of the items, and tells the
 * optimiser what comes of it.
 *
 * <p>Within, scores are gains: higher is better, and a geometric mean is arithmetic.
 */
final class CohortOptimizer implements EstimatingOptimizer, AutoCloseable {

  /** Standard errors that an estimate is lowered by before leaders are compared. */
  private static final double ERRORS = 2;

  private final CohortFactory factory;
  private final Optimizer inner;
  private final Direction direction;
  private final long seed;
  private final Schedule schedule;
  private long cohorts;
  private @Nullable Cohort cohort;
  private int round;
  private List<OpenTrial> rung = List.of();
  private long firstId;
  private int asked;
  private int missing;
  private List<Leader> leaders = List.of();

  /** A candidate with a gain that it surely has: lucky estimates on few items lead nothing. */
  record Leader(Estimate estimate, double bound) {}

  CohortOptimizer(CohortFactory factory, Optimizer inner, Direction direction, long seed) {
    this.factory = factory;
    this.inner = inner;
    this.direction = direction;
    this.seed = seed;
    schedule =
        factory.allocation().schedule(factory.itemCount(), seed, direction == Direction.MAXIMIZE);
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
    if (cohort == null) {
      openCohort();
    }
    List<Proposal> proposals = new ArrayList<>();
    while (proposals.size() < max && asked < rung.size()) {
      OpenTrial trial = rung.get(asked);
      proposals.add(new Proposal(firstId + asked, trial.member.genome, trial.items));
      asked++;
    }
    return List.copyOf(proposals);
  }

  private void openCohort() {
    int limit = factory.allocation().common.cohort();
    List<Member> members = new ArrayList<>();
    while (members.size() < limit && !inner.isDone()) {
      List<Proposal> more = inner.ask(limit - members.size());
      if (more.isEmpty()) {
        break;
      }
      more.forEach(one -> members.add(new Member(one.id(), one.genome(), factory.itemCount())));
    }
    if (members.isEmpty()) {
      return;
    }
    boolean calibrating =
        schedule.calibrated() < factory.allocation().common.calibration()
            || schedule.recalibrates(cohorts);
    Cohort opened = new Cohort(cohorts++, members, calibrating);
    cohort = opened;
    round = 0;
    advance(opened);
  }

  /** Starts the next round, or tells the optimiser what the cohort has come to. */
  private void advance(Cohort current) {
    @Nullable ItemSubset[] next;
    if (current.calibrating) {
      next =
          round == 0
              ? Schedule.all(current, current.members, ItemSubset.all())
              : Schedule.none(current);
    } else {
      next = schedule.next(current, round);
    }
    List<OpenTrial> trials = new ArrayList<>();
    for (int i = 0; i < next.length; i++) {
      ItemSubset items = next[i];
      if (items != null) {
        trials.add(new OpenTrial(current.members.get(i), items));
      }
    }
    firstId += asked;
    asked = 0;
    rung = trials;
    missing = trials.size();
    if (trials.isEmpty()) {
      conclude(current);
    }
  }

  private void conclude(Cohort current) {
    cohort = null;
    double[] estimates = schedule.conclude(current);
    double[] errors = schedule.errors();
    List<Evaluation> evaluations = new ArrayList<>();
    List<Leader> candidates = new ArrayList<>(leaders);
    for (int i = 0; i < estimates.length; i++) {
      Member member = current.members.get(i);
      Outcome outcome;
      if (member.infeasible != null) {
        outcome = new Outcome.Infeasible(member.infeasible);
      } else if (Double.isNaN(estimates[i])) {
        outcome = new Outcome.Failed("not scored");
      } else {
        double score = score(estimates[i]);
        outcome = Outcome.Scored.of(score);
        candidates.add(
            new Leader(
                new Estimate(member.trial, member.genome, score, known(member)),
                estimates[i] - ERRORS * errors[i]));
      }
      evaluations.add(new Evaluation(member.innerId, outcome));
    }
    candidates.sort(
        Comparator.comparingDouble((Leader leader) -> -leader.bound())
            .thenComparingLong(leader -> leader.estimate().trial()));
    leaders =
        List.copyOf(
            candidates.subList(
                0, Math.min(candidates.size(), factory.allocation().common.confirmations())));
    inner.tell(evaluations);
  }

  private static ItemSubset known(Member member) {
    if (member.known == member.gains.length) {
      return ItemSubset.all();
    }
    int[] items = new int[member.known];
    int n = 0;
    for (int item = 0; item < member.gains.length; item++) {
      if (member.knows(item)) {
        items[n++] = item;
      }
    }
    return ItemSubset.of(items);
  }

  @Override
  public void tell(List<Evaluation> evaluations) {
    for (Evaluation one : evaluations) {
      requireProposed(one.id());
      if (one.outcome() instanceof Outcome.Scored scored && scored.fitness().size() != 1) {
        throw new IllegalArgumentException(
            "trial "
                + one.id()
                + " was told "
                + scored.fitness().size()
                + " scores, the search has 1 objective");
      }
    }
    for (Evaluation one : evaluations) {
      // A whole round told moves firstId on: what comes twice is then an old trial.
      if (one.id() >= firstId) {
        OpenTrial trial = rung.get((int) (one.id() - firstId));
        if (!trial.told) {
          take(trial, one.outcome());
          missing--;
        }
      }
    }
    Cohort current = cohort;
    if (current != null && missing == 0 && asked == rung.size()) {
      endRound(current);
    }
  }

  private void requireProposed(long id) {
    if (id < 0 || id >= firstId + asked) {
      throw new IllegalArgumentException(
          "trial "
              + id
              + " was never proposed; "
              + (firstId + asked == 0
                  ? "nothing was asked yet"
                  : "ids so far are 0 to " + (firstId + asked - 1)));
    }
  }

  private void endRound(Cohort current) {
    for (int k = 0; k < rung.size(); k++) {
      OpenTrial trial = rung.get(k);
      if (trial.member.trial < 0) {
        trial.member.trial = firstId + k;
      }
      trial.into(schedule.weights);
    }
    round++;
    advance(current);
  }

  private void take(OpenTrial trial, Outcome outcome) {
    trial.told = true;
    if (outcome instanceof Outcome.Infeasible infeasible) {
      trial.infeasible = infeasible.reason();
      return;
    }
    if (outcome instanceof Outcome.Scored scored) {
      Fitness fitness = scored.fitness().get(0);
      int count = trial.items.isAll() ? factory.itemCount() : trial.items.size();
      double[] items = fitness.items();
      if (items.length == 0) {
        // A score without items stands for each of them.
        items = new double[count];
        Arrays.fill(items, fitness.score());
      }
      double[] gains = new double[items.length];
      Arrays.setAll(gains, gainsOf(items));
      if (items.length == count
          && Double.isFinite(fitness.score())
          && Arrays.stream(gains).allMatch(Double::isFinite)) {
        trial.gains = gains;
        trial.weights = fitness.weights();
      }
    }
  }

  private IntToDoubleFunction gainsOf(double[] items) {
    boolean geometric = factory.mean() == ItemFitness.Mean.GEOMETRIC;
    double sign = direction == Direction.MAXIMIZE ? 1 : -1;
    return i -> sign * (geometric ? StrictMath.log(items[i]) : items[i]);
  }

  private double score(double gain) {
    double mean = direction == Direction.MAXIMIZE ? gain : -gain;
    return factory.mean() == ItemFitness.Mean.GEOMETRIC ? StrictMath.exp(mean) : mean;
  }

  @Override
  public boolean isDone() {
    return cohort == null && inner.isDone();
  }

  @Override
  public Optional<Genome> recommendation() {
    return inner.recommendation();
  }

  @Override
  public List<Estimate> leaders() {
    return leaders.stream().map(Leader::estimate).toList();
  }

  @Override
  public String snapshot() {
    ObjectNode node = CohortSnapshot.begin(factory, inner.snapshot());
    node.put("seed", seed)
        .put("cohorts", cohorts)
        .put("firstId", firstId)
        .put("asked", asked)
        .put("round", round);
    schedule.save(node.putObject("schedule"));
    ArrayNode best = node.putArray("leaders");
    leaders.forEach(one -> CohortSnapshot.putLeader(best.addObject(), one));
    Cohort current = cohort;
    if (current != null) {
      CohortSnapshot.putCohort(node.putObject("cohort"), current);
      ArrayNode open = node.putArray("rung");
      rung.forEach(trial -> trial.save(open.addObject(), current.members.indexOf(trial.member)));
    }
    return node.toString();
  }

  void load(JsonNode from) {
    cohorts = CohortSnapshot.field(from, "cohorts").asLong();
    firstId = CohortSnapshot.field(from, "firstId").asLong();
    asked = CohortSnapshot.field(from, "asked").asInt();
    round = CohortSnapshot.field(from, "round").asInt();
    schedule.load(CohortSnapshot.field(from, "schedule"));
    List<Leader> best = new ArrayList<>();
    CohortSnapshot.field(from, "leaders").forEach(one -> best.add(CohortSnapshot.leader(one)));
    leaders = List.copyOf(best);
    if (from.has("cohort")) {
      Cohort current = CohortSnapshot.cohort(from.get("cohort"), factory.itemCount());
      List<OpenTrial> trials = new ArrayList<>();
      for (JsonNode one : CohortSnapshot.field(from, "rung")) {
        trials.add(OpenTrial.load(one, current));
      }
      cohort = current;
      rung = trials;
      missing = (int) trials.stream().filter(trial -> !trial.told).count();
    }
  }

  @Override
  public void close() {
    if (inner instanceof AutoCloseable closeable) {
      try {
        closeable.close();
      } catch (Exception e) {
        throw new IllegalStateException("closing '" + inner.name() + "' failed", e);
      }
    }
  }
}
