package io.evomerge.allocation;

import io.evomerge.fitness.ItemSubset;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Each cohort is scored on a random subset of its own, the same for all its candidates; immutable
 * and thread-safe.
 *
 * <p>Common random numbers: what an item adds to all candidates alike cancels in their comparison,
 * and a new subset for each generation keeps the search from fitting one (as minibatches do; with
 * evolution strategies e.g. Salimans et al. 2017, arXiv 1703.03864). The optimiser is told the
 * subset's mean, put on one level with other cohorts by how hard the items were for others.
 */
public final class CommonSubset extends CohortAllocation<CommonSubset> {

  static final CommonSubset DEFAULT = new CommonSubset(Common.of(1), 0.25);

  private final double share;

  private CommonSubset(Common common, double share) {
    super(common);
    this.share = share;
  }

  @Override
  CommonSubset with(Common changed) {
    return new CommonSubset(changed, share);
  }

  /**
   * Sets the size of the subset.
   *
   * @param share of all items, above 0, at most 1; default 0.25
   * @throws IllegalArgumentException if it is outside
   */
  public CommonSubset share(double share) {
    share("share", share);
    return new CommonSubset(common, share);
  }

  @Override
  public String name() {
    return "common-subset";
  }

  @Override
  Map<String, String> ownSettings() {
    return Map.of("share", Double.toString(share));
  }

  @Override
  void check(int itemCount) {}

  @Override
  Schedule schedule(int itemCount, long seed, boolean maximize) {
    return new Schedule(itemCount, seed, common.stratified()) {
      @Override
      @Nullable ItemSubset[] next(Cohort cohort, int round) {
        return round == 0
            ? all(
                cohort,
                cohort.sound(),
                draw(cohort.number, 0, cohort.unused(itemCount), count(share, itemCount)))
            : none(cohort);
      }
    };
  }
}
