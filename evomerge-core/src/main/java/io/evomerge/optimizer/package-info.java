/**
 * Floor 8: optimisers over genomes, by ask and tell; usable on their own, without any model.
 *
 * <p>A whole program, with a cost of the host's own:
 *
 * <pre>{@code
 * SearchSpace space = SearchSpace.of(List.of(
 *     new Gene.Real("rate", 1e-4, 1, 0.1), new Gene.Int("layers", 1, 12, 4)));
 * Optimizer optimizer = Optimizers.cmaEs().create(space, List.of(Direction.MINIMIZE), 42);
 * for (int trials = 0; trials < 500 && !optimizer.isDone(); ) {
 *   List<Evaluation> finished = new ArrayList<>();
 *   for (Proposal p : optimizer.ask(16)) {
 *     finished.add(new Evaluation(p.id(), Outcome.Scored.of(cost(p.genome()))));
 *   }
 *   optimizer.tell(finished);
 *   trials += finished.size();
 * }
 * Genome best = optimizer.recommendation().orElseThrow();
 * }</pre>
 *
 * <p>Where things are; what is not public stands beside the factory whose search it is part of:
 *
 * <ul>
 *   <li>the interface: {@link io.evomerge.optimizer.Optimizer}, {@link
 *       io.evomerge.optimizer.OptimizerFactory}, and {@link io.evomerge.optimizer.Optimizers} as
 *       the way in;
 *   <li>{@link io.evomerge.optimizer.CmaEs}: generations and restarts ({@code CmaEsOptimizer}),
 *       points that wait for none ({@code AsynchronousPoints}), what every form of the covariance
 *       shares ({@code AdaptiveGaussian}) and the forms ({@code CovarianceAdaptation}, {@code
 *       SeparableAdaptation}, {@code LimitedMemoryAdaptation}, {@code LearningRateAdaptation}), the
 *       way into the box ({@code GeneCoordinates}), whole numbers ({@code WholeNumbers}), an
 *       earlier search ({@code WarmStart});
 *   <li>without generations: {@link io.evomerge.optimizer.BayesianOptimization} ({@code
 *       GaussianProcess}, {@code ExpectedImprovement}, {@code AcquisitionSearch}), {@link
 *       io.evomerge.optimizer.DifferentialEvolution}, {@link io.evomerge.optimizer.ParticleSwarm},
 *       {@link io.evomerge.optimizer.Portfolio}, over {@code SteadyStateOptimizer} and {@code
 *       FixedPastOptimizer};
 *   <li>several objectives: {@link io.evomerge.optimizer.Nsga2}, {@link
 *       io.evomerge.optimizer.SmsEmoa}, over {@code PopulationSearch} and {@code Variation};
 *   <li>populations of models: {@link io.evomerge.optimizer.M2n2} ({@code Niches}), {@link
 *       io.evomerge.optimizer.CycleQd} ({@code Cycle}, {@code Elites}), over {@code Breeding};
 *   <li>yardsticks: {@link io.evomerge.optimizer.RandomSearch}, {@link
 *       io.evomerge.optimizer.SobolSearch}, {@link io.evomerge.optimizer.CommonsMathCmaEs}.
 * </ul>
 */
@NullMarked
package io.evomerge.optimizer;

import org.jspecify.annotations.NullMarked;
