package io.evomerge.candidate;

import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.TensorBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * A merged model in memory, ready to be evaluated.
 *
 * <p>Valid until its evaluation returns: then the run overwrites the weights with the next
 * candidate. It must not be kept.
 */
public interface CandidateModel {

  /** Returns the recipe that it was made from. */
  MergeRecipe recipe();

  /**
   * Returns the configuration of the model, if the sources have one; on a data flow path it has as
   * many layers as hops.
   */
  Optional<ModelConfig> config();

  /** Returns what each tensor of {@link #tensors()} is. */
  ModelLayout layout();

  /**
   * Returns the memory of the worker, whose identity is stable. It holds all weights of this model,
   * except on a data flow path: see {@link #tensors()}; layers of the merged model that are not on
   * the path are then whatever they were before.
   */
  WeightStore weights();

  /**
   * Returns the weights as float32, by the names that they have in this model. A tied head has no
   * tensor of its own. On a data flow path, the layer {@code k} of this model is that of hop {@code
   * k}: hops through the same layer share its memory, and scales are not in the weights.
   */
  default Map<String, TensorBuffer> tensors() {
    return weights().tensors();
  }

  /** Returns the folder that holds the tokenizer files, if there is one. */
  Optional<Path> tokenizerFolder();

  /** Returns the number of weights of the model; a layer of several hops counts once. */
  long parameterCount();
}
