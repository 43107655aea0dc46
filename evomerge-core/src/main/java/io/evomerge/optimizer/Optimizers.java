package io.evomerge.optimizer;

/** The optimisers of the library. */
public final class Optimizers {
  private Optimizers() {}
}
