package io.evomerge.candidate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.tensor.DType;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The {@code config.json} of a merged model. */
final class MergedConfig {

  private static final String TIED = "tie_word_embeddings";
  private static final List<String> LAYER_COUNTS =
      List.of("num_hidden_layers", "n_layer", "num_layers");
  static final Set<String> PER_LAYER = Set.of("layer_types", "attention_types", "no_rope_layers");

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

  /**
   * Returns a configuration with other layers: their number, and what is listed per layer.
   *
   * @param config of a model
   * @param layers for each layer the one of that model whose entries it takes
   */
  static ModelConfig withLayers(ModelConfig config, List<Integer> layers) {
    ObjectNode json = config.json();
    setLayers(json, layers);
    return ModelConfig.of(json);
  }

  /** Sets the number of layers, and what is listed per layer. */
  private static void setLayers(ObjectNode json, List<Integer> layers) {
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
                  layers.forEach(layer -> kept.add(list.get(Math.min(layer, before - 1))));
                  json.set(entry.getKey(), kept);
                }
              }
            });
  }

  private static Optional<String> typeOf(Checkpoint model) {
    return model.config().flatMap(c -> c.text("dtype").or(() -> c.text("torch_dtype")));
  }
}
