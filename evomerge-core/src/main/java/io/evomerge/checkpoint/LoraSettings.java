package io.evomerge.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.exception.CheckpointException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * What {@code adapter_config.json} says of the arithmetic of a LoRA adapter (Hugging Face PEFT).
 *
 * @param rank the rank where no pattern matches
 * @param alpha the numerator of the scale where no pattern matches
 * @param ranks ranks by pattern of the module's name, in the file's order
 * @param alphas numerators by pattern of the module's name, in the file's order
 * @param rootOfRank whether the scale is {@code alpha / sqrt(r)}, not {@code alpha / r}
 * @param transposed whether linear layers are stored as [in, out]
 * @param magnitudes whether there is a vector of magnitudes per module (DoRA)
 * @param baseName the base model as it was called in training, or empty
 */
record LoraSettings(
    int rank,
    double alpha,
    Map<Pattern, Double> ranks,
    Map<Pattern, Double> alphas,
    boolean rootOfRank,
    boolean transposed,
    boolean magnitudes,
    String baseName) {

  /** Other ways of initialising change the weights of the base when the adapter is loaded. */
  private static final Set<String> HARMLESS_INITIALISATIONS =
      Set.of("true", "false", "gaussian", "eva", "orthogonal");

  private static final String RETRAIN =
      "; merge it with PEFT's merge_and_unload() and open the model that this gives";

  /**
   * Reads the settings.
   *
   * @throws CheckpointException if the adapter is not a LoRA that can be applied to a plain base
   */
  static LoraSettings of(Path file, ObjectNode json) {
    String type = json.path("peft_type").asText();
    if (!type.equals("LORA")) {
      throw new CheckpointException(
          file
              + ": peft_type is '"
              + type
              + "', wanted LORA: other adapters are not read"
              + RETRAIN);
    }
    for (String key : new String[] {"layer_replication", "target_parameters", "use_qalora"}) {
      JsonNode value = json.path(key);
      boolean unset = value.isMissingNode() || value.isNull() || value.isEmpty();
      if (value.isBoolean() ? value.booleanValue() : !unset) {
        throw new CheckpointException(
            file + ": '" + key + "' is " + value + ", which is not supported" + RETRAIN);
      }
    }
    JsonNode start = json.path("init_lora_weights");
    if (!start.isMissingNode()
        && !start.isNull()
        && !HARMLESS_INITIALISATIONS.contains(start.asText())) {
      throw new CheckpointException(
          file
              + ": init_lora_weights is "
              + start
              + ", so the adapter does not belong to the base itself but to what is left of it:"
              + " save it with PEFT's path_initial_model_for_weight_conversion, or merge it");
    }
    return new LoraSettings(
        (int) number(file, json, "r", 8, true),
        number(file, json, "lora_alpha", 8, false),
        patterns(file, json, "rank_pattern", true),
        patterns(file, json, "alpha_pattern", false),
        flag(file, json, "use_rslora"),
        flag(file, json, "fan_in_fan_out"),
        flag(file, json, "use_dora"),
        json.path("base_model_name_or_path").asText(""));
  }

  /** Returns the rank that a module must have. */
  int rank(String module) {
    return matching(ranks, module, rank).intValue();
  }

  /** Returns the factor of a module's product. */
  double scale(String module) {
    double own = matching(alphas, module, alpha);
    int r = rank(module);
    return rootOfRank ? own / Math.sqrt(r) : own / r;
  }

  private static Double matching(Map<Pattern, Double> patterns, String module, double otherwise) {
    for (Map.Entry<Pattern, Double> entry : patterns.entrySet()) {
      if (entry.getKey().matcher(module).matches()) {
        return entry.getValue();
      }
    }
    return otherwise;
  }

  private static Map<Pattern, Double> patterns(
      Path file, ObjectNode json, String key, boolean rank) {
    Map<Pattern, Double> patterns = new LinkedHashMap<>();
    JsonNode given = json.path(key);
    if (!given.isMissingNode() && !given.isNull() && !given.isObject()) {
      throw new CheckpointException(file + ": '" + key + "' is " + given + ", wanted an object");
    }
    for (Map.Entry<String, JsonNode> entry : given.properties()) {
      try {
        // As PEFT does: the key is the end of a module's name, from a dot on.
        Pattern pattern = Pattern.compile("(.*\\.)?(" + entry.getKey() + ")");
        String where = key + "." + entry.getKey();
        patterns.put(pattern, checked(file, where, entry.getValue(), rank));
      } catch (PatternSyntaxException e) {
        throw new CheckpointException(
            file + ": '" + entry.getKey() + "' in '" + key + "' is no regular expression", e);
      }
    }
    return patterns;
  }

  private static double number(
      Path file, ObjectNode json, String key, double otherwise, boolean rank) {
    JsonNode value = json.path(key);
    return value.isMissingNode() || value.isNull() ? otherwise : checked(file, key, value, rank);
  }

  private static double checked(Path file, String key, JsonNode value, boolean rank) {
    boolean fits =
        rank
            ? value.isIntegralNumber() && value.canConvertToInt() && value.intValue() >= 1
            : value.isNumber() && Double.isFinite(value.doubleValue());
    if (!fits) {
      throw new CheckpointException(
          file
              + ": '"
              + key
              + "' is "
              + value
              + ", wanted "
              + (rank ? "a whole number of at least 1" : "a number"));
    }
    return value.doubleValue();
  }

  private static boolean flag(Path file, ObjectNode json, String key) {
    JsonNode value = json.path(key);
    if (!value.isMissingNode() && !value.isNull() && !value.isBoolean()) {
      throw new CheckpointException(
          file + ": '" + key + "' is " + value + ", wanted true or false");
    }
    return value.booleanValue();
  }
}
