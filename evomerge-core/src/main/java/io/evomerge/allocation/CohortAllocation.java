package io.evomerge.allocation;

import io.evomerge.fitness.ItemFitness;
import io.evomerge.optimizer.OptimizerFactory;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the methods have in common: candidates are compared in cohorts, and the first ones are
 * scored in full, which tells how hard each item is.
 *
 * @param <S> the method
 */
abstract class CohortAllocation<S extends CohortAllocation<S>> implements ItemAllocation {

  /** Settings of all methods. */
  record Common(int cohort, int calibration, int confirmations, boolean stratified) {

    static Common of(int calibration) {
      return new Common(32, calibration, 5, true);
    }
  }

  final Common common;

  CohortAllocation(Common common) {
    this.common = common;
  }

  abstract S with(Common changed);

  abstract Schedule schedule(int itemCount, long seed, boolean maximize);

  /** Refuses settings that a task of so many items cannot fulfil. */
  abstract void check(int itemCount);

  abstract Map<String, String> ownSettings();

  /**
   * Limits how many candidates are compared with each other. Strategies with generations are asked
   * for all of one, others for so many.
   *
   * @param candidates at least 2; default 32
   * @throws IllegalArgumentException if it is below 2
   */
  public S cohort(int candidates) {
    atLeast("cohort", candidates, 2);
    return with(
        new Common(candidates, common.calibration, common.confirmations, common.stratified));
  }

  /**
   * Scores the first candidates in full; the cohort in which the last of them falls, too.
   *
   * @param candidates at least 1; default 1, that is the first cohort, and 26 for {@link
   *     ItemResponse}
   * @throws IllegalArgumentException if it is below 1
   */
  public S calibration(int candidates) {
    atLeast("calibration", candidates, 1);
    return with(new Common(common.cohort, candidates, common.confirmations, common.stratified));
  }

  /**
   * Sets how many of the candidates that lead by estimates are scored in full at the end; what the
   * optimiser recommends is scored besides.
   *
   * @param candidates at least 1; default 5
   * @throws IllegalArgumentException if it is below 1
   */
  public S confirmations(int candidates) {
    atLeast("confirmations", candidates, 1);
    return with(new Common(common.cohort, common.calibration, candidates, common.stratified));
  }

  /**
   * Sets whether subsets hold easy and hard items in equal shares: items in the order of their mean
   * scores are cut into as many strata as items are wanted, and each gives one at random.
   *
   * @param stratified default true; otherwise items are drawn uniformly
   */
  public S stratified(boolean stratified) {
    return with(new Common(common.cohort, common.calibration, common.confirmations, stratified));
  }

  @Override
  public final Map<String, String> settings() {
    Map<String, String> settings = new TreeMap<>(ownSettings());
    settings.put("cohort", Integer.toString(common.cohort));
    settings.put("calibration", Integer.toString(common.calibration));
    settings.put("confirmations", Integer.toString(common.confirmations));
    settings.put("stratified", Boolean.toString(common.stratified));
    return Map.copyOf(settings);
  }

  @Override
  public final OptimizerFactory over(OptimizerFactory inner, int itemCount, ItemFitness.Mean mean) {
    atLeast("itemCount", itemCount, 1);
    check(itemCount);
    // Cohorts fix how asks and outcomes follow each other.
    return new CohortFactory(this, inner.immediate(), itemCount, mean);
  }

  static void atLeast(String name, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " " + value + " must be at least " + least);
    }
  }

  static void share(String name, double value) {
    if (!(value > 0 && value <= 1)) {
      throw new IllegalArgumentException(name + " " + value + " must be above 0 and at most 1");
    }
  }

  static void requireItems(String name, int wanted, int itemCount) {
    if (wanted > itemCount) {
      throw new IllegalArgumentException(
          name
              + " asks for "
              + wanted
              + " items, the fitness has "
              + itemCount
              + "; ask for fewer, or leave the allocation out");
    }
  }

  /** Returns how many items a share is, at least 1. */
  static int count(double share, int itemCount) {
    return Math.max(1, (int) Math.round(share * itemCount));
  }

  @Override
  public final String toString() {
    return name() + new TreeMap<>(settings());
  }
}
