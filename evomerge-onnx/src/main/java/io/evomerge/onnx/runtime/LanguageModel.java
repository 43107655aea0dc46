package io.evomerge.onnx.runtime;

import io.evomerge.onnx.architecture.DecoderConfig;
import java.util.List;

/**
 * A candidate that reads and writes token ids.
 *
 * <p>Valid as long as its candidate. Safe for concurrent calls. Prompts may differ in length: they
 * are batched by length inside and results come back in the order of the prompts.
 *
 * <p>Every method refuses an empty prompt, a token outside the vocabulary, and a sequence longer
 * than {@link DecoderConfig#maxPositions()} with an {@link IllegalArgumentException} before the
 * model runs, and reports a failing runtime as {@link io.evomerge.exception.BackendException}.
 */
public interface LanguageModel {

  /** Returns the model's shape. */
  DecoderConfig config();

  /**
   * Continues prompts greedily: always the most probable token, the smallest id among equals.
   *
   * <p>A prompt with all tokens that may be written after it but the last must fit {@link
   * DecoderConfig#maxPositions()}.
   *
   * @param prompts token ids, each prompt with at least one
   * @param options when to stop
   * @return the new tokens per prompt, without the stop token
   */
  List<int[]> generate(List<int[]> prompts, GenerationOptions options);

  /**
   * Returns how probable continuations are: per item the sum over its continuation's tokens of the
   * natural logarithm of the token's probability given all before it.
   *
   * @param contexts token ids, each with at least one
   * @param continuations token ids, as many lists as contexts, each with at least one token
   */
  double[] logLikelihoods(List<int[]> contexts, List<int[]> continuations);

  /**
   * Returns the logits of the token after each prompt, {@code [prompts][vocabulary]}.
   *
   * @param prompts token ids, each prompt with at least one
   */
  float[][] lastLogits(List<int[]> prompts);
}
