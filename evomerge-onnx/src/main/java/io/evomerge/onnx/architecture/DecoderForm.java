package io.evomerge.onnx.architecture;

import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.graph.ElementType;
import java.util.Map;
import java.util.Optional;

/**
 * What varies between the graphs of one decoder: how they take the weights and the scales of a data
 * flow path, and what attention computes in; immutable.
 *
 * @param attention what attention computes in
 * @param weights how the weights come into the graph
 * @param sharedWeights weights whose values are those of another one, whose name they map to;
 *     initialisers only, where the graph then has none of their own
 * @param scaling what the scales of a path multiply; empty for a model without scales
 */
public record DecoderForm(
    AttentionPrecision attention,
    Weights weights,
    Map<String, String> sharedWeights,
    Optional<HopScaling> scaling) {

  /** What attention computes in. */
  public enum AttentionPrecision {
    /** As everything else. */
    FLOAT32(ElementType.FLOAT),
    /** Half precision, with a key-value cache of half the size: all that CUDA has a kernel for. */
    FLOAT16(ElementType.FLOAT16);

    private final ElementType type;

    AttentionPrecision(ElementType type) {
      this.type = type;
    }

    ElementType type() {
      return type;
    }
  }

  /** How weights come into a graph. */
  public enum Weights {
    /** External initialisers without a file: a session is given them when it is made. */
    INITIALIZERS,
    /** Inputs under the weights' names: each run is given them, and a session holds none. */
    INPUTS
  }

  /**
   * Validates and copies.
   *
   * @throws IllegalArgumentException if inputs are to be shared; bind the same values twice instead
   */
  public DecoderForm {
    sharedWeights = Map.copyOf(sharedWeights);
    if (weights == Weights.INPUTS && !sharedWeights.isEmpty()) {
      throw new IllegalArgumentException(
          "weights that are inputs cannot be shared: " + sharedWeights.keySet());
    }
  }

  /**
   * Returns the form of an ordinary model: initialisers, each with values of its own, no scales.
   *
   * @param attention what attention computes in
   */
  public static DecoderForm ordinary(AttentionPrecision attention) {
    return new DecoderForm(attention, Weights.INITIALIZERS, Map.of(), Optional.empty());
  }

  /**
   * Returns the form for all paths of one length: weights and scales are inputs.
   *
   * @param attention what attention computes in
   * @param scaling what the scales multiply
   */
  public static DecoderForm anyPath(AttentionPrecision attention, HopScaling scaling) {
    return new DecoderForm(attention, Weights.INPUTS, Map.of(), Optional.of(scaling));
  }

  /**
   * Returns the form of one path: one initialiser per layer that it uses, scales as inputs.
   *
   * @param attention what attention computes in
   * @param scaling what the scales multiply
   * @param sharedWeights weights of later hops through a layer, to those of the first one
   */
  public static DecoderForm onePath(
      AttentionPrecision attention, HopScaling scaling, Map<String, String> sharedWeights) {
    return new DecoderForm(attention, Weights.INITIALIZERS, sharedWeights, Optional.of(scaling));
  }
}
