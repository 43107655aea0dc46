package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The names are those that transformers gives the tensors of each architecture. */
class ModelLayoutTest {

  private static void assertRole(String name, String role) {
    TensorRole actual = ModelLayout.of(Set.of(name), false).role(name);
    TensorRole expected;
    if (role.matches("\\d+ .*")) {
      String[] parts = role.split(" ");
      expected =
          new TensorRole(Part.LAYER, Integer.parseInt(parts[0]), Component.valueOf(parts[1]));
    } else {
      expected = new TensorRole(Part.valueOf(role), -1, Component.OTHER);
    }
    assertThat(actual).as(name).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "model.embed_tokens.weight, EMBEDDINGS",
    "model.layers.0.self_attn.q_proj.weight, 0 ATTENTION",
    "model.layers.11.self_attn.o_proj.weight, 11 ATTENTION",
    "model.layers.0.self_attn.rotary_emb.inv_freq, 0 ATTENTION",
    "model.layers.31.mlp.down_proj.weight, 31 MLP",
    "model.layers.2.input_layernorm.weight, 2 NORM",
    "model.layers.2.post_attention_layernorm.weight, 2 NORM",
    "model.norm.weight, FINAL_NORM",
    "lm_head.weight, HEAD",
    "score.weight, HEAD",
  })
  void llamaAndMistral(String name, String role) {
    assertRole(name, role);
  }

  @ParameterizedTest
  @CsvSource({
    "model.layers.0.self_attn.q_proj.bias, 0 ATTENTION",
    "model.layers.0.self_attn.k_norm.weight, 0 NORM",
    "model.layers.3.block_sparse_moe.gate.weight, 3 MLP",
    "model.layers.3.block_sparse_moe.experts.7.w1.weight, 3 MLP",
    "model.layers.3.mlp.experts.63.up_proj.weight, 3 MLP",
    "model.layers.3.pre_feedforward_layernorm.weight, 3 NORM",
  })
  void qwenMixtralAndGemma(String name, String role) {
    assertRole(name, role);
  }

  @ParameterizedTest
  @CsvSource({
    "wte.weight, EMBEDDINGS",
    "transformer.wpe.weight, EMBEDDINGS",
    "h.0.ln_1.weight, 0 NORM",
    "transformer.h.11.ln_2.bias, 11 NORM",
    "h.5.attn.c_attn.weight, 5 ATTENTION",
    "h.5.attn.bias, 5 ATTENTION",
    "h.5.mlp.c_fc.weight, 5 MLP",
    "ln_f.weight, FINAL_NORM",
    "transformer.ln_f.bias, FINAL_NORM",
    "lm_head.weight, HEAD",
  })
  void gpt2(String name, String role) {
    assertRole(name, role);
  }

  @ParameterizedTest
  @CsvSource({
    "gpt_neox.embed_in.weight, EMBEDDINGS",
    "gpt_neox.layers.0.attention.query_key_value.weight, 0 ATTENTION",
    "gpt_neox.layers.0.attention.dense.bias, 0 ATTENTION",
    "gpt_neox.layers.0.attention.masked_bias, 0 ATTENTION",
    "gpt_neox.layers.0.mlp.dense_h_to_4h.weight, 0 MLP",
    "gpt_neox.layers.0.input_layernorm.bias, 0 NORM",
    "gpt_neox.layers.0.post_attention_layernorm.weight, 0 NORM",
    "gpt_neox.final_layer_norm.weight, FINAL_NORM",
    "embed_out.weight, HEAD",
  })
  void gptNeoX(String name, String role) {
    assertRole(name, role);
  }

  @ParameterizedTest
  @CsvSource({
    "bert.embeddings.word_embeddings.weight, EMBEDDINGS",
    "bert.embeddings.token_type_embeddings.weight, EMBEDDINGS",
    "bert.embeddings.LayerNorm.gamma, EMBEDDINGS",
    "embeddings.position_ids, EMBEDDINGS",
    "bert.encoder.layer.3.attention.self.query.weight, 3 ATTENTION",
    "bert.encoder.layer.3.attention.output.dense.weight, 3 ATTENTION",
    "bert.encoder.layer.3.attention.output.LayerNorm.weight, 3 NORM",
    "bert.encoder.layer.3.intermediate.dense.bias, 3 MLP",
    "bert.encoder.layer.3.output.dense.weight, 3 MLP",
    "bert.encoder.layer.3.output.LayerNorm.bias, 3 NORM",
    "bert.pooler.dense.weight, OTHER",
    "cls.predictions.transform.dense.weight, HEAD",
    "cls.predictions.decoder.weight, HEAD",
    "cls.predictions.bias, HEAD",
    "classifier.weight, HEAD",
  })
  void bert(String name, String role) {
    assertRole(name, role);
  }

  @ParameterizedTest
  @CsvSource({
    "vit.embeddings.cls_token, EMBEDDINGS",
    "vit.embeddings.position_embeddings, EMBEDDINGS",
    "vit.embeddings.patch_embeddings.projection.weight, EMBEDDINGS",
    "vit.encoder.layer.11.attention.attention.query.weight, 11 ATTENTION",
    "vit.encoder.layer.11.attention.output.dense.bias, 11 ATTENTION",
    "vit.encoder.layer.11.intermediate.dense.weight, 11 MLP",
    "vit.encoder.layer.11.output.dense.weight, 11 MLP",
    "vit.encoder.layer.11.layernorm_before.weight, 11 NORM",
    "vit.encoder.layer.11.layernorm_after.bias, 11 NORM",
    "vit.layernorm.weight, FINAL_NORM",
    "vit.pooler.dense.weight, OTHER",
    "classifier.bias, HEAD",
    "patch_embed.proj.weight, EMBEDDINGS",
    "pos_embed, EMBEDDINGS",
    "cls_token, EMBEDDINGS",
    "blocks.4.attn.qkv.weight, 4 ATTENTION",
    "blocks.4.norm1.weight, 4 NORM",
    "blocks.4.mlp.fc1.weight, 4 MLP",
    "norm.weight, FINAL_NORM",
    "head.weight, HEAD",
  })
  void vit(String name, String role) {
    assertRole(name, role);
  }

  @ParameterizedTest
  @CsvSource({
    "model.decoder.embed_positions.weight, EMBEDDINGS",
    "model.decoder.layers.1.self_attn_layer_norm.weight, 1 NORM",
    "model.decoder.layers.1.fc1.weight, 1 MLP",
    "model.decoder.final_layer_norm.weight, FINAL_NORM",
    "model.final_layernorm.weight, FINAL_NORM",
    "shared.weight, EMBEDDINGS",
    "encoder.block.2.layer.0.SelfAttention.q.weight, 2 ATTENTION",
    "encoder.block.2.layer.1.DenseReluDense.wi.weight, 2 MLP",
    "encoder.block.2.layer.1.layer_norm.weight, 2 NORM",
    "tok_embeddings.weight, EMBEDDINGS",
    "layers.7.feed_forward.w1.weight, 7 MLP",
    "layers.7.ffn_norm.weight, 7 NORM",
    "output.weight, HEAD",
  })
  void optPhiT5AndTheOriginalLlama(String name, String role) {
    assertRole(name, role);
  }

  @Test
  void theBlocksOfAVisionLanguageModelAreThoseOfItsLanguageModel() {
    Set<String> names =
        new TreeSet<>(
            Arrays.asList(
                "vision_tower.vision_model.encoder.layers.23.self_attn.q_proj.weight",
                "vision_tower.vision_model.embeddings.patch_embedding.weight",
                "model.visual.blocks.5.norm1.weight",
                "multi_modal_projector.linear_1.weight",
                "language_model.model.layers.1.mlp.up_proj.weight",
                "language_model.model.embed_tokens.weight",
                "language_model.lm_head.weight"));
    ModelLayout layout = ModelLayout.of(names, false);
    assertThat(layout.layerCount()).isEqualTo(2);
    assertThat(layout.roles().keySet()).containsExactlyElementsOf(names);
    for (String name : names) {
      boolean language = name.startsWith("language_model");
      assertThat(layout.role(name).part() == Part.OTHER).as(name).isEqualTo(!language);
    }
  }

  @Test
  void aVisionModelOfItsOwnHasBlocks() {
    ModelLayout layout =
        ModelLayout.of(Set.of("vision_model.encoder.layers.3.mlp.fc1.weight"), false);
    assertThat(layout.layerCount()).isEqualTo(4);
  }

  @Test
  void selectorsFindWhatTheLayoutHas() {
    ModelLayout layout = ModelLayout.of(TestCheckpoints.llamaShapes(3, 4, 8, 12).keySet(), false);
    assertThat(layout.layerCount()).isEqualTo(3);
    assertThat(layout.has(TensorSelector.parse("layers.2.attention"))).isTrue();
    assertThat(layout.has(TensorSelector.parse("layers.3"))).isFalse();
    assertThat(layout.has(TensorSelector.parse("other"))).isFalse();
    assertThatThrownBy(() -> layout.role("nothing"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'nothing'");
  }
}
