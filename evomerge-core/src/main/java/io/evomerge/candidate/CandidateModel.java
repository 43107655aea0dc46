package io.evomerge.candidate;

import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.recipe.MergeRecipe;
import java.nio.file.Path;
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

  /** Returns the configuration of the merged model, if the sources have one. */
  Optional<ModelConfig> config();

  /** Returns what each tensor is. */
  ModelLayout layout();

  /** Returns the weights as float32, by tensor name. A tied head has no tensor of its own. */
  WeightStore weights();

  /** Returns the folder that holds the tokenizer files, if there is one. */
  Optional<Path> tokenizerFolder();

  /** Returns the number of weights of the merged model. */
  long parameterCount();
}
