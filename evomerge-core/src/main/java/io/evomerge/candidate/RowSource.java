package io.evomerge.candidate;

import java.util.List;

/** Where a row of embeddings in a common vocabulary comes from. */
public sealed interface RowSource {

  /**
   * A row of a model.
   *
   * @param model its name
   * @param row from 0
   */
  record Row(String model, int row) implements RowSource {}

  /**
   * The mean of rows of several models, in float32: added up in their order, then divided.
   *
   * @param rows two or more
   */
  record Mean(List<Row> rows) implements RowSource {
    /** Copies. */
    public Mean {
      rows = List.copyOf(rows);
    }
  }

  /** Zeros. */
  record Zeros() implements RowSource {}
}
