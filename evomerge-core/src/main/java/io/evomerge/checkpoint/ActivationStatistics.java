package io.evomerge.checkpoint;

import io.evomerge.exception.CheckpointException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What the linear layers of one model were fed while it read some text: an open file with the mean
 * products of their inputs, as merging by regression needs them.
 *
 * <p>The file is an ordinary safetensors file of float32 matrices. That of a weight of shape {@code
 * [out, in]} is {@code X^T X / tokens}, symmetric, {@code [in, in]}, with one row of {@code X} per
 * token. Weights that are fed the same, such as those of query, key and value, share a matrix: it
 * has the name of one of them, and the file's metadata {@code matrix_of:<other weight>} gives that
 * name for the others. Metadata {@code kind} is {@value #KIND}, {@code tokens} the number of
 * tokens, {@code model_sha256} the digest of the model.
 *
 * <p>Safe for concurrent reads. Whoever opened it closes it; a read after that throws {@link
 * IllegalStateException}.
 */
public final class ActivationStatistics implements AutoCloseable {

  private static final String KIND = "activation_statistics";
  private static final String ALIAS = "matrix_of:";

  private final Checkpoint file;
  private final Map<String, String> matrices;
  private final long tokens;

  private ActivationStatistics(Checkpoint file, Map<String, String> matrices, long tokens) {
    this.file = file;
    this.matrices = Collections.unmodifiableMap(matrices);
    this.tokens = tokens;
  }

  /**
   * Opens a file; checks its header, reads no matrix.
   *
   * @param location of the file
   * @throws IOException if it is not there or cannot be read
   * @throws CheckpointException if it is no such file; the message says what is wrong
   */
  public static ActivationStatistics open(Path location) throws IOException {
    Checkpoint file = Checkpoints.open(location);
    try {
      return read(location, file);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static ActivationStatistics read(Path location, Checkpoint file) {
    Map<String, String> metadata = file.metadata();
    if (!KIND.equals(metadata.get("kind"))) {
      throw new CheckpointException(
          location
              + ": metadata 'kind' is '"
              + metadata.getOrDefault("kind", "")
              + "', wanted '"
              + KIND
              + "': this is no file of activation statistics");
    }
    Map<String, String> matrices = new TreeMap<>();
    for (TensorInfo info : file.tensors().values()) {
      List<Long> shape = info.shape();
      if (shape.size() != 2 || !shape.get(0).equals(shape.get(1)) || !info.dtype().isFloating()) {
        throw new CheckpointException(
            location
                + ": matrix '"
                + info.name()
                + "' has shape "
                + shape
                + " of "
                + info.dtype()
                + ", wanted a square of floating-point numbers: gather the statistics again");
      }
      matrices.put(info.name(), info.name());
    }
    metadata.forEach(
        (key, matrix) -> {
          if (!key.startsWith(ALIAS)) {
            return;
          }
          if (!file.tensors().containsKey(matrix)) {
            throw new CheckpointException(
                location
                    + ": metadata '"
                    + key
                    + "' names the matrix '"
                    + matrix
                    + "', which is not there: gather the statistics again");
          }
          matrices.put(key.substring(ALIAS.length()), matrix);
        });
    String tokens = metadata.getOrDefault("tokens", "");
    if (!tokens.matches("[1-9][0-9]{0,17}")) {
      throw new CheckpointException(
          location + ": metadata 'tokens' is '" + tokens + "', wanted a number of at least 1");
    }
    return new ActivationStatistics(file, matrices, Long.parseLong(tokens));
  }

  /**
   * Starts a new file, which appears when the writer commits; write the matrices to the writer's
   * sinks of the names in {@code weights}.
   *
   * @param location the target; parents are created
   * @param model whose layers they are
   * @param tokens number of tokens, at least 1
   * @param weights per matrix, by the name of one weight, all weights that share it
   * @param options whether a file that is there is replaced
   * @throws IOException as in {@link CheckpointWriter#create}
   * @throws IllegalArgumentException if there is no matrix, a weight comes twice, is not a matrix
   *     of the model or not of its matrix's width, or {@code tokens} is below 1
   */
  public static CheckpointWriter create(
      Path location,
      Checkpoint model,
      long tokens,
      Map<String, List<String>> weights,
      WriteOptions options)
      throws IOException {
    if (tokens < 1) {
      throw new IllegalArgumentException("tokens is " + tokens + ", wanted at least 1");
    }
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("kind", KIND);
    metadata.put("tokens", Long.toString(tokens));
    metadata.put("model_sha256", model.sha256());
    List<TensorInfo> matrices = new ArrayList<>();
    weights.forEach(
        (matrix, sharing) -> {
          long width = width(model, matrix);
          matrices.add(new TensorInfo(matrix, DType.F32, List.of(width, width)));
          for (String weight : sharing) {
            if (width(model, weight) != width) {
              throw new IllegalArgumentException(
                  "weight '" + weight + "' is not as wide as '" + matrix + "', which is " + width);
            }
            if (!weight.equals(matrix)
                && (weights.containsKey(weight)
                    || metadata.putIfAbsent(ALIAS + weight, matrix) != null)) {
              throw new IllegalArgumentException("weight '" + weight + "' is given twice");
            }
          }
        });
    return CheckpointWriter.createFile(location, matrices, metadata, options);
  }

  private static long width(Checkpoint model, String weight) {
    TensorInfo info = model.tensors().get(weight);
    if (info == null || info.shape().size() != 2) {
      throw new IllegalArgumentException(
          "'" + weight + "' is no matrix of the model '" + model.name() + "'");
    }
    return info.shape().get(1);
  }

  /** Returns the names of the weights of which it tells, sorted. */
  public Set<String> weights() {
    return matrices.keySet();
  }

  /**
   * Returns the mean products of what a weight was fed: symmetric, {@code [in, in]}; empty if the
   * file does not tell.
   *
   * @param weight its name in the model
   */
  public Optional<TensorView> matrix(String weight) {
    return Optional.ofNullable(matrices.get(weight)).map(file::tensor);
  }

  /** Returns over how many tokens the means are. */
  public long tokens() {
    return tokens;
  }

  /**
   * Checks that the statistics are those of a model.
   *
   * @param model by its weights
   * @throws IncompatibleCheckpointsException if they are another's; the message has both digests
   */
  public void requireOf(Checkpoint model) {
    String sha256 = file.metadata().getOrDefault("model_sha256", "");
    if (!sha256.equals(model.sha256())) {
      throw new IncompatibleCheckpointsException(
          "the activation statistics in "
              + file.location()
              + " are those of a model whose weights have sha256 "
              + sha256
              + ", but '"
              + model.name()
              + "' has "
              + model.sha256()
              + "; gather them from '"
              + model.name()
              + "'");
    }
  }

  /** Returns a reference to the file; its digest is computed once, on first use. */
  public CheckpointRef ref() {
    return file.ref();
  }

  /** Closes the file; idempotent. */
  @Override
  public void close() {
    file.close();
  }
}
