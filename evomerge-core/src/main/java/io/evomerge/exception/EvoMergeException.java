package io.evomerge.exception;

/** Root of every unchecked failure that this library reports. */
public class EvoMergeException extends RuntimeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public EvoMergeException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public EvoMergeException(String message, Throwable cause) {
    super(message, cause);
  }
}
