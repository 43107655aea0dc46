package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.MergeableOptions;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The models whose layers data flow paths pass through: the merged one, and others as they are.
 * Safe for concurrent use.
 */
final class LayerModels {

  private final String merged;
  private final ModelLayout mergedLayout;
  private final Map<String, Checkpoint> others = new LinkedHashMap<>();

  /**
   * Checks that the layers of all models have the same tensors.
   *
   * @param flow names the models
   * @param reference whose tensors the merged model has
   * @param plan of the merged model
   * @param others open, under the flow's names, in its order
   * @throws IncompatibleCheckpointsException if a layer of another model does not fit the merged
   *     one's
   */
  LayerModels(
      DataFlow flow,
      Checkpoint reference,
      MergePlan plan,
      List<Checkpoint> others,
      boolean allowMixedDtypes) {
    this.merged = flow.merged();
    this.mergedLayout = plan.layout();
    others.forEach(model -> this.others.put(model.name(), model));
    List<Checkpoint> strangers = others.stream().filter(model -> model != reference).toList();
    Checkpoints.requireMergeable(
        reference, strangers, new MergeableOptions(allowMixedDtypes, true, true));
    Map<String, TensorInfo> wanted = new TreeMap<>();
    for (MergePlan.Planned tensor : plan.tensors()) {
      if (mergedLayout.role(tensor.info().name()).layer() == 0) {
        wanted.put(tensor.info().name(), tensor.info());
      }
    }
    List<String> problems = new ArrayList<>();
    for (Checkpoint model : others) {
      check(model, wanted, problems);
    }
    if (!problems.isEmpty()) {
      throw new IncompatibleCheckpointsException(
          "the layers cannot follow each other on a path: " + String.join("; ", problems));
    }
  }

  private static void check(
      Checkpoint model, Map<String, TensorInfo> wanted, List<String> problems) {
    for (int layer = 0; layer < model.layout().layerCount(); layer++) {
      for (TensorInfo info : wanted.values()) {
        String name = ModelLayout.withLayer(info.name(), layer);
        TensorInfo own = model.tensors().get(name);
        if (own == null) {
          problems.add("'" + model.name() + "' lacks '" + name + "'");
          return;
        }
        if (!own.shape().equals(info.shape())) {
          problems.add(
              "'"
                  + name
                  + "' of '"
                  + model.name()
                  + "' "
                  + own.shape()
                  + " against "
                  + info.shape());
          return;
        }
      }
    }
  }

  /** Returns what is wrong with the hops of a path, and with the references to its models. */
  List<String> problems(MergeRecipe recipe) {
    List<String> problems = new ArrayList<>();
    if (recipe.dataFlow().isEmpty()) {
      return problems;
    }
    DataFlow flow = recipe.dataFlow().get();
    List<String> names = new ArrayList<>(List.of(merged));
    names.addAll(others.keySet());
    if (!flow.modelNames().equals(names)) {
      problems.add("its path is over the models " + flow.modelNames() + ", here are " + names);
      return problems;
    }
    for (CheckpointRef ref : flow.models()) {
      Checkpoint model = others.get(ref.name());
      if (!ref.sha256().isEmpty() && !ref.sha256().equals(model.sha256())) {
        problems.add(
            "'"
                + ref.name()
                + "' at "
                + model.location()
                + " is another model: its weights have sha256 "
                + model.sha256()
                + ", the recipe wants "
                + ref.sha256());
      }
    }
    problems.addAll(hopProblems(flow));
    return problems;
  }

  /** Returns which hops want layers that their models do not have. */
  List<String> hopProblems(DataFlow flow) {
    Map<String, Integer> layers = new HashMap<>();
    flow.modelNames().forEach(model -> layers.put(model, layerCount(model)));
    return hopProblems(flow, layers);
  }

  /**
   * Returns which hops want layers that their models do not have.
   *
   * @param layers numbers of layers by model; hops through others are not checked
   */
  static List<String> hopProblems(DataFlow flow, Map<String, Integer> layers) {
    List<String> problems = new ArrayList<>();
    for (int i = 0; i < flow.hops().size(); i++) {
      Hop hop = flow.hops().get(i);
      int count = layers.getOrDefault(hop.model(), Integer.MAX_VALUE);
      if (hop.layer() >= count) {
        problems.add(
            "hop "
                + i
                + " wants layer "
                + hop.layer()
                + " of '"
                + hop.model()
                + "', which has the layers 0 to "
                + (count - 1));
      }
    }
    return problems;
  }

  int layerCount(String model) {
    return model.equals(merged)
        ? mergedLayout.layerCount()
        : others.get(model).layout().layerCount();
  }

  /** Returns the model of that name, or nothing for the merged one. */
  Optional<Checkpoint> other(String model) {
    return Optional.ofNullable(others.get(model));
  }

  /** Returns the other models, in the path's order. */
  List<Checkpoint> others() {
    return List.copyOf(others.values());
  }

  String merged() {
    return merged;
  }
}
