package io.evomerge.onnx.runtime;

import java.util.Set;

/**
 * How to continue prompts greedily; immutable.
 *
 * @param maxNewTokens most tokens to write per prompt, at least 1
 * @param stopTokens ids that end an answer, not part of it; may be empty
 * @param batchSize most prompts per run of the model, at least 1
 */
public record GenerationOptions(int maxNewTokens, Set<Integer> stopTokens, int batchSize) {

  /** Prompts per run unless said otherwise: {@value}. */
  public static final int DEFAULT_BATCH_SIZE = 64;

  /**
   * Validates and copies.
   *
   * @throws IllegalArgumentException if a number is below 1 or a stop token is negative
   */
  public GenerationOptions {
    if (maxNewTokens < 1) {
      throw new IllegalArgumentException("maxNewTokens is " + maxNewTokens + ", wanted at least 1");
    }
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize is " + batchSize + ", wanted at least 1");
    }
    stopTokens = Set.copyOf(stopTokens);
    for (int token : stopTokens) {
      if (token < 0) {
        throw new IllegalArgumentException("stop token is " + token + ", wanted at least 0");
      }
    }
  }

  /**
   * Returns options with the default batch size.
   *
   * @param maxNewTokens most tokens to write per prompt, at least 1
   * @param stopTokens ids that end an answer, not part of it; may be empty
   */
  public static GenerationOptions of(int maxNewTokens, Set<Integer> stopTokens) {
    return new GenerationOptions(maxNewTokens, stopTokens, DEFAULT_BATCH_SIZE);
  }
}
