package io.evomerge.candidate;

import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.recipe.MergeRecipe;
import java.nio.file.Path;
import java.util.Optional;

/** A candidate whose weights lie in a store. */
record AssembledModel(
    MergeRecipe recipe,
    Optional<ModelConfig> config,
    ModelLayout layout,
    WeightStore weights,
    Optional<Path> tokenizerFolder)
    implements CandidateModel {

  @Override
  public long parameterCount() {
    return weights.tensors().values().stream().mapToLong(t -> t.info().elementCount()).sum();
  }
}
