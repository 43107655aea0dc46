package io.evomerge.checkpoint;

/**
 * What a tensor is in its model.
 *
 * @param part which part of the model it belongs to
 * @param layer number of the transformer block, from 0; -1 outside the blocks
 * @param component what it does in its block; {@link Component#OTHER} outside the blocks
 */
public record TensorRole(Part part, int layer, Component component) {

  /** Part of a model, in the order in which a token passes through. */
  public enum Part {
    /** Token (and position) embeddings. */
    EMBEDDINGS,
    /** A numbered transformer block. */
    LAYER,
    /** The norm after the last block. */
    FINAL_NORM,
    /** The output head. */
    HEAD,
    /** Anything else. */
    OTHER
  }

  /** Component of a transformer block. */
  public enum Component {
    /** Query, key, value and output projections. */
    ATTENTION,
    /** Gate, up and down projections. */
    MLP,
    /** The norms inside a block. */
    NORM,
    /** Anything else. */
    OTHER
  }
}
