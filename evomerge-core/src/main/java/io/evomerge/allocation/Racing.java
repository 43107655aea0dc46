package io.evomerge.allocation;

import io.evomerge.allocation.Cohort.Member;
import io.evomerge.allocation.Cohort.Verdict;
import io.evomerge.fitness.ItemSubset;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.apache.commons.math3.distribution.TDistribution;
import org.jspecify.annotations.Nullable;

/**
 * The candidates of a cohort are scored block by block until it is clear which are its best part;
 * immutable and thread-safe.
 *
 * <p>After each block, candidates are compared with the last of the best part so far (those
 * outside) or with the first outside it (those inside), by the differences x<sub>1..n</sub> of
 * their scores on the n items that both were scored on. One whose mean difference exceeds the
 * half-width h of a confidence interval is accepted or rejected, and scored no further. With s the
 * standard deviation of the differences, N items in all and f = sqrt(1 - n/N), as items are drawn
 * without replacement:
 *
 * <ul>
 *   <li>{@link Bound#STUDENT_T}: h = t<sub>n-1, 1-delta</sub> f s / sqrt(n), as F-Race does with
 *       ranks (Birattari et al. 2002);
 *   <li>{@link Bound#EMPIRICAL_BERNSTEIN}: h = f s sqrt(2 ln(3/delta) / n) + 3 R ln(3/delta) / n
 *       with R the range of the differences seen (Audibert, Munos, Szepesvari 2009, doi
 *       10.1016/j.tcs.2009.01.016).
 * </ul>
 *
 * <p>Races for the selection of an evolution strategy: Heidrich-Meisner, Igel, "Hoeffding and
 * Bernstein Races for Selecting Policies in Evolutionary Direct Policy Search", ICML 2009. As
 * there, the error level holds for one comparison, and a limit ends races between equals. Those
 * scored no further are told with what they scored relative to the last ones on the items that they
 * have in common, so the order of all of them is the best known.
 */
public final class Racing extends CohortAllocation<Racing> {

  /** Which confidence interval decides. */
  public enum Bound {
    /** Paired Student t: tight, and right for means of some twenty items and more. */
    STUDENT_T,
    /** Empirical Bernstein: holds for any bounded scores, and takes several times the items. */
    EMPIRICAL_BERNSTEIN
  }

  static final Racing DEFAULT = new Racing(Common.of(1), 0.1, 0.1, 0.5, 0.5, 0.1, Bound.STUDENT_T);

  private final double first;
  private final double block;
  private final double limit;
  private final double select;
  private final double delta;
  private final Bound bound;

  private Racing(
      Common common,
      double first,
      double block,
      double limit,
      double select,
      double delta,
      Bound bound) {
    super(common);
    this.first = first;
    this.block = block;
    this.limit = limit;
    this.select = select;
    this.delta = delta;
    this.bound = bound;
  }

  @Override
  Racing with(Common changed) {
    return new Racing(changed, first, block, limit, select, delta, bound);
  }

  /**
   * Sets how many items the first block has.
   *
   * @param share of all items, above 0, at most 1; default 0.1
   * @throws IllegalArgumentException if it is outside
   */
  public Racing first(double share) {
    share("first", share);
    return new Racing(common, share, block, limit, select, delta, bound);
  }

  /**
   * Sets how many items the further blocks have. Each block merges the candidate anew: small blocks
   * save items, large ones merges.
   *
   * @param share of all items, above 0, at most 1; default 0.1
   * @throws IllegalArgumentException if it is outside
   */
  public Racing block(double share) {
    share("block", share);
    return new Racing(common, first, share, limit, select, delta, bound);
  }

  /**
   * Sets on how many items a candidate is scored at most.
   *
   * @param share of all items, above 0, at most 1; default 0.5
   * @throws IllegalArgumentException if it is outside
   */
  public Racing limit(double share) {
    share("limit", share);
    return new Racing(common, first, block, share, select, delta, bound);
  }

  /**
   * Sets how large the best part is that a race is to find.
   *
   * @param share of the cohort, above 0, at most 1; default 0.5, the parents of CMA-ES; at least
   *     one candidate, so that a small share makes a race for the first place
   * @throws IllegalArgumentException if it is outside
   */
  public Racing select(double share) {
    share("select", share);
    return new Racing(common, first, block, limit, share, delta, bound);
  }

  /**
   * Sets the chance of a wrong decision in one comparison.
   *
   * @param delta above 0 and below 0.5; default 0.1
   * @throws IllegalArgumentException if it is outside
   */
  public Racing delta(double delta) {
    if (!(delta > 0 && delta < 0.5)) {
      throw new IllegalArgumentException("delta " + delta + " must be above 0 and below 0.5");
    }
    return new Racing(common, first, block, limit, select, delta, bound);
  }

  /**
   * Sets which confidence interval decides.
   *
   * @param bound default {@link Bound#STUDENT_T}
   */
  public Racing bound(Bound bound) {
    return new Racing(common, first, block, limit, select, delta, bound);
  }

  @Override
  public String name() {
    return "racing";
  }

  @Override
  Map<String, String> ownSettings() {
    return Map.of(
        "first", Double.toString(first),
        "block", Double.toString(block),
        "limit", Double.toString(limit),
        "select", Double.toString(select),
        "delta", Double.toString(delta),
        "bound", bound.name());
  }

  @Override
  void check(int itemCount) {
    requireItems("a race on pairs of items", 2, itemCount);
  }

  @Override
  Schedule schedule(int itemCount, long seed, boolean maximize) {
    return new Race(itemCount, seed);
  }

  private final class Race extends Schedule {

    Race(int itemCount, long seed) {
      super(itemCount, seed, common.stratified());
    }

    @Override
    @Nullable ItemSubset[] next(Cohort cohort, int round) {
      int start = Math.max(2, count(first, itemCount));
      int most = Math.max(start, count(limit, itemCount));
      int[] unused = cohort.unused(itemCount);
      int used = itemCount - unused.length;
      if (round == 0) {
        return all(cohort, cohort.sound(), draw(cohort.number, 0, unused, start));
      }
      judge(cohort);
      List<Member> open =
          cohort.sound().stream().filter(member -> member.verdict == Verdict.OPEN).toList();
      if (used >= most || open.isEmpty()) {
        return none(cohort);
      }
      int wanted = Math.min(most - used, count(block, itemCount));
      return all(cohort, open, draw(cohort.number, round, unused, wanted));
    }

    private void judge(Cohort cohort) {
      int places = Math.max(1, (int) Math.round(select * cohort.members.size()));
      int taken =
          (int) cohort.sound().stream().filter(one -> one.verdict == Verdict.ACCEPTED).count();
      List<Member> open =
          cohort.sound().stream()
              .filter(member -> member.verdict == Verdict.OPEN)
              .sorted(Comparator.comparingDouble((Member member) -> -mean(member.gains)))
              .toList();
      int inside = places - taken;
      if (inside <= 0 || inside >= open.size()) {
        Verdict verdict = inside <= 0 ? Verdict.REJECTED : Verdict.ACCEPTED;
        open.forEach(member -> member.verdict = verdict);
        return;
      }
      Member last = open.get(inside - 1);
      Member next = open.get(inside);
      for (int i = 0; i < open.size(); i++) {
        Member member = open.get(i);
        if (i < inside && surelyBetter(member, next)) {
          member.verdict = Verdict.ACCEPTED;
        } else if (i >= inside && surelyBetter(last, member)) {
          member.verdict = Verdict.REJECTED;
        }
      }
    }

    private boolean surelyBetter(Member a, Member b) {
      double[] difference = minus(a.gains, b.gains);
      double mean = mean(difference);
      int n = 0;
      double total = 0;
      for (int item = 0; item < itemCount; item++) {
        if (!Double.isNaN(difference[item])) {
          n++;
          total += weights[item];
        }
      }
      double squares = 0;
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (int item = 0; item < itemCount; item++) {
        if (!Double.isNaN(difference[item])) {
          double x = weights[item] * n / total * difference[item];
          double residual = weights[item] * n / total * (difference[item] - mean);
          squares += residual * residual;
          low = Math.min(low, x);
          high = Math.max(high, x);
        }
      }
      double error = Math.sqrt(squares / (n - 1) * (1 - n / (double) itemCount) / n);
      double half =
          switch (bound) {
            case STUDENT_T ->
                // no generator: only the distribution function is asked for
                new TDistribution(null, n - 1).inverseCumulativeProbability(1 - delta) * error;
            case EMPIRICAL_BERNSTEIN -> {
              double log = StrictMath.log(3 / delta);
              yield error * Math.sqrt(2 * log) + 3 * (high - low) * log / n;
            }
          };
      return mean > half;
    }
  }
}
