package io.evomerge.checkpoint;

/**
 * How a {@link CheckpointWriter} writes.
 *
 * @param maxShardBytes largest size of the tensors in one file, at least 1; a larger tensor gets a
 *     file of its own. Default 5,000,000,000
 * @param overwrite whether a target that exists is replaced. Default false
 */
public record WriteOptions(long maxShardBytes, boolean overwrite) {

  private static final WriteOptions DEFAULTS = new WriteOptions(5_000_000_000L, false);

  /**
   * Validates.
   *
   * @throws IllegalArgumentException if {@code maxShardBytes} is below 1
   */
  public WriteOptions {
    if (maxShardBytes < 1) {
      throw new IllegalArgumentException("maxShardBytes must be at least 1, not " + maxShardBytes);
    }
  }

  /** Returns the defaults. */
  public static WriteOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Returns these options with another shard size.
   *
   * @param bytes at least 1
   */
  public WriteOptions withMaxShardBytes(long bytes) {
    return new WriteOptions(bytes, overwrite);
  }

  /**
   * Returns these options with or without permission to replace.
   *
   * @param replace whether a target that exists is replaced
   */
  public WriteOptions withOverwrite(boolean replace) {
    return new WriteOptions(maxShardBytes, replace);
  }
}
