package io.evomerge.checkpoint;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A kind of model file that {@link Checkpoints#open(Path)} can open; a service that other modules
 * provide ({@link java.util.ServiceLoader}).
 *
 * <p>Hugging Face folders and safetensors files are built in and come first. Implementations are
 * stateless and safe for concurrent use.
 */
public interface CheckpointFormat {

  /** Returns what the format is called in messages, e.g. {@code "ONNX"}. */
  String name();

  /**
   * Returns whether a location looks like this format, by names alone: no file is read.
   *
   * @param location an existing file or folder
   */
  boolean accepts(Path location);

  /**
   * Opens a location that was accepted.
   *
   * @param location the file or folder
   * @param name the short name of the checkpoint
   * @throws IOException if a file cannot be read
   * @throws io.evomerge.exception.CheckpointException if it is not what the format demands
   */
  Checkpoint open(Path location, String name) throws IOException;
}
