package io.evomerge.exception;

/** A run journal that cannot be written, is damaged, or belongs to another configuration. */
public class JournalException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public JournalException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public JournalException(String message, Throwable cause) {
    super(message, cause);
  }
}
