package io.evomerge.run;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * How far a search is; a snapshot.
 *
 * @param evaluations trials finished, failed and cached ones included
 * @param itemEvaluations items scored in them, cached trials left out; a fitness without item
 *     scores counts as one item, a failed trial as none
 * @param failed trials that failed
 * @param cached trials whose recipe had been scored before
 * @param best best score on the first objective so far, of trials scored on all items
 * @param bestTrial number of the trial that has it
 * @param recentMean mean score of the last trials on the first objective, at most 20
 * @param evaluationsPerSecond in this process, since it started
 * @param elapsed time spent, earlier parts of a resumed search included
 * @param evaluationLimit the number of trials after which the search ends at the latest, if fixed
 */
public record Progress(
    long evaluations,
    long itemEvaluations,
    long failed,
    long cached,
    OptionalDouble best,
    OptionalLong bestTrial,
    OptionalDouble recentMean,
    double evaluationsPerSecond,
    Duration elapsed,
    OptionalLong evaluationLimit) {

  /** Returns the time to the end of the budget at the present pace, if the budget is fixed. */
  public Optional<Duration> remaining() {
    if (evaluationLimit.isEmpty() || evaluationsPerSecond <= 0) {
      return Optional.empty();
    }
    double seconds = (evaluationLimit.getAsLong() - evaluations) / evaluationsPerSecond;
    return Optional.of(Duration.ofMillis(Math.max(0, (long) (seconds * 1000))));
  }
}
