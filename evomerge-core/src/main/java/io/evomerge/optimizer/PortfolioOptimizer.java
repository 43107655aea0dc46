package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The state of {@link Portfolio}. */
final class PortfolioOptimizer implements Optimizer {

  private static final Logger LOG = LoggerFactory.getLogger(PortfolioOptimizer.class);

  private static final int SNAPSHOT_VERSION = 1;

  /** Besides one per gene: the trials every member has before ranks count. */
  private static final int WARM_UP = 10;

  /** Limits what a member that waited long may catch up on. */
  private static final double MOST_CREDIT = 8;

  /** A strategy and what it has achieved in its present run. */
  private static final class Member {

    final int index;
    final OptimizerFactory factory;
    Optimizer optimizer;
    long run;

    /** Trials of all runs. */
    long asked;

    double best = Double.NaN;
    double credit;

    Member(int index, OptimizerFactory factory, Optimizer optimizer) {
      this.index = index;
      this.factory = factory;
      this.optimizer = optimizer;
    }
  }

  /** Members by the best cost of their runs, those without a score last, then by place. */
  private static final Comparator<Member> BEST_FIRST = Comparator.comparingDouble(m -> m.best);

  /** Whose trial it is. */
  private record Owner(int member, long run, long id) {}

  private final Portfolio config;
  private final SearchSpace space;
  private final List<Direction> directions;
  private final Direction direction;
  private final long seed;
  private final List<Member> members = new ArrayList<>();
  private final TreeMap<Long, Owner> open = new TreeMap<>();
  private long nextId;

  PortfolioOptimizer(Portfolio config, SearchSpace space, List<Direction> directions, long seed) {
    this.config = config;
    this.space = space;
    this.directions = List.copyOf(directions);
    this.direction = SingleObjective.direction(config, directions);
    this.seed = seed;
    List<OptimizerFactory> factories = config.members(space);
    for (int i = 0; i < factories.size(); i++) {
      OptimizerFactory factory = factories.get(i);
      members.add(new Member(i, factory, start(factory, i, 0)));
    }
  }

  private Optimizer start(OptimizerFactory factory, int index, long run) {
    long own = RandomStream.of(seed, "portfolio member", index, run).nextLong();
    return factory.create(space, directions, own);
  }

  static PortfolioOptimizer restore(
      Portfolio config, SearchSpace space, List<Direction> directions, String snapshot) {
    Snapshot.Reader from = Snapshot.open(snapshot, config, SNAPSHOT_VERSION, space, directions);
    PortfolioOptimizer loaded =
        new PortfolioOptimizer(config, space, directions, from.integer64("seed"));
    loaded.load(from);
    return loaded;
  }

  private void load(Snapshot.Reader from) {
    nextId = from.integer64("nextId");
    List<Snapshot.Reader> states = from.children("members");
    if (states.size() != members.size()) {
      throw new IllegalArgumentException(
          "snapshot: " + states.size() + " members, the portfolio has " + members.size());
    }
    for (Member member : members) {
      Snapshot.Reader state = states.get(member.index);
      member.run = state.integer64("run");
      member.asked = state.integer64("asked");
      member.best = state.cost();
      member.credit = state.number("credit");
      member.optimizer = member.factory.restore(space, directions, state.text("state"));
    }
    for (Snapshot.Reader entry : from.children("open")) {
      long id = entry.integer64("id");
      SingleObjective.requireProposed(id, nextId);
      int member = entry.integer("member");
      if (member < 0 || member >= members.size()) {
        throw new IllegalArgumentException("snapshot: there is no member " + member);
      }
      open.put(id, new Owner(member, entry.integer64("run"), entry.integer64("own")));
    }
  }

  @Override
  public String snapshot() {
    ObjectNode node = Snapshot.begin(config, SNAPSHOT_VERSION, space, directions, seed);
    node.put("nextId", nextId);
    ArrayNode states = node.putArray("members");
    for (Member member : members) {
      ObjectNode state =
          states
              .addObject()
              .put("run", member.run)
              .put("asked", member.asked)
              .put("credit", member.credit)
              .put("state", member.optimizer.snapshot());
      Snapshot.putCost(state, member.best);
    }
    ArrayNode trials = node.putArray("open");
    open.forEach(
        (id, owner) ->
            trials
                .addObject()
                .put("id", id)
                .put("member", owner.member())
                .put("run", owner.run())
                .put("own", owner.id()));
    return node.toString();
  }

  @Override
  public String name() {
    return config.name();
  }

  @Override
  public List<Proposal> ask(int max) {
    OpenTrials.requirePositive(max);
    List<Proposal> proposals = new ArrayList<>();
    while (proposals.size() < max) {
      Proposal proposal = askOne();
      if (proposal == null) {
        break;
      }
      proposals.add(proposal);
    }
    return List.copyOf(proposals);
  }

  private @Nullable Proposal askOne() {
    double[] due = shares();
    for (Member member : members) {
      due[member.index] += member.credit;
    }
    List<Member> order = new ArrayList<>(members);
    order.sort(Comparator.comparingDouble((Member m) -> -due[m.index]));
    for (Member member : order) {
      restartIfDone(member);
      List<Proposal> own = member.optimizer.ask(1);
      if (!own.isEmpty()) {
        due[member.index]--;
        for (Member other : members) {
          other.credit = Math.min(MOST_CREDIT, Math.max(-MOST_CREDIT, due[other.index]));
        }
        member.asked++;
        open.put(nextId, new Owner(member.index, member.run, own.get(0).id()));
        return new Proposal(nextId++, own.get(0).genome());
      }
    }
    return null;
  }

  /** Returns what share of the next trials every member is due. */
  private double[] shares() {
    long warmUp = WARM_UP + space.dimension();
    double[] shares = new double[members.size()];
    List<Member> fresh = members.stream().filter(m -> m.asked < warmUp).toList();
    if (!fresh.isEmpty()) {
      fresh.forEach(member -> shares[member.index] = 1.0 / fresh.size());
      return shares;
    }
    List<Member> ranked = new ArrayList<>(members);
    ranked.sort(BEST_FIRST);
    double left = 1;
    for (Member member : ranked.subList(0, ranked.size() - 1)) {
      shares[member.index] = left * config.leaderShare();
      left -= shares[member.index];
    }
    shares[ranked.get(ranked.size() - 1).index] = left;
    return shares;
  }

  private void restartIfDone(Member member) {
    if (member.optimizer.isDone()) {
      member.run++;
      member.optimizer = start(member.factory, member.index, member.run);
      member.best = Double.NaN;
      LOG.debug(
          "portfolio: {} is done and starts again, run {} after {} of {} trials",
          member.factory.name(),
          member.run,
          member.asked,
          nextId);
    }
  }

  @Override
  public void tell(List<Evaluation> evaluations) {
    for (Evaluation evaluation : evaluations) {
      SingleObjective.requireProposed(evaluation.id(), nextId);
      SingleObjective.cost(evaluation, direction);
    }
    for (Evaluation evaluation : evaluations) {
      Owner owner = open.remove(evaluation.id());
      if (owner == null || members.get(owner.member()).run != owner.run()) {
        continue;
      }
      Member member = members.get(owner.member());
      double cost = SingleObjective.cost(evaluation, direction) + 0.0;
      member.best = Double.isNaN(member.best) || cost < member.best ? cost : member.best;
      member.optimizer.tell(List.of(new Evaluation(owner.id(), evaluation.outcome())));
    }
  }

  @Override
  public boolean isDone() {
    return false;
  }

  @Override
  public Optional<Genome> recommendation() {
    Member leader = Collections.min(members, BEST_FIRST);
    return leader.optimizer.recommendation();
  }
}
