package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.linalg.Cholesky;
import io.evomerge.internal.linalg.Panels;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Regression mean; Jin et al. 2023, "Dataless Knowledge Fusion by Merging Weights of Language
 * Models", arXiv 2212.09849.
 */
final class RegMean extends CheckedOperator {

  /** Statistics come in float32: less than this share of their mean diagonal is noise. */
  private static final double SMALLEST_RIDGE = 1e-6;

  private static final double LARGEST_RIDGE = 1;

  /** Rows of the tensor that are solved side by side; fixed, as cached products have this width. */
  private static final int PANEL = 32;

  RegMean() {
    super(
        "regmean",
        BaseModel.UNUSED,
        ParameterSpec.perSource(
            "weight", 0, WIDE, 1, "Factor of the source's statistics, or of its tensor."),
        new ParameterSpec(
            "alpha",
            ParameterSpec.Scope.GLOBAL,
            ParameterSpec.Kind.REAL,
            0,
            1,
            0,
            1,
            0.9,
            0.9,
            true,
            "Factor of the statistics beside their diagonal."));
  }

  @Override
  public boolean needsStatistics() {
    return true;
  }

  @Override
  public long scratchBytes(TensorInfo tensor, int sources) {
    if (tensor.shape().size() != 2) {
      return super.scratchBytes(tensor, sources);
    }
    long width = tensor.shape().get(1);
    return 4 * width * width + super.scratchBytes(tensor, sources);
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    double[] weights = perSource(task, "weight");
    double sum = Arrays.stream(weights).sum();
    if (sum == 0) {
      throw refusal(task, "all weights are 0; give a source a weight above 0");
    }
    double[] shares = Arrays.stream(weights).map(weight -> weight / sum).toArray();
    List<TensorView> statistics = statistics(task);
    if (statistics.isEmpty() || task.info().elementCount() == 0) {
      mean(task, shares, sink);
    } else {
      new Regression(task, statistics, shares, scalar(task, "alpha")).run(sink);
    }
  }

  /** Returns the statistics of all sources; none where the tensor is averaged. */
  private List<TensorView> statistics(TensorMerge task) {
    List<TensorView> views = new ArrayList<>();
    List<String> without = new ArrayList<>();
    for (int s = 0; s < task.sources().size(); s++) {
      String source = task.sourceNames().get(s);
      task.statistics(s).ifPresentOrElse(views::add, () -> without.add(source));
    }
    List<Long> shape = task.info().shape();
    boolean linear = shape.size() == 2 && !task.isEmbedding();
    if (!without.isEmpty() && (linear || !views.isEmpty())) {
      throw refusal(
          task,
          "there are no activation statistics of it for "
              + without
              + "; gather those of every linear layer, of every source, or merge with linear");
    }
    for (int s = 0; s < views.size(); s++) {
      List<Long> got = views.get(s).info().shape();
      if (shape.size() != 2 || !got.equals(List.of(shape.get(1), shape.get(1)))) {
        throw refusal(
            task,
            "the statistics of source '"
                + task.sourceNames().get(s)
                + "' have shape "
                + got
                + (shape.size() == 2
                    ? ", wanted " + List.of(shape.get(1), shape.get(1))
                    : ", but only matrices take any"));
      }
    }
    return views;
  }

  private static void mean(TensorMerge task, double[] shares, TensorSink sink) {
    Stripes.forEach(
        task,
        (in, stripe) -> {
          float[] out = in.newBlock();
          for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
            int length = in.length(block);
            Arrays.fill(out, 0, length, 0f);
            for (int s = 0; s < shares.length; s++) {
              Kernels.addScaled((float) shares[s], in.source(s, block), out, length);
            }
            sink.writeFloats(in.offset(block), out, 0, length);
          }
        });
  }

  /** The least-squares problem of one matrix. */
  private final class Regression {
    private final TensorMerge task;
    private final List<TensorView> statistics;
    private final double[] shares;
    private final double alpha;
    private final long rows;
    private final int columns;
    private final double[][] diagonals;
    private final double scale;

    Regression(TensorMerge task, List<TensorView> statistics, double[] shares, double alpha) {
      this.task = task;
      this.statistics = statistics;
      this.shares = shares;
      this.alpha = alpha;
      this.rows = task.info().shape().get(0);
      this.columns = Math.toIntExact(task.info().shape().get(1));
      this.diagonals = new double[shares.length][];
      double trace = 0;
      for (int s = 0; s < shares.length; s++) {
        int source = s;
        diagonals[s] = task.cached(new DiagonalKey(s), () -> diagonal(source));
        trace += shares[s] * Arrays.stream(diagonals[s]).sum();
      }
      this.scale = trace / columns;
    }

    void run(TensorSink sink) {
      if (!(scale > 0)) {
        mean(task, shares, sink);
        return;
      }
      if (alpha == 0) {
        double ridge = SMALLEST_RIDGE * scale;
        double[] sums = new double[columns];
        Arrays.fill(sums, ridge);
        for (int s = 0; s < shares.length; s++) {
          for (int j = 0; j < columns; j++) {
            sums[j] += shares[s] * diagonals[s][j];
          }
        }
        forEachPanel(
            sink,
            ridge,
            (x, width) -> {
              for (int i = 0; i < x.length; i++) {
                x[i] /= sums[i / width];
              }
            });
        return;
      }
      for (double share = SMALLEST_RIDGE; share <= LARGEST_RIDGE; share *= 10) {
        double ridge = share * scale;
        Optional<Cholesky> factor = Cholesky.of(sum(ridge), task::parallel);
        if (factor.isPresent()) {
          forEachPanel(sink, ridge, factor.get()::solve);
          return;
        }
      }
      throw refusal(
          task,
          "the activation statistics are no sum of squares: the matrices of "
              + task.sourceNames()
              + " are not positive semidefinite; gather them again");
    }

    private double[] diagonal(int source) {
      double[] diagonal = new double[columns];
      float[] element = new float[1];
      for (int j = 0; j < columns; j++) {
        statistics.get(source).readFloats((long) j * columns + j, element, 0, 1);
        requireFinite(source, element, 1, j);
        if (element[0] < 0) {
          throw refusal(
              task,
              "the statistics of source '"
                  + task.sourceNames().get(source)
                  + "' have the mean square "
                  + element[0]
                  + " for input "
                  + j
                  + "; gather them again");
        }
        diagonal[j] = element[0];
      }
      return diagonal;
    }

    /** Returns the upper triangle of the weighted sum, with a ridge on its diagonal. */
    private double[][] sum(double ridge) {
      double[][] upper = new double[columns][];
      task.parallel(
          columns,
          i -> {
            double[] row = new double[columns - i];
            float[] values = new float[columns - i];
            for (int s = 0; s < shares.length; s++) {
              statistics.get(s).readFloats((long) i * columns + i, values, 0, values.length);
              requireFinite(s, values, values.length, i);
              double factor = alpha * shares[s];
              for (int j = 0; j < row.length; j++) {
                row[j] += factor * values[j];
              }
            }
            row[0] = ridge;
            for (int s = 0; s < shares.length; s++) {
              row[0] += shares[s] * diagonals[s][i];
            }
            upper[i] = row;
          });
      return upper;
    }

    private void requireFinite(int source, float[] values, int length, int row) {
      if (!Kernels.allFinite(values, length)) {
        throw refusal(
            task,
            "the statistics of source '"
                + task.sourceNames().get(source)
                + "' are not finite in row "
                + row
                + "; gather them again");
      }
    }

    /** Makes the right sides of all rows, panel by panel, solves and writes them. */
    private void forEachPanel(TensorSink sink, double ridge, Solver solver) {
      int panels = Math.toIntExact((rows + PANEL - 1) / PANEL);
      task.parallel(
          panels,
          panel -> {
            long first = (long) panel * PANEL;
            int width = (int) Math.min(PANEL, rows - first);
            BlockReader in = new BlockReader(task);
            double[] x = new double[columns * width];
            double[] own = new double[columns * width];
            for (int s = 0; s < shares.length; s++) {
              readPanel(in, s, first, width, own);
              addRightSide(s, panel, own, width, ridge, x);
            }
            solver.solve(x, width);
            float[] row = new float[columns];
            for (int r = 0; r < width; r++) {
              for (int j = 0; j < columns; j++) {
                row[j] = (float) x[j * width + r];
              }
              sink.writeFloats((first + r) * columns, row, 0, columns);
            }
          });
    }

    /** Reads rows of a source as columns side by side. */
    private void readPanel(BlockReader in, int source, long first, int width, double[] panel) {
      float[] row = new float[columns];
      for (int r = 0; r < width; r++) {
        in.readSource(source, (first + r) * columns, row, columns);
        for (int j = 0; j < columns; j++) {
          panel[j * width + r] = row[j];
        }
      }
    }

    private void addRightSide(
        int source, int panel, double[] own, int width, double ridge, double[] x) {
      double share = shares[source];
      if (alpha > 0) {
        double[] product =
            task.cachedIfRoom(
                    new ProductKey(source, panel),
                    8L * own.length,
                    () -> product(source, own, width))
                .orElseGet(() -> product(source, own, width));
        for (int i = 0; i < x.length; i++) {
          x[i] += share * alpha * product[i];
        }
      }
      for (int j = 0; j < columns; j++) {
        double factor = share * ((1 - alpha) * diagonals[source][j] + ridge);
        for (int i = j * width; i < (j + 1) * width; i++) {
          x[i] += factor * own[i];
        }
      }
    }

    /** Returns the statistics times a panel of the source. */
    private double[] product(int source, double[] own, int width) {
      double[] product = new double[own.length];
      float[] values = new float[columns];
      double[] row = new double[columns];
      double[] sum = new double[width];
      for (int j = 0; j < columns; j++) {
        statistics.get(source).readFloats((long) j * columns, values, 0, columns);
        requireFinite(source, values, columns, j);
        for (int m = 0; m < columns; m++) {
          row[m] = values[m];
        }
        Arrays.fill(sum, 0);
        Panels.addProduct(row, 0, columns, 1, own, 0, width, sum);
        System.arraycopy(sum, 0, product, j * width, width);
      }
      return product;
    }
  }

  @FunctionalInterface
  private interface Solver {
    void solve(double[] x, int columns);
  }

  private record DiagonalKey(int source) {}

  private record ProductKey(int source, int panel) {}
}
