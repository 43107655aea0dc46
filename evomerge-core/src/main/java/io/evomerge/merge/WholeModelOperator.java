package io.evomerge.merge;

import java.util.List;

/**
 * A merge method that must see all tensors of the models before it can merge the first: one that
 * has a threshold or a scale for the whole model.
 *
 * <p>For every candidate, {@link #survey} is called once with the tasks of all tensors that will be
 * merged, then each of these tensors is merged with a task whose {@link TensorMerge#survey} is the
 * result. Inputs and parameters of a tensor's task must be those that were surveyed.
 */
public interface WholeModelOperator extends MergeOperator {

  /**
   * Looks at all tensors of a merge.
   *
   * <p>It reads in blocks and keeps no tensor, shares work out with {@link TensorMerge#parallel}
   * and keeps what only depends on the inputs with {@link TensorMerge#cached}. Its result depends
   * on inputs and parameters only: neither on the order of the tasks nor on threads, block lengths
   * or caches.
   *
   * @param tensors one task per tensor that will be merged, in any order, with names of their own,
   *     the same sources and, where there is a base, the same base; none of them has a survey
   * @return an immutable value with {@code equals} and {@code hashCode}, safe for concurrent use
   * @throws io.evomerge.exception.MergeException if the operator could not merge one of the tensors
   *     or its parameters contradict those of another; the message names the tensor
   */
  Survey survey(List<? extends TensorMerge> tensors);

  /**
   * What an operator found out about a whole model. Its implementation is the operator's own
   * business; others only hand it on, and compare: tasks with equal inputs, parameters and surveys
   * have equal results.
   */
  interface Survey {}
}
