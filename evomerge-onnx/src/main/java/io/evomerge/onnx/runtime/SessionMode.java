package io.evomerge.onnx.runtime;

/** How sessions on the CPU hold the weights. */
public enum SessionMode {
  /**
   * One session for all candidates of a worker; it reads the weights where the merge wrote them.
   * Nothing is copied; writing long texts is slower than from packed weights.
   */
  LIVE,
  /** New sessions per candidate with weights copied into the kernels' own layout. */
  PACKED,
  /** {@link #LIVE}, but {@link #PACKED} for writing where it is long enough to pay for the copy. */
  AUTO
}
