package io.evomerge.onnx.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GraphTest {

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();

  @Test
  void aLoopCarriesItsStateAndStacksWhatItWrites() throws OrtException {
    Graph graph = Graph.create("doubling");
    Value start = graph.input("start", ElementType.INT64);
    Graph body = graph.subgraph("body");
    body.input("iteration", ElementType.INT64);
    Value goOn = body.input("go_on", ElementType.BOOL);
    Value state = body.input("state", ElementType.INT64);
    Value doubled = body.apply("Add", List.of(state, state));
    body.output("go_on_then", goOn, ElementType.BOOL);
    body.output(doubled, ElementType.INT64);
    body.output("written", state, ElementType.INT64);
    Value yes = graph.cast(graph.constant(1), ElementType.BOOL);
    List<Value> results = graph.loop(body, graph.constant(4), yes, List.of(start), 1);
    graph.output("end", results.get(0), ElementType.INT64);
    graph.output("written_all", results.get(1), ElementType.INT64, Dimension.of("steps"));
    try (SessionOptions options = new SessionOptions();
        OrtSession session = environment.createSession(graph.toModel(), options);
        OnnxTensor three = OnnxTensor.createTensor(environment, 3L);
        OrtSession.Result result = session.run(Map.of("start", three))) {
      assertThat(result.get("end").orElseThrow().getValue()).isEqualTo(48L);
      assertThat((long[]) result.get("written_all").orElseThrow().getValue())
          .containsExactly(3, 6, 12, 24);
    }
  }

  @Test
  void namesAreUniqueOverSubgraphs() {
    Graph graph = Graph.create("names");
    graph.input("x", ElementType.FLOAT);
    Graph body = graph.subgraph("body");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> body.input("x", ElementType.FLOAT))
        .withMessage("the graph has a value 'x' already");
  }

  @Test
  void weightsThatWereNotHandedOverAreMissedAtOnce(@TempDir Path folder) throws Exception {
    Files.createFile(folder.resolve(Graph.PLACEHOLDER));
    Graph graph = Graph.create("weights");
    Value x = graph.input("x", ElementType.FLOAT, Dimension.of(2));
    Value weight = graph.weight("w", List.of(2L));
    graph.output("y", graph.apply("Add", List.of(x, weight)), ElementType.FLOAT, Dimension.of(2));
    try (SessionOptions options = new SessionOptions()) {
      options.addConfigEntry(
          "session.model_external_initializers_file_folder_path", folder.toString());
      assertThatThrownBy(() -> environment.createSession(graph.toModel(), options).close())
          .isInstanceOf(OrtException.class)
          .hasMessageContaining("w");
    }
  }
}
