package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.MatrixUtils;
import org.apache.commons.math3.linear.RealMatrix;
import org.apache.commons.math3.linear.SingularValueDecomposition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The methods on singular vectors against another library's decomposition, and the one defined
 * result of every corner case that their javadoc names.
 */
class SingularVectorCornerCasesTest {

  private static final MergeOperator ISO_C = MergeOperators.isoC();
  private static final MergeOperator ISO_CTS = MergeOperators.isoCts();
  private static final MergeOperator TSV_M = MergeOperators.tsvM();

  // iso_c

  @Test
  void isoCReplacesTheSingularValuesOfTheSumByTheirMean() {
    TestSeeds.check(
        "iso_c against a reference",
        8,
        random -> {
          Case c = Case.random(random, 2);
          RealMatrix sum = c.deltas.get(0).scalarMultiply(0.7).add(c.deltas.get(1));
          SingularValueDecomposition svd = new SingularValueDecomposition(sum);
          double mean = mean(svd.getSingularValues(), c.shorter());
          RealMatrix wanted = svd.getU().multiply(svd.getVT()).scalarMultiply(1.3 * mean);
          c.assertChange(ISO_C, with("weight", 0.7, 1).and("lambda", 1.3), wanted);
        });
  }

  @ParameterizedTest
  @CsvSource({"7, 12", "12, 7", "9, 9", "40, 33"})
  void allSingularValuesOfTheChangeAreEqual(int rows, int columns) {
    Case c = new Case(new Random(3), rows, columns, 3);
    double[] values =
        new SingularValueDecomposition(c.change(ISO_C, with("lambda", 2))).getSingularValues();
    double wanted = 2 * mean(singularValues(c.sum()), c.shorter());
    for (double value : values) {
      assertThat(value).isCloseTo(wanted, within(1e-5 * wanted));
    }
  }

  @ParameterizedTest
  @CsvSource({"10, 14, 3", "14, 10, 1"})
  void directionsThatNoTaskUsesStayUnused(int rows, int columns, int rank) {
    Case c = new Case(rows, columns);
    c.deltas.add(lowRank(new Random(5), rows, columns, rank));
    c.deltas.add(c.deltas.get(0).scalarMultiply(-0.25));
    double[] values = singularValues(c.change(ISO_C, with("lambda", 1)));
    double wanted = mean(singularValues(c.sum()), c.shorter());
    for (int i = 0; i < values.length; i++) {
      assertThat(values[i]).isCloseTo(i < rank ? wanted : 0, within(1e-5 * wanted));
    }
  }

  @Test
  void isoCOfDiagonalTasksIsTheMeanOnTheDiagonal() {
    Case c = new Case(2, 3);
    c.deltas.add(MatrixUtils.createRealMatrix(new double[][] {{3, 0, 0}, {0, 0, 0}}));
    c.deltas.add(MatrixUtils.createRealMatrix(new double[][] {{0, 0, 0}, {0, -1, 0}}));
    c.assertChange(
        ISO_C,
        with("lambda", 1),
        MatrixUtils.createRealMatrix(new double[][] {{2, 0, 0}, {0, -2, 0}}));
  }

  @Test
  void isoCWithNegatedWeightsGivesTheOppositeChange() {
    Case c = new Case(new Random(8), 6, 9, 2);
    RealMatrix change = c.change(ISO_C, with("weight", 1, 0.5));
    c.assertChange(ISO_C, with("weight", -1, -0.5), change.scalarMultiply(-1));
  }

  @Test
  void isoCOfIdenticalSourcesCountsThemAll() {
    Case c = new Case(new Random(9), 5, 8, 1);
    RealMatrix alone = c.change(ISO_C, with("weight", 1));
    c.deltas.add(c.deltas.get(0));
    c.assertChange(ISO_C, with("weight", 1), alone.scalarMultiply(2));
  }

  // tsv_m

  @Test
  void tsvMOrthogonalisesTheLargestVectorsOfTheTasks() {
    TestSeeds.check(
        "tsv_m against a reference",
        8,
        random -> {
          Case c = Case.random(random, 3);
          int kept = (int) (c.shorter() / 3 * 0.8);
          List<SingularValueDecomposition> parts =
              c.deltas.stream().map(SingularValueDecomposition::new).toList();
          RealMatrix left = c.zeros(c.rows, 3 * kept);
          RealMatrix right = c.zeros(3 * kept, c.columns);
          RealMatrix values = c.zeros(3 * kept, 3 * kept);
          double[] weights = {0.5, 1, 1.5};
          for (int i = 0; i < 3 * kept; i++) {
            SingularValueDecomposition svd = parts.get(i / kept);
            left.setColumnVector(i, svd.getU().getColumnVector(i % kept));
            right.setRowVector(i, svd.getVT().getRowVector(i % kept));
            values.setEntry(i, i, svd.getSingularValues()[i % kept] * weights[i / kept]);
          }
          RealMatrix wanted = polar(left).multiply(values).multiply(polar(right));
          c.assertChange(TSV_M, with("weight", weights).and("rank_fraction", 0.8), wanted);
        });
  }

  @Test
  void tsvMOfOneSourceIsThatSource() {
    for (int[] shape : new int[][] {{6, 9}, {9, 6}, {1, 5}, {5, 1}, {1, 1}}) {
      Case c = new Case(new Random(11), shape[0], shape[1], 1);
      c.assertChange(TSV_M, with("weight", 1.5), c.deltas.get(0).scalarMultiply(1.5));
    }
  }

  @Test
  void tsvMOfIdenticalSourcesIsTheirLargestPart() {
    Case c = new Case(new Random(12), 8, 11, 1);
    RealMatrix delta = c.deltas.get(0);
    c.deltas.add(delta);
    SingularValueDecomposition svd = new SingularValueDecomposition(delta);
    RealMatrix cut = c.zeros(8, 11);
    for (int i = 0; i < 4; i++) {
      cut =
          cut.add(
              svd.getU()
                  .getColumnVector(i)
                  .outerProduct(svd.getV().getColumnVector(i))
                  .scalarMultiply(svd.getSingularValues()[i]));
    }
    c.assertChange(TSV_M, with("weight", 1), cut);
  }

  @Test
  void tsvMOfOppositeSourcesIsTheBase() {
    Case c = new Case(new Random(13), 8, 11, 1);
    c.deltas.add(c.deltas.get(0).scalarMultiply(-1));
    c.assertChange(TSV_M, with("weight", 1), c.zeros(8, 11));
  }

  @Test
  void tsvMIsLinearInTheWeights() {
    Case c = new Case(new Random(14), 9, 13, 3);
    RealMatrix first = c.change(TSV_M, with("weight", 1, 0, -2));
    RealMatrix second = c.change(TSV_M, with("weight", 0, 0.5, 3));
    c.assertChange(TSV_M, with("weight", 1, 0.5, 1), first.add(second));
  }

  @Test
  void tsvMThatKeepsNothingIsTheBase() {
    Case c = new Case(new Random(15), 6, 7, 2);
    c.assertChange(TSV_M, with("rank_fraction", 0), c.zeros(6, 7));
  }

  @Test
  void tsvMOfMoreSourcesThanSingularValuesIsTheMean() {
    Case c = new Case(new Random(16), 5, 2, 3);
    c.assertChange(TSV_M, with("lambda", 3), c.sum());
  }

  // iso_cts

  @Test
  void isoCtsAddsTaskSpecificDirectionsToTheCommonOnes() {
    TestSeeds.check(
        "iso_cts against a reference",
        8,
        random -> {
          Case c = Case.random(random, 2);
          int rank = c.shorter();
          int own = (int) Math.rint((rank - (int) (rank * 0.6)) / 2.0);
          own = Math.min(own, rank / 2);
          int common = rank - 2 * own;
          SingularValueDecomposition sum = new SingularValueDecomposition(c.sum());
          RealMatrix left = c.zeros(c.rows, rank);
          RealMatrix right = c.zeros(rank, c.columns);
          double total = 0;
          RealMatrix shared = c.zeros(c.rows, Math.max(1, common));
          for (int i = 0; i < common; i++) {
            shared.setColumnVector(i, sum.getU().getColumnVector(i));
            left.setColumnVector(2 * own + i, sum.getU().getColumnVector(i));
            right.setRowVector(2 * own + i, sum.getVT().getRowVector(i));
            total += sum.getSingularValues()[i];
          }
          for (int s = 0; s < 2; s++) {
            RealMatrix delta = c.deltas.get(s);
            SingularValueDecomposition svd =
                new SingularValueDecomposition(
                    delta.subtract(shared.multiply(shared.transpose()).multiply(delta)));
            for (int i = 0; i < own; i++) {
              left.setColumnVector(s * own + i, svd.getU().getColumnVector(i));
              right.setRowVector(s * own + i, svd.getVT().getRowVector(i));
              total += svd.getSingularValues()[i];
            }
          }
          RealMatrix wanted = polar(left).multiply(polar(right)).scalarMultiply(0.9 * total / rank);
          c.assertChange(ISO_CTS, with("common_space_fraction", 0.6).and("lambda", 0.9), wanted);
        });
  }

  @Test
  void isoCtsOfCommonDirectionsAloneIsIsoC() {
    Case c = new Case(new Random(17), 9, 6, 3);
    c.assertChange(ISO_CTS, with("common_space_fraction", 1), c.change(ISO_C, with("lambda", 1)));
  }

  @Test
  void isoCtsOfTaskSpecificDirectionsAloneStillUsesThemAll() {
    Case c = new Case(new Random(18), 8, 12, 2);
    double[] values = singularValues(c.change(ISO_CTS, with("common_space_fraction", 0)));
    for (double value : values) {
      assertThat(value).isCloseTo(values[0], within(1e-4 * values[0]));
    }
  }

  // all

  @ParameterizedTest
  @ValueSource(strings = {"iso_c", "iso_cts", "tsv_m"})
  void tasksThatChangeNothingGiveTheBase(String name) {
    Case c = new Case(6, 4);
    c.deltas.add(c.zeros(6, 4));
    c.deltas.add(c.zeros(6, 4));
    assertThat(c.merge(operator(name), with("lambda", 2), 6, 4)).containsExactly(c.base);
  }

  @ParameterizedTest
  @ValueSource(strings = {"iso_c", "iso_cts"})
  void weightsThatCancelIdenticalSourcesGiveTheBase(String name) {
    Case c = new Case(new Random(19), 6, 4, 1);
    c.deltas.add(c.deltas.get(0));
    c.assertChange(operator(name), with("weight", 1, -1), c.zeros(6, 4));
  }

  @ParameterizedTest
  @ValueSource(strings = {"iso_c", "iso_cts", "tsv_m"})
  void aLambdaOrWeightsOfZeroGiveTheBase(String name) {
    Case c = new Case(new Random(20), 5, 6, 2);
    assertThat(c.merge(operator(name), with("lambda", 0), 5, 6)).containsExactly(c.base);
    assertThat(c.merge(operator(name), with("weight", 0, 0), 5, 6)).containsExactly(c.base);
  }

  @ParameterizedTest
  @ValueSource(strings = {"iso_c", "iso_cts", "tsv_m"})
  void tensorsThatAreNoMatricesGetTheMean(String name) {
    Case c = new Case(new Random(21), 6, 4, 2);
    RealMatrix wanted =
        c.deltas.get(0).scalarMultiply(0.5).add(c.deltas.get(1).scalarMultiply(1.5));
    for (long[] shape : new long[][] {{24}, {2, 3, 4}}) {
      assertChange(
          c.merge(operator(name), with("weight", 0.5, 1.5).and("lambda", 2), shape),
          c.base,
          wanted);
    }
    c.embedding = true;
    assertChange(
        c.merge(operator(name), with("weight", 0.5, 1.5).and("lambda", 2), 6, 4), c.base, wanted);
  }

  @ParameterizedTest
  @CsvSource({"iso_c, 1, 7", "iso_c, 7, 1", "iso_cts, 1, 7", "iso_cts, 7, 1"})
  void aMatrixOfOneRowOrColumnGetsTheSum(String name, int rows, int columns) {
    Case c = new Case(new Random(22), rows, columns, 2);
    c.assertChange(operator(name), with("lambda", 1), c.sum());
  }

  @ParameterizedTest
  @ValueSource(strings = {"iso_c", "iso_cts"})
  void aSumBeyondFloat32IsRefused(String name) {
    Case c = new Case(3, 3);
    for (int i = 0; i < 2; i++) {
      c.deltas.add(MatrixUtils.createRealIdentityMatrix(3).scalarMultiply(2e38));
    }
    assertThatThrownBy(() -> c.merge(operator(name), with("weight", 1), 3, 3))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("'t'")
        .hasMessageContaining("float32");
  }

  @ParameterizedTest
  @ValueSource(strings = {"iso_c", "iso_cts", "tsv_m"})
  void anyNumberOfThreadsGivesTheSameBits(String name) throws Exception {
    Case c = new Case(new Random(23), 150, 310, 2);
    float[] expected = c.merge(operator(name), with("lambda", 1), 150, 310);
    ExecutorService pool = Executors.newFixedThreadPool(3);
    try {
      c.threads =
          (count, work) -> {
            List<Future<?>> running = new ArrayList<>();
            for (int i = count - 1; i >= 0; i--) {
              int index = i;
              running.add(pool.submit(() -> work.accept(index)));
            }
            for (Future<?> future : running) {
              try {
                future.get();
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
            }
          };
      assertThat(c.merge(operator(name), with("lambda", 1), 150, 310)).isEqualTo(expected);
    } finally {
      pool.shutdownNow();
    }
  }

  private static MergeOperator operator(String name) {
    return MergeOperators.standard().get(name);
  }

  private static double mean(double[] values, int count) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum / count;
  }

  private static double[] singularValues(RealMatrix matrix) {
    return new SingularValueDecomposition(matrix).getSingularValues();
  }

  /** U V^T of a matrix of full rank. */
  private static RealMatrix polar(RealMatrix matrix) {
    SingularValueDecomposition svd = new SingularValueDecomposition(matrix);
    return svd.getU().multiply(svd.getVT());
  }

  private static RealMatrix gaussians(Random random, int rows, int columns) {
    RealMatrix matrix = new Array2DRowRealMatrix(rows, columns);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        matrix.setEntry(i, j, (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  private static RealMatrix lowRank(Random random, int rows, int columns, int rank) {
    return gaussians(random, rows, rank).multiply(gaussians(random, rank, columns));
  }

  private static void assertChange(float[] merged, float[] base, RealMatrix wanted) {
    double scale = Math.max(1, wanted.getFrobeniusNorm());
    for (int e = 0; e < merged.length; e++) {
      int columns = wanted.getColumnDimension();
      assertThat((double) merged[e] - base[e])
          .as("element %d", e)
          .isCloseTo(wanted.getEntry(e / columns, e % columns), within(2e-5 * scale));
    }
  }

  private static Values with(String name, double... values) {
    return new Values().and(name, values);
  }

  private static final class Values {
    private final Map<String, double[]> map = new HashMap<>();

    Values and(String name, double... values) {
      map.put(name, values);
      return this;
    }
  }

  /** A base and task matrices. */
  private static final class Case {
    private final int rows;
    private final int columns;
    private final float[] base;
    private final List<RealMatrix> deltas = new ArrayList<>();
    private boolean embedding;
    private ParallelFor threads = ParallelFor.sequential();

    Case(int rows, int columns) {
      this.rows = rows;
      this.columns = columns;
      // Of few bits, so that differences from it are exact.
      this.base = new float[rows * columns];
      for (int i = 0; i < base.length; i++) {
        base[i] = i % 5 * 0.25f;
      }
    }

    Case(Random random, int rows, int columns, int sources) {
      this(rows, columns);
      for (int i = 0; i < sources; i++) {
        deltas.add(gaussians(random, rows, columns));
      }
    }

    static Case random(Random random, int sources) {
      int rows = 6 + random.nextInt(20);
      int columns = 6 + random.nextInt(20);
      return new Case(random, rows, columns, sources);
    }

    int shorter() {
      return Math.min(rows, columns);
    }

    RealMatrix zeros(int height, int width) {
      return new Array2DRowRealMatrix(height, width);
    }

    RealMatrix sum() {
      return deltas.stream().reduce(zeros(rows, columns), RealMatrix::add);
    }

    float[] merge(MergeOperator operator, Values values, long... shape) {
      TensorInfo info = Arrays32.info("t", shape);
      MergeTask.Builder task =
          MergeTask.builder(info)
              .base(Arrays32.view(info, base))
              .embedding(embedding)
              .threads(threads)
              .parameters(ParameterValues.of(values.map));
      for (int s = 0; s < deltas.size(); s++) {
        float[] source = base.clone();
        for (int e = 0; e < source.length; e++) {
          source[e] += (float) deltas.get(s).getEntry(e / columns, e % columns);
        }
        task.source("model-" + s, Arrays32.view(info, source));
      }
      return Arrays32.merge(operator, task.build());
    }

    RealMatrix change(MergeOperator operator, Values values) {
      float[] merged = merge(operator, values, rows, columns);
      RealMatrix change = zeros(rows, columns);
      for (int e = 0; e < merged.length; e++) {
        change.setEntry(e / columns, e % columns, (double) merged[e] - base[e]);
      }
      return change;
    }

    void assertChange(MergeOperator operator, Values values, RealMatrix wanted) {
      SingularVectorCornerCasesTest.assertChange(
          merge(operator, values, rows, columns), base, wanted);
    }
  }
}
