package io.evomerge.fitness;

import java.util.Optional;

/**
 * One thing to optimise.
 *
 * @param name unique among the objectives of a search
 * @param direction whether higher or lower is better
 * @param function scores a candidate on the search data
 * @param validation scores a candidate on data that the search does not see, to choose the result
 */
public record Objective(
    String name,
    Direction direction,
    FitnessFunction function,
    Optional<FitnessFunction> validation) {}
