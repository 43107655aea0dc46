package io.evomerge.recipe;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.Genome;
import io.evomerge.genome.ParameterSearchSpace;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterSpec.Scope;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Decodes genomes of a parameter space: a template recipe with the genome's values on top.
 *
 * <p>Sources, seed, dtype and everything else come from the template; where both give a parameter,
 * the genome's value counts.
 */
public final class ParameterRecipeDecoder implements RecipeDecoder {

  private final ParameterSearchSpace space;
  private final MergeRecipe template;
  private final Map<String, ParameterSpec> specs = new LinkedHashMap<>();

  /**
   * Creates a decoder.
   *
   * @param space the genes and what they set
   * @param template with the same sources in the same order
   * @throws RecipeException if the template's sources are not those of the space
   */
  public ParameterRecipeDecoder(ParameterSearchSpace space, MergeRecipe template) {
    List<String> names = template.sources().stream().map(CheckpointRef::name).toList();
    if (!names.equals(space.sourceNames())) {
      throw new RecipeException(
          "the template has the sources "
              + names
              + ", the search space was made for "
              + space.sourceNames());
    }
    this.space = space;
    this.template = template;
    space.specs().forEach(spec -> specs.put(spec.name(), spec));
  }

  @Override
  public MergeRecipe decode(Genome genome) {
    Map<String, ParameterValue> parameters = new TreeMap<>(template.parameters());
    List<MergeRecipe.Group> groups = new ArrayList<>(template.groups());
    for (ParameterSearchSpace.GroupValues group : space.decode(genome)) {
      Map<String, ParameterValue> values = values(group);
      if (group.select().equals(TensorSelector.all()) && groups.isEmpty()) {
        parameters.putAll(values);
      } else {
        groups.add(new MergeRecipe.Group(group.select(), values));
      }
    }
    return template.toBuilder().parameters(parameters).groups(groups).build();
  }

  private Map<String, ParameterValue> values(ParameterSearchSpace.GroupValues group) {
    Map<String, ParameterValue> values = new TreeMap<>();
    group
        .values()
        .asMap()
        .forEach(
            (name, numbers) ->
                values.put(
                    name,
                    specs.get(name).scope() == Scope.PER_SOURCE
                        ? ParameterValue.perSource(boxed(numbers))
                        : ParameterValue.of(numbers[0])));
    return values;
  }

  private static List<Double> boxed(double[] numbers) {
    List<Double> boxed = new ArrayList<>(numbers.length);
    for (double number : numbers) {
      boxed.add(number);
    }
    return boxed;
  }
}
