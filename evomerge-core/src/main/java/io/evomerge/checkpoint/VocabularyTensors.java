package io.evomerge.checkpoint;

import io.evomerge.tensor.TensorInfo;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Finds the tensors of a model that have one row per token: token embeddings, an untied head and
 * its bias.
 *
 * <p>Embeddings of positions, and heads that classify, are none of them.
 */
public final class VocabularyTensors {

  private static final Pattern HEAD_BIAS =
      Pattern.compile("((.*\\.)?(lm_head|embed_out|cls\\.predictions(\\.decoder)?)|output)\\.bias");

  private VocabularyTensors() {}

  /**
   * Returns the token embeddings, if the model has them: where several tensors are called so, one
   * with {@code vocab_size} rows, else the first.
   *
   * @param model whose
   */
  public static Optional<TensorInfo> embeddings(Checkpoint model) {
    OptionalInt size = model.config().map(c -> c.integer("vocab_size")).orElse(OptionalInt.empty());
    List<TensorInfo> named =
        model.tensors().values().stream()
            .filter(
                t ->
                    t.shape().size() == 2
                        && HuggingFaceCheckpoint.TOKEN_EMBEDDING.matcher(t.name()).matches()
                        && model.layout().role(t.name()).part() == TensorRole.Part.EMBEDDINGS)
            .toList();
    return Stream.concat(
            named.stream().filter(t -> size.isPresent() && t.shape().get(0) == size.getAsInt()),
            named.stream())
        .findFirst();
  }

  /**
   * Returns the tensors with one row per token, in the order of their names.
   *
   * @param model whose
   */
  public static List<TensorInfo> of(Checkpoint model) {
    Optional<Long> rows = embeddings(model).map(t -> t.shape().get(0));
    return model.tensors().values().stream()
        .filter(t -> isNamedAsOne(t) && isOutsideBlocks(model, t) && rows.equals(rowsOf(t)))
        .toList();
  }

  /**
   * Returns the embeddings and heads that are called as if they had one row per token, but have
   * another number of rows than the model's token embeddings.
   *
   * @param model whose
   */
  public static List<TensorInfo> withOtherRows(Checkpoint model) {
    Optional<Long> rows = embeddings(model).map(t -> t.shape().get(0));
    return model.tensors().values().stream()
        .filter(t -> isNamedAsOne(t) && isOutsideBlocks(model, t) && !rows.equals(rowsOf(t)))
        .toList();
  }

  /** Whether a name is that of token embeddings, a head or its bias. */
  static boolean isNamedAsOne(TensorInfo tensor) {
    String name = tensor.name();
    return !tensor.shape().isEmpty()
        && (HuggingFaceCheckpoint.TOKEN_EMBEDDING.matcher(name).matches()
            || HuggingFaceCheckpoint.HEAD.matcher(name).matches()
            || HEAD_BIAS.matcher(name).matches());
  }

  private static boolean isOutsideBlocks(Checkpoint model, TensorInfo tensor) {
    TensorRole.Part part = model.layout().role(tensor.name()).part();
    return part == TensorRole.Part.EMBEDDINGS || part == TensorRole.Part.HEAD;
  }

  private static Optional<Long> rowsOf(TensorInfo tensor) {
    return Optional.of(tensor.shape().get(0));
  }
}
