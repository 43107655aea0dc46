package io.evomerge.recipe.mergekit;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelLayout;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** Layouts of models that need no weights. */
final class TestModels {

  private TestModels() {}

  static ModelLayout llama(int layers) {
    Set<String> names = new LinkedHashSet<>();
    names.add("model.embed_tokens.weight");
    names.add("model.norm.weight");
    names.add("lm_head.weight");
    for (int i = 0; i < layers; i++) {
      String layer = "model.layers." + i + ".";
      for (String part : new String[] {"q_proj", "k_proj", "v_proj", "o_proj"}) {
        names.add(layer + "self_attn." + part + ".weight");
      }
      for (String part : new String[] {"gate_proj", "up_proj", "down_proj"}) {
        names.add(layer + "mlp." + part + ".weight");
      }
      names.add(layer + "input_layernorm.weight");
      names.add(layer + "post_attention_layernorm.weight");
    }
    return ModelLayout.of(names, false);
  }

  /** Models of one depth, each at the path by which it is named. */
  static Function<ModelReference, ReferencedModel> of(int layers) {
    return reference -> model(reference, layers);
  }

  static ReferencedModel model(ModelReference reference, int layers) {
    return ReferencedModel.of(
        new CheckpointRef("any", reference.path(), reference.adapter(), ""), llama(layers));
  }

  static ReferencedModel model(ModelReference reference, int layers, String chatTemplate) {
    ReferencedModel model = model(reference, layers);
    return new ReferencedModel(model.checkpoint(), model.layout(), Optional.of(chatTemplate));
  }
}
