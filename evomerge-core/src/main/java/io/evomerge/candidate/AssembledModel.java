package io.evomerge.candidate;

import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.TensorBuffer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A candidate whose weights lie in a store, or on a path in a store and in layers that all stores
 * share.
 */
record AssembledModel(
    MergeRecipe recipe,
    Optional<ModelConfig> config,
    ModelLayout layout,
    WeightStore weights,
    Map<String, TensorBuffer> tensors,
    Optional<Path> tokenizerFolder)
    implements CandidateModel {

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if the store is closed
   */
  @Override
  public Map<String, TensorBuffer> tensors() {
    weights.requireOpen();
    return tensors;
  }

  @Override
  public long parameterCount() {
    Set<TensorBuffer> stored = Collections.newSetFromMap(new IdentityHashMap<>());
    stored.addAll(tensors().values());
    return stored.stream().mapToLong(tensor -> tensor.info().elementCount()).sum();
  }
}
