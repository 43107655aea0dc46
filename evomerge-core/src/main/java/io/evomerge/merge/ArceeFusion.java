package io.evomerge.merge;

import io.evomerge.exception.MergeException;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.TensorSink;
import org.jspecify.annotations.Nullable;

/**
 * Takes from the source what stands out and the rest from the base, as mergekit defines it; Goddard
 * et al. 2024, "Arcee's MergeKit: A Toolkit for Merging Large Language Models", arXiv 2403.13257.
 *
 * <p>Scores are computed anew in every pass; what is held is one divergence per row.
 */
final class ArceeFusion extends CheckedOperator {

  /** With more rows than this, divergences are computed anew, too. */
  private static final int MOST_ROWS_HELD = 1 << 22;

  ArceeFusion() {
    super("arcee_fusion", BaseModel.REQUIRED);
  }

  @Override
  public int maxSources() {
    return 1;
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    if (task.info().elementCount() == 0) {
      return;
    }
    Importance importance = task.cached(Importance.Of.SOURCE, () -> importance(task));
    scan(
        task,
        importance.divergences(),
        false,
        (window, scores) -> {
          Kernels.choose(
              scores, importance.threshold(), window.source, window.base, scores, window.length);
          sink.writeFloats(window.offset, scores, 0, window.length);
        });
  }

  private static Importance importance(TensorMerge task) {
    long rows = Rows.of(task).count();
    float @Nullable [] divergences = rows <= MOST_ROWS_HELD ? new float[(int) rows] : null;
    long[] buckets = OrderStatistics.buckets(numbers(task, divergences, true));
    long last = task.info().elementCount() - 1;
    OrderStatistics.Found[] quartiles =
        OrderStatistics.find(
            buckets,
            numbers(task, divergences, false),
            (long) (0.25 * last),
            (long) (0.5 * last),
            (long) (0.75 * last));
    float range = quartiles[2].value() - quartiles[0].value();
    return new Importance(quartiles[1].value() + 1.5f * range, divergences);
  }

  private static OrderStatistics.Numbers numbers(
      TensorMerge task, float @Nullable [] divergences, boolean first) {
    return portion ->
        scan(task, divergences, first, (window, scores) -> portion.accept(scores, window.length));
  }

  /**
   * Computes all scores.
   *
   * @param divergences by row; null if they are not held
   * @param first whether they are to be filled in
   */
  private static void scan(
      TensorMerge task, float @Nullable [] divergences, boolean first, Action action) {
    Rows rows = Rows.of(task);
    int length = rows.length();
    int rowsAtOnce = Math.max(1, Window.LENGTH / length);
    rows.forEachGroup(
        task,
        (in, group, firstRow, endRow) -> {
          Window window = new Window(in, task, (endRow - firstRow) * length);
          float[] scores = new float[window.capacity()];
          float[] factors = new float[rowsAtOnce];
          for (long row = firstRow; row < endRow; row += rowsAtOnce) {
            int count = (int) Math.min(rowsAtOnce, endRow - row);
            long elements = (long) count * length;
            // Whole rows at once, or one row in several windows.
            window.load(row * length, elements);
            for (int r = 0; r < count; r++) {
              if (divergences == null) {
                factors[r] = window.divergence((row + r) * length, length);
              } else {
                if (first) {
                  divergences[(int) row + r] = window.divergence((row + r) * length, length);
                }
                factors[r] = divergences[(int) row + r];
              }
            }
            for (long done = 0; done < elements; done += window.length) {
              window.load(row * length + done, elements - done);
              for (int at = 0; at < window.length; at += length) {
                int end = Math.min(window.length, at + length);
                Kernels.scaledDistances(
                    window.source, window.base, factors[at / length], scores, at, end);
              }
              action.accept(window, scores);
            }
          }
        });
  }

  /** What is done with a window and its scores, which may be overwritten. */
  private interface Action {
    void accept(Window window, float[] scores);
  }

  /**
   * What decides.
   *
   * @param threshold smallest score at which the source is taken
   * @param divergences by row; null if there are too many
   */
  private record Importance(float threshold, float @Nullable [] divergences)
      implements MergeCache.Sized {

    private enum Of {
      SOURCE
    }

    @Override
    public long byteSize() {
      return 64 + (divergences == null ? 0 : 4L * divergences.length);
    }
  }

  /** Neighbouring elements of base and source; confined to one thread. */
  private static final class Window {
    static final int LENGTH = 1 << 15;

    /** Added to every probability, so that none is 0. */
    private static final double SMALLEST_PROBABILITY = 1e-8;

    private final BlockReader in;
    private final TensorMerge task;
    private final float[] base;
    private final float[] source;
    private final double[] baseExponentials;
    private final double[] sourceExponentials;
    private long offset;
    private int length;

    Window(BlockReader in, TensorMerge task, long elements) {
      this.in = in;
      this.task = task;
      int capacity = (int) Math.min(LENGTH, elements);
      this.base = new float[capacity];
      this.source = new float[capacity];
      this.baseExponentials = new double[capacity];
      this.sourceExponentials = new double[capacity];
    }

    int capacity() {
      return base.length;
    }

    /** Reads as much of a range as there is room for, unless it is there. */
    void load(long start, long elements) {
      int wanted = (int) Math.min(base.length, elements);
      if (start == offset && wanted == length) {
        return;
      }
      length = 0;
      in.readBase(start, base, wanted);
      in.readSource(0, start, source, wanted);
      offset = start;
      length = wanted;
    }

    /**
     * Returns the Kullback-Leibler divergence of the source's softmax from the base's in one row:
     * one that is loaded whole, or one that is longer than a window.
     */
    float divergence(long start, int rowLength) {
      boolean whole = rowLength <= base.length;
      float largestBase = Float.NEGATIVE_INFINITY;
      float largestSource = Float.NEGATIVE_INFINITY;
      float largestDistance = 0;
      for (int done = 0; done < rowLength; done += LENGTH) {
        int at = locate(start + done, rowLength - done, whole);
        int end = whole ? at + rowLength : length;
        for (int i = at; i < end; i++) {
          largestBase = Math.max(largestBase, base[i]);
          largestSource = Math.max(largestSource, source[i]);
          largestDistance = Math.max(largestDistance, Math.abs(source[i] - base[i]));
        }
      }
      if (largestDistance == Float.POSITIVE_INFINITY) {
        throw new MergeException(
            "tensor '"
                + task.info().name()
                + "': source '"
                + task.sourceNames().get(0)
                + "' differs from the base by more than float32 can hold; the checkpoint is"
                + " damaged");
      }
      if (largestDistance == 0) {
        return 0;
      }
      double baseSum = 0;
      double sourceSum = 0;
      for (int done = 0; done < rowLength; done += LENGTH) {
        int at = locate(start + done, rowLength - done, whole);
        int end = whole ? at + rowLength : length;
        exponentials(at, end, largestBase, largestSource);
        for (int i = at; i < end; i++) {
          baseSum += baseExponentials[i];
          sourceSum += sourceExponentials[i];
        }
      }
      double divergence = 0;
      for (int done = 0; done < rowLength; done += LENGTH) {
        int at = locate(start + done, rowLength - done, whole);
        int end = whole ? at + rowLength : length;
        if (!whole) {
          exponentials(at, end, largestBase, largestSource);
        }
        for (int i = at; i < end; i++) {
          double p = sourceExponentials[i] / sourceSum + SMALLEST_PROBABILITY;
          double q = baseExponentials[i] / baseSum + SMALLEST_PROBABILITY;
          divergence += p * Math.log(p / q);
        }
      }
      // Never negative but for rounding.
      return (float) Math.max(0, divergence);
    }

    private int locate(long start, int elements, boolean whole) {
      if (!whole) {
        load(start, elements);
        return 0;
      }
      return (int) (start - offset);
    }

    private void exponentials(int from, int to, double largestBase, double largestSource) {
      for (int i = from; i < to; i++) {
        baseExponentials[i] = Math.exp(base[i] - largestBase);
        sourceExponentials[i] = Math.exp(source[i] - largestSource);
      }
    }
  }
}
