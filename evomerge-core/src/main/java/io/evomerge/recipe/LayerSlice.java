package io.evomerge.recipe;

import java.util.List;

/**
 * Consecutive layers of a merged model, and the layers of the models that they are merged from: the
 * k-th of the slice from the k-th of each range.
 *
 * <p>The slices of a recipe follow each other: the first layer of a slice comes after the last one
 * of the slice before. Only the models that a slice names take part in it.
 *
 * @param ranges one per model, all of the same length
 */
public record LayerSlice(List<LayerRange> ranges) {

  /** Copies. */
  public LayerSlice {
    ranges = List.copyOf(ranges);
  }

  /** Returns how many layers the merged model has from this slice. */
  public int length() {
    return ranges.isEmpty() ? 0 : ranges.get(0).length();
  }
}
