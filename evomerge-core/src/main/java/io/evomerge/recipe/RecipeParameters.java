package io.evomerge.recipe;

import io.evomerge.checkpoint.TensorRole;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterSpec.Kind;
import io.evomerge.genome.ParameterSpec.Scope;
import io.evomerge.genome.ParameterValues;
import io.evomerge.internal.text.DidYouMean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Finds the parameters of one tensor in a recipe. */
final class RecipeParameters {
  private RecipeParameters() {}

  static ParameterValues resolve(
      MergeRecipe recipe, String name, TensorRole role, List<ParameterSpec> specs) {
    Set<String> problems = new LinkedHashSet<>();
    List<String> known = specs.stream().map(ParameterSpec::name).toList();
    Map<String, ParameterValue> given = new HashMap<>(recipe.parameters());
    recipe.parameters().keySet().forEach(key -> known(recipe, key, known, problems));
    for (MergeRecipe.Group group : recipe.groups()) {
      group.parameters().keySet().forEach(key -> known(recipe, key, known, problems));
      if (group.select().matches(name, role)) {
        given.putAll(group.parameters());
      }
    }
    Map<String, double[]> values = new HashMap<>();
    for (ParameterSpec spec : specs) {
      ParameterValue value = given.get(spec.name());
      if (value == null && Double.isNaN(spec.defaultValue())) {
        problems.add(
            recipe.operator()
                + " needs '"
                + spec.name()
                + "' for "
                + describe(role)
                + ", and the recipe does not give it");
      } else {
        values.put(spec.name(), numbers(recipe, spec, value, problems));
      }
    }
    if (!problems.isEmpty()) {
      throw new RecipeException("recipe: " + String.join("; ", problems));
    }
    return ParameterValues.of(values);
  }

  private static void known(
      MergeRecipe recipe, String name, List<String> known, Set<String> problems) {
    if (!known.contains(name)) {
      problems.add(
          recipe.operator() + " has no parameter '" + name + "'" + DidYouMean.hint(name, known));
    }
  }

  private static double[] numbers(
      MergeRecipe recipe,
      ParameterSpec spec,
      @org.jspecify.annotations.Nullable ParameterValue value,
      Set<String> problems) {
    int count = spec.scope() == Scope.PER_SOURCE ? recipe.sources().size() : 1;
    double[] numbers = new double[count];
    if (value == null) {
      Arrays.fill(numbers, spec.defaultValue());
      return numbers;
    }
    if (value.perSource() && spec.scope() == Scope.GLOBAL) {
      problems.add(
          "'" + spec.name() + "' is " + value.numbers() + ", wanted one number for all sources");
      return numbers;
    }
    List<String> refused = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      numbers[i] = value.numbers().get(value.perSource() ? i : 0);
      boolean whole = spec.kind() == Kind.REAL || numbers[i] == Math.rint(numbers[i]);
      if (!(numbers[i] >= spec.min() && numbers[i] <= spec.max()) || !whole) {
        refused.add(Numbers.text(numbers[i]));
      }
    }
    if (!refused.isEmpty()) {
      problems.add(
          "'"
              + spec.name()
              + "' is "
              + String.join(", ", refused)
              + ", wanted "
              + switch (spec.kind()) {
                case REAL -> "a number";
                case INTEGER -> "a whole number";
                case FLAG -> "true or false";
              }
              + " in ["
              + spec.min()
              + ", "
              + spec.max()
              + "]");
    }
    return numbers;
  }

  private static String describe(TensorRole role) {
    String part = role.part().name().toLowerCase(java.util.Locale.ROOT);
    return role.layer() < 0 ? part : "layer " + role.layer();
  }
}
