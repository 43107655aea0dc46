package io.evomerge.exception;

/** A task file that cannot be read; the message names file and line. */
public class TaskException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public TaskException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public TaskException(String message, Throwable cause) {
    super(message, cause);
  }
}
