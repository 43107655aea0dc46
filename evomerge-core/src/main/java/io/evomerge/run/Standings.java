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
  private final Comparator<Outcome.Scored> order;
  private final List<TrialRecord> trials = new ArrayList<>();
  private final List<TrialRecord> leaders = new ArrayList<>();
  private final List<Recommendation> recommendations = new ArrayList<>();
  private final Deque<Double> recent = new ArrayDeque<>();
  private final Map<String, Integer> failures = new LinkedHashMap<>();
  private int failuresInARow;
  private @Nullable String firstFailure;
  private long failed;
  private long sinceBest;

  /** A point that the optimiser recommended, and the last trial before it did. */
  record Recommendation(Genome genome, long afterTrial) {}

  Standings(List<Objective> objectives) {
    this.directions = objectives.stream().map(Objective::direction).toList();
    this.order = Outcome.Scored.order(directions);
  }

  /** Enters the next trial; returns whether it leads from now on. */
  boolean enter(TrialRecord trial) {
    trials.add(trial);
    sinceBest++;
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
    Optional<TrialRecord> best = best();
    boolean leads = best.isEmpty() || order.compare(scored(trial), scored(best.get())) < 0;
    if (leads) {
      sinceBest = 0;
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

  /** Returns the score of the leader, if that violates no constraint. */
  OptionalDouble bestScore() {
    return best()
        .filter(best -> scored(best).isFeasible())
        .map(Standings::score)
        .orElse(OptionalDouble.empty());
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
    return trials.stream()
        .filter(Standings::exact)
        .sorted(Comparator.comparing(Standings::scored, order).thenComparingLong(TrialRecord::id))
        .toList();
  }

  /** Returns the trials that no other beats on every objective, in the order of their rank. */
  List<TrialRecord> front() {
    List<TrialRecord> ranked = ranked();
    return ranked.stream()
        .filter(
            trial ->
                ranked.stream()
                    .noneMatch(other -> scored(other).dominates(scored(trial), directions)))
        .toList();
  }

  static Outcome.Scored scored(TrialRecord trial) {
    return (Outcome.Scored) trial.outcome();
  }

  OptionalDouble recentMean() {
    return recent.stream().mapToDouble(Double::doubleValue).average();
  }

  /** Returns the number of trials entered after the best one. */
  long sinceBest() {
    return sinceBest;
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
