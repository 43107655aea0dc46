package io.evomerge.recipe;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * Where models take the embedding of one token from.
 *
 * @param kind what it is
 * @param model name of the base or a source; empty for {@link Kind#ZERO} and {@link Kind#DEFAULT}
 * @param token the token of that model, for {@link Kind#TOKEN}
 * @param id the row of that model, for {@link Kind#ID}
 * @param force whether models that have the token take it from here, too; else only those without
 */
public record TokenEmbedding(
    Kind kind, Optional<String> model, Optional<String> token, OptionalInt id, boolean force) {

  /** What an embedding is. */
  public enum Kind {
    /** As for tokens that are not named. */
    DEFAULT,
    /** Zeros. */
    ZERO,
    /** The same token of a model. */
    MODEL,
    /** Another token of a model. */
    TOKEN,
    /** A row of a model's embeddings. */
    ID
  }

  /**
   * Takes the same token of a model.
   *
   * @param model name of the base or a source
   */
  public static TokenEmbedding ofModel(String model) {
    return new TokenEmbedding(
        Kind.MODEL, Optional.of(model), Optional.empty(), OptionalInt.empty(), false);
  }

  /**
   * Takes another token of a model.
   *
   * @param model name of the base or a source
   * @param token as its tokenizer spells it
   */
  public static TokenEmbedding ofToken(String model, String token) {
    return new TokenEmbedding(
        Kind.TOKEN, Optional.of(model), Optional.of(token), OptionalInt.empty(), false);
  }

  /**
   * Takes a row of a model's embeddings.
   *
   * @param model name of the base or a source
   * @param id row, from 0
   */
  public static TokenEmbedding ofId(String model, int id) {
    return new TokenEmbedding(
        Kind.ID, Optional.of(model), Optional.empty(), OptionalInt.of(id), false);
  }

  /** Takes zeros. */
  public static TokenEmbedding zero() {
    return new TokenEmbedding(
        Kind.ZERO, Optional.empty(), Optional.empty(), OptionalInt.empty(), false);
  }

  /** Leaves it as for tokens that are not named; the token is added to the vocabulary. */
  public static TokenEmbedding byDefault() {
    return new TokenEmbedding(
        Kind.DEFAULT, Optional.empty(), Optional.empty(), OptionalInt.empty(), false);
  }

  /** Returns the same, also for models that have the token. */
  public TokenEmbedding forced() {
    return new TokenEmbedding(kind, model, token, id, true);
  }
}
