package io.evomerge.onnx.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.exception.UnsupportedModelException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecoderConfigTest {

  private static ModelConfig config(String architecture, String more) {
    try {
      ObjectMapper json = new ObjectMapper();
      ObjectNode node =
          (ObjectNode)
              json.readTree(
                  """
                  {"vocab_size": 100, "hidden_size": 64, "intermediate_size": 96,
                   "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
                   "max_position_embeddings": 512}""");
      node.putArray("architectures").add(architecture);
      node.setAll((ObjectNode) json.readTree(more));
      return ModelConfig.of(node);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  @Test
  void absentKeysTakeTheDefaultsOfTransformers() {
    DecoderConfig llama = DecoderConfig.from(config("LlamaForCausalLM", "{}"));
    assertThat(llama.headDim()).isEqualTo(16);
    assertThat(llama.normEpsilon()).isEqualTo(1e-6);
    assertThat(llama.rotary())
        .isEqualTo(new RotaryEmbedding(10_000, new RotaryEmbedding.Unscaled()));
    assertThat(llama.slidingWindows()).containsExactly(0, 0, 0, 0);
    assertThat(llama.tiedHead()).isFalse();
    assertThat(llama.queryKeyValueBias()).isFalse();
    assertThat(llama.weightShapes())
        .hasSize(3 + 4 * 9)
        .containsEntry("model.layers.3.self_attn.k_proj.weight", List.of(32L, 64L))
        .containsEntry("lm_head.weight", List.of(100L, 64L));
    assertThat(DecoderConfig.from(config("MistralForCausalLM", "{}")).slidingWindows())
        .containsOnly(4096);
    assertThat(
            DecoderConfig.from(config("MistralForCausalLM", "{\"sliding_window\": null}"))
                .slidingWindows())
        .containsOnly(0);
  }

  @Test
  void qwen2HasBiasesAndWindowsInLaterLayers() {
    DecoderConfig qwen =
        DecoderConfig.from(
            config(
                "Qwen2ForCausalLM",
                """
                {"use_sliding_window": true, "sliding_window": 8, "max_window_layers": 3,
                 "tie_word_embeddings": true}"""));
    assertThat(qwen.slidingWindows()).containsExactly(0, 0, 0, 8);
    assertThat(qwen.weightShapes())
        .containsEntry("model.layers.0.self_attn.q_proj.bias", List.of(64L))
        .doesNotContainKeys("model.layers.0.self_attn.o_proj.bias", "lm_head.weight");
    DecoderConfig listed =
        DecoderConfig.from(
            config(
                "Qwen2ForCausalLM",
                """
                {"use_sliding_window": true, "sliding_window": 8, "layer_types":
                 ["sliding_attention", "full_attention", "full_attention", "sliding_attention"]}"""));
    assertThat(listed.slidingWindows()).containsExactly(8, 0, 0, 8);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'quantization_config': {'bits': 4}} | quantised weights are not supported",
        "{'hidden_act': 'gelu'} | hidden_act 'gelu' is not supported",
        "{'partial_rotary_factor': 0.5} | partial_rotary_factor 0.5",
        "{'rope_scaling': {'type': 'yarn', 'factor': 2}} | type 'yarn' is not supported;"
            + " supported are default, linear, llama3",
        "{'rope_scaling': {'rope_type': 'dynamic', 'factor': 2}} | type 'dynamic'",
        "{'rope_scaling': {'type': 'linear'}} | rope_scaling.factor is absent",
        "{'rope_scaling': {'type': 'llama3', 'factor': 0}} | rope_scaling.factor is 0",
        "{'rope_parameters': {'full_attention': {'rope_theta': 1}}} | differs by layer type",
        "{'rope_parameters': {'partial_rotary_factor': 0.25}} | partial_rotary_factor 0.25",
        "{'head_dim': 24} | head_dim is 24; the attention kernel takes multiples of 16",
        "{'num_key_value_heads': 3} | 4 is not a multiple of num_key_value_heads 3",
        "{'hidden_size': 66} | 66 is not a multiple of num_attention_heads 4",
        "{'hidden_size': null} | config.json has no 'hidden_size'",
        "{'num_hidden_layers': 0} | num_hidden_layers is 0, wanted at least 1",
        "{'rope_theta': -1} | theta is -1.0, wanted a number above 0",
        "{'rms_norm_eps': -1} | rms_norm_eps is -1.0, wanted a number of at least 0",
      })
  void refusesByNameWhatItDoesNotSupport(String more, String message) {
    assertThatThrownBy(
            () -> DecoderConfig.from(config("LlamaForCausalLM", more.replace('\'', '"'))))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining(message);
  }

  @Test
  void refusesOtherArchitecturesAndListsThoseItSupports() {
    assertThatThrownBy(() -> DecoderConfig.from(config("MixtralForCausalLM", "{}")))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessage(
            "config.json: architecture 'MixtralForCausalLM' cannot be run; supported are"
                + " LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM");
    assertThatThrownBy(
            () ->
                DecoderConfig.from(
                    config(
                        "Qwen2ForCausalLM",
                        "{\"use_sliding_window\": true, \"layer_types\": [\"full_attention\"]}")))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("layer_types has 1 entries for 4 layers");
    assertThatThrownBy(
            () ->
                DecoderConfig.from(
                    config(
                        "Qwen2ForCausalLM",
                        """
                        {"use_sliding_window": true, "layer_types": ["full_attention",
                         "full_attention", "linear_attention", "full_attention"]}""")))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("layer type 'linear_attention' is not supported");
  }

  @Test
  void llama3ScalingKeepsShortWavesAndStretchesLongOnes() {
    RotaryEmbedding rotary =
        new RotaryEmbedding(500_000, new RotaryEmbedding.Llama3(8, 1, 4, 8192));
    double[] plain = new RotaryEmbedding(500_000, new RotaryEmbedding.Unscaled()).frequencies(128);
    double[] scaled = rotary.frequencies(128);
    assertThat(scaled[0]).isEqualTo(1);
    assertThat(scaled[63]).isCloseTo(plain[63] / 8, within(1e-18));
    int blended = 0;
    for (int i = 0; i < 64; i++) {
      assertThat(scaled[i]).isBetween(plain[i] / 8, plain[i]);
      blended += scaled[i] < plain[i] && scaled[i] > plain[i] / 8 ? 1 : 0;
    }
    assertThat(blended).isPositive();
  }
}
