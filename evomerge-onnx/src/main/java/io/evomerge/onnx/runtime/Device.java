package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import io.evomerge.exception.BackendException;
import io.evomerge.onnx.graph.Dimension;
import io.evomerge.onnx.graph.ElementType;
import io.evomerge.onnx.graph.Graph;
import io.evomerge.onnx.graph.Value;
import io.evomerge.onnx.internal.DeepStack;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where sessions run.
 *
 * @param cuda number of the CUDA device; -1 for the CPU
 */
record Device(int cuda) {

  static final Device CPU = new Device(-1);

  private static final Logger LOG = LoggerFactory.getLogger(OnnxBackend.class);
  private static final List<Path> SIGNS_OF_NVIDIA =
      List.of(
          Path.of("/dev/nvidia0"),
          Path.of("/dev/dxg"),
          Path.of("C:\\Windows\\System32\\nvcuda.dll"));

  boolean isCuda() {
    return cuda >= 0;
  }

  /**
   * Returns the process's environment, which is made on first use and never closed by us.
   *
   * <p>ONNX Runtime 1.29.0 ends the process without a word when it is made on an ordinary stack and
   * the command line is some 3,500 characters long, as class paths are.
   */
  static OrtEnvironment environment() {
    try {
      return DeepStack.call(
          () -> {
            OrtEnvironment environment = OrtEnvironment.getEnvironment();
            forbidTelemetry(environment);
            return environment;
          });
    } catch (LinkageError | RuntimeException e) {
      throw new BackendException(
          "ONNX Runtime's native library cannot be loaded on "
              + System.getProperty("os.name")
              + " "
              + System.getProperty("os.arch")
              + "; put the artifact com.microsoft.onnxruntime:onnxruntime or, for CUDA,"
              + " onnxruntime_gpu on the class path, but not both",
          e);
    }
  }

  /** A library does not report on its host. */
  private static void forbidTelemetry(OrtEnvironment environment) {
    try {
      environment.setTelemetry(false);
    } catch (OrtException e) {
      LOG.debug("ONNX Runtime keeps its own choice about telemetry", e);
    }
  }

  /** Returns the first CUDA device if there are signs of one and it works, else the CPU. */
  static Device detect() {
    if (SIGNS_OF_NVIDIA.stream().noneMatch(Files::exists)) {
      return CPU;
    }
    return cudaOrCpu(0);
  }

  /**
   * Returns a CUDA device if it works, else the CPU.
   *
   * @param number of the CUDA device
   */
  static Device cudaOrCpu(int number) {
    // The list of available providers names CUDA even where it cannot run.
    try {
      tryCuda(number);
      return new Device(number);
    } catch (OrtException | LinkageError e) {
      LOG.info(
          "CUDA device {} cannot be used, running on the CPU: {}; CUDA needs the artifact"
              + " onnxruntime_gpu, a driver, and CUDA 12's cublasLt, cublas, cudart and curand on"
              + " the library path",
          number,
          e.getMessage());
      return CPU;
    }
  }

  private static void tryCuda(int number) throws OrtException {
    OrtEnvironment environment = environment();
    Graph graph = Graph.create("probe");
    Value x = graph.input("x", ElementType.FLOAT, Dimension.of(1));
    graph.output("y", graph.apply("Add", List.of(x, x)), ElementType.FLOAT, Dimension.of(1));
    try (SessionOptions options = new SessionOptions()) {
      options.addCUDA(number);
      options.addConfigEntry("session.disable_cpu_ep_fallback", "1");
      try (OrtSession session = environment.createSession(graph.toModel(), options);
          OnnxTensor one = OnnxTensor.createTensor(environment, new float[] {1});
          OrtSession.Result result = session.run(Map.of("x", one))) {
        float[] y = (float[]) result.get(0).getValue();
        if (y[0] != 2) {
          throw new OrtException("1 + 1 gave " + y[0]);
        }
      }
    }
  }

  @Override
  public String toString() {
    return isCuda() ? "CUDA device " + cuda : "CPU";
  }
}
