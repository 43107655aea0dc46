package io.evomerge.exception;

/** A search that cannot go on: too many trials in a row failed. */
public class SearchFailedException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public SearchFailedException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public SearchFailedException(String message, Throwable cause) {
    super(message, cause);
  }
}
