package io.evomerge.onnx.language;

import io.evomerge.fitness.Direction;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What is measured on an item, and what the score is made of. */
sealed interface Scoring {

  /** Which way is better. */
  default Direction direction() {
    return Direction.MAXIMIZE;
  }

  /** Says why an item cannot be scored this way, if so. */
  Optional<String> problem(TextItem item);

  /** The model writes, and what it wrote is checked. */
  record Generation(AnswerCheck check, double likelihoodWeight) implements Scoring {
    @Override
    public Optional<String> problem(TextItem item) {
      return check
          .problem(item)
          .or(() -> likelihoodWeight == 0 ? Optional.empty() : referenceProblem(item));
    }

    @Override
    public String toString() {
      return likelihoodWeight == 0
          ? check.toString()
          : check + ", plus " + likelihoodWeight + " times the log-likelihood per token";
    }
  }

  /** The most probable of the item's choices is taken. */
  record MultipleChoice(LengthNormalization normalization) implements Scoring {
    @Override
    public Optional<String> problem(TextItem item) {
      Object value = item.fields().get("choices");
      if (!(value instanceof List<?> list) || list.size() < 2) {
        return Optional.of("'choices' is " + value + ", wanted a list of two texts or more");
      }
      for (Object choice : list) {
        if (!(choice instanceof String || choice instanceof Number)
            || choice.toString().isBlank()) {
          return Optional.of("'choices' has " + choice + ", wanted texts");
        }
      }
      List<String> choices = choices(item);
      if (choices.stream().distinct().count() < choices.size()) {
        return Optional.of("'choices' has the same text twice: " + choices);
      }
      return rightChoice(item, choices) < 0
          ? Optional.of(
              "'answer' is "
                  + item.answer()
                  + ", wanted the position of a choice as a number from 0, or its text: "
                  + choices)
          : Optional.empty();
    }

    @Override
    public String toString() {
      return "multiple choice by log-likelihood"
          + switch (normalization) {
            case NONE -> "";
            case TOKENS -> " per token";
            case BYTES -> " per byte";
          };
    }
  }

  /** In what the probability of a reference is told. */
  enum Measure {
    LOG_LIKELIHOOD("log-likelihood per token"),
    PERPLEXITY("perplexity"),
    PROBABILITY("probability");

    private final String text;

    Measure(String text) {
      this.text = text;
    }
  }

  /** How probable the reference is. */
  record Likelihood(Measure measure) implements Scoring {
    @Override
    public Direction direction() {
      return measure == Measure.PERPLEXITY ? Direction.MINIMIZE : Direction.MAXIMIZE;
    }

    @Override
    public Optional<String> problem(TextItem item) {
      return referenceProblem(item);
    }

    @Override
    public String toString() {
      return measure.text;
    }
  }

  /** The text whose probability is measured. */
  static String reference(TextItem item) {
    return item.fields().get("reference") instanceof String text ? text : item.answer();
  }

  private static Optional<String> referenceProblem(TextItem item) {
    Object reference = item.fields().get("reference");
    if (reference != null && !(reference instanceof String)) {
      return Optional.of("'reference' is " + reference + ", wanted a text");
    }
    return reference(item).isBlank()
        ? Optional.of("the reference is empty: nothing to measure the likelihood of")
        : Optional.empty();
  }

  /** The choices of an item that has no problem. */
  static List<String> choices(TextItem item) {
    List<String> choices = new ArrayList<>();
    if (item.fields().get("choices") instanceof List<?> list) {
      list.forEach(choice -> choices.add(choice.toString()));
    }
    return choices;
  }

  /** The position of the right choice, or -1. */
  static int rightChoice(TextItem item, List<String> choices) {
    if (item.fields().get("answer") instanceof Number number) {
      BigDecimal position = new BigDecimal(number.toString());
      boolean inside =
          position.signum() >= 0
              && position.compareTo(BigDecimal.valueOf(choices.size())) < 0
              && position.stripTrailingZeros().scale() <= 0;
      return inside ? position.intValue() : -1;
    }
    return choices.indexOf(item.answer());
  }
}
