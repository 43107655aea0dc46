package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.exception.MergeException;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.MergeTask;
import io.evomerge.merge.ParallelFor;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Layers of models as they are, in memory, one copy for all candidates: loaded when a path first
 * uses them, never written again. Safe for concurrent use; a thread that wants a layer waits for
 * another one that loads it.
 */
final class LayerWeights {

  private final LayerModels models;
  private final MergeOperator passthrough = MergeOperators.passthrough();
  private final Map<Key, Layer> layers = new ConcurrentHashMap<>();

  /** The type is what a recipe asks for; without one, tensors keep theirs. */
  private record Key(String model, int layer, Optional<DType> type) {}

  LayerWeights(LayerModels models) {
    this.models = models;
  }

  /**
   * Returns the weights of a layer as float32, rounded to what a recipe's model has on disk.
   *
   * @param model a name of the path, not that of the merged model
   * @param layer one that the model has
   * @return by the names in that model
   * @throws MergeException if a weight is NaN or infinite
   */
  Map<String, TensorBuffer> layer(
      String model, int layer, MergeRecipe recipe, ParallelFor threads) {
    return layers
        .computeIfAbsent(new Key(model, layer, recipe.dtype()), key -> new Layer())
        .load(models.other(model).orElseThrow(), layer, recipe, threads);
  }

  /** Lets go of the weights; candidates that have them keep them. */
  void clear() {
    layers.clear();
  }

  /** One layer; empty until it is loaded as a whole. */
  private final class Layer {
    private @Nullable Map<String, TensorBuffer> weights;

    synchronized Map<String, TensorBuffer> load(
        Checkpoint model, int layer, MergeRecipe recipe, ParallelFor threads) {
      Map<String, TensorBuffer> loaded = weights;
      if (loaded == null) {
        List<TensorInfo> tensors =
            models.layerTensors().stream()
                .map(name -> model.tensors().get(ModelLayout.withLayer(name, layer)))
                .filter(info -> info.dtype().isFloating())
                .toList();
        Map<String, TensorBuffer> buffers = WeightStore.buffers(tensors);
        threads.run(
            tensors.size(),
            i -> {
              TensorInfo info = tensors.get(i);
              DType type = MergeInputs.outputType(recipe, info);
              MergeTask task =
                  MergeTask.builder(info).source(model.name(), model.tensor(info.name())).build();
              passthrough.merge(task, new RoundingSink(buffers.get(info.name()), type));
            });
        loaded = buffers;
        weights = loaded;
      }
      return loaded;
    }
  }
}
