package io.evomerge.exception;

/**
 * An operator refused its input: not-finite weights, parameters out of range, or the wrong number
 * of sources.
 */
public class MergeException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public MergeException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public MergeException(String message, Throwable cause) {
    super(message, cause);
  }
}
