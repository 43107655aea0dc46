package io.evomerge.optimizer;

import java.util.List;

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

  /** A scrambled Sobol sequence: random search that fills the box more evenly. */
  public static SobolSearch sobolSearch() {
    return SobolSearch.DEFAULT;
  }

  /** Differential evolution (SHADE, and L-SHADE with a budget): rugged functions, many trials. */
  public static DifferentialEvolution differentialEvolution() {
    return DifferentialEvolution.DEFAULT;
  }

  /** Standard particle swarm optimisation of 2011: a known yardstick. */
  public static ParticleSwarm particleSwarm() {
    return ParticleSwarm.DEFAULT;
  }

  /** Bayesian optimisation with a Gaussian process: the choice for tens to hundreds of trials. */
  public static BayesianOptimization bayesian() {
    return BayesianOptimization.DEFAULT;
  }

  /**
   * Several strategies at once, of which the leading one gets most of the trials: Bayesian
   * optimisation (300 trials at a time, up to 40 genes), CMA-ES with BIPOP restarts, and
   * differential evolution. For who does not know the function or the budget.
   */
  public static Portfolio portfolio() {
    return Portfolio.DEFAULT;
  }

  /**
   * Several strategies at once, of which the leading one gets most of the trials.
   *
   * @param members at least two strategies for one objective; of equal ones each has its own seed
   * @throws IllegalArgumentException if there are fewer than two
   */
  public static Portfolio portfolio(OptimizerFactory... members) {
    return Portfolio.of(List.of(members));
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

  /** SMS-EMOA with a population of 20: for several objectives on a small budget. */
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
