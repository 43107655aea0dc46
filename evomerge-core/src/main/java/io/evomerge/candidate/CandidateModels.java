package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.exception.CheckpointException;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.List;
import java.util.Map;

/** Makes candidates of models that are there already, so that they can be scored like merges. */
public final class CandidateModels {

  private static final int BLOCK = 1 << 16;

  private CandidateModels() {}

  /**
   * Allocates memory for a model: four bytes per weight, outside the heap.
   *
   * @param checkpoint the model
   * @throws IllegalArgumentException if a tensor is larger than 2 GiB as float32
   */
  public static WeightStore newStore(Checkpoint checkpoint) {
    return WeightStore.allocate(weights(checkpoint));
  }

  /**
   * Loads a model into memory of its own, which the caller closes: {@code model.weights().close()}.
   *
   * @param checkpoint open; not needed any more when this returns
   * @throws CheckpointException if a weight is NaN or infinite; the message names its tensor
   */
  public static CandidateModel load(Checkpoint checkpoint) {
    WeightStore store = newStore(checkpoint);
    try {
      return load(checkpoint, store);
    } catch (RuntimeException e) {
      store.close();
      throw e;
    }
  }

  /**
   * Loads a model into a store; its recipe is {@code passthrough} of the checkpoint.
   *
   * @param checkpoint open; not needed any more when this returns
   * @param store from {@link #newStore} of a model with the same tensors; overwritten
   * @throws IllegalArgumentException if the store has other tensors or shapes
   * @throws CheckpointException if a weight is NaN or infinite; the message names its tensor
   */
  public static CandidateModel load(Checkpoint checkpoint, WeightStore store) {
    List<TensorInfo> weights = weights(checkpoint);
    Map<String, TensorBuffer> buffers = store.tensors();
    if (weights.size() != buffers.size()
        || !weights.stream()
            .allMatch(
                info ->
                    buffers.containsKey(info.name())
                        && buffers.get(info.name()).info().shape().equals(info.shape()))) {
      throw new IllegalArgumentException(
          "the store does not have the tensors of '"
              + checkpoint.name()
              + "': make it with CandidateModels.newStore");
    }
    float[] block = new float[BLOCK];
    for (TensorInfo info : weights) {
      TensorView view = checkpoint.tensor(info.name());
      TensorBuffer buffer = buffers.get(info.name());
      for (long at = 0; at < info.elementCount(); at += BLOCK) {
        int count = (int) Math.min(BLOCK, info.elementCount() - at);
        view.readFloats(at, block, 0, count);
        requireFinite(checkpoint, info, at, block, count);
        buffer.writeFloats(at, block, 0, count);
      }
    }
    MergeRecipe recipe = MergeRecipe.builder("passthrough").source(checkpoint.ref()).build();
    return new AssembledModel(
        recipe,
        checkpoint.config(),
        checkpoint.layout(),
        store,
        buffers,
        MergeInputs.tokenizerFolder(checkpoint));
  }

  private static void requireFinite(
      Checkpoint checkpoint, TensorInfo info, long at, float[] block, int count) {
    for (int i = 0; i < count; i++) {
      if (!Float.isFinite(block[i])) {
        throw new CheckpointException(
            "tensor '"
                + info.name()
                + "' of '"
                + checkpoint.name()
                + "' has "
                + block[i]
                + " at element "
                + (at + i)
                + "; only finite weights can be run. Download or write the model again");
      }
    }
  }

  private static List<TensorInfo> weights(Checkpoint checkpoint) {
    return checkpoint.tensors().values().stream().filter(i -> i.dtype().isFloating()).toList();
  }
}
