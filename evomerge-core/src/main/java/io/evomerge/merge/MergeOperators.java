package io.evomerge.merge;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The merge methods of this library.
 *
 * <p>In the formulas, {@code b} is the base, {@code x_i} a source, {@code d_i = x_i - b} its task
 * vector, {@code N} the number of elements of the tensor, {@code w_i} the parameter {@code weight},
 * a number per source in [-10^6, 10^6] that a recipe must give. Sums are in float32, inner products
 * and norms in float64, selections exact; no result depends on threads, block lengths or caches.
 * Tensors of any size are read in blocks. Where nothing else is said, both {@linkplain
 * io.evomerge.genome.Semantics semantics} are the same.
 *
 * <p>Every method refuses, with a {@link io.evomerge.exception.MergeException} that names tensor
 * and source: NaN or infinite inputs, parameters out of range, the wrong number of sources, a
 * missing base. An empty tensor gives an empty tensor, a scalar is a tensor of one element. The
 * operators are stateless and safe for concurrent use.
 */
public final class MergeOperators {

  private static final Map<String, MergeOperator> STANDARD =
      byName(
          linear(),
          slerp(),
          taskArithmetic(),
          ties(),
          tiesGlobal(),
          dareLinear(),
          dareTies(),
          regmean(),
          passthrough());

  private MergeOperators() {}

  /** Returns all methods by the names that recipes use, in a fixed order. */
  public static Map<String, MergeOperator> standard() {
    return STANDARD;
  }

  /**
   * Weighted mean or sum of the sources, {@code linear}: {@code sum w_i x_i}, divided by {@code sum
   * w_i} if {@code normalize} (default true). Wortsman et al. 2022, "Model soups", arXiv
   * 2203.05482.
   *
   * <p>No base. Negative weights are allowed, also with {@code normalize}. Weights that cancel, so
   * that the magnitude of their sum is at most 10^-6 times the sum of their magnitudes, are refused
   * with {@code normalize} (mergekit gives NaN or noise). Identical sources give that source to
   * rounding.
   */
  public static MergeOperator linear() {
    return new Linear();
  }

  /**
   * Spherical linear interpolation of two flattened tensors, {@code slerp}: {@code sin((1 - t) a) /
   * sin a * v0 + sin(t a) / sin a * v1} with {@code a} the angle between them and {@code t} a
   * number in [-10^6, 10^6] (searched in [0, 1]; beyond it, the arc goes on) that a recipe must
   * give. Shoemake 1985, doi 10.1145/325334.325242.
   *
   * <p>With one source, {@code v0} is the base and {@code v1} the source; with two sources they are
   * those, in order, and a base takes no part. Where the cosine's magnitude is above 0.9995, the
   * result is {@code (1 - t) v0 + t v1}: so for identical and for antiparallel tensors, too. A
   * tensor of norm 10^-8 or less has no direction and counts as orthogonal. Tensors of one element
   * are always parallel or antiparallel, so linear.
   */
  public static MergeOperator slerp() {
    return new Slerp();
  }

  /**
   * Task arithmetic, {@code task_arithmetic}: {@code b + lambda sum w_i d_i}, the sum divided by
   * {@code sum w_i} if {@code normalize} (default false); {@code lambda} in [-10^6, 10^6], default
   * 1. Ilharco et al. 2023, arXiv 2212.04089.
   *
   * <p>With {@code normalize}, a sum of weights below 10^-8 in magnitude counts as 1. Zero task
   * vectors give the base.
   */
  public static MergeOperator taskArithmetic() {
    return new TaskArithmetic();
  }

  /**
   * TIES, {@code ties}: keep the {@code k = floor(density N)} elements of largest magnitude of each
   * {@code d_i}, of equal ones those with the lowest index; {@code v_i = w_i d_i}; elect the sign
   * {@code s} of {@code sum v_i}, a sum of 0 counting as positive; add the {@code v_i} that are not
   * 0 and have sign {@code s}, divided by the sum of their {@code w_i} if {@code normalize}
   * (default true), 0 counting as 1; {@code b + lambda} times that. Yadav et al. 2023, arXiv
   * 2306.01708.
   *
   * <p>{@code density} per source at least 0, default 1, searched in [0, 1]; 1 and more keep all.
   * {@code lambda} in [-10^6, 10^6], default 1. {@code rescale} (default false, not in the paper)
   * scales what is kept to the L1 norm it had before, unless one of the norms is below 10^-7.
   *
   * <p>{@code k = 0} keeps nothing of that source (mergekit fails there). Identical sources with
   * weights of one sign give {@code b} plus the kept part of {@code d}. Opposite task vectors of
   * equal weight give the positive one. A weight of 0 never takes part. Negative weights flip
   * votes, and with {@code normalize} cancel out: all weights -1 is all weights 1 but for the
   * elected sign where the sum is 0.
   */
  public static MergeOperator ties() {
    return new Ties();
  }

  /**
   * TIES with one threshold per source over the whole model, {@code ties_global}: keep the {@code k
   * = floor(density N)} elements of largest magnitude of a source's whole task vector, {@code N}
   * being the elements of all tensors that are merged; then elect signs and add tensor by tensor as
   * {@link #ties}, with the same {@code weight}, {@code density}, {@code lambda} and {@code
   * normalize}. So a tensor keeps more the more it was changed. The paper trims so (Yadav et al.
   * 2023, arXiv 2306.01708); tools that see one tensor at a time cannot.
   *
   * <p>A {@link WholeModelOperator}: a task without the survey of all tensors is refused. {@code
   * density} must be the same in all tensors, else the survey is refused; the other parameters may
   * differ. Of equal magnitudes those in the tensor whose name comes first are kept, then those
   * with the lowest index. {@code k = 0} keeps nothing of that source, {@code k = N} and densities
   * of 1 and more keep all. In a model of one tensor it is {@code ties} without {@code rescale},
   * bit for bit; so are its other corner cases.
   *
   * <p>A survey reads the task vectors of a source three times, of which evolution repeats what a
   * new density asks for; with a cache most of it is there already.
   */
  public static MergeOperator tiesGlobal() {
    return new TiesGlobal();
  }

  /**
   * DARE with task arithmetic, {@code dare_linear}: keep each element of {@code d_i} with
   * probability {@code density}, rescale what is kept if {@code rescale} (default true), then as
   * {@link #taskArithmetic}, {@code normalize} false by default. Yu et al. 2024, arXiv 2311.03099.
   *
   * <p>An element is kept if its uniform number is below the density, so that a larger density only
   * adds elements. The factor is {@code 1 / density} in the paper's semantics; in mergekit's it
   * restores the L1 norm that {@code d_i} had in this tensor, unless one of the norms is below
   * 10^-7. Density 0 keeps nothing, 1 and more keep all with factor 1.
   */
  public static MergeOperator dareLinear() {
    return Dare.linear();
  }

  /**
   * DARE with TIES' election of signs, {@code dare_ties}: drops and rescales as {@link
   * #dareLinear}, then elects signs and adds as {@link #ties}, {@code normalize} false by default.
   * The published evolved models use it (Akiba et al. 2024, arXiv 2403.13187).
   */
  public static MergeOperator dareTies() {
    return Dare.ties();
  }

  /**
   * Regression mean, {@code regmean}: the matrix whose outputs are nearest, in the sum of squares
   * over the sources' own inputs, to those of every source. With {@code G_i} the {@linkplain
   * TensorMerge#statistics statistics} of source {@code i} for this tensor, {@code G_i'} the same
   * with all entries beside the diagonal times {@code alpha}, and matrices of shape {@code [out,
   * in]}: {@code W = (sum w_i W_i G_i' + r M) (sum w_i G_i' + r I)^-1}, {@code M} being the
   * weighted mean of the {@code W_i}. Jin et al. 2023, arXiv 2212.09849.
   *
   * <p>{@code weight} per source in [0, 10^6], default 1, searched in [0, 1]; divided by their sum,
   * and all 0 refused. {@code alpha} in [0, 1], default 0.9, searched in [0, 1]. With {@code alpha}
   * 1 the result is no further from the sources than their weighted mean {@code M}, measured on the
   * inputs of which the statistics tell. With {@code alpha} 0 every column of the matrix is a mean
   * of its own, with {@code w_i} times the mean square of that input as weights. Under a linear
   * model with Gaussian noise {@code G_i} is the Fisher information of each row, so {@code alpha} 0
   * is Fisher-weighted averaging (Matena, Raffel 2022, arXiv 2111.09832) with that diagonal, not
   * with one from the gradients of the model's loss.
   *
   * <p>The ridge {@code r} is 10^-6 times the mean diagonal of {@code sum w_i G_i}, and ten times
   * more as long as the matrix cannot be factored; statistics that cannot be with {@code r} as
   * large as the mean diagonal are refused. It draws inputs that never occurred to {@code M}:
   * statistics of zeros give {@code M}, identical sources that source to rounding.
   *
   * <p>Tensors without statistics are averaged: norms, biases, embeddings and head. A matrix that
   * is neither embedding nor head and lacks statistics of a source is refused, as are statistics of
   * another shape, with negative mean squares, NaN or infinite numbers. A head with statistics is
   * solved as any matrix.
   *
   * <p>Computed in float64. A matrix with {@code in} columns takes {@code 4 in^2} bytes of heap,
   * and {@code in^3 / 3 + 2 out in^2 (K + 1)} multiplications and additions; the {@code K} products
   * {@code W_i G_i} are computed once for all candidates where the cache has room.
   */
  public static MergeOperator regmean() {
    return new RegMean();
  }

  /**
   * One source, {@code passthrough}: {@code scale x}, {@code scale} in [-10^6, 10^6], default 1.
   *
   * <p>With scale 1 and a sink of the source's element type, bytes are copied, also of tensors of
   * integers; those can be neither scaled nor converted.
   */
  public static MergeOperator passthrough() {
    return new Passthrough();
  }

  private static Map<String, MergeOperator> byName(MergeOperator... operators) {
    Map<String, MergeOperator> map = new LinkedHashMap<>();
    Stream.of(operators).forEach(operator -> map.put(operator.name(), operator));
    return Collections.unmodifiableMap(map);
  }
}
