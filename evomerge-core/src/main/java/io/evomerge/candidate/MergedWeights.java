package io.evomerge.candidate;

import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.merge.MergeCache;
import io.evomerge.merge.ParallelFor;
import io.evomerge.merge.WholeModelOperator.Survey;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of a merged model, and what each was made with: a tensor that is held already is not
 * merged again.
 *
 * <p>Shared ones serve several stores at once. The first recipe that is merged into them fixes the
 * model; tensors that no recipe has used yet are merged when the first one uses them. Safe for
 * concurrent use; the buffers of others are for one thread at a time.
 */
final class MergedWeights {

  private final MergeInputs inputs;
  private final boolean shared;
  private final Map<String, TensorBuffer> buffers;
  private final Map<String, Held> held = new HashMap<>();
  private @Nullable Fixed fixed;

  /** What decides on a tensor of one operator and one set of models. */
  private record Settings(ParameterValues values, long seed, DType type) {}

  /** What a tensor was made with. */
  private record Held(Settings settings, Optional<Survey> survey) {}

  /** What all tensors of a shared model are made with. */
  private record Fixed(Map<String, Settings> settings, Optional<Survey> survey) {}

  /**
   * Allocates the buffers.
   *
   * @param shared whether several stores have them
   */
  MergedWeights(MergeInputs inputs, boolean shared) {
    this.inputs = inputs;
    this.shared = shared;
    this.buffers = WeightStore.buffers(inputs.merged());
  }

  /** Returns all buffers by tensor name. */
  Map<String, TensorBuffer> buffers() {
    return buffers;
  }

  /**
   * Makes tensors those of a recipe.
   *
   * @param recipe that matches the inputs
   * @param used which tensors; the others are left as they are
   * @throws RecipeException if its parameters do not fit the operator, or the model is shared and
   *     the recipe would change it
   * @throws MergeException if the operator refuses an input; other tensors stay usable
   */
  synchronized void merge(
      MergeRecipe recipe, Predicate<TensorInfo> used, MergeCache cache, ParallelFor threads) {
    Function<TensorInfo, ParameterValues> parameters = inputs.parameters(recipe);
    Map<String, Settings> wanted = new LinkedHashMap<>();
    for (TensorInfo info : inputs.merged()) {
      DType type = MergeInputs.outputType(recipe, info);
      wanted.put(info.name(), new Settings(parameters.apply(info), recipe.seed(), type));
    }
    Fixed first = fixed;
    if (first != null) {
      requireEqual(first.settings(), wanted);
    }
    Optional<Survey> survey =
        first != null ? first.survey() : inputs.survey(recipe, parameters, cache, threads);
    for (TensorInfo info : inputs.merged()) {
      Held made = new Held(wanted.get(info.name()), survey);
      if (!used.test(info) || made.equals(held.get(info.name()))) {
        continue;
      }
      // Forgotten first: a merge that fails leaves half a tensor.
      held.remove(info.name());
      RoundingSink sink = new RoundingSink(buffers.get(info.name()), made.settings().type());
      inputs.merge(info, recipe, made.settings().values(), survey, cache, threads, sink);
      held.put(info.name(), made);
    }
    if (shared && first == null) {
      fixed = new Fixed(wanted, survey);
    }
  }

  private static void requireEqual(Map<String, Settings> first, Map<String, Settings> wanted) {
    List<String> changed = new ArrayList<>();
    wanted.forEach(
        (name, settings) -> {
          if (!settings.equals(first.get(name))) {
            changed.add(name);
          }
        });
    if (changed.isEmpty()) {
      return;
    }
    String name = changed.get(0);
    throw new RecipeException(
        "the stores of this assembler share one merged model, and the recipe would change "
            + changed.size()
            + " of its "
            + wanted.size()
            + " tensors: '"
            + name
            + "' is made with "
            + text(first.get(name))
            + ", the recipe wants "
            + text(wanted.get(name))
            + ". A search over paths alone keeps the merge as it is: for another merge make another"
            + " assembler, for a search over both one without shareMerged");
  }

  private static String text(Settings settings) {
    List<String> parts = new ArrayList<>();
    settings
        .values()
        .asMap()
        .forEach((name, numbers) -> parts.add(name + " " + Arrays.toString(numbers)));
    parts.add("seed " + settings.seed());
    parts.add(settings.type().name());
    return String.join(", ", parts);
  }
}
