package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.onnx.language.EvaluationReport;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.recipe.MergeRecipe;

/** Measures single recipes, item by item. */
final class Measurement {

  private Measurement() {}

  /** Makes the model of a recipe over the models of a search, and lets it answer a task. */
  static EvaluationReport of(EvoMerge search, MergeRecipe recipe, TextEvaluator evaluator) {
    EvaluationReport[] report = new EvaluationReport[1];
    search.evaluate(
        recipe,
        candidate -> {
          report[0] = evaluator.report(candidate);
          return report[0].score();
        });
    return report[0];
  }
}
