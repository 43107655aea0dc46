package io.evomerge.result.picture;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.genome.HopScaling;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Recipes to look at: those of docs/pictures, and more of their kind. */
final class ExampleRecipes {

  private ExampleRecipes() {}

  /** 12 hops over two models of six layers. */
  static MergeRecipe path12() {
    return path(
        List.of("math-en", "japanese"),
        HopScaling.BRANCH,
        "0 0-2, 1 2-3, 0 2-3, 1 1, 1 4, 0 4, 0 4-5",
        new double[] {1, 1.04, 0.92, 0.71, 1.18, 0.86, 1, 0.43, 1.31, 0.95, 0.62, 1.12});
  }

  /** The shape of the published 10B model: 65 hops, 44 layers of two models of 32. */
  static MergeRecipe path65() {
    return path(
        List.of("math-7b", "japanese-7b"),
        HopScaling.BRANCH,
        "0 0-8, 1 5-9, 0 6-12, 1 9-12, 0 11-17, 1 12-14, 0 14-20, 0 18-23, 1 20-21, 0 22-27,"
            + " 0 25-28, 0 27-31",
        spread(65));
  }

  /** 36 hops over three models, the first of which is a merge. */
  static MergeRecipe path36() {
    return path(
        List.of("merged", "japanese-llama-2-13b-instruct", "math-13b"),
        HopScaling.STREAM,
        "0 0-9, 1 10-13, 0 10-14, 2 12-15, 2 15, 0 14-18, 1 17-18, 0 19-23",
        spread(36));
  }

  /** A weight per layer and source. */
  static MergeRecipe perLayer() {
    MergeRecipe.Builder recipe = ties("math-en", "japanese", "code");
    Map<String, ParameterValue> shared =
        Map.of("density", ParameterValue.perSource(List.of(0.53, 0.3, 0.78)));
    recipe.group(TensorSelector.all(), shared);
    recipe.group(TensorSelector.of(Part.EMBEDDINGS), weights(0.92, 0.1, 0.0));
    double[] math = {1.12, 0.97, 0.55, 0.31, 0.48, 0.76};
    double[] japanese = {-0.08, 0.22, 0.71, 0.95, 0.64, 0.4};
    double[] code = {0.05, -0.21, -0.34, 0.12, 0.18, 0.09};
    for (int layer = 0; layer < math.length; layer++) {
      recipe.group(
          TensorSelector.layers(layer, layer), weights(math[layer], japanese[layer], code[layer]));
    }
    recipe.group(TensorSelector.of(Part.FINAL_NORM), weights(0.66, 0.45, -0.02));
    recipe.group(TensorSelector.of(Part.HEAD), weights(0.66, 0.45, -0.02));
    return recipe.build();
  }

  /** Weight and density per group of layers. */
  static MergeRecipe perLayerWithDensity(int layers) {
    MergeRecipe.Builder recipe = ties("math-en", "japanese", "code");
    double[] numbers = spread(6 * (layers + 3));
    List<TensorSelector> groups = new ArrayList<>();
    groups.add(TensorSelector.of(Part.EMBEDDINGS));
    for (int layer = 0; layer < layers; layer++) {
      groups.add(TensorSelector.layers(layer, layer));
    }
    groups.add(TensorSelector.of(Part.FINAL_NORM));
    groups.add(TensorSelector.of(Part.HEAD));
    int next = 0;
    for (TensorSelector group : groups) {
      Map<String, ParameterValue> values = new TreeMap<>();
      List<Double> weights = new ArrayList<>();
      List<Double> densities = new ArrayList<>();
      for (int source = 0; source < 3; source++) {
        weights.add(numbers[next++] - 0.6);
        densities.add((numbers[next++] - 0.3) / 1.3);
      }
      values.put("weight", ParameterValue.perSource(weights));
      values.put("density", ParameterValue.perSource(densities));
      recipe.group(group, values);
    }
    return recipe.parameter("lambda", 1).parameter("normalize", ParameterValue.of(false)).build();
  }

  static MergeRecipe perModel() {
    return ties("math-en", "japanese", "code")
        .perSource("weight", 0.92, 0.61, -0.13)
        .perSource("density", 0.53, 0.3, 0.78)
        .parameter("lambda", 1)
        .build();
  }

  /** Attention, MLP and norms of each of six layers. */
  static MergeRecipe perComponent() {
    MergeRecipe.Builder recipe = ties("math-en", "japanese", "code");
    recipe.parameter("density", 0.5);
    double[] numbers = spread(3 * 3 * 6 + 6);
    int next = 0;
    recipe.group(
        TensorSelector.of(Part.EMBEDDINGS),
        weights(numbers[next++] - 0.5, numbers[next++] - 0.5, numbers[next++] - 0.5));
    for (int layer = 0; layer < 6; layer++) {
      for (Component component : List.of(Component.ATTENTION, Component.MLP, Component.NORM)) {
        recipe.group(
            TensorSelector.layers(layer, layer).component(component),
            weights(numbers[next++] - 0.5, numbers[next++] - 0.5, numbers[next++] - 0.5));
      }
    }
    recipe.group(
        TensorSelector.of(Part.FINAL_NORM),
        weights(numbers[next++] - 0.5, numbers[next++] - 0.5, numbers[next++] - 0.5));
    return recipe.build();
  }

  /** One number for both sources. */
  static MergeRecipe slerp() {
    MergeRecipe.Builder recipe =
        MergeRecipe.builder("slerp").source(ref("math-en")).source(ref("japanese"));
    double[] t = {0.1, 0.25, 0.6, 0.85};
    for (int i = 0; i < t.length; i++) {
      recipe.group(TensorSelector.layers(8 * i, 8 * i + 7), Map.of("t", ParameterValue.of(t[i])));
    }
    return recipe.parameter("t", 0.5).build();
  }

  static MergeRecipe path(List<String> models, HopScaling scaling, String runs, double[] scales) {
    List<Hop> hops = new ArrayList<>();
    for (String run : runs.split(", ", -1)) {
      String[] parts = run.split("[ -]", -1);
      int last = Integer.parseInt(parts[parts.length - 1]);
      for (int layer = Integer.parseInt(parts[1]); layer <= last; layer++) {
        hops.add(new Hop(models.get(Integer.parseInt(parts[0])), layer, scales[hops.size()]));
      }
    }
    return path(models, scaling, hops);
  }

  static MergeRecipe path(List<String> models, HopScaling scaling, List<Hop> hops) {
    return MergeRecipe.builder("passthrough")
        .source(ref(models.get(0)))
        .dataFlow(
            new DataFlow(
                models.get(0),
                models.subList(1, models.size()).stream().map(ExampleRecipes::ref).toList(),
                hops,
                scaling))
        .build();
  }

  static CheckpointRef ref(String name) {
    return new CheckpointRef(name, "models/" + name, "");
  }

  private static MergeRecipe.Builder ties(String... sources) {
    return MergeRecipe.builder("dare_ties")
        .base(ref("base"))
        .sources(java.util.Arrays.stream(sources).map(ExampleRecipes::ref).toList());
  }

  private static Map<String, ParameterValue> weights(Double... numbers) {
    return Map.of("weight", ParameterValue.perSource(List.of(numbers)));
  }

  /** Numbers from 0.3 to 1.6 without order. */
  private static double[] spread(int count) {
    double[] numbers = new double[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = 0.3 + (i * 37 + 70) % 131 / 100.0;
    }
    return numbers;
  }
}
