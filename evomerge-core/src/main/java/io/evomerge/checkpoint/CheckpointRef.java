package io.evomerge.checkpoint;

/**
 * Names one checkpoint in a recipe: enough to find it again and to tell whether it is the same.
 *
 * @param name short name, unique within a recipe, e.g. {@code "math-en"}
 * @param location the path as given by the user, with {@code /} as separator
 * @param sha256 lower-case hex digest of the weights, or empty if not known; see {@link
 *     Checkpoint#sha256()}
 */
public record CheckpointRef(String name, String location, String sha256) {}
