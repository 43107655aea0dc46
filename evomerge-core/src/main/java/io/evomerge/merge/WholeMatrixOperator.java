package io.evomerge.merge;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.linalg.DoubleMatrix;
import io.evomerge.internal.linalg.FloatMatrix;
import io.evomerge.internal.linalg.Matrix;
import io.evomerge.internal.linalg.Products;
import io.evomerge.internal.linalg.Spectra;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The family of methods that look at the singular vectors of whole task matrices.
 *
 * <p>A matrix is laid out so that it has at most as many rows as columns, so transposed if it is
 * tall. Tensors that are no matrices, and embeddings, get the mean of the weighted task vectors.
 */
abstract class WholeMatrixOperator extends CheckedOperator {

  WholeMatrixOperator(String name, ParameterSpec... parameters) {
    super(name, BaseModel.REQUIRED, parameters);
  }

  @Override
  public long scratchBytes(TensorInfo tensor, int sources) {
    if (tensor.shape().size() != 2) {
      return super.scratchBytes(tensor, sources);
    }
    long smaller = Math.min(tensor.shape().get(0), tensor.shape().get(1));
    long larger = Math.max(tensor.shape().get(0), tensor.shape().get(1));
    return 8 * smaller * larger + 40 * smaller * smaller;
  }

  static ParameterSpec weightOfOne() {
    return new ParameterSpec(
        "weight",
        ParameterSpec.Scope.PER_SOURCE,
        ParameterSpec.Kind.REAL,
        -WIDE,
        WIDE,
        0,
        2,
        1,
        1,
        true,
        "Factor of the source's task vector.");
  }

  static ParameterSpec scaling(double searchMax) {
    return new ParameterSpec(
        "lambda",
        ParameterSpec.Scope.GLOBAL,
        ParameterSpec.Kind.REAL,
        -WIDE,
        WIDE,
        0,
        searchMax,
        1,
        1,
        true,
        "Factor of the merged task vector.");
  }

  /** Returns the merged task matrix before it is scaled, laid out as {@link #sum} does. */
  abstract Matrix merged(TensorMerge task, Layout layout, double[] weights);

  /** Returns whether there are enough singular values for the method. */
  boolean suits(TensorMerge task, Layout layout) {
    return true;
  }

  @Override
  final void mergeChecked(TensorMerge task, TensorSink sink) {
    double[] weights = perSource(task, "weight");
    float lambda = (float) scalar(task, "lambda");
    Layout layout = Layout.of(task);
    if (layout == null || task.isEmbedding() || !suits(task, layout)) {
      mean(task, weights, lambda, sink);
      return;
    }
    Matrix change;
    try {
      change = merged(task, layout, weights);
    } catch (ArithmeticException e) {
      throw new MergeException(
          "tensor '" + task.info().name() + "', " + name() + ": " + e.getMessage(), e);
    }
    Stripes.forEach(
        task,
        (in, stripe) -> {
          double[] row = new double[in.blockLength()];
          float[] out = in.newBlock();
          for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
            int length = in.length(block);
            layout.read(change, in.offset(block), row, length);
            float[] base = in.base(block);
            for (int i = 0; i < length; i++) {
              out[i] = base[i] + lambda * (float) row[i];
            }
            sink.writeFloats(in.offset(block), out, 0, length);
          }
        });
  }

  private static void mean(TensorMerge task, double[] weights, float lambda, TensorSink sink) {
    Stripes.forEach(
        task,
        (in, stripe) -> {
          float[] sum = in.newBlock();
          for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
            int length = in.length(block);
            Arrays.fill(sum, 0, length, 0f);
            for (int s = 0; s < weights.length; s++) {
              Kernels.addScaled((float) weights[s], in.delta(s, block), sum, length);
            }
            Kernels.finish(in.base(block), sum, weights.length, lambda, sum, length);
            sink.writeFloats(in.offset(block), sum, 0, length);
          }
        });
  }

  /** Returns one source's task matrix. */
  final FloatMatrix delta(TensorMerge task, Layout layout, int source) {
    double[] weights = new double[task.sources().size()];
    weights[source] = 1;
    return load(task, layout, weights, source, source + 1);
  }

  /** Returns one source's task matrix times its weight. */
  final FloatMatrix weighted(TensorMerge task, Layout layout, double[] weights, int source) {
    return load(task, layout, weights, source, source + 1);
  }

  /** Returns the weighted sum of the task matrices. */
  final FloatMatrix sum(TensorMerge task, Layout layout, double[] weights) {
    return load(task, layout, weights, 0, weights.length);
  }

  private FloatMatrix load(TensorMerge task, Layout layout, double[] weights, int first, int end) {
    FloatMatrix matrix = new FloatMatrix(layout.shorter(), layout.longer());
    Stripes.forEach(
        task,
        (in, stripe) -> {
          float[] sum = in.newBlock();
          for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
            int length = in.length(block);
            Arrays.fill(sum, 0, length, 0f);
            for (int s = first; s < end; s++) {
              Kernels.addScaled((float) weights[s], in.delta(s, block), sum, length);
            }
            if (!Kernels.allFinite(sum, length)) {
              throw refusal(
                  task,
                  "the weighted sum of the task vectors is beyond float32: lower the weights");
            }
            layout.write(sum, length, in.offset(block), matrix.values());
          }
        });
    return matrix;
  }

  /**
   * Stacks the singular vectors of all parts and replaces each side by its polar factor: the
   * nearest matrix with orthonormal rows, so that no vector stands in another's way.
   */
  static Vectors orthogonalise(TensorMerge task, List<Spectra.Svd> parts) {
    int count = parts.stream().mapToInt(part -> part.values().length).sum();
    int rows = parts.get(0).left().columns();
    int columns = parts.get(0).right().columns();
    DoubleMatrix left = new DoubleMatrix(count, rows);
    FloatMatrix right = new FloatMatrix(count, columns);
    double[] values = new double[count];
    int[] owner = new int[count];
    int at = 0;
    for (int p = 0; p < parts.size(); p++) {
      Spectra.Svd part = parts.get(p);
      int own = part.values().length;
      System.arraycopy(part.left().values(), 0, left.values(), at * rows, own * rows);
      System.arraycopy(part.right().values(), 0, right.values(), at * columns, own * columns);
      System.arraycopy(part.values(), 0, values, at, own);
      Arrays.fill(owner, at, at + own, p);
      at += own;
    }
    if (count == 0) {
      return new Vectors(new FloatMatrix(0, rows), right, values, owner);
    }
    return new Vectors(
        Spectra.polar(left, task::parallel).factor(),
        Spectra.polar(right, task::parallel).factor(),
        values,
        owner);
  }

  /**
   * How a tensor lies in a matrix that has at most as many rows as columns.
   *
   * @param height rows of the tensor
   * @param width columns of the tensor
   */
  record Layout(int height, int width) {

    /** Returns the layout of a matrix, or null if the tensor is none or is empty. */
    static @Nullable Layout of(TensorMerge task) {
      List<Long> shape = task.info().shape();
      return shape.size() == 2 && task.info().elementCount() > 0
          ? new Layout(Math.toIntExact(shape.get(0)), Math.toIntExact(shape.get(1)))
          : null;
    }

    int shorter() {
      return Math.min(height, width);
    }

    int longer() {
      return Math.max(height, width);
    }

    boolean tall() {
      return height > width;
    }

    /** Puts elements of the tensor, from an offset on, into a matrix. */
    void write(float[] elements, int length, long offset, float[] matrix) {
      if (!tall()) {
        System.arraycopy(elements, 0, matrix, (int) offset, length);
        return;
      }
      int row = (int) (offset / width);
      int column = (int) (offset % width);
      for (int i = 0; i < length; i++) {
        matrix[column * height + row] = elements[i];
        if (++column == width) {
          column = 0;
          row++;
        }
      }
    }

    /** Takes elements of the tensor, from an offset on, out of a matrix. */
    void read(Matrix matrix, long offset, double[] elements, int length) {
      Matrix upright = tall() ? matrix.transposed() : matrix;
      int done = 0;
      while (done < length) {
        int row = (int) ((offset + done) / width);
        int column = (int) ((offset + done) % width);
        int count = Math.min(length - done, width - column);
        upright.read(row, column, elements, done, count);
        done += count;
      }
    }
  }

  /**
   * Orthonormal pairs of vectors.
   *
   * @param left row i is a left vector
   * @param right row i is its right vector
   * @param values the singular values that they had
   * @param owner the index of the part that they come from
   */
  record Vectors(FloatMatrix left, FloatMatrix right, double[] values, int[] owner)
      implements MergeCache.Sized {

    @Override
    public long byteSize() {
      return 4L * (left.values().length + right.values().length) + 12L * values.length;
    }

    /** Returns the sum of the pairs' outer products, each times its factor. */
    FloatMatrix compose(TensorMerge task, double[] factors) {
      DoubleMatrix scaled = new DoubleMatrix(left.columns(), factors.length);
      for (int i = 0; i < factors.length; i++) {
        for (int row = 0; row < left.columns(); row++) {
          scaled.values()[row * factors.length + i] =
              factors[i] * left.values()[i * left.columns() + row];
        }
      }
      FloatMatrix result = new FloatMatrix(left.columns(), right.columns());
      Products.multiply(scaled, right, result, task::parallel);
      return result;
    }
  }
}
