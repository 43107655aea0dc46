package io.evomerge.recipe;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.DType;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What a merged model is, completely and only that: with its sources it fixes every byte.
 *
 * <p>Immutable. The text forms ({@link RecipeFiles}) round-trip.
 *
 * @param operator name of the merge operator, e.g. {@code dare_ties}
 * @param semantics whose definition of the operator
 * @param base the common base of the sources, where the operator uses one
 * @param sources the models to merge, in order, names unique
 * @param parameters values for every tensor, by parameter name
 * @param groups values for groups of tensors; where several match, the last one that gives the
 *     parameter wins
 * @param seed of the operator's random masks
 * @param dtype element type of the written model; empty keeps each tensor's own
 * @param tokenizer name of the source (or base) whose configuration and tokenizer the model takes;
 *     empty for the base if there is one, else the first source
 */
public record MergeRecipe(
    String operator,
    Semantics semantics,
    Optional<CheckpointRef> base,
    List<CheckpointRef> sources,
    Map<String, ParameterValue> parameters,
    List<Group> groups,
    long seed,
    Optional<DType> dtype,
    Optional<String> tokenizer) {

  /** Copies. */
  public MergeRecipe {
    sources = List.copyOf(sources);
    parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
    groups = List.copyOf(groups);
  }

  /**
   * Parameter values for the tensors that a selector picks.
   *
   * @param select which tensors
   * @param parameters by parameter name
   */
  public record Group(TensorSelector select, Map<String, ParameterValue> parameters) {
    /** Copies. */
    public Group {
      parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
    }
  }
}
