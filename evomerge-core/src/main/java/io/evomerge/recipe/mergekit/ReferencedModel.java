package io.evomerge.recipe.mergekit;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelLayout;
import java.util.Optional;

/**
 * What a recipe must know of a model that a configuration names.
 *
 * @param checkpoint where it is; the recipe gives it a name of its own
 * @param layout its tensors
 * @param chatTemplate its tokenizer's chat template, as Jinja text; only {@code chat_template:
 *     auto} asks for it
 */
public record ReferencedModel(
    CheckpointRef checkpoint, ModelLayout layout, Optional<String> chatTemplate) {

  /**
   * A model whose chat template is not known.
   *
   * @param checkpoint where it is
   * @param layout its tensors
   */
  public static ReferencedModel of(CheckpointRef checkpoint, ModelLayout layout) {
    return new ReferencedModel(checkpoint, layout, Optional.empty());
  }
}
