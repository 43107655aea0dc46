package io.evomerge.merge;

import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/** What an operator is given to merge one tensor: inputs, parameters, random numbers, a cache. */
public interface TensorMerge {

  /** The block length where a task sets none: a few blocks stay in a core's own cache. */
  int DEFAULT_BLOCK_LENGTH = 4096;

  /** Returns name and shape; all inputs have this shape. */
  TensorInfo info();

  /** Returns the base model's tensor, if there is a base. */
  Optional<TensorView> base();

  /** Returns the sources' tensors, in the recipe's order. */
  List<TensorView> sources();

  /** Returns the short names of the sources, for messages. */
  List<String> sourceNames();

  /** Returns the parameters for this tensor; every parameter of the operator has a value. */
  ParameterValues parameters();

  /** Returns whose definition to follow where two exist. */
  Semantics semantics();

  /** Returns whether the tensor is the token embedding or the output head. */
  boolean isEmbedding();

  /**
   * Returns what a {@link WholeModelOperator} found out about all tensors of this merge; empty for
   * other operators and while it is being found out. The default is empty.
   */
  default Optional<WholeModelOperator.Survey> survey() {
    return Optional.empty();
  }

  /**
   * Returns statistics of what a source feeds into this tensor: for the weight of a linear layer,
   * of shape {@code [out, in]}, the symmetric matrix {@code [in, in]} of the mean products of its
   * inputs over some text, {@code X^T X / rows of X} (the Gram matrix). Empty where none were
   * gathered, which is the default.
   *
   * @param source index of the source
   */
  default Optional<TensorView> statistics(int source) {
    return Optional.empty();
  }

  /**
   * Fills an array with uniform random numbers in [0, 1), a fixed function of (recipe seed, source,
   * tensor, element): the same for any block size, thread, machine or candidate.
   *
   * @param source index of the source
   * @param offset first element
   * @param target where to put them
   * @param length number of elements, from index 0
   */
  void uniforms(int source, long offset, float[] target, int length);

  /**
   * Returns something that depends only on the inputs and {@code key}, never on the parameters not
   * in {@code key}: computed once and kept while the inputs stay open, where memory allows.
   *
   * @param key with {@code equals} and {@code hashCode}, unique within the operator
   * @param compute makes the value; its result must not be changed afterwards
   * @param <T> its type
   */
  <T> T cached(Object key, Supplier<T> compute);

  /**
   * As {@link #cached}, for values that are only worth computing if they are kept.
   *
   * @param key with {@code equals} and {@code hashCode}, unique within the operator
   * @param bytes size of the value
   * @param compute makes the value; its result must not be changed afterwards
   * @param <T> its type
   * @return the value, or empty if it is not there and there is no room; the default never keeps
   */
  default <T> Optional<T> cachedIfRoom(Object key, long bytes, Supplier<T> compute) {
    return Optional.empty();
  }

  /**
   * Does something for every index from 0 to {@code count - 1}, perhaps on several threads at once,
   * and returns when all is done. Work on different indices must not depend on each other; blocks
   * of the sink may be written from any of it. No result depends on the number of threads. The
   * default does it in order on the calling thread.
   *
   * @param count number of indices
   * @param work what to do; what it throws is thrown here, and work not yet begun is left undone
   */
  default void parallel(int count, IntConsumer work) {
    for (int i = 0; i < count; i++) {
      work.accept(i);
    }
  }

  /**
   * Returns how many elements an operator should read at a time, at least 1; no result depends on
   * it. The default is {@value #DEFAULT_BLOCK_LENGTH}.
   */
  default int blockLength() {
    return DEFAULT_BLOCK_LENGTH;
  }
}
