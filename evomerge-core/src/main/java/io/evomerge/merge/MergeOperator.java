package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.util.List;

/**
 * Merges the same tensor of several models into one; the plug-in point for merge methods.
 *
 * <p>An operator is stateless and safe for concurrent use. Its result is a function of its inputs
 * only: never of threads, block sizes or time. It accumulates in float32 or better and leaves
 * rounding to the sink. Randomness comes from {@link TensorMerge#uniforms} alone.
 */
public interface MergeOperator {

  /** Returns the name by which recipes call it, lower case with underscores. */
  String name();

  /** Returns the parameters, in the order in which they become genes. */
  List<ParameterSpec> parameters();

  /** Returns whether it works on differences from a common base. */
  BaseModel baseModel();

  /** Returns the smallest number of sources, the base not counted. */
  default int minSources() {
    return 1;
  }

  /** Returns the largest number of sources, the base not counted. */
  default int maxSources() {
    return Integer.MAX_VALUE;
  }

  /**
   * Returns whether every source must come with statistics of its activations; see {@link
   * TensorMerge#statistics}. The default is false.
   */
  default boolean needsStatistics() {
    return false;
  }

  /**
   * Returns about how many bytes of heap one thread needs to merge a tensor, so that too little
   * memory is noticed before work begins. The default is that of an operator that reads in blocks
   * and holds no tensor.
   *
   * @param tensor name and shape
   * @param sources number of sources
   */
  default long scratchBytes(TensorInfo tensor, int sources) {
    return (sources + 4L) << 18;
  }

  /**
   * Merges one tensor.
   *
   * @param task the inputs and parameters
   * @param sink takes every element of the result once, in blocks
   * @throws io.evomerge.exception.MergeException if an input is NaN or infinite, or a parameter is
   *     out of its range; the message names tensor and source
   */
  void merge(TensorMerge task, TensorSink sink);

  /** Whether a method needs a base model. */
  enum BaseModel {
    /** There must be one. */
    REQUIRED,
    /** It is used if there is one. */
    OPTIONAL,
    /** There must be none; a recipe that has one is refused. */
    UNUSED
  }
}
