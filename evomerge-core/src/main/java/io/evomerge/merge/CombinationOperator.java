package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.LaneSum;
import io.evomerge.tensor.TensorSink;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The methods whose result is a combination of the sources, or of their task vectors if there is a
 * base, with factors that depend on the data through inner products alone. So one pass finds the
 * products, which are the same for every candidate, and one pass combines.
 */
abstract class CombinationOperator extends CheckedOperator {

  /** Elements that are read at a time where rows or columns are combined. */
  private static final int PART = 4096;

  /** Columns that are worked on together: enough to read at once, little enough to share out. */
  private static final int TILE = 1024;

  CombinationOperator(String name, BaseModel baseModel, ParameterSpec... parameters) {
    super(name, baseModel, parameters);
  }

  /** What is a vector. */
  enum Vectors {
    /** The whole tensor. */
    WHOLE,
    /** Each row along the last dimension; a tensor of one dimension is a whole. */
    ROWS,
    /** Each column along the first dimension; a tensor of one dimension is a whole. */
    COLUMNS
  }

  /** Finds the factors of a combination; safe for concurrent use. */
  interface Mixture {

    /**
     * Computes the factors.
     *
     * @param gram inner products of the sources, or of their task vectors
     * @param factors overwritten
     */
    void factors(GramMatrix gram, double[] factors);
  }

  /** Returns how to mix two or more sources; refuses parameters that define no mixture. */
  abstract Mixture mixture(TensorMerge task);

  /** Returns what is a vector; the whole tensor, unless overridden. */
  Vectors vectors(TensorMerge task) {
    return Vectors.WHOLE;
  }

  @Override
  final void mergeChecked(TensorMerge task, TensorSink sink) {
    Mixture mixture = mixture(task);
    int sources = task.sources().size();
    boolean deltas = baseModel() != BaseModel.UNUSED && task.base().isPresent();
    if (sources == 1) {
      combine(task, false, new double[] {1}, sink);
      return;
    }
    Vectors vectors = task.info().shape().size() < 2 ? Vectors.WHOLE : vectors(task);
    if (vectors == Vectors.ROWS && Rows.of(task).count() > 1) {
      new PerRow(task, mixture, deltas, Rows.of(task)).merge(sink);
    } else if (vectors == Vectors.COLUMNS && columns(task).length() > 1) {
      new PerColumn(task, mixture, deltas, columns(task)).merge(sink);
    } else {
      double[] factors = new double[sources];
      mixture.factors(gram(task, deltas), factors);
      combine(task, deltas, factors, sink);
    }
  }

  /** The tensor as a matrix with one column for each vector along the first dimension. */
  private static Rows columns(TensorMerge task) {
    long height = task.info().shape().get(0);
    long width = height == 0 ? 0 : task.info().elementCount() / height;
    return new Rows(height, Math.toIntExact(width));
  }

  private static GramMatrix gram(TensorMerge task, boolean deltas) {
    int size = task.sources().size();
    double[] products =
        task.cached(
            new GramKey(deltas),
            () -> {
              boolean packed = PackedMerge.packed(task, inputs(size, deltas));
              double[] sum = new double[GramMatrix.pairs(size)];
              for (double[] part :
                  Stripes.map(
                      task,
                      (in, stripe) ->
                          packed
                              ? packedProducts(in, stripe, size, deltas)
                              : products(in, stripe, size, deltas))) {
                for (int pair = 0; pair < sum.length; pair++) {
                  sum[pair] += part[pair];
                }
              }
              return sum;
            });
    return new GramMatrix(size, products, 0, 1);
  }

  private static int[] inputs(int size, boolean deltas) {
    return IntStream.range(deltas ? BlockReader.BASE : 0, size).toArray();
  }

  private static double[] products(BlockReader in, int stripe, int size, boolean deltas) {
    LaneSum[] sums = sums(size);
    float[][] vectors = new float[size][];
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      for (int i = 0; i < size; i++) {
        vectors[i] = vector(in, deltas, i, block);
      }
      addProducts(vectors, sums, in.length(block));
    }
    return Arrays.stream(sums).mapToDouble(LaneSum::sum).toArray();
  }

  /** As {@link #products}, but reads what is so short to read once more each time. */
  private static double[] packedProducts(BlockReader in, int stripe, int size, boolean deltas) {
    LaneSum[] sums = sums(size);
    if (size == 2) {
      PackedMerge.forEachPart(
          in,
          stripe,
          (offset, length) -> {
            byte[] x = in.packed(0, offset, length);
            byte[] y = in.packed(1, offset, length);
            if (deltas) {
              byte[] base = in.packed(BlockReader.BASE, offset, length);
              LaneSum.addDeltaProductsAndSquares(sums[1], sums[0], sums[2], base, x, y, length);
            } else {
              LaneSum.addProductsAndSquares(sums[1], sums[0], sums[2], x, y, length);
            }
          });
      if (Double.isFinite(sums[0].sum() + sums[2].sum())) {
        return Arrays.stream(sums).mapToDouble(LaneSum::sum).toArray();
      }
    }
    LaneSum[] checked = sums(size);
    float[] base = new float[PackedMerge.PART];
    float[][] vectors = new float[size][PackedMerge.PART];
    PackedMerge.forEachPart(
        in,
        stripe,
        (offset, length) -> {
          if (deltas) {
            in.readBase(offset, base, length);
          }
          for (int i = 0; i < size; i++) {
            if (deltas) {
              in.readDelta(i, offset, base, vectors[i], length);
            } else {
              in.readSource(i, offset, vectors[i], length);
            }
          }
          addProducts(vectors, checked, length);
        });
    return Arrays.stream(checked).mapToDouble(LaneSum::sum).toArray();
  }

  private static LaneSum[] sums(int size) {
    return Stream.generate(LaneSum::new).limit(GramMatrix.pairs(size)).toArray(LaneSum[]::new);
  }

  private static void addProducts(float[][] vectors, LaneSum[] sums, int length) {
    LaneSum.addProductsAndSquares(sums[1], sums[0], sums[2], vectors[0], vectors[1], length);
    for (int i = 2; i < vectors.length; i++) {
      for (int j = 0; j <= i; j++) {
        sums[GramMatrix.pair(i, j)].addProducts(vectors[i], vectors[j], length);
      }
    }
  }

  private static void combine(TensorMerge task, boolean deltas, double[] factors, TensorSink sink) {
    float[] rounded = new float[factors.length];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = (float) factors[i];
    }
    if (deltas) {
      WeightedSum.ofTaskVectors(task, rounded, sink);
    } else {
      WeightedSum.ofSources(task, rounded, sink);
    }
  }

  private static float[] vector(BlockReader in, boolean deltas, int source, long block) {
    return deltas ? in.delta(source, block) : in.source(source, block);
  }

  /** Rows or columns: what both have in common. */
  private abstract class PerVector {
    final TensorMerge task;
    final Mixture mixture;
    final boolean deltas;
    final int sources;
    final int pairs;
    private final int partLength;
    private final ConcurrentLinkedQueue<Part> idle = new ConcurrentLinkedQueue<>();

    PerVector(TensorMerge task, Mixture mixture, boolean deltas, int partLength) {
      this.task = task;
      this.mixture = mixture;
      this.deltas = deltas;
      this.sources = task.sources().size();
      this.pairs = GramMatrix.pairs(sources);
      this.partLength = (int) Math.min(partLength, task.info().elementCount());
    }

    final Part takePart() {
      Part part = idle.poll();
      return part == null ? new Part(sources, partLength) : part;
    }

    final void giveBack(Part part) {
      idle.add(part);
    }

    /** Reads the same range of all inputs by blocks: for reading in order, and so cached. */
    final void readInOrder(BlockReader in, Part part, long offset, int length) {
      for (int done = 0; done < length; ) {
        long block = in.blockOf(offset + done);
        int skipped = (int) (offset + done - in.offset(block));
        int now = Math.min(in.length(block) - skipped, length - done);
        for (int s = 0; s < sources; s++) {
          System.arraycopy(vector(in, deltas, s, block), skipped, part.vectors[s], done, now);
        }
        if (deltas) {
          System.arraycopy(in.base(block), skipped, part.base, done, now);
        }
        done += now;
      }
    }

    /** Reads the same range of all inputs and no more. */
    final void readRange(BlockReader in, Part part, long offset, int length) {
      if (deltas) {
        in.readBase(offset, part.base, length);
      }
      for (int s = 0; s < sources; s++) {
        if (deltas) {
          in.readDelta(s, offset, part.base, part.vectors[s], length);
        } else {
          in.readSource(s, offset, part.vectors[s], length);
        }
      }
    }

    final void write(Part part, long offset, int length, TensorSink sink) {
      if (deltas) {
        Kernels.addScaled(1f, part.base, part.out, length);
      }
      sink.writeFloats(offset, part.out, 0, length);
    }
  }

  /** Mixes every row by its own factors. */
  private final class PerRow extends PerVector {
    private final int width;
    private final int rowsPerPart;
    private final Rows rows;

    PerRow(TensorMerge task, Mixture mixture, boolean deltas, Rows rows) {
      super(task, mixture, deltas, Math.max(PART, rows.length()));
      this.rows = rows;
      this.width = rows.length();
      this.rowsPerPart = Math.max(1, PART / Math.max(1, width));
    }

    void merge(TensorSink sink) {
      rows.forEachGroup(
          task,
          (in, group, first, end) -> {
            Part part = takePart();
            int count = (int) (end - first);
            Optional<double[]> kept =
                task.cachedIfRoom(
                    new RowsKey(deltas, group),
                    8L * pairs * count,
                    () -> {
                      double[] products = new double[pairs * count];
                      for (int row = 0; row < count; row += rowsPerPart) {
                        int now = Math.min(rowsPerPart, count - row);
                        readInOrder(in, part, (first + row) * width, now * width);
                        products(part, now, products, row * pairs);
                      }
                      return products;
                    });
            double[] own = new double[pairs * rowsPerPart];
            double[] factors = new double[sources];
            for (int row = 0; row < count; row += rowsPerPart) {
              int now = Math.min(rowsPerPart, count - row);
              long offset = (first + row) * width;
              readInOrder(in, part, offset, now * width);
              if (kept.isEmpty()) {
                products(part, now, own, 0);
              }
              for (int r = 0; r < now; r++) {
                GramMatrix gram =
                    kept.isEmpty()
                        ? new GramMatrix(sources, own, r * pairs, 1)
                        : new GramMatrix(sources, kept.get(), (row + r) * pairs, 1);
                mixture.factors(gram, factors);
                combine(part, r * width, factors);
              }
              write(part, offset, now * width, sink);
            }
            giveBack(part);
          });
    }

    private void products(Part part, int count, double[] products, int at) {
      int next = at;
      for (int row = 0; row < count; row++) {
        for (int i = 0; i < sources; i++) {
          for (int j = 0; j <= i; j++) {
            products[next++] =
                Kernels.dot(part.vectors[i], part.vectors[j], row * width, (row + 1) * width);
          }
        }
      }
    }

    private void combine(Part part, int from, double[] factors) {
      Arrays.fill(part.out, from, from + width, 0f);
      for (int s = 0; s < sources; s++) {
        Kernels.addScaled((float) factors[s], part.vectors[s], part.out, from, from + width);
      }
    }
  }

  /** Mixes every column by its own factors; columns are shared out in tiles. */
  private final class PerColumn extends PerVector {
    private final Rows matrix;

    PerColumn(TensorMerge task, Mixture mixture, boolean deltas, Rows matrix) {
      super(task, mixture, deltas, PART);
      this.matrix = matrix;
    }

    void merge(TensorSink sink) {
      int tiles = (int) (((long) matrix.length() + TILE - 1) / TILE);
      task.parallel(
          tiles,
          tile -> {
            BlockReader in = new BlockReader(task);
            Part part = takePart();
            int column = tile * TILE;
            int width = Math.min(TILE, matrix.length() - column);
            double[] products =
                task.cachedIfRoom(
                        new ColumnsKey(deltas, tile),
                        8L * pairs * width,
                        () -> products(in, part, column, width))
                    .orElseGet(() -> products(in, part, column, width));
            float[][] factors = factors(products, width);
            forEachPart(
                in,
                part,
                column,
                width,
                (offset, rows) -> {
                  Arrays.fill(part.out, 0, rows * width, 0f);
                  for (int s = 0; s < sources; s++) {
                    for (int row = 0; row < rows; row++) {
                      Kernels.addProducts(
                          factors[s], part.vectors[s], part.out, row * width, width);
                    }
                  }
                  write(part, offset, rows * width, sink);
                });
            giveBack(part);
          });
    }

    private double[] products(BlockReader in, Part part, int column, int width) {
      double[] products = new double[pairs * width];
      forEachPart(
          in,
          part,
          column,
          width,
          (offset, rows) -> {
            for (int i = 0; i < sources; i++) {
              for (int j = 0; j <= i; j++) {
                for (int row = 0; row < rows; row++) {
                  Kernels.addProducts(
                      part.vectors[i],
                      part.vectors[j],
                      row * width,
                      products,
                      GramMatrix.pair(i, j) * width,
                      width);
                }
              }
            }
          });
      return products;
    }

    private float[][] factors(double[] products, int width) {
      float[][] result = new float[sources][width];
      double[] factors = new double[sources];
      for (int column = 0; column < width; column++) {
        mixture.factors(new GramMatrix(sources, products, column, width), factors);
        for (int s = 0; s < sources; s++) {
          result[s][column] = (float) factors[s];
        }
      }
      return result;
    }

    /** Reads a tile from top to bottom; several rows at once if they follow each other. */
    private void forEachPart(BlockReader in, Part part, int column, int width, PartAction action) {
      boolean whole = width == matrix.length();
      int rowsPerPart = whole ? PART / width : 1;
      for (long row = 0; row < matrix.count(); row += rowsPerPart) {
        int rows = (int) Math.min(rowsPerPart, matrix.count() - row);
        long offset = row * matrix.length() + column;
        if (whole) {
          readInOrder(in, part, offset, rows * width);
        } else {
          readRange(in, part, offset, rows * width);
        }
        action.run(offset, rows);
      }
    }
  }

  private interface PartAction {
    void run(long offset, int rows);
  }

  /** The same range of all inputs, and of the result. */
  private static final class Part {
    private final float[] base;
    private final float[] out;
    private final float[][] vectors;

    Part(int sources, int length) {
      base = new float[length];
      out = new float[length];
      vectors = new float[sources][length];
    }
  }

  private record GramKey(boolean deltas) {}

  private record RowsKey(boolean deltas, int group) {}

  private record ColumnsKey(boolean deltas, int tile) {}
}
