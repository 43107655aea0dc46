package io.evomerge.exception;

/**
 * Checkpoints that cannot be merged with one another: shapes, dtypes, architectures or vocabularies
 * differ.
 */
public class IncompatibleCheckpointsException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public IncompatibleCheckpointsException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public IncompatibleCheckpointsException(String message, Throwable cause) {
    super(message, cause);
  }
}
