package io.evomerge.candidate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.tensor.DType;
import java.util.Optional;

/** The {@code config.json} of a merged model. */
final class MergedConfig {

  private static final String TIED = "tie_word_embeddings";

  private MergedConfig() {}

  /**
   * Adapts a configuration to what is written: the element type, and whether there is a head.
   *
   * @param source whose configuration is taken
   * @param reference whose tensors the model has
   * @param dtype element type of all tensors, if the recipe sets one
   * @return an equal configuration if nothing needs to change
   */
  static Optional<ModelConfig> of(Checkpoint source, Checkpoint reference, Optional<DType> dtype) {
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
              boolean tied = reference.layout().tiedEmbeddings();
              if (config.flag(TIED, false) != tied) {
                json.put(TIED, tied);
              }
              return ModelConfig.of(json);
            });
  }

  private static Optional<String> typeOf(Checkpoint model) {
    return model.config().flatMap(c -> c.text("dtype").or(() -> c.text("torch_dtype")));
  }
}
