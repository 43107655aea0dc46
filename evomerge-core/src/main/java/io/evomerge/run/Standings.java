package io.evomerge.run;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Objective;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.result.TrialRecord;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/** What the trials told so far amount to: who leads, who led, what failed. One thread. */
final class Standings {

  private static final int RECENT = 20;

  private final List<Direction> directions;
  private final Direction direction;
  private final List<TrialRecord> trials = new ArrayList<>();
  private final List<TrialRecord> leaders = new ArrayList<>();
  private final List<Recommendation> recommendations = new ArrayList<>();
  private final Deque<Double> recent = new ArrayDeque<>();
  private final Map<String, Integer> failures = new LinkedHashMap<>();
  private int failuresInARow;
  private @Nullable String firstFailure;
  private long failed;

  /** A point that the optimiser recommended, and the last trial before it did. */
  record Recommendation(Genome genome, long afterTrial) {}

  Standings(List<Objective> objectives) {
    this.directions = objectives.stream().map(Objective::direction).toList();
    this.direction = directions.get(0);
  }

  /** Enters the next trial; returns whether it leads from now on. */
  boolean enter(TrialRecord trial) {
    trials.add(trial);
    if (trial.outcome() instanceof Outcome.Failed failure) {
      failed++;
      failures.merge(failure.reason(), 1, Integer::sum);
      if (failuresInARow++ == 0) {
        firstFailure = failure.reason();
      }
      return false;
    }
    failuresInARow = 0;
    OptionalDouble score = score(trial);
    if (score.isEmpty()) {
      return false;
    }
    recent.addLast(score.getAsDouble());
    if (recent.size() > RECENT) {
      recent.removeFirst();
    }
    if (!exact(trial)) {
      return false;
    }
    OptionalDouble bestScore = bestScore();
    boolean leads =
        bestScore.isEmpty() || direction.isBetter(score.getAsDouble(), bestScore.getAsDouble());
    if (leads) {
      leaders.add(trial);
    }
    return leads;
  }

  /** Notes what the optimiser recommends now, if it is something new. */
  void recommend(Genome genome, long afterTrial) {
    if (recommendations.isEmpty()
        || !genome.equals(recommendations.get(recommendations.size() - 1).genome())) {
      recommendations.add(new Recommendation(genome, afterTrial));
    }
  }

  static OptionalDouble score(TrialRecord trial) {
    return trial.outcome() instanceof Outcome.Scored scores
        ? OptionalDouble.of(scores.fitness().get(0).score())
        : OptionalDouble.empty();
  }

  /** Scores on some of the items are not comparable with those on others: they lead nothing. */
  private static boolean exact(TrialRecord trial) {
    return trial.outcome() instanceof Outcome.Scored scores
        && scores.fitness().stream().allMatch(Fitness::exact);
  }

  Optional<TrialRecord> best() {
    return leaders.isEmpty() ? Optional.empty() : Optional.of(leaders.get(leaders.size() - 1));
  }

  OptionalDouble bestScore() {
    return best().map(Standings::score).orElse(OptionalDouble.empty());
  }

  List<TrialRecord> trials() {
    return Collections.unmodifiableList(trials);
  }

  /** Returns the trials that led when they were entered, the earliest first. */
  List<TrialRecord> leaders() {
    return Collections.unmodifiableList(leaders);
  }

  /** Returns what was recommended after a trial: what comes before is the start, and no finding. */
  List<Recommendation> recommendations() {
    return recommendations.stream().filter(one -> one.afterTrial() >= 0).toList();
  }

  /** Returns the trials scored on all items, the best first; among equals the earlier one. */
  List<TrialRecord> ranked() {
    Comparator<TrialRecord> order =
        Comparator.comparingDouble((TrialRecord trial) -> score(trial).getAsDouble());
    if (direction == Direction.MAXIMIZE) {
      order = order.reversed();
    }
    return trials.stream()
        .filter(Standings::exact)
        .sorted(order.thenComparingLong(TrialRecord::id))
        .toList();
  }

  /** Returns the trials that no other beats on every objective, in the order of their rank. */
  List<TrialRecord> front() {
    List<TrialRecord> ranked = ranked();
    return ranked.stream()
        .filter(
            trial -> ranked.stream().noneMatch(other -> dominates(fitness(other), fitness(trial))))
        .toList();
  }

  static List<Fitness> fitness(TrialRecord scored) {
    return ((Outcome.Scored) scored.outcome()).fitness();
  }

  private boolean dominates(List<Fitness> a, List<Fitness> b) {
    boolean better = false;
    for (int i = 0; i < a.size(); i++) {
      if (directions.get(i).isBetter(b.get(i).score(), a.get(i).score())) {
        return false;
      }
      better |= directions.get(i).isBetter(a.get(i).score(), b.get(i).score());
    }
    return better;
  }

  OptionalDouble recentMean() {
    return recent.stream().mapToDouble(Double::doubleValue).average();
  }

  long failed() {
    return failed;
  }

  /** Returns how often each reason made a trial fail. */
  Map<String, Integer> failures() {
    return Collections.unmodifiableMap(failures);
  }

  int failuresInARow() {
    return failuresInARow;
  }

  /** Returns why the first trial of the latest row of failures failed. */
  Optional<String> firstFailure() {
    return Optional.ofNullable(firstFailure);
  }
}
