package io.evomerge.result;

import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.PairedComparison;
import io.evomerge.recipe.MergeRecipe;
import java.util.List;
import java.util.Optional;

/**
 * Which parts of a data flow path carry its result; immutable.
 *
 * @param recipe the path
 * @param fitness of it
 * @param variants the same path with one thing changed, in the order of {@link
 *     io.evomerge.recipe.PathVariants#ablation}
 */
public record Ablation(MergeRecipe recipe, Fitness fitness, List<Variant> variants) {

  /** Copies. */
  public Ablation {
    variants = List.copyOf(variants);
  }

  /**
   * One changed path.
   *
   * @param name what was changed
   * @param recipe the changed path
   * @param fitness of the changed path; empty if it could not be scored
   * @param comparison the changed path against the whole one on the same items; empty if the
   *     fitness gives no items
   * @param failure why it could not be scored, else empty
   */
  public record Variant(
      String name,
      MergeRecipe recipe,
      Optional<Fitness> fitness,
      Optional<PairedComparison> comparison,
      Optional<String> failure) {}
}
