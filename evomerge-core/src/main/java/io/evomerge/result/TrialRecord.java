package io.evomerge.result;

import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;

/**
 * One evaluated point of a search.
 *
 * @param id number of the trial, from 0
 * @param genome the point
 * @param outcome what became of it; scores of single items are left out to keep long searches small
 */
public record TrialRecord(long id, Genome genome, Outcome outcome) {}
