package io.evomerge.onnx.graph;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * An ONNX graph under construction; nodes are appended in the order in which they compute.
 *
 * <p>Confined to one thread. A subgraph reads the values of the graphs around it by name, so names
 * are unique over all of them.
 *
 * <p>Format: ONNX IR specification, https://github.com/onnx/onnx/blob/main/docs/IR.md.
 */
public final class Graph {

  /** Domain of the standard operators. */
  public static final String STANDARD = "";

  /** Domain of the operators that ONNX Runtime adds to the standard. */
  public static final String MICROSOFT = "com.microsoft";

  /** Name of the empty file that stands for weights handed over in memory. */
  public static final String PLACEHOLDER = "weights-in-memory";

  private static final long OPSET = 17;
  private static final long IR_VERSION = 8;

  private final GraphProto.Builder proto = GraphProto.newBuilder();
  private final Set<String> names;

  private Graph(String name, Set<String> names) {
    this.names = names;
    proto.setName(name);
  }

  /**
   * Starts a graph.
   *
   * @param name for tools that draw it
   */
  public static Graph create(String name) {
    return new Graph(name, new HashSet<>());
  }

  /**
   * Starts a subgraph, to be handed to {@link #loop} when complete.
   *
   * @param name for tools that draw it
   */
  public Graph subgraph(String name) {
    return new Graph(name, names);
  }

  /**
   * Declares an input.
   *
   * @param name unique
   * @param type of its elements
   * @param shape no dimensions for a scalar
   */
  public Value input(String name, ElementType type, Dimension... shape) {
    claim(name);
    proto.addInput(valueInfo(name, type, shape));
    return new Value(name);
  }

  /**
   * Declares a copy of a value as an output.
   *
   * @param name unique
   * @param value what it gives out
   * @param type of its elements
   * @param shape no dimensions for a scalar
   */
  public void output(String name, Value value, ElementType type, Dimension... shape) {
    claim(name);
    node(STANDARD, "Identity", List.of(value), List.of(new Value(name)));
    proto.addOutput(valueInfo(name, type, shape));
  }

  /**
   * Declares a value as an output under its own name, without a copy.
   *
   * @param value computed by a node of this graph, and not an output already
   * @param type of its elements
   * @param shape no dimensions for a scalar
   */
  public void output(Value value, ElementType type, Dimension... shape) {
    proto.addOutput(valueInfo(value.name(), type, shape));
  }

  /**
   * Declares a float32 weight whose values the session is given when it is created.
   *
   * <p>It points to {@link #PLACEHOLDER}, which must be an empty file: a runtime that reads it,
   * because the values were not handed over or because it folds constants ahead of that, fails
   * instead of computing with wrong weights.
   *
   * @param name unique
   * @param shape row-major
   */
  public Value weight(String name, List<Long> shape) {
    claim(name);
    proto.addInitializer(
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(ElementType.FLOAT.number())
            .addAllDims(shape)
            .setDataLocation(TensorProto.DataLocation.EXTERNAL)
            .addExternalData(
                StringStringEntryProto.newBuilder().setKey("location").setValue(PLACEHOLDER)));
    return new Value(name);
  }

  /**
   * Adds a constant vector.
   *
   * @param values its elements
   */
  public Value constants(long... values) {
    return constant(values, true);
  }

  /**
   * Adds a constant scalar.
   *
   * @param value its element
   */
  public Value constant(long value) {
    return constant(new long[] {value}, false);
  }

  private Value constant(long[] values, boolean vector) {
    Value result = fresh("constant");
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(result.name()).setDataType(ElementType.INT64.number());
    if (vector) {
      tensor.addDims(values.length);
    }
    for (long value : values) {
      tensor.addInt64Data(value);
    }
    proto.addInitializer(tensor);
    return result;
  }

  /**
   * Adds a node of the standard operator set with one output.
   *
   * @param operator its name
   * @param inputs in the operator's order
   * @param attributes of the node
   */
  public Value apply(String operator, List<Value> inputs, Attribute... attributes) {
    return apply(STANDARD, operator, inputs, attributes);
  }

  /**
   * Adds a node with one output.
   *
   * @param domain of the operator
   * @param operator its name
   * @param inputs in the operator's order
   * @param attributes of the node
   */
  public Value apply(String domain, String operator, List<Value> inputs, Attribute... attributes) {
    Value output = fresh(operator);
    node(domain, operator, inputs, List.of(output), attributes);
    return output;
  }

  /**
   * Adds a node with several outputs.
   *
   * @param domain of the operator
   * @param operator its name
   * @param inputs in the operator's order
   * @param outputs which of its outputs are wanted, ascending; the others are left out
   * @param attributes of the node
   * @return the wanted outputs
   */
  public List<Value> applyForMany(
      String domain, String operator, List<Value> inputs, int[] outputs, Attribute... attributes) {
    List<Value> all = new ArrayList<>();
    List<Value> wanted = new ArrayList<>();
    for (int output : outputs) {
      while (all.size() < output) {
        all.add(Value.NONE);
      }
      Value value = fresh(operator);
      all.add(value);
      wanted.add(value);
    }
    node(domain, operator, inputs, all, attributes);
    return wanted;
  }

  /**
   * Adds a conversion of the element type.
   *
   * @param value to convert
   * @param type wanted
   */
  public Value cast(Value value, ElementType type) {
    return apply("Cast", List.of(value), Attribute.of("to", type.number()));
  }

  /**
   * Adds a Loop, which repeats its body while its condition holds.
   *
   * @param body inputs: iteration, condition, state; outputs: condition, state, scan outputs
   * @param tripCount most iterations, a scalar INT64
   * @param condition whether to begin, a scalar BOOL
   * @param state initial values of the state
   * @param scanOutputs number of outputs that are stacked over the iterations
   * @return the state after the last iteration, then the scan outputs
   */
  public List<Value> loop(
      Graph body, Value tripCount, Value condition, List<Value> state, int scanOutputs) {
    List<Value> inputs = new ArrayList<>(List.of(tripCount, condition));
    inputs.addAll(state);
    int[] outputs = IntStream.range(0, state.size() + scanOutputs).toArray();
    return applyForMany(STANDARD, "Loop", inputs, outputs, Attribute.of("body", body));
  }

  /** Returns the complete model in the ONNX file format. */
  public byte[] toModel() {
    return ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .setProducerName("EvoMerge")
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(STANDARD).setVersion(OPSET))
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(MICROSOFT).setVersion(1))
        .setGraph(proto)
        .build()
        .toByteArray();
  }

  GraphProto proto() {
    return proto.build();
  }

  private void node(
      String domain,
      String operator,
      List<Value> inputs,
      List<Value> outputs,
      Attribute... attributes) {
    NodeProto.Builder node =
        NodeProto.newBuilder()
            .setName("node_" + outputs.get(0).name())
            .setDomain(domain)
            .setOpType(operator);
    for (Value input : inputs) {
      node.addInput(input.name());
    }
    for (Value output : outputs) {
      node.addOutput(output.name());
    }
    for (Attribute attribute : attributes) {
      node.addAttribute(attribute.proto());
    }
    proto.addNode(node);
  }

  private Value fresh(String operator) {
    String name = operator + "_" + names.size();
    claim(name);
    return new Value(name);
  }

  private void claim(String name) {
    if (!names.add(name)) {
      throw new IllegalArgumentException("the graph has a value '" + name + "' already");
    }
  }

  private static ValueInfoProto valueInfo(String name, ElementType type, Dimension... shape) {
    TensorShapeProto.Builder dimensions = TensorShapeProto.newBuilder();
    for (Dimension dimension : shape) {
      dimensions.addDim(dimension.proto());
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder().setElemType(type.number()).setShape(dimensions)))
        .build();
  }
}
