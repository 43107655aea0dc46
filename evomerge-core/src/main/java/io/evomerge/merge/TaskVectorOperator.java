package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.LaneSum;
import io.evomerge.internal.kernel.TaskVectorKernels;
import io.evomerge.tensor.TensorSink;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The family of methods that merge differences from a base: sparsify every task vector, elect a
 * sign per element or not, add, scale, add to the base.
 */
abstract class TaskVectorOperator extends CheckedOperator {

  /** A sum of weights below this counts as 1 when it would divide, as in mergekit. */
  private static final double SMALLEST_DIVISOR = 1e-8;

  /** An L1 norm below this is not worth keeping, as in mergekit. */
  private static final double SMALLEST_NORM = 1e-7;

  /** What is kept is stored up to this many bits, 64 MiB, between two passes. */
  private static final long MOST_STORED = 1L << 29;

  private final boolean electsSigns;
  private final Sparsification sparsification;

  TaskVectorOperator(
      String name,
      Sparsification sparsification,
      boolean electsSigns,
      ParameterSpec... parameters) {
    super(name, BaseModel.REQUIRED, parameters);
    this.sparsification = sparsification;
    this.electsSigns = electsSigns;
  }

  @Override
  final void mergeChecked(TensorMerge task, TensorSink sink) {
    boolean rescale = sparsification != Sparsification.NONE && flag(task, "rescale");
    List<Sparsification.Filter> filters =
        sparsification.filters(
            task,
            new Sparsification.Settings() {
              @Override
              public double[] perSource(String parameter) {
                return TaskVectorOperator.this.perSource(task, parameter);
              }

              @Override
              public boolean rescale() {
                return rescale;
              }
            });
    Piece.Cut cut = sparsification.byRows() ? Piece.rows(task) : Piece.blocks(task);
    double[] weights = perSource(task, "weight");
    double[] norms = new double[weights.length];
    Arrays.fill(norms, 1);
    if (rescale && sparsification.keepsNorm(task.semantics())) {
      Norms known = new Norms(cut, filters, sparsification.byRows());
      norms = known.quotients();
      filters = known.filters();
    }
    float[] factors = new float[weights.length];
    for (int s = 0; s < factors.length; s++) {
      factors[s] = (float) (weights[s] * (filters.get(s).gain() * norms[s]));
    }
    List<Sparsification.Filter> chosen = filters;
    float lambda = (float) scalar(task, "lambda");
    boolean normalize = flag(task, "normalize");
    cut.forEach(
        capacity -> new Workspace(capacity, factors.length),
        (unit, piece, space) -> {
          while (piece.next()) {
            if (electsSigns) {
              elect(piece, chosen, factors, normalize ? weights : null, lambda, space);
            } else {
              add(piece, chosen, factors, normalize ? divisor(weights) : 1, lambda, space);
            }
            sink.writeFloats(piece.offset(), space.sum, 0, piece.length());
          }
        });
  }

  private static float divisor(double[] weights) {
    double sum = Arrays.stream(weights).sum();
    return Math.abs(sum) < SMALLEST_DIVISOR ? 1 : (float) sum;
  }

  private static void add(
      Piece piece,
      List<Sparsification.Filter> filters,
      float[] factors,
      float divisor,
      float lambda,
      Workspace space) {
    int length = piece.length();
    float[] sum = space.sum;
    float[] kept = space.kept[0];
    Arrays.fill(sum, 0, length, 0f);
    for (int s = 0; s < factors.length; s++) {
      if (filters.get(s).drops()) {
        filters.get(s).apply(piece, s, factors[s], kept);
        Kernels.addScaled(1f, kept, sum, length);
      } else {
        Kernels.addScaled(factors[s], piece.delta(s), sum, length);
      }
    }
    Kernels.finish(piece.base(), sum, divisor, lambda, sum, length);
  }

  private static void elect(
      Piece piece,
      List<Sparsification.Filter> filters,
      float[] factors,
      double @Nullable [] divisors,
      float lambda,
      Workspace space) {
    int length = piece.length();
    float[][] kept = space.kept;
    for (int s = 0; s < factors.length; s++) {
      filters.get(s).apply(piece, s, factors[s], kept[s]);
    }
    elect(kept, divisors, piece.base(), lambda, space.sum, space.votes, space.weights, length);
  }

  /**
   * Adds the weighted task vectors where they have the elected sign, and what this gives, divided
   * by the weights of what was added if there are any, to the base.
   *
   * @param kept weighted task vectors
   * @param divisors the weights to divide by, or null
   * @param base the base model
   * @param lambda of what is added to it
   * @param out overwritten
   * @param votes room to work
   * @param weights room to work
   * @param length number of elements
   */
  static void elect(
      float[][] kept,
      double @Nullable [] divisors,
      float[] base,
      float lambda,
      float[] out,
      float[] votes,
      float[] weights,
      int length) {
    if (kept.length == 2 && divisors == null) {
      TaskVectorKernels.electTwo(kept[0], kept[1], base, lambda, out, length);
      return;
    }
    if (kept.length == 2) {
      float weight0 = (float) divisors[0];
      float weight1 = (float) divisors[1];
      TaskVectorKernels.electTwo(kept[0], weight0, kept[1], weight1, base, lambda, out, length);
      return;
    }
    Arrays.fill(votes, 0, length, 0f);
    Arrays.fill(out, 0, length, 0f);
    for (float[] v : kept) {
      Kernels.addScaled(1f, v, votes, length);
    }
    if (divisors == null) {
      for (float[] v : kept) {
        Kernels.addElected(v, votes, out, length);
      }
      Kernels.finish(base, out, 1f, lambda, out, length);
      return;
    }
    Arrays.fill(weights, 0, length, 0f);
    for (int s = 0; s < kept.length; s++) {
      Kernels.addElected(kept[s], votes, out, (float) divisors[s], weights, length);
    }
    Kernels.finish(base, out, weights, lambda, out, length);
  }

  /** A thread's arrays. */
  private static final class Workspace {
    private final float[][] kept;
    private final float[] votes;
    private final float[] sum;
    private final float[] weights;

    Workspace(int capacity, int sources) {
      this.kept = new float[sources][capacity];
      this.votes = new float[capacity];
      this.sum = new float[capacity];
      this.weights = new float[capacity];
    }
  }

  /** The L1 norms of the task vectors before and after sparsification. */
  private static final class Norms {
    private final Piece.Cut cut;
    private final List<Sparsification.Filter> filters;
    private final boolean byRows;
    private final long[] @Nullable [][] packed;
    private double @Nullable [][] sums;

    Norms(Piece.Cut cut, List<Sparsification.Filter> filters, boolean byRows) {
      this.cut = cut;
      this.filters = filters;
      this.byRows = byRows;
      long bits = cut.task().info().elementCount() * filters.size();
      boolean store = bits <= MOST_STORED && filters.stream().anyMatch(f -> f.costly());
      this.packed = store ? new long[filters.size()][cut.units()][] : null;
    }

    /** Returns the filters, those that are costly as a record of what they kept. */
    List<Sparsification.Filter> filters() {
      long[][][] stored = packed;
      if (stored == null) {
        return filters;
      }
      List<Sparsification.Filter> result = new ArrayList<>(filters);
      for (int s = 0; s < stored.length; s++) {
        if (filters.get(s).costly()) {
          long[][] words = stored[s];
          result.set(
              s,
              (piece, source, factor, out) ->
                  TaskVectorKernels.keepPacked(
                      piece.delta(source),
                      words[piece.unit()],
                      piece.offsetInUnit(),
                      factor,
                      out,
                      piece.length()));
        }
      }
      return result;
    }

    private void store(Piece piece, int source, float[] kept) {
      long[][][] stored = packed;
      if (stored != null && filters.get(source).costly()) {
        int end = piece.offsetInUnit() + piece.length();
        int words = (end + 63) / 64;
        long[] known = stored[source][piece.unit()];
        if (known == null || known.length < words) {
          int room = Math.max(words, known == null ? 0 : 2 * known.length);
          known = known == null ? new long[room] : Arrays.copyOf(known, room);
          stored[source][piece.unit()] = known;
        }
        TaskVectorKernels.packNonzero(kept, known, piece.offsetInUnit(), piece.length());
      }
    }

    /** Returns norm before divided by norm after, 1 where nothing drops or is left. */
    double[] quotients() {
      double[] before = new double[filters.size()];
      for (int s = 0; s < before.length; s++) {
        if (filters.get(s).drops()) {
          int source = s;
          before[s] = cut.task().cached(new NormKey(s, byRows), () -> sums(true)[0][source]);
        }
      }
      double[] after = sums(false)[1];
      double[] quotients = new double[before.length];
      for (int s = 0; s < before.length; s++) {
        quotients[s] =
            before[s] < SMALLEST_NORM || after[s] < SMALLEST_NORM ? 1 : before[s] / after[s];
      }
      return quotients;
    }

    /** Computes the norms of all sources in one pass, those before only if they are missing. */
    private double[][] sums(boolean withBefore) {
      double[][] known = sums;
      if (known != null) {
        return known;
      }
      int sources = filters.size();
      double[][] total = new double[2][sources];
      cut.map(
              capacity -> new float[capacity],
              (unit, piece, kept) -> {
                LaneSum[] lanes = new LaneSum[2 * sources];
                Arrays.setAll(lanes, i -> new LaneSum());
                while (piece.next()) {
                  for (int s = 0; s < sources; s++) {
                    if (!filters.get(s).drops()) {
                      continue;
                    }
                    if (withBefore) {
                      lanes[s].addMagnitudes(piece.delta(s), piece.length());
                    }
                    filters.get(s).apply(piece, s, 1f, kept);
                    lanes[sources + s].addMagnitudes(kept, piece.length());
                    store(piece, s, kept);
                  }
                }
                return Arrays.stream(lanes).mapToDouble(LaneSum::sum).toArray();
              })
          .forEach(
              unit -> {
                for (int i = 0; i < unit.length; i++) {
                  total[i / sources][i % sources] += unit[i];
                }
              });
      sums = total;
      return total;
    }
  }

  private record NormKey(int source, boolean byRows) {}
}
