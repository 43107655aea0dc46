package io.evomerge.result;

/** Why a search ended. */
public enum StopReason {
  /** A stop condition held. */
  CONDITION,
  /** The optimiser converged or spent itself. */
  CONVERGED,
  /** The host cancelled it, or its thread was interrupted. */
  CANCELLED,
  /** Not known: the result was read from a journal, whose run may be going on. */
  UNKNOWN
}
