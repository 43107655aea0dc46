package io.evomerge.onnx.runtime;

import io.evomerge.candidate.CandidateModel;

/** Runs candidates in ONNX Runtime. */
public final class OnnxBackend implements AutoCloseable {

  private OnnxBackend() {}

  /** Returns a backend that uses CUDA where an NVIDIA device works, else the CPU. */
  public static OnnxBackend auto() {
    return new OnnxBackend();
  }

  /** Returns a backend on the CPU. */
  public static OnnxBackend cpu() {
    return new OnnxBackend();
  }

  /**
   * Returns a backend on a CUDA device, or on the CPU with a log line that says why.
   *
   * @param device number of the device
   */
  public static OnnxBackend cuda(int device) {
    return new OnnxBackend();
  }

  /** Returns what runs the models, e.g. {@code "ONNX Runtime 1.29.0, CPU"}. */
  public String description() {
    throw new UnsupportedOperationException("not there yet");
  }

  /**
   * Returns a candidate as a language model.
   *
   * @param candidate whose weights are read where they are
   */
  public LanguageModel languageModel(CandidateModel candidate) {
    throw new UnsupportedOperationException("not there yet");
  }

  @Override
  public void close() {}
}
