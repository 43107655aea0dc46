package io.evomerge.optimizer;

import io.evomerge.genome.Genome;

/**
 * A point that an optimiser wants to have evaluated.
 *
 * @param id number of the trial, from 0, without gaps, in the order of asking
 * @param genome the point
 */
public record Proposal(long id, Genome genome) {}
