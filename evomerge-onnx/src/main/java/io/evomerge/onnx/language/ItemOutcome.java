package io.evomerge.onnx.language;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a model made of one item.
 *
 * @param item that was asked
 * @param text what the model wrote, without special tokens; the chosen text in multiple choice;
 *     empty where nothing is generated
 * @param right whether the answer is right, whatever its form; always false where only likelihoods
 *     are measured
 * @param formed whether the text has the language and phrases that are asked for; true where
 *     nothing is asked
 * @param score the item's part of the score, as in {@link io.evomerge.fitness.Fitness#items()}
 * @param logLikelihood mean natural log-probability per token of the reference, where it was
 *     measured; of the right choice in multiple choice
 */
public record ItemOutcome(
    TextItem item,
    Optional<String> text,
    boolean right,
    boolean formed,
    double score,
    OptionalDouble logLikelihood) {

  /** Returns whether the answer is right and has the form that is asked for. */
  public boolean accepted() {
    return right && formed;
  }
}
