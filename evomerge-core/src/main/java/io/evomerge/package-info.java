/**
 * Evolutionary model merging: the facade.
 *
 * <p>A whole program, with a fitness of the host's own:
 *
 * <pre>{@code
 * try (EvoMerge search =
 *     EvoMerge.builder()
 *         .base(Path.of("base"))
 *         .sources(Path.of("math"), Path.of("japanese"))
 *         .operator(MergeOperators.dareTies())
 *         .searchSpace(ParameterSpace.perLayer())
 *         .maximize("my-score", candidate -> score(candidate))
 *         .stopWhen(StopCondition.evaluations(1_000))
 *         .seed(42)
 *         .parallelism(2)
 *         .build()) {
 *   EvolutionResult result = search.run();
 *   search.write(result.best().recipe(), Path.of("merged"));
 * }
 * }</pre>
 *
 * <p>The packages are the stations of the data: {@link io.evomerge.checkpoint checkpoints} → {@link
 * io.evomerge.genome genome} → {@link io.evomerge.recipe recipe} → {@link io.evomerge.merge merge}
 * → {@link io.evomerge.candidate candidate} → {@link io.evomerge.fitness fitness} → {@link
 * io.evomerge.optimizer optimiser} → {@link io.evomerge.result result}.
 */
@NullMarked
package io.evomerge;

import org.jspecify.annotations.NullMarked;
