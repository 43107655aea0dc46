package io.evomerge.exception;

/** A well-formed model that uses something this library does not support; the message names it. */
public class UnsupportedModelException extends EvoMergeException {

  /**
   * Creates the exception.
   *
   * @param message what happened: got, wanted, what to do
   */
  public UnsupportedModelException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what happened: got, wanted, what to do
   * @param cause the failure underneath
   */
  public UnsupportedModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
