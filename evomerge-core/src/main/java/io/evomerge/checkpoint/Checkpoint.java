package io.evomerge.checkpoint;

import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An open model checkpoint: its tensors, its configuration and the files that accompany it.
 *
 * <p>Opening reads and validates headers only; weights are memory-mapped. Safe for concurrent
 * reads. {@link #close()} is idempotent; a read after it throws {@link IllegalStateException}.
 * Whoever opened a checkpoint closes it.
 */
public interface Checkpoint extends AutoCloseable {

  /** Returns the short name: the last part of the path unless another was given. */
  String name();

  /** Returns the folder or file that was opened, as given. */
  Path location();

  /**
   * Returns the SHA-256 of the weights, lower-case hex, computed once on first use.
   *
   * <p>For one safetensors file it is the digest of the file; for shards it is the digest of the
   * lines {@code <sha256> <file name>\n} in the order of the file names.
   */
  String sha256();

  /** Returns the folder of the LoRA adapter that is applied, if there is one. */
  default Optional<Path> adapter() {
    return Optional.empty();
  }

  /** Returns the reference by which recipes name this checkpoint. */
  default CheckpointRef ref() {
    return new CheckpointRef(
        name(),
        location().toString().replace('\\', '/'),
        adapter().map(folder -> folder.toString().replace('\\', '/')),
        sha256());
  }

  /** Returns the tensors by name, in the order of their names. */
  Map<String, TensorInfo> tensors();

  /**
   * Returns read access to a tensor.
   *
   * @param name a name from {@link #tensors()}
   * @throws IllegalArgumentException if there is no such tensor
   */
  TensorView tensor(String name);

  /** Returns {@code config.json}, if the checkpoint has one. */
  Optional<ModelConfig> config();

  /** Returns what each tensor is in the model. */
  ModelLayout layout();

  /**
   * Returns the files that a complete copy needs beside weights and index: configuration,
   * tokenizer, generation settings, licence; empty for a single file.
   */
  List<Path> companionFiles();

  /** Returns the string metadata of the weights file, e.g. {@code format}. */
  Map<String, String> metadata();

  @Override
  void close();
}
