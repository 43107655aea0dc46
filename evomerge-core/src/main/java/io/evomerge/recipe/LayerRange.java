package io.evomerge.recipe;

/**
 * Consecutive layers of one model, as part of a {@link LayerSlice}.
 *
 * @param model name of the base or a source
 * @param first first layer, from 0
 * @param end layer after the last one
 */
public record LayerRange(String model, int first, int end) {

  /** Returns how many layers there are. */
  public int length() {
    return end - first;
  }
}
