package io.evomerge.recipe;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How models with different vocabularies come to a common one.
 *
 * <p>Before embeddings and head are merged, every model's rows are brought into the order of the
 * common vocabulary. A model that lacks a token takes the row that {@code tokens} says; else the
 * base's; else that of the one model that has it; else the mean over those that have it.
 *
 * @param source whose tokenizer the result has
 * @param model name of the base or a source, for {@link Source#MODEL}
 * @param tokens embeddings of single tokens, by token; those that the tokenizer lacks are added
 * @param padToMultipleOf the number of rows is rounded up to a multiple of this, with zeros; empty
 *     for one row per token, but as many as the model that gives the tokenizer has, if it has more
 *     and all its tokens are kept as they are
 */
public record VocabularyChoice(
    Source source,
    Optional<String> model,
    Map<String, TokenEmbedding> tokens,
    OptionalInt padToMultipleOf) {

  /** Whose tokenizer the result has. */
  public enum Source {
    /** The base's, or the first source's where there is none. */
    BASE,
    /** The base's (else the first source's), plus all tokens that only others have. */
    UNION,
    /** That of one model. */
    MODEL
  }

  /** Copies, keeping the order of the tokens. */
  public VocabularyChoice {
    tokens = Collections.unmodifiableMap(new LinkedHashMap<>(tokens));
  }

  /** The base's tokenizer; no token is treated specially. */
  public static VocabularyChoice base() {
    return new VocabularyChoice(Source.BASE, Optional.empty(), Map.of(), OptionalInt.empty());
  }

  /** All tokens of all models. */
  public static VocabularyChoice union() {
    return new VocabularyChoice(Source.UNION, Optional.empty(), Map.of(), OptionalInt.empty());
  }

  /**
   * The tokenizer of one model.
   *
   * @param name of the base or a source
   */
  public static VocabularyChoice of(String name) {
    return new VocabularyChoice(Source.MODEL, Optional.of(name), Map.of(), OptionalInt.empty());
  }

  /**
   * Returns the same with embeddings of single tokens.
   *
   * @param embeddings by token
   */
  public VocabularyChoice withTokens(Map<String, TokenEmbedding> embeddings) {
    return new VocabularyChoice(source, model, embeddings, padToMultipleOf);
  }

  /**
   * Returns the same with a padded number of rows.
   *
   * @param multiple at least 1
   */
  public VocabularyChoice paddedTo(int multiple) {
    return new VocabularyChoice(source, model, tokens, OptionalInt.of(multiple));
  }
}
