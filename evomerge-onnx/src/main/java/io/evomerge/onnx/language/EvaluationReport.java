package io.evomerge.onnx.language;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.MeanEstimate;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * How a model did on a text task; immutable.
 *
 * @param task name of the task
 * @param scoring how it was scored, in words
 * @param direction whether a higher or a lower score is better
 * @param score the number that a search optimises
 * @param items one outcome per item, in the task's order
 * @param details further numbers by name: {@code items}; {@code accuracy} and its {@code
 *     standard_error}; {@code answer_only}, which leaves language and phrases out; {@code
 *     log_likelihood} per token; {@code perplexity}; those that the scoring measures
 */
public record EvaluationReport(
    String task,
    String scoring,
    Direction direction,
    double score,
    List<ItemOutcome> items,
    Map<String, Double> details) {

  /** Copies. */
  public EvaluationReport {
    items = List.copyOf(items);
    details = Collections.unmodifiableMap(new TreeMap<>(details));
  }

  /**
   * Returns the share of items whose answer is right and has the form asked for, 0 to 1.
   *
   * @throws IllegalStateException if the task measures likelihoods only
   */
  public double accuracy() {
    return detail("accuracy");
  }

  /**
   * Returns the share of items whose answer is right, its language and phrases left out, 0 to 1.
   *
   * @throws IllegalStateException if the task measures likelihoods only
   */
  public double answerOnly() {
    return detail("answer_only");
  }

  /**
   * Returns the mean of the item scores with its standard error, which for an accuracy is the
   * binomial one. It is the score, but for tasks that measure likelihoods only: their score weighs
   * items by their tokens.
   */
  public MeanEstimate estimate() {
    return MeanEstimate.of(itemScores());
  }

  /**
   * Returns the scores of the items in their order, to be compared with another model's by {@link
   * io.evomerge.fitness.PairedComparison}.
   */
  public double[] itemScores() {
    return items.stream().mapToDouble(ItemOutcome::score).toArray();
  }

  /** Returns what a search needs of this report. */
  public Fitness fitness() {
    return new Fitness(score, itemScores(), details);
  }

  private double detail(String name) {
    Double value = details.get(name);
    if (value == null) {
      throw new IllegalStateException(
          "task " + task + " is scored by " + scoring + ", which gives no " + name);
    }
    return value;
  }

  /** Returns one line: the task, how it is scored, score and details, but not the items. */
  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder(String.format(Locale.ROOT, "%s (%s): %.4f", task, scoring, score));
    details.forEach(
        (name, value) -> text.append(String.format(Locale.ROOT, ", %s %.4g", name, value)));
    return text.toString();
  }
}
