package io.evomerge.optimizer;

import io.evomerge.fitness.Outcome;

/**
 * The outcome of a proposal.
 *
 * @param id of the {@link Proposal}
 * @param outcome what became of it
 */
public record Evaluation(long id, Outcome outcome) {}
