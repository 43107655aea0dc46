package io.evomerge.candidate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.ModelConfig;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a {@code config.json} says about what single layers compute. */
final class LayerConfig {

  private static final String WINDOWED = "use_sliding_window";

  /**
   * What decides on the numbers that a layer computes, beside its weights and their shapes; head
   * counts are compared with the architecture.
   */
  private static final List<String> COMPUTATION =
      List.of(
          "head_dim",
          "hidden_act",
          "hidden_activation",
          "activation_function",
          "rms_norm_eps",
          "layer_norm_eps",
          "layer_norm_epsilon",
          "layer_norm_rms_epsilon",
          "partial_rotary_factor",
          "rotary_pct",
          "rotary_emb_base",
          WINDOWED,
          "attn_logit_softcapping",
          "query_pre_attn_scalar",
          "attention_multiplier",
          "residual_multiplier",
          "num_experts_per_tok",
          "norm_topk_prob");

  private static final String THETA = "rope_theta";
  private static final String SCALING = "rope_scaling";
  private static final String TYPE = "rope_type";

  private static final Comparator<JsonNode> NUMBERS_BY_VALUE =
      (a, b) -> {
        if (a.isNumber() && b.isNumber()) {
          return Double.compare(a.doubleValue(), b.doubleValue());
        }
        return a.equals(b) ? 0 : 1;
      };

  private LayerConfig() {}

  /** What two models have under one key. */
  record Values(String ours, String theirs) {}

  /**
   * Returns in what two configurations make layers compute differently. Keys that one of them lacks
   * are not compared; without {@code rope_scaling} positions are not scaled.
   */
  static Map<String, Values> differences(ModelConfig ours, ModelConfig theirs) {
    Map<String, Values> differences = new LinkedHashMap<>();
    ObjectNode left = ours.json();
    ObjectNode right = theirs.json();
    for (String key : COMPUTATION) {
      compare(key, left.path(key), right.path(key), differences);
    }
    // Qwen2 has a width even where no layer has a window.
    if (left.path(WINDOWED).asBoolean(true) && right.path(WINDOWED).asBoolean(true)) {
      compare(
          "sliding_window", left.path("sliding_window"), right.path("sliding_window"), differences);
    }
    ObjectNode leftRotary = rotary(left);
    ObjectNode rightRotary = rotary(right);
    compare(THETA, leftRotary.path(THETA), rightRotary.path(THETA), differences);
    compare(SCALING, leftRotary.path(SCALING), rightRotary.path(SCALING), differences);
    return differences;
  }

  private static void compare(
      String key, JsonNode ours, JsonNode theirs, Map<String, Values> differences) {
    boolean both =
        !ours.isMissingNode() && !ours.isNull() && !theirs.isMissingNode() && !theirs.isNull();
    if (both && !ours.equals(NUMBERS_BY_VALUE, theirs)) {
      differences.put(key, new Values(ours.toString(), theirs.toString()));
    }
  }

  /**
   * Returns base and scaling of the rotary embeddings in one form for all transformers' versions.
   */
  private static ObjectNode rotary(ObjectNode config) {
    JsonNode given =
        config.path("rope_parameters").isObject()
            ? config.path("rope_parameters")
            : config.path(SCALING);
    ObjectNode scaling =
        given instanceof ObjectNode rope ? rope.deepCopy() : JsonNodeFactory.instance.objectNode();
    JsonNode theta = scaling.remove(THETA);
    JsonNode olderType = scaling.remove("type");
    if (olderType != null && !scaling.has(TYPE)) {
      scaling.set(TYPE, olderType);
    }
    if (scaling.path(TYPE).asText("default").equals("default") && !nested(scaling)) {
      scaling.removeAll();
    }
    ObjectNode rotary = JsonNodeFactory.instance.objectNode();
    rotary.set(THETA, theta != null ? theta : config.path(THETA));
    rotary.set(SCALING, scaling);
    return rotary;
  }

  /** Some models have one entry per type of layer. */
  private static boolean nested(ObjectNode scaling) {
    return scaling.valueStream().anyMatch(JsonNode::isObject);
  }
}
