package io.evomerge.genome;

/**
 * A model as the search for a path through layers sees it.
 *
 * @param name unique within a path
 * @param layers how many transformer blocks it has, at least 1 (checked by {@link
 *     DataFlowSpace#bind})
 */
public record LayeredModel(String name, int layers) {}
