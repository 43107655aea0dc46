package io.evomerge.onnx.runtime;

/** How sessions on the CPU hold the weights. */
public enum SessionMode {
  /**
   * One session for all candidates of a worker, or for all data flow paths of one length; it reads
   * the weights where they are. Nothing is copied; writing long texts is slower than from packed
   * weights.
   */
  LIVE,
  /** New sessions per candidate with weights copied into the kernels' own layout. */
  PACKED,
  /**
   * {@link #LIVE}, but {@link #PACKED} for calls that write in at least 64 steps: batches times new
   * tokens after the first. A copy takes about 1.5 s and 1 GB per GB of weights, and saves about a
   * third of each step.
   */
  AUTO
}
