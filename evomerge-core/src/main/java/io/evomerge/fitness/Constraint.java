package io.evomerge.fitness;

/**
 * What a candidate must keep to, beside being good: e.g. a number of parameters, or a score on a
 * task that must not be lost. Candidates that violate it are evaluated and kept, but rank behind
 * all that do not.
 *
 * @param name unique among objectives and constraints of a search
 * @param function measures the candidate, on search and validation data alike; the threads and
 *     failures of a fitness function
 * @param bound what its score must keep to
 * @since 0.1
 */
public record Constraint(String name, FitnessFunction function, Bound bound) {}
