package io.evomerge.onnx.language;

/** How the log-likelihoods of choices of different length are made comparable. */
public enum LengthNormalization {
  /** Not at all: longer choices are less probable. */
  NONE,
  /** Per token, so it depends on the tokenizer. */
  TOKENS,
  /** Per byte of the choice in UTF-8, which is the same for every tokenizer. */
  BYTES
}
