package io.evomerge.onnx.graph;

import ai.onnx.proto.OnnxMl.TensorProto;

/** Element type of a tensor, as ONNX numbers them. */
public enum ElementType {
  /** IEEE 754 binary32. */
  FLOAT(TensorProto.DataType.FLOAT),
  /** IEEE 754 binary16. */
  FLOAT16(TensorProto.DataType.FLOAT16),
  /** Signed 32-bit integer. */
  INT32(TensorProto.DataType.INT32),
  /** Signed 64-bit integer. */
  INT64(TensorProto.DataType.INT64),
  /** Truth value. */
  BOOL(TensorProto.DataType.BOOL);

  private final TensorProto.DataType type;

  ElementType(TensorProto.DataType type) {
    this.type = type;
  }

  /** Returns the number that stands for the type in a model file. */
  public int number() {
    return type.getNumber();
  }
}
