package io.evomerge.onnx.graph;

import ai.onnx.proto.OnnxMl.TensorShapeProto;

/** One dimension of a declared shape: a size, or a symbol for one known only at run time. */
public final class Dimension {

  private final TensorShapeProto.Dimension proto;

  private Dimension(TensorShapeProto.Dimension proto) {
    this.proto = proto;
  }

  /**
   * Returns a known size.
   *
   * @param size at least 0
   */
  public static Dimension of(long size) {
    return new Dimension(TensorShapeProto.Dimension.newBuilder().setDimValue(size).build());
  }

  /**
   * Returns a size known at run time.
   *
   * @param symbol equal symbols are equal sizes
   */
  public static Dimension of(String symbol) {
    return new Dimension(TensorShapeProto.Dimension.newBuilder().setDimParam(symbol).build());
  }

  TensorShapeProto.Dimension proto() {
    return proto;
  }
}
