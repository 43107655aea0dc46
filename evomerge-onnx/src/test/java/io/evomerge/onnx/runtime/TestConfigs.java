package io.evomerge.onnx.runtime;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.ModelConfig;

/** Configurations of tiny models. */
final class TestConfigs {

  static final String LLAMA =
      """
      {"architectures": ["LlamaForCausalLM"], "vocab_size": 37, "hidden_size": 48,
       "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 3,
       "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "max_position_embeddings": 256}""";

  static final String MISTRAL =
      """
      {"architectures": ["MistralForCausalLM"], "vocab_size": 37, "hidden_size": 64,
       "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 4,
       "num_key_value_heads": 2, "rope_theta": 1000.0, "sliding_window": 5,
       "max_position_embeddings": 256}""";

  static final String QWEN2 =
      """
      {"architectures": ["Qwen2ForCausalLM"], "vocab_size": 37, "hidden_size": 32,
       "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2,
       "num_key_value_heads": 2, "rope_theta": 1000000.0, "tie_word_embeddings": true,
       "use_sliding_window": false, "sliding_window": 4, "max_window_layers": 1,
       "max_position_embeddings": 256}""";

  private TestConfigs() {}

  /** Parses a configuration and sets more keys in it. */
  static ModelConfig with(String json, String... more) {
    try {
      ObjectNode node = (ObjectNode) new ObjectMapper().readTree(json);
      for (String object : more) {
        node.setAll((ObjectNode) new ObjectMapper().readTree(object));
      }
      return ModelConfig.of(node);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
