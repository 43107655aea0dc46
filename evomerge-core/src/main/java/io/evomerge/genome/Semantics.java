package io.evomerge.genome;

/** Whose definition of a merge method a recipe follows where two exist. */
public enum Semantics {
  /** What the paper that introduced the method defines. */
  PAPER,
  /** What mergekit computes, so that its configurations give its results. */
  MERGEKIT
}
