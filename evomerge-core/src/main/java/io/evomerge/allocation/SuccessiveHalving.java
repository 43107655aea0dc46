package io.evomerge.allocation;

import io.evomerge.allocation.Cohort.Member;
import io.evomerge.fitness.ItemSubset;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * All of a cohort are scored on few items, the best part of them on more, and so on; immutable and
 * thread-safe.
 *
 * <p>Round r has each of the remaining candidates scored on m eta<sup>r</sup> items, the earlier
 * ones included, up to a limit; the best 1/eta of them, by the mean over these items, go on
 * (Karnin, Koren, Somekh, "Almost Optimal Exploration in Multi-Armed Bandits", ICML 2013; Jamieson,
 * Talwalkar, 2016, arXiv 1502.07943). It ends with one candidate, or when the limit is reached.
 * Those left behind are told with what they scored relative to the last ones on the items that they
 * have in common.
 */
public final class SuccessiveHalving extends CohortAllocation<SuccessiveHalving> {

  static final SuccessiveHalving DEFAULT = new SuccessiveHalving(Common.of(1), 0.125, 2, 0.5);

  private final double first;
  private final double eta;
  private final double limit;

  private SuccessiveHalving(Common common, double first, double eta, double limit) {
    super(common);
    this.first = first;
    this.eta = eta;
    this.limit = limit;
  }

  @Override
  SuccessiveHalving with(Common changed) {
    return new SuccessiveHalving(changed, first, eta, limit);
  }

  /**
   * Sets how many items the first round has.
   *
   * @param share of all items, above 0, at most 1; default 0.125
   * @throws IllegalArgumentException if it is outside
   */
  public SuccessiveHalving first(double share) {
    share("first", share);
    return new SuccessiveHalving(common, share, eta, limit);
  }

  /**
   * Sets by what the candidates are divided, and their items multiplied, from round to round.
   *
   * @param eta above 1, finite; default 2
   * @throws IllegalArgumentException if it is outside
   */
  public SuccessiveHalving eta(double eta) {
    if (!(eta > 1) || !Double.isFinite(eta)) {
      throw new IllegalArgumentException("eta " + eta + " must be above 1 and finite");
    }
    return new SuccessiveHalving(common, first, eta, limit);
  }

  /**
   * Sets on how many items a candidate is scored at most.
   *
   * @param share of all items, above 0, at most 1; default 0.5
   * @throws IllegalArgumentException if it is outside
   */
  public SuccessiveHalving limit(double share) {
    share("limit", share);
    return new SuccessiveHalving(common, first, eta, share);
  }

  @Override
  public String name() {
    return "successive-halving";
  }

  @Override
  Map<String, String> ownSettings() {
    return Map.of(
        "first", Double.toString(first),
        "eta", Double.toString(eta),
        "limit", Double.toString(limit));
  }

  @Override
  void check(int itemCount) {}

  @Override
  Schedule schedule(int itemCount, long seed, boolean maximize) {
    return new Schedule(itemCount, seed, common.stratified()) {
      @Override
      @Nullable ItemSubset[] next(Cohort cohort, int round) {
        int most = Math.max(count(limit, itemCount), count(first, itemCount));
        int[] unused = cohort.unused(itemCount);
        int used = itemCount - unused.length;
        if (round == 0) {
          return all(
              cohort, cohort.sound(), draw(cohort.number, 0, unused, count(first, itemCount)));
        }
        List<Member> remaining = cohort.foremost();
        int keep = (int) Math.ceil(remaining.size() / eta);
        if (remaining.size() <= 1 || used >= most) {
          return none(cohort);
        }
        // The sort is stable: among equals the earlier candidate stays.
        List<Member> best =
            remaining.stream()
                .sorted(Comparator.comparingDouble((Member member) -> -mean(member.gains)))
                .limit(keep)
                .toList();
        int wanted = (int) Math.min(most, Math.ceil(used * eta)) - used;
        return best.size() <= 1 && keep >= remaining.size()
            ? none(cohort)
            : all(cohort, best, draw(cohort.number, round, unused, Math.max(1, wanted)));
      }
    };
  }
}
