package io.evomerge.recipe;

/**
 * One step of a {@link DataFlow}: a layer that the token passes through.
 *
 * @param model name of one of the path's models
 * @param layer of that model, from 0
 * @param scale what {@link DataFlow#scaling()} says is multiplied by it before the layer; finite
 */
public record Hop(String model, int layer, double scale) {}
