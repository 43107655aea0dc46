package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.MergeableOptions;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Part;
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
import java.util.Set;
import java.util.TreeMap;

/**
 * The models whose layers data flow paths pass through: the merged one, and others as they are.
 * Safe for concurrent use.
 */
final class LayerModels {

  private final String merged;
  private final ModelLayout mergedLayout;
  private final Map<String, Checkpoint> others = new LinkedHashMap<>();
  private final Map<String, TensorInfo> layerTensors = new TreeMap<>();

  /**
   * Checks that the layers of all models have the same tensors and compute alike.
   *
   * @param flow names the models
   * @param reference whose tensors the merged model has
   * @param sources that the merged model is made of; one of them gives the configuration
   * @param plan of the merged model
   * @param others open, under the flow's names, in its order
   * @throws IncompatibleCheckpointsException if a layer of another model does not fit the merged
   *     one's, or no source has a configuration under which all layers can run
   */
  LayerModels(
      DataFlow flow,
      Checkpoint reference,
      List<Checkpoint> sources,
      MergePlan plan,
      List<Checkpoint> others,
      boolean allowMixedDtypes) {
    this.merged = flow.merged();
    this.mergedLayout = plan.layout();
    others.forEach(model -> this.others.put(model.name(), model));
    List<Checkpoint> strangers = others.stream().filter(model -> model != reference).toList();
    Checkpoints.requireMergeable(
        reference, strangers, new MergeableOptions(allowMixedDtypes, true, true));
    Map<String, TensorInfo> ofMerged = new TreeMap<>();
    plan.tensors().forEach(tensor -> ofMerged.put(tensor.info().name(), tensor.info()));
    ofMerged.forEach(
        (name, info) -> {
          if (mergedLayout.role(name).layer() == 0) {
            layerTensors.put(name, info);
          }
        });
    List<String> problems = new ArrayList<>();
    check(merged, mergedLayout, ofMerged, problems);
    for (Checkpoint model : others) {
      check(model.name(), model.layout(), model.tensors(), problems);
    }
    // Any of them may be the one that a recipe takes its configuration from.
    if (sources.stream().noneMatch(model -> configProblems(model).isEmpty())) {
      problems.addAll(configProblems(reference));
    }
    if (!problems.isEmpty()) {
      throw new IncompatibleCheckpointsException(
          "the layers cannot follow each other on a path: " + String.join("; ", problems));
    }
  }

  private void check(
      String model, ModelLayout layout, Map<String, TensorInfo> tensors, List<String> problems) {
    if (layout.layerCount() == 0) {
      problems.add("'" + model + "' has no layers");
    }
    for (Map.Entry<String, TensorRole> tensor : layout.roles().entrySet()) {
      if (tensor.getValue().part() == Part.LAYER
          && !layerTensors.containsKey(ModelLayout.withLayer(tensor.getKey(), 0))) {
        problems.add("only '" + model + "' has '" + tensor.getKey() + "'");
        return;
      }
    }
    for (int layer = 0; layer < layout.layerCount(); layer++) {
      for (TensorInfo wanted : layerTensors.values()) {
        String name = ModelLayout.withLayer(wanted.name(), layer);
        TensorInfo own = tensors.get(name);
        if (own == null) {
          problems.add("'" + model + "' lacks '" + name + "'");
          return;
        }
        boolean weights = own.dtype().isFloating() == wanted.dtype().isFloating();
        if (!own.shape().equals(wanted.shape()) || !weights) {
          problems.add(
              "'"
                  + name
                  + "' of '"
                  + model
                  + "' "
                  + (weights ? "" : own.dtype() + " ")
                  + own.shape()
                  + " against "
                  + (weights ? "" : wanted.dtype() + " ")
                  + wanted.shape());
          return;
        }
      }
    }
  }

  /**
   * Returns why layers of the other models cannot run under the configuration of a model.
   *
   * @param configured the model that gives the configuration
   */
  List<String> configProblems(Checkpoint configured) {
    List<String> problems = new ArrayList<>();
    for (Checkpoint other : others.values()) {
      if (configured.config().isPresent() && other.config().isPresent()) {
        LayerConfig.differences(configured.config().get(), other.config().get())
            .forEach(
                (key, values) ->
                    problems.add(
                        "'"
                            + other.name()
                            + "' has "
                            + key
                            + " "
                            + values.theirs()
                            + ", '"
                            + configured.name()
                            + "', whose configuration counts, has "
                            + values.ours()));
      }
    }
    return problems;
  }

  /**
   * Returns the configuration of a path: that of the merged model, with as many layers as hops;
   * what is listed per layer is taken from the hops' own models.
   *
   * @param config of the merged model
   * @param flow over these models
   */
  ModelConfig config(ModelConfig config, DataFlow flow) {
    List<ModelConfig> own = new ArrayList<>();
    List<Integer> layers = new ArrayList<>();
    for (Hop hop : flow.hops()) {
      own.add(other(hop.model()).flatMap(Checkpoint::config).orElse(config));
      layers.add(hop.layer());
    }
    return MergedConfig.withLayers(config, own, layers);
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
        problems.add(MergeInputs.otherModel(ref, model));
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

  /** Returns the names of the tensors of a layer, as those of layer 0 are called. */
  Set<String> layerTensors() {
    return layerTensors.keySet();
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
