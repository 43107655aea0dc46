package io.evomerge.exception;

/** A runtime backend that cannot be started or that failed while running a model. */
public class BackendException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public BackendException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public BackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
