package io.evomerge.onnx.graph;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;

/** A named constant of a node. */
public final class Attribute {

  private final AttributeProto proto;

  private Attribute(AttributeProto.Builder proto) {
    this.proto = proto.build();
  }

  /**
   * Returns an integer attribute.
   *
   * @param name of the attribute
   * @param value its value
   */
  public static Attribute of(String name, long value) {
    return new Attribute(named(name, AttributeType.INT).setI(value));
  }

  /**
   * Returns an attribute that is a list of integers.
   *
   * @param name of the attribute
   * @param values its values
   */
  public static Attribute ofList(String name, long... values) {
    AttributeProto.Builder list = named(name, AttributeType.INTS);
    for (long value : values) {
      list.addInts(value);
    }
    return new Attribute(list);
  }

  /**
   * Returns a float attribute.
   *
   * @param name of the attribute
   * @param value its value
   */
  public static Attribute of(String name, float value) {
    return new Attribute(named(name, AttributeType.FLOAT).setF(value));
  }

  /**
   * Returns a graph attribute.
   *
   * @param name of the attribute
   * @param body the subgraph, complete
   */
  public static Attribute of(String name, Graph body) {
    return new Attribute(named(name, AttributeType.GRAPH).setG(body.proto()));
  }

  AttributeProto proto() {
    return proto;
  }

  private static AttributeProto.Builder named(String name, AttributeType type) {
    return AttributeProto.newBuilder().setName(name).setType(type);
  }
}
