package io.evomerge.onnx.architecture;

/**
 * A decoder-only language model's shape.
 *
 * @param vocabSize number of tokens that the model can read and write
 * @param maxPositions longest sequence, in tokens
 */
public record DecoderConfig(int vocabSize, int maxPositions) {}
