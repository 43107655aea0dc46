package io.evomerge.result;

import io.evomerge.fitness.Fitness;
import io.evomerge.genome.Genome;
import io.evomerge.recipe.MergeRecipe;
import java.util.List;

/**
 * A model that a search puts forward.
 *
 * @param recipe what the model is
 * @param genome the point of the search space
 * @param origin where it came from, e.g. {@code "trial 131"} or {@code "mean after trial 239"}
 * @param fitness on the search data, one per objective, single items left out for trials; empty for
 *     a finalist that was no trial and did not win
 * @param validation on the validation data, one per objective (on the search data again for one
 *     that has no validation fitness); empty if it was not validated
 * @param violation how far it violates the constraints of the search together, 0 if it keeps to
 *     all: as measured with the validation if there was one, else on the search data
 */
public record SelectedModel(
    MergeRecipe recipe,
    Genome genome,
    String origin,
    List<Fitness> fitness,
    List<Fitness> validation,
    double violation) {

  /** Copies. */
  public SelectedModel {
    fitness = List.copyOf(fitness);
    validation = List.copyOf(validation);
  }

  /**
   * A model that violates no constraint.
   *
   * @param recipe what the model is
   * @param genome the point of the search space
   * @param origin where it came from
   * @param fitness on the search data
   * @param validation on the validation data
   */
  public SelectedModel(
      MergeRecipe recipe,
      Genome genome,
      String origin,
      List<Fitness> fitness,
      List<Fitness> validation) {
    this(recipe, genome, origin, fitness, validation, 0);
  }

  /**
   * Returns the score on the first objective's search data.
   *
   * @throws IndexOutOfBoundsException if it was not scored there
   */
  public double score() {
    return fitness.get(0).score();
  }
}
