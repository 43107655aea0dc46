package io.evomerge.optimizer;

import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;

/**
 * A point that another search of the same genes has tried; immutable.
 *
 * @param genome the point
 * @param outcome what became of it; with several objectives the first one counts
 */
public record EarlierTrial(Genome genome, Outcome outcome) {}
