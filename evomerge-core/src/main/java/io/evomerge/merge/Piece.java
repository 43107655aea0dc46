package io.evomerge.merge;

import io.evomerge.internal.kernel.RowRanks;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * The part of a tensor that a thread has at hand: a block of a stripe, or some whole rows.
 *
 * <p>What a method returns must not be changed, and is valid until the piece moves on. Confined to
 * one thread.
 */
abstract class Piece {

  /** Short rows are taken together, up to so many elements. */
  private static final int SEVERAL_ROWS = 4096;

  final BlockReader in;
  private final int unit;
  private final long unitOffset;
  private @Nullable RowRanks ranker;
  private float @Nullable [] ranks;

  private Piece(BlockReader in, int unit, long unitOffset) {
    this.in = in;
    this.unit = unit;
    this.unitOffset = unitOffset;
  }

  /** Returns the unit of work that this is a part of. */
  final int unit() {
    return unit;
  }

  /** Returns how many elements of the unit come before this part. */
  final int offsetInUnit() {
    return Math.toIntExact(offset() - unitOffset);
  }

  /** Ranks every row of whole rows by magnitude; valid until the next call. */
  final float[] ranks(float[] values, int rowLength) {
    RowRanks tool = ranker;
    float[] target = ranks;
    if (tool == null || target == null || target.length < length()) {
      tool = new RowRanks(rowLength);
      target = new float[length()];
      ranker = tool;
      ranks = target;
    }
    for (int from = 0; from < length(); from += rowLength) {
      tool.rank(values, from, target);
    }
    return target;
  }

  /** Moves to the next part of the unit of work; false behind the last one. */
  abstract boolean next();

  abstract long offset();

  abstract int length();

  abstract float[] base();

  /** Source minus base. */
  abstract float[] delta(int source);

  abstract float[] uniforms(int source);

  /** Returns how a task's tensor is cut into blocks of stripes. */
  static Cut blocks(TensorMerge task) {
    int capacity = new BlockReader(task).blockLength();
    return new Cut(
        task,
        Stripes.count(task.info().elementCount()),
        capacity,
        action -> Stripes.forEach(task, (in, stripe) -> action.run(stripe, new Block(in, stripe))));
  }

  /** Returns how a task's tensor is cut into whole rows. */
  static Cut rows(TensorMerge task) {
    Rows rows = Rows.of(task);
    int together = Math.max(1, SEVERAL_ROWS / Math.max(1, rows.length()));
    return new Cut(
        task,
        rows.groups(),
        Math.multiplyExact(together, rows.length()),
        action ->
            rows.forEachGroup(
                task,
                (in, group, first, end) ->
                    action.run(
                        group, new WholeRows(in, group, rows.length(), together, first, end))));
  }

  /**
   * A tensor in units of work, each to be gone through piece by piece. The units depend on the
   * shape alone.
   *
   * @param task whose tensor
   * @param units how many
   * @param capacity largest length of a piece
   * @param loop does something for every unit
   */
  record Cut(TensorMerge task, int units, int capacity, Loop loop) {

    /** Works on every unit; on any thread, with a state that no other thread has meanwhile. */
    <S> void forEach(Maker<S> maker, Action<S> action) {
      ConcurrentLinkedQueue<S> idle = new ConcurrentLinkedQueue<>();
      loop.run(
          (unit, piece) -> {
            S state = idle.poll();
            if (state == null) {
              state = maker.make(capacity);
            }
            action.run(unit, piece, state);
            idle.add(state);
          });
    }

    /** Computes something per unit and returns the results in the order of the units. */
    <S, T> List<T> map(Maker<S> maker, Mapping<S, T> mapping) {
      List<T> results =
          Collections.synchronizedList(new ArrayList<>(Collections.nCopies(units, null)));
      forEach(maker, (unit, piece, state) -> results.set(unit, mapping.of(unit, piece, state)));
      return results;
    }
  }

  /** Goes through units. */
  interface Loop {
    void run(UnitAction action);
  }

  /** What is done with a unit. */
  interface UnitAction {
    void run(int unit, Piece piece);
  }

  /** Makes a thread's working state for pieces of at most a length. */
  interface Maker<S> {
    S make(int capacity);
  }

  /** What is done with a unit: call {@code next} of the piece until it is false. */
  interface Action<S> {
    void run(int unit, Piece piece, S state);
  }

  /** What is computed from a unit. */
  interface Mapping<S, T> {
    T of(int unit, Piece piece, S state);
  }

  /** Block after block of a stripe. */
  private static final class Block extends Piece {
    private final long end;
    private long block;

    Block(BlockReader in, int stripe) {
      super(in, stripe, Stripes.offset(stripe));
      this.block = in.firstBlock(stripe) - 1;
      this.end = in.endBlock(stripe);
    }

    @Override
    boolean next() {
      return ++block < end;
    }

    @Override
    long offset() {
      return in.offset(block);
    }

    @Override
    int length() {
      return in.length(block);
    }

    @Override
    float[] base() {
      return in.base(block);
    }

    @Override
    float[] delta(int source) {
      return in.delta(source, block);
    }

    @Override
    float[] uniforms(int source) {
      return in.uniforms(source, block);
    }
  }

  /** Some rows of a group after the other, put together from the blocks that they lie in. */
  private static final class WholeRows extends Piece {
    private final int rowLength;
    private final int together;
    private final long end;
    private long row;
    private int rows;
    private float @Nullable [] base;
    private final float[][] deltas;
    private final float[][] uniforms;

    WholeRows(BlockReader in, int group, int rowLength, int together, long first, long end) {
      super(in, group, first * rowLength);
      this.rowLength = rowLength;
      this.together = together;
      this.row = first;
      this.end = end;
      this.deltas = new float[in.sources()][0];
      this.uniforms = new float[in.sources()][0];
    }

    @Override
    boolean next() {
      row += rows;
      rows = (int) Math.min(together, end - row);
      return rows > 0;
    }

    @Override
    long offset() {
      return row * rowLength;
    }

    @Override
    int length() {
      return rows * rowLength;
    }

    @Override
    float[] base() {
      float[] target = base;
      if (target == null) {
        target = new float[together * rowLength];
        base = target;
      }
      return gather(in::base, target);
    }

    @Override
    float[] delta(int source) {
      return gather(block -> in.delta(source, block), room(deltas, source));
    }

    @Override
    float[] uniforms(int source) {
      return gather(block -> in.uniforms(source, block), room(uniforms, source));
    }

    private float[] room(float[][] arrays, int source) {
      if (arrays[source].length == 0) {
        arrays[source] = new float[together * rowLength];
      }
      return arrays[source];
    }

    private float[] gather(Content content, float[] target) {
      long from = offset();
      int length = length();
      int done = 0;
      while (done < length) {
        long block = in.blockOf(from + done);
        int skipped = (int) (from + done - in.offset(block));
        int count = Math.min(length - done, in.length(block) - skipped);
        float[] values = content.of(block);
        if (skipped == 0 && count == length) {
          return values;
        }
        System.arraycopy(values, skipped, target, done, count);
        done += count;
      }
      return target;
    }

    private interface Content {
      float[] of(long block);
    }
  }
}
