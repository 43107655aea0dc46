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
          dareLinear(),
          dareTies(),
          isoC(),
          isoCts(),
          tsvM(),
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
   * Isotropic merging, {@code iso_c}: with {@code D = sum w_i d_i = U S V^T}, {@code b + lambda m U
   * V^T}, {@code m} the mean of all {@code min(rows, columns)} singular values of {@code D}: every
   * direction that any task uses becomes equally strong. Marczak et al. 2025, arXiv 2502.04959.
   *
   * <p>{@code weight} per source default 1 (the paper's), searched in [0, 2]; {@code lambda} in
   * [-10^6, 10^6], default 1, searched in [0, 3]. Tensors that are no matrices (norms, biases) and
   * embeddings get {@code b + lambda (1/K) sum w_i d_i} over the {@code K} sources, as in the
   * authors' code.
   *
   * <p>Singular values of at most 2^-20 of the largest count as 0 and stay 0, so that {@code U V^T}
   * is the partial isometry of {@code D}, where the authors' code takes arbitrary further
   * directions; {@code D = 0} gives the base. Identical, antiparallel and cancelling sources follow
   * from {@code D}. A matrix of one row or column has one singular value: {@code b + lambda D}.
   *
   * <p>A matrix of {@code r x n} elements, {@code r <= n}, is held in memory, at about {@code 8 r n
   * + 40 r^2} bytes, and takes some {@code 4 r^2 n} multiplications on all threads and an
   * eigendecomposition of size {@code r} on one.
   */
  public static MergeOperator isoC() {
    return new IsoC();
  }

  /**
   * Isotropic merging with task-specific directions, {@code iso_cts}: the {@code c} largest
   * singular vectors of {@code D = sum w_i d_i}, then for each of the {@code K} sources the {@code
   * t} largest of {@code w_i d_i} without what lies in the common space of outputs; both sides
   * stacked and made orthonormal (polar factor), {@code b + lambda m U V^T}, {@code m} the sum of
   * the {@code c + K t} singular values over {@code r = min(rows, columns)}. Marczak et al. 2025,
   * arXiv 2502.04959.
   *
   * <p>{@code common_space_fraction} {@code f} in [0, 1], default 0.8: {@code t} is {@code (r -
   * floor(f r)) / K} rounded to nearest even, at most {@code floor(r / K)}, and {@code c = r - K
   * t}. Weights, {@code lambda}, other tensors, small singular values and memory are as in {@link
   * #isoC}; it takes about {@code K + 3} times as long. With {@code f = 1} it is {@link #isoC} to
   * rounding. Sources whose own directions coincide share them.
   */
  public static MergeOperator isoCts() {
    return new IsoCts();
  }

  /**
   * Merging of task singular vectors, {@code tsv_m}: of each of the {@code K} matrices {@code d_i},
   * the {@code k = floor(rank_fraction floor(r / K))} largest singular values {@code s} and their
   * vectors, {@code r = min(rows, columns)}; left and right vectors of all tasks stacked and made
   * orthonormal (polar factor), {@code b + lambda sum w s u v^T}. Gargiulo et al. 2025, arXiv
   * 2412.00081.
   *
   * <p>{@code weight} per source default 1 (the paper's), searched in [0, 2]; {@code lambda} in
   * [-10^6, 10^6], default 1, searched in [0, 2]; {@code rank_fraction} in [0, 1], default 1 (the
   * paper's), 0 gives the base. The result is linear in the weights: a source of weight 0 still
   * takes its directions. Tensors that are no matrices, embeddings, and matrices with fewer rows or
   * columns than sources get {@code b + lambda (1/K) sum w_i d_i}.
   *
   * <p>One source with its whole rank gives {@code b + lambda w d}. Where tasks have a direction in
   * common, it is shared and not added up: identical sources of weight 1 give {@code d} cut to rank
   * {@code k}, opposite ones give the base. Singular values of at most 2^-20 of the task's largest
   * take no part. Memory and time are as in {@link #isoC}, once per source and twice more; the
   * vectors are cached, so that a search over weights and {@code lambda} computes them once.
   */
  public static MergeOperator tsvM() {
    return new TsvM();
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
