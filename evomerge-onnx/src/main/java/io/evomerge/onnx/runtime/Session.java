package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.util.Map;

/** A model that can be run; safe for concurrent runs. */
interface Session {

  /** Reads what a run gave before it is freed. */
  @FunctionalInterface
  interface Reader<T> {
    T read(OrtSession.Result result) throws OrtException;
  }

  /**
   * Runs the model.
   *
   * @param inputs tokens and what goes with them, as {@link
   *     io.evomerge.onnx.architecture.DecoderGraphs} has them; weights and scales are there already
   * @param reader is given the outputs
   * @throws IllegalStateException if the model is over
   */
  <T> T run(Map<String, OnnxTensor> inputs, Reader<T> reader);
}
