package io.evomerge.run;

import com.google.common.base.Preconditions;
import io.evomerge.fitness.Direction;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Decides when a search ends; asked after each trial, in the order of their numbers.
 *
 * <p>Conditions on trials and scores are reproducible; {@link #elapsed} is not, by nature.
 */
public interface StopCondition {

  /**
   * Returns why the search should end now, or empty to go on.
   *
   * @param progress after the latest trial
   */
  Optional<String> check(Progress progress);

  /** Returns the number of trials after which it holds at the latest, if that is fixed. */
  default OptionalLong evaluationLimit() {
    return OptionalLong.empty();
  }

  /**
   * Ends the search when either condition holds.
   *
   * @param other the other condition
   */
  default StopCondition or(StopCondition other) {
    StopCondition self = this;
    return new StopCondition() {
      @Override
      public Optional<String> check(Progress progress) {
        Optional<String> reason = self.check(progress);
        return reason.isPresent() ? reason : other.check(progress);
      }

      @Override
      public OptionalLong evaluationLimit() {
        OptionalLong mine = self.evaluationLimit();
        OptionalLong theirs = other.evaluationLimit();
        if (mine.isEmpty() || theirs.isEmpty()) {
          return mine.isPresent() ? mine : theirs;
        }
        return OptionalLong.of(Math.min(mine.getAsLong(), theirs.getAsLong()));
      }
    };
  }

  /**
   * Holds after so many trials, cached and failed ones included.
   *
   * @param limit at least 1
   */
  static StopCondition evaluations(long limit) {
    Preconditions.checkArgument(limit >= 1, "evaluations: got %s, wanted at least 1", limit);
    return new StopCondition() {
      @Override
      public Optional<String> check(Progress progress) {
        return progress.evaluations() >= limit
            ? Optional.of(limit + " evaluations")
            : Optional.empty();
      }

      @Override
      public OptionalLong evaluationLimit() {
        return OptionalLong.of(limit);
      }
    };
  }

  /**
   * Holds after so many item scores: {@link Progress#itemEvaluations}. Models that are scored in
   * full at the end, and those on validation data, come on top.
   *
   * @param limit at least 1
   */
  static StopCondition itemEvaluations(long limit) {
    Preconditions.checkArgument(limit >= 1, "itemEvaluations: got %s, wanted at least 1", limit);
    return progress ->
        progress.itemEvaluations() >= limit
            ? Optional.of(limit + " item evaluations")
            : Optional.empty();
  }

  /**
   * Holds when so much time has been spent, earlier parts of a resumed search included; trials that
   * are under way are finished and journalled, but do not count.
   *
   * @param limit above zero
   */
  static StopCondition elapsed(Duration limit) {
    Preconditions.checkArgument(
        !limit.isNegative() && !limit.isZero(), "elapsed: got %s, wanted more than zero", limit);
    return progress ->
        progress.elapsed().compareTo(limit) >= 0
            ? Optional.of("time limit " + limit)
            : Optional.empty();
  }

  /**
   * Holds when the first objective reaches a score.
   *
   * @param score to reach or pass, in the objective's direction
   * @param direction of the first objective
   */
  static StopCondition scoreReached(double score, Direction direction) {
    return progress ->
        progress.best().isPresent() && !direction.isBetter(score, progress.best().getAsDouble())
            ? Optional.of("score " + score + " reached")
            : Optional.empty();
  }

  /**
   * Holds when the best score has not improved for so many trials.
   *
   * @param trials at least 1
   */
  static StopCondition stagnation(long trials) {
    Preconditions.checkArgument(trials >= 1, "stagnation: got %s, wanted at least 1", trials);
    return progress ->
        progress.bestTrial().isPresent()
                && progress.evaluations() - 1 - progress.bestTrial().getAsLong() >= trials
            ? Optional.of("no improvement in " + trials + " trials")
            : Optional.empty();
  }
}
