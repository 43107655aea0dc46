package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What is written for a recipe.
 *
 * @param items the tensors, those of one origin together
 * @param layers number of transformer blocks that are written
 * @param config the configuration, if there is one
 * @param notes what is worth knowing
 */
record ModelOutputs(
    List<Item> items, int layers, Optional<ModelConfig> config, List<String> notes) {

  private static final int BLOCK = 1 << 16;

  /** Where the numbers of a tensor come from. */
  sealed interface Origin permits Merged, Copied, Taken, Given {}

  /**
   * A tensor that the operator merges.
   *
   * @param info in the merged model
   */
  record Merged(TensorInfo info) implements Origin {}

  /**
   * A tensor of the merged model that is not floating-point.
   *
   * @param info in the merged model
   */
  record Copied(TensorInfo info) implements Origin {}

  /**
   * A tensor of another model of the path, as it is.
   *
   * @param model open
   * @param info in that model
   */
  record Taken(Checkpoint model, TensorInfo info) implements Origin {}

  /**
   * Numbers of the path itself, which are no weights.
   *
   * @param bytes little-endian elements
   */
  record Given(byte[] bytes) implements Origin {}

  /**
   * A tensor in the output.
   *
   * @param info as written
   * @param factor what it is multiplied by
   * @param before the type to which it is rounded before that: that of the candidate in memory
   */
  record Target(TensorInfo info, float factor, DType before) {

    /** A copy without a factor, or with one that comes before the only rounding. */
    static Target of(TensorInfo info, float factor) {
      return new Target(info, factor, factor == 1 ? info.dtype() : DType.F32);
    }
  }

  /**
   * Copies of one tensor.
   *
   * @param origin where they come from
   * @param targets at least one, of one type; the factors are all 1, or none is
   */
  record Item(Origin origin, List<Target> targets) {

    /** Copies. */
    Item {
      targets = List.copyOf(targets);
    }

    List<TensorInfo> infos() {
      return targets.stream().map(Target::info).toList();
    }

    boolean scaled() {
      return targets.get(0).factor() != 1;
    }

    /** Returns one sink for all copies. */
    TensorSink sink(List<TensorSink> sinks) {
      if (sinks.size() == 1 && !scaled()) {
        return sinks.get(0);
      }
      float[] factors = new float[targets.size()];
      for (int i = 0; i < factors.length; i++) {
        factors[i] = targets.get(i).factor();
      }
      return new CopiesSink(sinks, factors, targets.get(0).before());
    }
  }

  /** Copies. */
  ModelOutputs {
    items = List.copyOf(items);
    notes = List.copyOf(notes);
  }

  /**
   * Plans what is written.
   *
   * @param form of a path, if the recipe has one
   * @throws ConfigurationException listing what keeps the form from being written
   */
  static ModelOutputs of(String what, MergeRecipe recipe, MergeInputs inputs, PathForm form) {
    if (recipe.dataFlow().isPresent()) {
      PathOutputs path = new PathOutputs(recipe, inputs, form);
      if (!path.problems().isEmpty()) {
        throw new ConfigurationException(what, path.problems());
      }
      return path.outputs();
    }
    List<Item> items = new ArrayList<>();
    for (TensorInfo info : inputs.copied()) {
      items.add(new Item(new Copied(info), List.of(Target.of(info, 1))));
    }
    for (TensorInfo info : inputs.merged()) {
      TensorInfo written = info.withDtype(MergeInputs.outputType(recipe, info));
      items.add(new Item(new Merged(info), List.of(Target.of(written, 1))));
    }
    return new ModelOutputs(items, inputs.layout().layerCount(), inputs.config(recipe), List.of());
  }

  /** Returns all tensors as written, in the order of their names. */
  List<TensorInfo> tensors() {
    return items.stream()
        .flatMap(item -> item.infos().stream())
        .sorted(Comparator.comparing(TensorInfo::name))
        .toList();
  }

  /** Returns the tensors that the operator merges, each once. */
  List<TensorInfo> merged() {
    List<TensorInfo> merged = new ArrayList<>();
    for (Item item : items) {
      if (item.origin() instanceof Merged one) {
        merged.add(one.info());
      }
    }
    return merged;
  }

  /** Returns the number of weights that are written; numbers of the path are none. */
  long parameterCount() {
    return items.stream()
        .filter(item -> !(item.origin() instanceof Given))
        .flatMap(item -> item.infos().stream())
        .filter(info -> info.dtype().isFloating())
        .mapToLong(TensorInfo::elementCount)
        .sum();
  }

  long bytesWritten() {
    return items.stream()
        .flatMap(item -> item.infos().stream())
        .mapToLong(TensorInfo::byteSize)
        .sum();
  }

  long bytesRead(MergeInputs inputs) {
    long bytes = 0;
    for (Item item : items) {
      if (item.origin() instanceof Merged one) {
        bytes += inputs.inputBytes(one.info());
      } else if (item.origin() instanceof Copied one) {
        bytes += one.info().byteSize();
      } else if (item.origin() instanceof Taken one) {
        bytes += one.info().byteSize();
      }
    }
    return bytes;
  }

  /** Copies a tensor; one of the sink's element type byte for byte. */
  static void copy(TensorView view, TensorSink sink) {
    TensorInfo info = view.info();
    if (info.dtype() == sink.info().dtype()) {
      byte[] block = new byte[BLOCK];
      for (long at = 0; at < info.byteSize(); at += BLOCK) {
        int count = (int) Math.min(BLOCK, info.byteSize() - at);
        view.readBytes(at, block, 0, count);
        sink.writeBytes(at, block, 0, count);
      }
      return;
    }
    float[] block = new float[BLOCK];
    for (long at = 0; at < info.elementCount(); at += BLOCK) {
      int count = (int) Math.min(BLOCK, info.elementCount() - at);
      view.readFloats(at, block, 0, count);
      sink.writeFloats(at, block, 0, count);
    }
  }
}
