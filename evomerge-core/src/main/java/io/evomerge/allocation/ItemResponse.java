package io.evomerge.allocation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.allocation.Cohort.Member;
import io.evomerge.fitness.ItemSubset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The score on all items is predicted from a subset, by a model of the items that the first
 * candidates calibrate; immutable and thread-safe.
 *
 * <p>With n of N items scored, a candidate is told
 *
 * <pre>(n/N) observed + (1 - n/N) predicted</pre>
 *
 * the mean over the subset and the predicted mean over the unseen items (the p-IRT estimator of
 * Polo et al., "tinyBenchmarks", arXiv 2402.14992, used for merging by MERGE3, Mencattini et al.,
 * arXiv 2502.10436). Means are weighted as the score weighs items. The models:
 *
 * <ul>
 *   <li>{@link Model#LOGISTIC}, item response theory with two parameters per item:
 *       P<sub>j</sub>(theta) = 1 / (1 + exp(-(a<sub>j</sub> theta - b<sub>j</sub>))). Difficulties,
 *       discriminations and abilities of the calibrating candidates are their joint posterior mode
 *       under theta ~ N(0, 1), a ~ N(1, 4), b ~ N(0, 25); a candidate's ability is its posterior
 *       mode from the subset, under theta ~ N(0, 20). Scores from 0 to 1 enter as they are, 0/1 or
 *       graded; log-likelihoods per token, at most 0, as probabilities exp(s), and ln P is
 *       predicted. Others are refused. The published method also interpolates abilities of several
 *       dimensions between the sources; here ability is one number.
 *   <li>{@link Model#REGRESSION}: the mean over the unseen items is regressed on the scores of the
 *       subset, linearly, with a ridge of 0.3 times the mean squared norm of the centred
 *       calibrating candidates. It takes any scores, and follows more than one ability.
 * </ul>
 */
public final class ItemResponse extends CohortAllocation<ItemResponse> {

  /** How unseen items are predicted. */
  public enum Model {
    /** Two-parameter logistic item response theory. */
    LOGISTIC,
    /** Ridge regression. */
    REGRESSION
  }

  static final ItemResponse DEFAULT =
      new ItemResponse(Common.of(26), Model.REGRESSION, 0.2, true, 0);

  private final Model model;
  private final double share;
  private final boolean renewed;
  private final int every;

  private ItemResponse(Common common, Model model, double share, boolean renewed, int every) {
    super(common);
    this.model = model;
    this.share = share;
    this.renewed = renewed;
    this.every = every;
  }

  @Override
  ItemResponse with(Common changed) {
    return new ItemResponse(changed, model, share, renewed, every);
  }

  /**
   * Sets how unseen items are predicted.
   *
   * @param model default {@link Model#REGRESSION}
   */
  public ItemResponse model(Model model) {
    return new ItemResponse(common, model, share, renewed, every);
  }

  /**
   * Sets the size of the subset.
   *
   * @param share of all items, above 0, at most 1; default 0.2
   * @throws IllegalArgumentException if it is outside
   */
  public ItemResponse share(double share) {
    share("share", share);
    return new ItemResponse(common, model, share, renewed, every);
  }

  /**
   * Sets whether each cohort has a subset of its own; else one subset serves the whole search, as
   * published, which then fits it.
   *
   * @param renewed default true
   */
  public ItemResponse renewed(boolean renewed) {
    return new ItemResponse(common, model, share, renewed, every);
  }

  /**
   * Scores every so many cohorts in full, to calibrate the model anew with the latest such
   * candidates: the model of the first ones knows little of what is found later.
   *
   * @param cohorts from 0; default 0: never
   * @throws IllegalArgumentException if it is negative
   */
  public ItemResponse recalibrate(int cohorts) {
    atLeast("recalibrate", cohorts, 0);
    return new ItemResponse(common, model, share, renewed, cohorts);
  }

  @Override
  public String name() {
    return "item-response";
  }

  @Override
  Map<String, String> ownSettings() {
    return Map.of(
        "model", model.name(),
        "share", Double.toString(share),
        "renewed", Boolean.toString(renewed),
        "recalibrate", Integer.toString(every));
  }

  @Override
  void check(int itemCount) {}

  @Override
  Schedule schedule(int itemCount, long seed, boolean maximize) {
    return new Predicting(itemCount, seed, maximize);
  }

  private final class Predicting extends Schedule {

    private final boolean maximize;
    private final List<double[]> rows = new ArrayList<>();
    private @Nullable ItemModel fitted;

    Predicting(int itemCount, long seed, boolean maximize) {
      super(itemCount, seed, common.stratified());
      this.maximize = maximize;
    }

    @Override
    boolean recalibrates(long cohort) {
      return every > 0 && cohort % every == 0;
    }

    @Override
    @Nullable ItemSubset[] next(Cohort cohort, int round) {
      if (round > 0) {
        return none(cohort);
      }
      int[] items = IntStream.range(0, itemCount).toArray();
      return all(
          cohort,
          cohort.sound(),
          draw(renewed ? cohort.number : 0, 0, items, count(share, itemCount)));
    }

    @Override
    double[] conclude(Cohort cohort) {
      double[] estimates = super.conclude(cohort);
      List<Member> full =
          cohort.sound().stream().filter(member -> member.known == itemCount).toList();
      if (!full.isEmpty()) {
        full.forEach(member -> rows.add(member.gains.clone()));
        int most = Math.max(common.calibration(), full.size());
        while (rows.size() > most) {
          rows.remove(0);
        }
        fitted = null;
      } else if (!cohort.sound().isEmpty()) {
        ItemModel items = fitted();
        for (int i = 0; i < estimates.length; i++) {
          if (!Double.isNaN(estimates[i])) {
            estimates[i] = items.estimate(cohort.members.get(i).gains);
          }
        }
      }
      return estimates;
    }

    private ItemModel fitted() {
      ItemModel now = fitted;
      if (now == null) {
        now =
            model == Model.LOGISTIC
                ? new LogisticItems(rows, weights, maximize)
                : new RegressionItems(rows, weights);
        fitted = now;
      }
      return now;
    }

    @Override
    void save(ObjectNode to) {
      super.save(to);
      ArrayNode array = to.putArray("rows");
      for (double[] row : rows) {
        putNumbers(array.addObject(), "gains", row);
      }
    }

    @Override
    void load(JsonNode from) {
      super.load(from);
      for (JsonNode row : CohortSnapshot.field(from, "rows")) {
        rows.add(numbers(row, "gains", itemCount));
      }
    }
  }
}
