package io.evomerge.optimizer;

/** Makes the distribution that the settings of {@link CmaEs} ask for. */
final class SearchDistributions {

  /** With fewer genes the full form is cheaper than a memory of directions, and learns faster. */
  static final int LEAST_FOR_LIMITED_MEMORY = 10;

  private SearchDistributions() {}

  private static CmaEs.Covariance form(CmaEs config, int n) {
    return config.covariance() == CmaEs.Covariance.LIMITED_MEMORY && n < LEAST_FOR_LIMITED_MEMORY
        ? CmaEs.Covariance.FULL
        : config.covariance();
  }

  /**
   * Makes one at its start.
   *
   * @param mean in coordinates
   * @param sigma the step size
   */
  static AdaptiveGaussian create(CmaEs config, double[] mean, int lambda, double sigma) {
    return switch (form(config, mean.length)) {
      case FULL ->
          config.learningRateAdaptation()
              ? new LearningRateAdaptation(lambda, config.active(), mean, sigma)
              : new CovarianceAdaptation(lambda, config.active(), mean, sigma);
      case SEPARABLE -> new SeparableAdaptation(lambda, config.active(), mean, sigma);
      case LIMITED_MEMORY -> new LimitedMemoryAdaptation(lambda, config.active(), mean, sigma);
    };
  }

  /** Makes one that begins where earlier trials were good. */
  static AdaptiveGaussian create(CmaEs config, WarmStart start, int lambda) {
    AdaptiveGaussian made = create(config, start.mean(), lambda, config.sigma() * start.sigma());
    made.shape(start);
    return made;
  }

  /** Brings one back from what {@link SearchDistribution#save} wrote. */
  static SearchDistribution load(CmaEs config, Snapshot.Reader from, int n) {
    AdaptiveGaussian loaded = create(config, new double[n], from.integer("population"), 1);
    loaded.load(from);
    return loaded;
  }
}
