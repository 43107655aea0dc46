package io.evomerge.checkpoint;

import java.util.Optional;

/**
 * Names one checkpoint in a recipe: enough to find it again and to tell whether it is the same.
 *
 * @param name short name, unique within a recipe, e.g. {@code "math-en"}
 * @param location the path as given by the user, with {@code /} as separator
 * @param adapter the path of a LoRA adapter that is applied to the model at the location, if any
 * @param sha256 lower-case hex digest of the weights, the adapter's included, or empty if not
 *     known; see {@link Checkpoint#sha256()}
 */
public record CheckpointRef(String name, String location, Optional<String> adapter, String sha256) {

  /**
   * Names a checkpoint without an adapter.
   *
   * @param name short name
   * @param location the path
   * @param sha256 digest of the weights, or empty
   */
  public CheckpointRef(String name, String location, String sha256) {
    this(name, location, Optional.empty(), sha256);
  }
}
