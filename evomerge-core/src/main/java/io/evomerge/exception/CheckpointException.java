package io.evomerge.exception;

/**
 * A checkpoint cannot be read: its header, its shards or its configuration are not what the format
 * demands.
 */
public class CheckpointException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public CheckpointException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
