package io.evomerge.onnx.architecture;

import io.evomerge.exception.UnsupportedModelException;

/**
 * Rotary position embeddings and how they are stretched; immutable.
 *
 * <p>Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", arXiv 2104.09864;
 * the stretched forms as transformers computes them.
 *
 * @param theta base of the frequencies, above 0
 * @param scaling how the frequencies are stretched
 */
public record RotaryEmbedding(double theta, Scaling scaling) {

  /**
   * Validates.
   *
   * @throws UnsupportedModelException if theta is not a number above 0
   */
  public RotaryEmbedding {
    if (!(theta > 0) || Double.isInfinite(theta)) {
      throw new UnsupportedModelException("rope theta is " + theta + ", wanted a number above 0");
    }
  }

  /** How the frequencies are stretched for longer sequences. */
  public sealed interface Scaling {

    /**
     * Returns the stretched frequency.
     *
     * @param frequency radians per position
     */
    double stretch(double frequency);
  }

  /** Frequencies as they are. */
  public record Unscaled() implements Scaling {
    @Override
    public double stretch(double frequency) {
      return frequency;
    }
  }

  /**
   * All positions divided by a factor.
   *
   * @param factor above 0
   */
  public record Linear(double factor) implements Scaling {
    @Override
    public double stretch(double frequency) {
      return frequency / factor;
    }
  }

  /**
   * Llama 3.1's: long waves are stretched by a factor, short ones kept, those between blended.
   *
   * @param factor of the long waves
   * @param lowFrequencyFactor waves longer than original positions / this are long
   * @param highFrequencyFactor waves shorter than original positions / this are short
   * @param originalMaxPositions the context length before stretching
   */
  public record Llama3(
      double factor,
      double lowFrequencyFactor,
      double highFrequencyFactor,
      int originalMaxPositions)
      implements Scaling {
    @Override
    public double stretch(double frequency) {
      double wavelength = 2 * Math.PI / frequency;
      if (wavelength > originalMaxPositions / lowFrequencyFactor) {
        return frequency / factor;
      }
      if (wavelength < originalMaxPositions / highFrequencyFactor) {
        return frequency;
      }
      double smooth =
          (originalMaxPositions / wavelength - lowFrequencyFactor)
              / (highFrequencyFactor - lowFrequencyFactor);
      return (1 - smooth) * frequency / factor + smooth * frequency;
    }
  }

  /**
   * Returns the frequencies, {@code [headDim / 2]}, in radians per position.
   *
   * @param headDim width of an attention head, even
   */
  public double[] frequencies(int headDim) {
    double[] frequencies = new double[headDim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = scaling.stretch(Math.pow(theta, -2.0 * i / headDim));
    }
    return frequencies;
  }
}
