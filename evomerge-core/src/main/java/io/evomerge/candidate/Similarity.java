package io.evomerge.candidate;

import io.evomerge.internal.linalg.Panels;
import io.evomerge.merge.ParallelFor;
import io.evomerge.tensor.TensorView;
import java.util.Arrays;

/**
 * Inner products of the units of two models: unit {@code i} of one with unit {@code j} of the
 * other, over all tensors that belong to them. Confined to one thread, which shares work out.
 */
final class Similarity {

  /** Units of the first model that are worked on side by side. */
  private static final int PANEL = 32;

  private final float[][] sums;
  private final ParallelFor threads;

  Similarity(int units, ParallelFor threads) {
    this.sums = new float[units][units];
    this.threads = threads;
  }

  float[][] sums() {
    return sums;
  }

  /**
   * Adds tensors whose rows belong to units.
   *
   * @param size neighbouring rows of one unit
   */
  void addRows(TensorView first, TensorView second, int size) {
    int width = first.info().shape().size() == 1 ? 1 : (int) (long) first.info().shape().get(1);
    forEachPanel(
        (from, count) -> {
          double[] panel = new double[width * count];
          float[] values = new float[width];
          double[] row = new double[width];
          double[] products = new double[count];
          for (int t = 0; t < size; t++) {
            for (int i = 0; i < count; i++) {
              first.readFloats(((long) (from + i) * size + t) * width, values, 0, width);
              for (int k = 0; k < width; k++) {
                panel[k * count + i] = values[k];
              }
            }
            for (int j = 0; j < sums.length; j++) {
              second.readFloats(((long) j * size + t) * width, values, 0, width);
              for (int k = 0; k < width; k++) {
                row[k] = values[k];
              }
              Arrays.fill(products, 0);
              Panels.addProduct(row, 0, width, 1, panel, 0, count, products);
              for (int i = 0; i < count; i++) {
                sums[from + i][j] += (float) products[i];
              }
            }
          }
        });
  }

  /**
   * Adds matrices whose columns belong to units.
   *
   * @param size neighbouring columns of one unit
   */
  void addColumns(TensorView first, TensorView second, int size) {
    long rows = first.info().shape().get(0);
    int width = sums.length * size;
    forEachPanel(
        (from, count) -> {
          double[][] products = new double[count][sums.length];
          float[] own = new float[count * size];
          float[] other = new float[width];
          for (long r = 0; r < rows; r++) {
            first.readFloats(r * width + (long) from * size, own, 0, own.length);
            second.readFloats(r * width, other, 0, width);
            for (int i = 0; i < count; i++) {
              for (int t = 0; t < size; t++) {
                addStrided(own[i * size + t], other, t, size, products[i]);
              }
            }
          }
          for (int i = 0; i < count; i++) {
            for (int j = 0; j < sums.length; j++) {
              sums[from + i][j] += (float) products[i][j];
            }
          }
        });
  }

  private static void addStrided(float factor, float[] x, int from, int step, double[] sum) {
    if (step == 1) {
      for (int j = 0; j < sum.length; j++) {
        sum[j] += (double) factor * x[j];
      }
      return;
    }
    for (int j = 0; j < sum.length; j++) {
      sum[j] += (double) factor * x[from + j * step];
    }
  }

  private void forEachPanel(PanelWork work) {
    int panels = (sums.length + PANEL - 1) / PANEL;
    threads.run(
        panels,
        panel -> {
          int from = panel * PANEL;
          work.run(from, Math.min(PANEL, sums.length - from));
        });
  }

  @FunctionalInterface
  private interface PanelWork {
    void run(int from, int count);
  }
}
