package io.evomerge.optimizer;

/** The optimisers of the library. */
public final class Optimizers {
  private Optimizers() {}

  /**
   * CMA-ES with the published defaults: the choice for one objective. Population 4 + floor(3 ln n),
   * steps of the genes, active update, no restarts.
   */
  public static CmaEs cmaEs() {
    return CmaEs.DEFAULT;
  }

  /** Apache Commons Math's CMA-ES, for comparison: slower, without restarts. */
  public static CommonsMathCmaEs commonsMathCmaEs() {
    return CommonsMathCmaEs.DEFAULT;
  }

  /**
   * M2N2: a population of merged models that compete for the items of a task and mate by
   * attraction; for models that can do different things. An archive of 20, competition 1.
   */
  public static M2n2 m2n2() {
    return M2n2.DEFAULT;
  }

  /**
   * CycleQD: an archive of merged models per task, tasks in turn; for several tasks at once, each
   * with a source that is its expert. 15 bins per task.
   */
  public static CycleQd cycleQd() {
    return CycleQd.DEFAULT;
  }

  /** Uniform random search: the baseline. */
  public static RandomSearch randomSearch() {
    return RandomSearch.DEFAULT;
  }
}
