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

  /** NSGA-II with a population of 40: the usual choice for several objectives. */
  public static Nsga2 nsga2() {
    return Nsga2.DEFAULT;
  }

  /**
   * NSGA-II, the usual choice for several objectives.
   *
   * @param populationSize at least 4
   */
  public static Nsga2 nsga2(int populationSize) {
    return Nsga2.DEFAULT.populationSize(populationSize);
  }

  /** SMS-EMOA with a population of 40: for several objectives on a small budget. */
  public static SmsEmoa smsEmoa() {
    return SmsEmoa.DEFAULT;
  }

  /**
   * SMS-EMOA, for several objectives on a small budget.
   *
   * @param populationSize at least 4
   */
  public static SmsEmoa smsEmoa(int populationSize) {
    return SmsEmoa.DEFAULT.populationSize(populationSize);
  }
}
