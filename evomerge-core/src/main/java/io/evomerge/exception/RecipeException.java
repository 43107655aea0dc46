package io.evomerge.exception;

/** A recipe that cannot be read or that does not fit its sources. */
public class RecipeException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public RecipeException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public RecipeException(String message, Throwable cause) {
    super(message, cause);
  }
}
