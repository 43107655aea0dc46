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

  /** Uniform random search: the baseline. */
  public static RandomSearch randomSearch() {
    return RandomSearch.DEFAULT;
  }
}
