package io.evomerge.fitness;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Which items of a task are scored: all of them, or some by their index; immutable.
 *
 * <p>Indices count from 0 in the order of the task. They are kept in ascending order, each once.
 */
public final class ItemSubset {

  private static final ItemSubset ALL = new ItemSubset(true, new int[0]);

  private final boolean all;
  private final int[] indices;

  private ItemSubset(boolean all, int[] indices) {
    this.all = all;
    this.indices = indices;
  }

  /** Returns all items, however many there are. */
  public static ItemSubset all() {
    return ALL;
  }

  /**
   * Returns some items.
   *
   * @param indices at least one, from 0; any order
   * @throws IllegalArgumentException if there are none, one is negative or one comes twice
   */
  public static ItemSubset of(int... indices) {
    if (indices.length == 0) {
      throw new IllegalArgumentException(
          "no items: a subset needs at least one; ItemSubset.all() stands for all of them");
    }
    int[] sorted = indices.clone();
    Arrays.sort(sorted);
    if (sorted[0] < 0) {
      throw new IllegalArgumentException("item " + sorted[0] + ": wanted an index from 0");
    }
    for (int i = 1; i < sorted.length; i++) {
      if (sorted[i] == sorted[i - 1]) {
        throw new IllegalArgumentException("item " + sorted[i] + " comes twice, wanted it once");
      }
    }
    return new ItemSubset(false, sorted);
  }

  /**
   * Reads what {@link #toString} writes.
   *
   * @param text {@code "all"}, or indices and ranges, e.g. {@code "0-3,7"}
   * @throws IllegalArgumentException if it is something else
   */
  public static ItemSubset parse(String text) {
    if (text.equals("all")) {
      return ALL;
    }
    IntStream.Builder indices = IntStream.builder();
    for (String part : text.split(",", -1)) {
      int dash = part.indexOf('-');
      try {
        int from = Integer.parseInt(dash < 0 ? part : part.substring(0, dash));
        int to = dash < 0 ? from : Integer.parseInt(part.substring(dash + 1));
        IntStream.rangeClosed(from, to).forEach(indices);
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(
            "items '" + text + "': got '" + part + "', wanted indices and ranges, e.g. 0-3,7", e);
      }
    }
    return of(indices.build().toArray());
  }

  /** Returns whether it stands for all items. */
  public boolean isAll() {
    return all;
  }

  /**
   * Returns the indices, ascending.
   *
   * @throws IllegalStateException if it stands for all items, whose number it does not know
   */
  public int[] indices() {
    requireSome();
    return indices.clone();
  }

  /**
   * Returns the number of items.
   *
   * @throws IllegalStateException if it stands for all items, whose number it does not know
   */
  public int size() {
    requireSome();
    return indices.length;
  }

  private void requireSome() {
    if (all) {
      throw new IllegalStateException("all items: their number and indices are the task's to know");
    }
  }

  /**
   * Refuses items that a task does not have.
   *
   * @param itemCount number of items of the task
   * @return this
   * @throws IllegalArgumentException if an index is not below it
   */
  public ItemSubset requireWithin(int itemCount) {
    if (!all && indices[indices.length - 1] >= itemCount) {
      throw new IllegalArgumentException(
          "item "
              + indices[indices.length - 1]
              + " is asked for, the task has items 0 to "
              + (itemCount - 1));
    }
    return this;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ItemSubset that
        && all == that.all
        && Arrays.equals(indices, that.indices);
  }

  @Override
  public int hashCode() {
    return all ? 1 : Arrays.hashCode(indices);
  }

  /** Returns {@code "all"}, or the indices with runs of three and more as ranges: {@code 0-3,7}. */
  @Override
  public String toString() {
    if (all) {
      return "all";
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < indices.length; ) {
      int end = i;
      while (end + 1 < indices.length && indices[end + 1] == indices[end] + 1) {
        end++;
      }
      text.append(i == 0 ? "" : ",").append(indices[i]);
      if (end >= i + 2) {
        text.append('-').append(indices[end]);
        i = end + 1;
      } else {
        i++;
      }
    }
    return text.toString();
  }
}
