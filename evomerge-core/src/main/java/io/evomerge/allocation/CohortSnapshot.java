package io.evomerge.allocation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.allocation.Cohort.Member;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.Optimizer;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** The text form of a search on subsets: its head, the optimiser within, and the open cohort. */
final class CohortSnapshot {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int VERSION = 1;

  private CohortSnapshot() {}

  static ObjectNode begin(CohortFactory factory, String inner) {
    return head(factory).put("inner", inner);
  }

  private static ObjectNode head(CohortFactory factory) {
    ObjectNode node = JSON.createObjectNode();
    node.put("optimizer", factory.name()).put("version", VERSION);
    ObjectNode settings = node.putObject("settings");
    new TreeMap<>(factory.settings()).forEach(settings::put);
    return node;
  }

  static Optimizer restore(
      CohortFactory factory, SearchSpace space, List<Direction> directions, String snapshot) {
    JsonNode node;
    try {
      node = JSON.readTree(snapshot);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "snapshot of " + factory.name() + " is not valid JSON: " + e.getOriginalMessage(), e);
    }
    for (var wanted : head(factory).properties()) {
      if (!wanted.getValue().equals(node.get(wanted.getKey()))) {
        throw new IllegalArgumentException(
            "snapshot does not belong to this search: its "
                + wanted.getKey()
                + " is "
                + node.get(wanted.getKey())
                + ", here it is "
                + wanted.getValue());
      }
    }
    String inner = field(node, "inner").asText();
    CohortOptimizer loaded =
        new CohortOptimizer(
            factory,
            factory.inner().restore(space, directions, inner),
            factory.direction(directions),
            field(node, "seed").asLong());
    loaded.load(node);
    return loaded;
  }

  static JsonNode field(JsonNode node, String name) {
    JsonNode field = node.get(name);
    if (field == null) {
      throw new IllegalArgumentException(
          "snapshot: field '" + name + "' is missing; the text was altered");
    }
    return field;
  }

  static void putGenome(ObjectNode to, Genome genome) {
    Schedule.putNumbers(to, "genome", genome.values());
  }

  private static Genome genome(JsonNode from) {
    return Genome.of(Schedule.numbers(from, "genome", field(from, "genome").size()));
  }

  static void putLeader(ObjectNode to, CohortOptimizer.Leader leader) {
    EstimatingOptimizer.Estimate one = leader.estimate();
    if (Double.isFinite(leader.bound())) {
      to.put("bound", leader.bound());
    }
    to.put("trial", one.trial()).put("score", one.score()).put("items", one.items().toString());
    putGenome(to, one.genome());
  }

  static CohortOptimizer.Leader leader(JsonNode from) {
    return new CohortOptimizer.Leader(
        new EstimatingOptimizer.Estimate(
            field(from, "trial").asLong(),
            genome(from),
            field(from, "score").doubleValue(),
            ItemSubset.parse(field(from, "items").asText())),
        from.has("bound") ? from.get("bound").doubleValue() : Double.NEGATIVE_INFINITY);
  }

  static void putCohort(ObjectNode to, Cohort cohort) {
    to.put("number", cohort.number).put("calibrating", cohort.calibrating);
    ArrayNode members = to.putArray("members");
    for (Member member : cohort.members) {
      ObjectNode one =
          members
              .addObject()
              .put("id", member.innerId)
              .put("trial", member.trial)
              .put("failed", member.failed)
              .put("verdict", member.verdict.name());
      if (member.infeasible != null) {
        one.put("infeasible", member.infeasible);
      }
      putGenome(one, member.genome);
      ArrayNode gains = one.putArray("gains");
      for (int item = 0; item < member.gains.length; item++) {
        if (member.knows(item)) {
          gains.add(item).add(member.gains[item]);
        }
      }
    }
  }

  static Cohort cohort(JsonNode from, int itemCount) {
    List<Member> members = new ArrayList<>();
    for (JsonNode one : field(from, "members")) {
      Member member = new Member(field(one, "id").asLong(), genome(one), itemCount);
      member.trial = field(one, "trial").asLong();
      member.failed = field(one, "failed").asBoolean();
      member.verdict = Cohort.Verdict.valueOf(field(one, "verdict").asText());
      member.infeasible = one.has("infeasible") ? one.get("infeasible").asText() : null;
      JsonNode gains = field(one, "gains");
      for (int i = 0; i + 1 < gains.size(); i += 2) {
        member.learn(gains.get(i).asInt(), gains.get(i + 1).doubleValue());
      }
      members.add(member);
    }
    return new Cohort(
        field(from, "number").asLong(), members, field(from, "calibrating").asBoolean());
  }
}
