package io.evomerge.candidate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.tensor.DType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The {@code config.json} of a merged model. */
final class MergedConfig {

  private static final String TIED = "tie_word_embeddings";
  private static final String TYPES = "layer_types";
  private static final String FULL = "full_attention";
  private static final String SLIDING = "use_sliding_window";
  private static final String FIRST_WINDOW = "max_window_layers";
  private static final int DEFAULT_FIRST_WINDOW = 28;
  private static final List<String> LAYER_COUNTS =
      List.of("num_hidden_layers", "n_layer", "num_layers");
  private static final Set<String> PER_LAYER = Set.of(TYPES, "attention_types", "no_rope_layers");

  /** Keys, or model types, that make something a function of a layer's number; what lists it. */
  private static final Map<String, String> BY_NUMBER =
      Map.of(
          "sliding_window_pattern", TYPES,
          "gemma2", TYPES,
          "no_rope_layer_interval", "no_rope_layers");

  private static final Map<String, String> COMPACT =
      Map.of(
          "LlamaForCausalLM", "EvoLlamaForCausalLM",
          "MistralForCausalLM", "EvoMistralForCausalLM");

  private MergedConfig() {}

  /**
   * Adapts a configuration to what is written: the element type, whether there is a head, the
   * layers.
   *
   * @param source whose configuration is taken
   * @param reference whose tensors the model has
   * @param plan the tensors of the model
   * @param dtype element type of all tensors, if the recipe sets one
   * @return an equal configuration if nothing needs to change
   */
  static Optional<ModelConfig> of(
      Checkpoint source, Checkpoint reference, MergePlan plan, Optional<DType> dtype) {
    return source
        .config()
        .map(
            config -> {
              ObjectNode json = config.json();
              // transformers writes "torch_dtype" before version 4.56 and "dtype" since.
              String key = json.has("dtype") ? "dtype" : "torch_dtype";
              dtype
                  .map(DType::configName)
                  .or(() -> source == reference ? Optional.empty() : typeOf(reference))
                  .ifPresent(type -> json.put(key, type));
              boolean tied = plan.layout().tiedEmbeddings();
              if (config.flag(TIED, false) != tied) {
                json.put(TIED, tied);
              }
              if (!plan.layers().isEmpty()) {
                setLayers(json, plan.layers());
              }
              return ModelConfig.of(json);
            });
  }

  /** Sets the number of layers, and what is listed per layer. */
  private static void setLayers(ObjectNode json, List<Integer> layers) {
    setLayers(json, Collections.nCopies(layers.size(), json.deepCopy()), layers);
  }

  private static void setLayers(ObjectNode json, List<ObjectNode> own, List<Integer> layers) {
    LAYER_COUNTS.stream()
        .filter(json::has)
        .findFirst()
        .ifPresent(
            key -> {
              int before = json.get(key).asInt();
              json.put(key, layers.size());
              for (Map.Entry<String, JsonNode> entry : List.copyOf(json.properties())) {
                JsonNode list = entry.getValue();
                if (PER_LAYER.contains(entry.getKey()) && list.isArray() && list.size() == before) {
                  ArrayNode kept = json.arrayNode();
                  for (int i = 0; i < layers.size(); i++) {
                    JsonNode theirs = own.get(i).path(entry.getKey());
                    boolean usable = theirs.isArray() && theirs.size() > layers.get(i);
                    kept.add(
                        usable
                            ? theirs.get(layers.get(i))
                            : list.get(Math.min(layers.get(i), before - 1)));
                  }
                  json.set(entry.getKey(), kept);
                }
              }
            });
  }

  /**
   * Returns the configuration of a model that has layers of several models.
   *
   * @param config that is changed
   * @param own for each layer, the configuration of the model that it comes from
   * @param layers for each layer, its number in that model
   */
  static ModelConfig withLayers(ModelConfig config, List<ModelConfig> own, List<Integer> layers) {
    ObjectNode json = config.json();
    listWindows(json);
    Map<ModelConfig, ObjectNode> listed = new HashMap<>();
    List<ObjectNode> theirs = new ArrayList<>();
    for (ModelConfig one : own) {
      theirs.add(
          listed.computeIfAbsent(
              one,
              key -> {
                ObjectNode copy = key.json();
                listWindows(copy);
                return copy;
              }));
    }
    setLayers(json, theirs, layers);
    if (json.path(SLIDING).asBoolean(false) && json.path(TYPES).isArray()) {
      // What transformers before version 4.53 goes by: the layers from here on have a window.
      int full = 0;
      while (full < layers.size() && json.path(TYPES).get(full).asText().equals(FULL)) {
        full++;
      }
      json.put(FIRST_WINDOW, full);
    }
    return ModelConfig.of(json);
  }

  /**
   * Lists the kinds of attention where Qwen's configurations give them by layer numbers, which
   * change.
   */
  private static void listWindows(ObjectNode json) {
    int count = json.path(LAYER_COUNTS.get(0)).asInt(0);
    if (json.path(SLIDING).asBoolean(false) && !json.path(TYPES).isArray()) {
      ArrayNode types = json.putArray(TYPES);
      boolean window = json.path("sliding_window").isNumber();
      int first = json.path(FIRST_WINDOW).asInt(DEFAULT_FIRST_WINDOW);
      for (int layer = 0; layer < count; layer++) {
        types.add(window && layer >= first ? "sliding_attention" : FULL);
      }
    }
  }

  /** Returns what keeps the layers of a model with this configuration from changing places. */
  static List<String> pathProblems(ModelConfig config) {
    ObjectNode json = config.json();
    List<String> problems = new ArrayList<>();
    if (LAYER_COUNTS.stream().noneMatch(json::has)) {
      problems.add(
          "config.json of the merged model has none of "
              + LAYER_COUNTS
              + " at its top, so the number of hops cannot be told");
    }
    BY_NUMBER.forEach(
        (key, list) -> {
          boolean byNumber = json.has(key) || json.path("model_type").asText().equals(key);
          if (byNumber && !json.path(list).isArray()) {
            problems.add(
                "config.json ('"
                    + key
                    + "') gives layers their kind of attention by their numbers, which a path"
                    + " changes: add '"
                    + list
                    + "', an entry per layer, to it");
          }
        });
    return problems;
  }

  static boolean hasCompactForm(String architecture) {
    return COMPACT.containsKey(architecture);
  }

  /**
   * Returns the configuration of the compact form.
   *
   * @param stored of the layers that are stored
   * @param hops their number
   * @param scalesStream whether the scales multiply the whole stream
   */
  static ModelConfig compact(ModelConfig stored, int hops, boolean scalesStream) {
    ObjectNode json = stored.json();
    String architecture = COMPACT.get(stored.architecture());
    json.putArray("architectures").add(architecture);
    json.put("model_type", architecture.replace("ForCausalLM", "").toLowerCase(Locale.ROOT));
    json.put("num_hops", hops);
    if (scalesStream) {
      json.put("evomerge_scaling", "stream");
    }
    return ModelConfig.of(json);
  }

  /** Returns the configuration of a model that has a head of its own. */
  static ModelConfig untied(ModelConfig config) {
    ObjectNode json = config.json();
    json.put(TIED, false);
    return ModelConfig.of(json);
  }

  private static Optional<String> typeOf(Checkpoint model) {
    return model.config().flatMap(c -> c.text("dtype").or(() -> c.text("torch_dtype")));
  }
}
