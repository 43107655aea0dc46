package io.evomerge.onnx.runtime;

import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.architecture.RotaryEmbedding;

/**
 * Cosines and sines of the rotary embedding, {@code [positions, headDim / 2]} each, made as far as
 * they are needed; immutable.
 *
 * @param rotary what they are tables of
 * @param headDim width of a head
 * @param positions number of rows
 * @param cosines row-major
 * @param sines row-major
 */
record RotaryTables(
    RotaryEmbedding rotary, int headDim, int positions, float[] cosines, float[] sines) {

  /** Smallest table made; longer ones double, so that few are made. */
  private static final int SMALLEST = 128;

  /**
   * Makes tables.
   *
   * <p>Angles are rounded to float32 as transformers rounds them, so that long sequences agree.
   *
   * @param config of the decoder
   * @param needed least number of positions
   */
  static RotaryTables of(DecoderConfig config, int needed) {
    int positions = SMALLEST;
    while (positions < needed) {
      positions *= 2;
    }
    double[] frequencies = config.rotary().frequencies(config.headDim());
    float[] cosines = new float[positions * frequencies.length];
    float[] sines = new float[cosines.length];
    for (int position = 0, i = 0; position < positions; position++) {
      for (double frequency : frequencies) {
        float angle = position * (float) frequency;
        cosines[i] = (float) Math.cos(angle);
        sines[i++] = (float) Math.sin(angle);
      }
    }
    return new RotaryTables(config.rotary(), config.headDim(), positions, cosines, sines);
  }

  /** Returns whether they are a decoder's, for at least so many positions. */
  boolean fit(DecoderConfig config, int needed) {
    return positions >= needed && headDim == config.headDim() && rotary.equals(config.rotary());
  }
}
