package io.evomerge.recipe;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.genome.HopScaling;
import java.util.ArrayList;
import java.util.List;

/**
 * The path that a token takes through the layers of several models, with a scale per hop.
 *
 * <p>The first of the models is what the rest of the recipe merges, or, with operator {@code
 * passthrough}, its one source as it is: it gives tokenizer, embeddings, final norm and head.
 * Layers may be used several times; each hop has keys and values of its own.
 *
 * <p>Akiba, Shing, Tang, Sun, Ha, "Evolutionary Optimization of Model Merging Recipes", 2024, arXiv
 * 2403.13187, section 3.2.
 *
 * @param merged what the hops call the model that the rest of the recipe makes
 * @param models the other models whose layers the hops use
 * @param hops in the order in which a token passes them
 * @param scaling what the scales multiply
 */
public record DataFlow(
    String merged, List<CheckpointRef> models, List<Hop> hops, HopScaling scaling) {

  /** Copies. */
  public DataFlow {
    models = List.copyOf(models);
    hops = List.copyOf(hops);
  }

  /** Returns the names of all models of the path, the merged one first. */
  public List<String> modelNames() {
    List<String> names = new ArrayList<>();
    names.add(merged);
    models.forEach(model -> names.add(model.name()));
    return List.copyOf(names);
  }

  /** Returns whether the scales multiply the whole residual stream rather than branches of it. */
  public boolean scalesStream() {
    return scaling == HopScaling.STREAM;
  }

  /**
   * Returns the same path with other hops.
   *
   * @param other over the same models
   */
  public DataFlow withHops(List<Hop> other) {
    return new DataFlow(merged, models, other, scaling);
  }
}
