package io.evomerge;

import io.evomerge.candidate.CandidateAssembler;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.Objective;
import io.evomerge.fitness.Outcome;
import io.evomerge.fitness.PairedComparison;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.Ablation;
import io.evomerge.run.TrialEvaluator;
import io.evomerge.run.TrialEvaluators;
import io.evomerge.run.TrialTask;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Scores a path and its variants. */
final class AblationRun {

  private AblationRun() {}

  static Ablation of(
      CandidateAssembler assembler,
      MergeRecipe recipe,
      Map<String, MergeRecipe> variants,
      FitnessFunction fitness,
      int parallelism) {
    Objective objective = new Objective("ablation", Direction.MAXIMIZE, fitness, Optional.empty());
    try (TrialEvaluator evaluator =
        TrialEvaluators.local(assembler, List.of(objective), parallelism)) {
      CompletableFuture<Outcome> whole = submit(evaluator, recipe);
      Map<String, CompletableFuture<Outcome>> outcomes = new LinkedHashMap<>();
      variants.forEach((name, variant) -> outcomes.put(name, submit(evaluator, variant)));
      Outcome outcome = whole.join();
      if (!(outcome instanceof Outcome.Scored scored)) {
        throw new EvoMergeException("the path could not be scored: " + outcome);
      }
      Fitness all = scored.fitness().get(0);
      List<Ablation.Variant> rows = new ArrayList<>();
      outcomes.forEach((name, other) -> rows.add(row(name, variants.get(name), all, other.join())));
      return new Ablation(recipe, all, rows);
    }
  }

  private static CompletableFuture<Outcome> submit(TrialEvaluator evaluator, MergeRecipe recipe) {
    return evaluator.submit(new TrialTask(recipe, TrialTask.Data.SEARCH));
  }

  private static Ablation.Variant row(
      String name, MergeRecipe variant, Fitness whole, Outcome outcome) {
    if (!(outcome instanceof Outcome.Scored scored)) {
      return new Ablation.Variant(
          name, variant, Optional.empty(), Optional.empty(), Optional.of(outcome.toString()));
    }
    Fitness fitness = scored.fitness().get(0);
    boolean items = fitness.items().length > 0 && fitness.items().length == whole.items().length;
    return new Ablation.Variant(
        name,
        variant,
        Optional.of(fitness),
        items ? Optional.of(PairedComparison.of(fitness.items(), whole.items())) : Optional.empty(),
        Optional.empty());
  }
}
