package io.evomerge.allocation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.allocation.Cohort.Member;
import io.evomerge.fitness.ItemSubset;
import org.jspecify.annotations.Nullable;

/** A member to be scored on some items, and what came of it; without gains it failed. */
final class OpenTrial {

  final Member member;
  final ItemSubset items;
  boolean told;
  @Nullable String infeasible;
  double[] gains = new double[0];
  double[] weights = new double[0];

  OpenTrial(Member member, ItemSubset items) {
    this.member = member;
    this.items = items;
  }

  /** Enters the outcome into the member, and what items weigh into {@code known}. */
  void into(double[] known) {
    if (infeasible != null) {
      member.infeasible = infeasible;
    } else if (gains.length == 0) {
      member.failed = true;
    } else {
      for (int i = 0; i < gains.length; i++) {
        int item = items.isAll() ? i : items.indices()[i];
        member.learn(item, gains[i]);
        if (weights.length > 0) {
          known[item] = weights[i];
        }
      }
    }
  }

  void save(ObjectNode to, int index) {
    to.put("member", index).put("items", items.toString()).put("told", told);
    if (infeasible != null) {
      to.put("infeasible", infeasible);
    }
    if (gains.length > 0) {
      Schedule.putNumbers(to, "gains", gains);
      Schedule.putNumbers(to, "weights", weights);
    }
  }

  static OpenTrial load(JsonNode from, Cohort cohort) {
    int index = CohortSnapshot.field(from, "member").asInt(-1);
    if (index < 0 || index >= cohort.members.size()) {
      throw new IllegalArgumentException("snapshot: member " + index + " is not in its cohort");
    }
    OpenTrial trial =
        new OpenTrial(
            cohort.members.get(index),
            ItemSubset.parse(CohortSnapshot.field(from, "items").asText()));
    trial.told = CohortSnapshot.field(from, "told").asBoolean();
    trial.infeasible = from.has("infeasible") ? from.get("infeasible").asText() : null;
    if (from.has("gains")) {
      trial.gains = Schedule.numbers(from, "gains", from.get("gains").size());
      trial.weights = Schedule.numbers(from, "weights", from.path("weights").size());
    }
    return trial;
  }
}
