package io.evomerge.onnx.graph;

/**
 * A tensor that flows through a graph.
 *
 * @param name unique in the graph and its subgraphs; empty for an optional input left out
 */
public record Value(String name) {

  /** Stands for an optional input that is left out. */
  public static final Value NONE = new Value("");
}
