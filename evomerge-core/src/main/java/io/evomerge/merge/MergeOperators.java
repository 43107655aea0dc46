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
          nuslerp(),
          multislerp(),
          karcher(),
          taskArithmetic(),
          ties(),
          tiesGlobal(),
          dareLinear(),
          dareTies(),
          della(),
          dellaLinear(),
          breadcrumbs(),
          breadcrumbsTies(),
          modelStock(),
          nearswap(),
          arceeFusion(),
          sce(),
          ram(),
          ramPlusTensorLocal(),
          isoC(),
          isoCts(),
          tsvM(),
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
   * Spherical interpolation by weights, {@code nuslerp}: {@code sin((1 - t) a) / sin a * v0 + sin(t
   * a) / sin a * v1} with {@code t = w_1 / (w_0 + w_1)} and {@code a} the angle between {@code v0}
   * and {@code v1}. These are the two sources, or with a base their task vectors, and the base is
   * added. Shoemake 1985, doi 10.1145/325334.325242, in the form of mergekit (Goddard et al. 2024,
   * arXiv 2403.13257).
   *
   * <p>With {@code nuslerp_flatten} (default true) the tensor is one vector. Without, every row
   * along the last dimension is, or with {@code nuslerp_row_wise} (default false), which means the
   * opposite of its name in mergekit too, every column along the first dimension; a tensor of one
   * dimension is one vector in any case.
   *
   * <p>Exactly two sources. {@code t} is 0.5 where the magnitude of {@code w_0 + w_1} is below
   * 10^-6; with negative weights it is outside [0, 1], and the arc goes on beyond its ends. Where
   * {@code sin a} is below 10^-4 the result is {@code (1 - t) v0 + t v1}: so for identical and for
   * antiparallel vectors, and for those of one element (mergekit amplifies the rounding of
   * antiparallel ones). A vector shorter than 10^-7 counts as that long in the cosine; so a zero
   * vector is orthogonal to all: two zero task vectors give the base, one alone gives {@code b +
   * sin(t pi / 2) d}, {@code t} counted towards the source that has it.
   */
  public static MergeOperator nuslerp() {
    return new Nuslerp();
  }

  /**
   * Spherical mean of any number of models, {@code multislerp}: the direction of {@code sum w_i v_i
   * / (|v_i| + eps)} times the length {@code sum w_i |v_i|}; {@code v_i} are the flattened sources,
   * or with a base their task vectors, and the base is added. Goddard 2025, "Multi-SLERP",
   * https://goddard.blog/posts/multislerp-wow-what-a-cool-idea: its tangent step at the mean
   * direction is 0.
   *
   * <p>The weights are divided by their sum if {@code normalize_weights} (default true); {@code
   * eps} in [0, 1], default 10^-8. Weights that cancel are then refused as by {@link #linear}.
   * Negative weights turn a direction round. One source is the result, whatever its weight.
   *
   * <p>Where directions cancel, so that their weighted mean is no longer than {@code eps} or 10^-6
   * times the sum of the weights' magnitudes, the result is {@code sum w_i v_i} (mergekit refuses
   * that for more than two sources). Antiparallel vectors, and so tensors of one element, are
   * otherwise no exception. Zero vectors have no direction; all of them, or weights of 0 without
   * {@code normalize_weights}, give zeros or the base. Identical sources give that source to
   * rounding.
   */
  public static MergeOperator multislerp() {
    return new Multislerp();
  }

  /**
   * Karcher mean, {@code karcher}: the point on the unit sphere with the least sum of {@code w_i}
   * times the squared angle to {@code x_i}, times {@code sum w_i |x_i| / sum w_i}; {@code x_i} are
   * the flattened sources. Karcher 1977, doi 10.1002/cpa.3160300502; found by fixed-point iteration
   * from the weighted mean of the directions (Buss, Fillmore 2001, doi 10.1145/502122.502124), of
   * which every point is a combination of the sources and needs no pass over them.
   *
   * <p>No base. {@code weight} per source in [0, 10^6], default 1 (mergekit has none); a weight of
   * 0 leaves the source out; all 0 are refused, and so are negative ones. {@code max_iter}, a whole
   * number in [0, 10^4], default 10; 0 gives the starting point. {@code tol} in [0, 1], default
   * 10^-5, ends the iteration at a shorter step.
   *
   * <p>One source is the result. A source of norm {@code tol} or less has no direction and counts
   * only in the length; if none has one, the result is 0. Where the weighted directions cancel to
   * less than {@code tol} or 10^-7, the iteration starts from the first source of positive weight:
   * so two antiparallel sources of equal weight give the first's direction. A source within 10^-6
   * of the antipode pulls to no side; so tensors of one element keep the sign of the weighted
   * majority. Identical sources give that source to rounding.
   */
  public static MergeOperator karcher() {
    return new Karcher();
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
   * <p>A {@link WholeModelOperator}: a task without the survey of all tensors is refused. Where
   * tensors have different densities, each keeps what lies above the whole model's threshold for
   * its own. Of equal magnitudes those in the tensor whose name comes first are kept, then those
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
   * Selective fusion of one source, {@code arcee_fusion}: the source where its score is at least
   * {@code median + 1.5 (q3 - q1)} of the scores of the tensor, the base elsewhere. The score of an
   * element is {@code abs(d) * KL(p || q)}, with {@code p} and {@code q} the softmax of its row of
   * the source and of the base, 10^-8 added to each probability; a row runs along the last
   * dimension, a tensor of one dimension is one row. The quartiles are the elements {@code floor(f
   * (N - 1))} of the sorted scores for {@code f} of 1/4, 1/2 and 3/4. No parameters, exactly one
   * source. Defined by mergekit; Goddard et al. 2024, arXiv 2403.13257.
   *
   * <p>Divergences are computed in float64 and are never negative; scores are float32, at most the
   * largest finite number. Quartiles are exact for any size (mergekit estimates them from 10^6
   * random elements of a larger tensor).
   *
   * <p>An element is taken also where the threshold is 0, that is, where at least three quarters of
   * the scores are 0: then the result is the source. So it is for a source identical to the base,
   * for rows of one element (a column, a scalar: their softmax is always 1), and for sparse task
   * vectors. A threshold beyond float32 gives the base. A difference that float32 cannot hold is
   * refused.
   */
  public static MergeOperator arceeFusion() {
    return new ArceeFusion();
  }

  /**
   * Select, calculate, erase, {@code sce}: select the {@code k} elements in which the task vectors
   * have the highest variance (of {@code d_1 .. d_K}, divided by {@code K}; the base is not one of
   * them), of equal variances those with the lowest index; weight each source by {@code w_i},
   * proportional to the mean of the squares of what is selected of {@code d_i}; elect the sign of
   * the plain sum of the {@code d_i}, a sum of 0 counting as positive; {@code b} plus the mean,
   * weighted by {@code w_i}, of the selected {@code d_i} that are not 0 and have the elected sign.
   * Wan et al. 2024, "FuseChat", arXiv 2408.07990.
   *
   * <p>{@code select_topk} at least 0, default 1, searched in [0, 1]; 1 and more select all
   * elements, without looking at variances. Below 1, {@code k} is in the paper's semantics {@code
   * floor(select_topk N)}. In mergekit's it is the float32 product of {@code select_topk} and the
   * number of elements of which the variance is not 0 in float32, rounded down: what all sources
   * changed alike is then never selected, so identical sources, or a single one, give the base.
   *
   * <p>{@code k = 0} gives the base. Elements that no source changed keep the base's value. Zero
   * task vectors give the base. Identical sources, all selected, give that source to rounding.
   * Opposite task vectors of two sources give the positive one in each element. Variances are
   * computed in float64, and equal task vectors have exactly none.
   */
  public static MergeOperator sce() {
    return new Sce();
  }

  /**
   * Reinforced agent merging, {@code ram}: a source changed an element if {@code abs(d_i)} is above
   * {@code epsilon}; {@code b} plus {@code d_i} where one source changed it, plus the mean of the
   * {@code d_i} of those that changed it where several did, {@code b} itself where none did. Yuan
   * et al. 2026, "Behavior Knowledge Merge in Reinforced Agentic Models", arXiv 2601.13572.
   *
   * <p>{@code epsilon} at least 0, default 10^-5, compared in float32, searched in [0, 10^-3].
   *
   * <p>With {@code epsilon} 0, every difference is a change. Zero task vectors, or an {@code
   * epsilon} above all differences, give the base. Identical sources give that source where it is
   * changed, to rounding; opposite task vectors of two sources give the base. A single source gives
   * that source where it is changed.
   */
  public static MergeOperator ram() {
    return ReinforcedAgentMerging.plain();
  }

  /**
   * Reinforced agent merging with rescaling per tensor, {@code ramplus_tl}: as {@link #ram}, but
   * what source {@code i} alone changed is multiplied by {@code 1 + r min(rho_i, alpha)}, with
   * {@code rho_i} the number of elements of this tensor that it and others changed divided by the
   * number of those that it alone changed. Yuan et al. 2026, arXiv 2601.13572, where {@code rho_i}
   * is counted over the whole model; per tensor as in mergekit.
   *
   * <p>{@code r} in [-10^6, 10^6], default 0.1; {@code alpha} at least 0, default 0.2; both are
   * searched in [0, 1]. {@code epsilon} as in {@link #ram}, but not searched unless asked for. In
   * mergekit's semantics, the divisor of {@code rho_i} is at least {@code epsilon}, which makes a
   * difference for an {@code epsilon} above 1 only.
   *
   * <p>{@code r = 0} or {@code alpha = 0} is {@link #ram}. Where a source changed nothing alone,
   * its factor does not matter. A single source has {@code rho = 0}: the result is that of {@link
   * #ram}.
   */
  public static MergeOperator ramPlusTensorLocal() {
    return ReinforcedAgentMerging.plus();
  }

  /**
   * Model Stock, {@code model_stock}: {@code t mean(x_i) + (1 - t) b} with {@code t = n c / (1 + (n
   * - 1) c)}, {@code n} the number of sources and {@code c} the mean cosine between two of their
   * task vectors. Jang, Yun, Han 2024, arXiv 2403.19522. Nothing is searched.
   *
   * <p>At least two sources. The tensor is one vector; with {@code filter_wise} (default false)
   * every row along the last dimension has its own {@code t}.
   *
   * <p>In the paper's semantics {@code t} is in [0, 1]: task vectors that disagree, {@code c <= 0},
   * give the base, and a zero task vector has cosine 0 with all. In mergekit's, a negative {@code
   * c} gives a negative {@code t}, and a product of two norms counts as at least 10^-6 when it
   * divides. A divisor {@code 1 + (n - 1) c} below 10^-6, as of two opposite task vectors, gives
   * the base (mergekit gives no number). Zero task vectors give the base, identical sources that
   * source to rounding (in mergekit's semantics if the task vector is longer than 10^-3). Rows of
   * one element have cosines of 1 and -1.
   */
  public static MergeOperator modelStock() {
    return new ModelStock();
  }

  /**
   * Near swap, {@code nearswap}: {@code w x + (1 - w) b} with {@code w = min(1, t / |x - b|)} for
   * every element, so that it is {@code x} where both differ by at most {@code t}, and {@code b}
   * moved by {@code t} towards {@code x} elsewhere. alchemonaut 2024,
   * https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001.
   *
   * <p>Exactly one source. {@code t} in [0, 10^6], searched in [0, 0.01]; a recipe must give one. 0
   * gives the base (mergekit refuses it). A zero task vector gives the base, exactly.
   */
  public static MergeOperator nearswap() {
    return new Nearswap();
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
   * DELLA with election of signs, {@code della}: keep each element of {@code d_i} with a
   * probability that rises with the rank of its magnitude, rescale what is kept if {@code rescale}
   * (default true), then elect signs and add as {@link #ties}, {@code normalize} true by default.
   * Deep et al. 2024, arXiv 2406.11617.
   *
   * <p>In a row (along the last dimension; a tensor of one dimension is one row) of {@code C}
   * elements, the element of rank {@code r}, 0 the smallest to {@code C - 1} the largest, of equal
   * magnitudes the lowest index first, is kept with probability {@code p = density - e + 2 e r / (C
   * - 1)}: if its uniform number is below that. {@code e} is {@code epsilon} (per source in [0, 1],
   * default 0.15, searched in [0, 0.3]), or what {@code density - e >= 0} and {@code density + e <=
   * 1} leave of it, so that the mean probability is always the density (mergekit refuses such
   * values). {@code epsilon} 0 keeps what {@link #dareTies} keeps.
   *
   * <p>{@code rescale} divides each kept element by its {@code p} in the paper's semantics; in
   * mergekit's it restores the L1 norm that {@code d_i} had in this tensor, unless one of the norms
   * is below 10^-7. Density 0 (at least 0, default 1, searched in [0, 1]) keeps nothing, 1 and more
   * keep all with factor 1, whatever {@code epsilon}. In rows of one element, {@code p} is the
   * density (mergekit fails there). In tensors of three and more dimensions, mergekit ranks along
   * the second one. For zero task vectors, identical and opposite sources, weights of 0 or below
   * and sums of weights of 0, what {@link #ties} says holds.
   */
  public static MergeOperator della() {
    return Della.ties();
  }

  /**
   * DELLA with task arithmetic, {@code della_linear}: drops and rescales as {@link #della}, then
   * adds as {@link #taskArithmetic}, {@code normalize} false by default.
   */
  public static MergeOperator dellaLinear() {
    return Della.linear();
  }

  /**
   * Model Breadcrumbs, {@code breadcrumbs}: of each {@code d_i} drop the {@code n = floor(gamma N)}
   * elements of largest magnitude, keep the {@code k = floor(density N)} largest of the rest, then
   * add as {@link #taskArithmetic}, {@code normalize} false by default. Davari, Belilovsky 2024,
   * arXiv 2312.06795.
   *
   * <p>{@code density} per source at least 0, default 1, searched in [0, 1]; {@code gamma} per
   * source in [0, 1], default 0.01, searched in [0, 0.2]. If {@code n + k > N}, fewer of the
   * largest are dropped, {@code n = N - k}: so a density of 1 or more keeps everything, whatever
   * {@code gamma}. Of equal magnitudes, that with the lower index counts as the larger. {@code k =
   * 0} keeps nothing. {@code n = 0} drops none of the largest in the paper's semantics; in
   * mergekit's it keeps nothing of that source, unless the density is 1 or more: so small tensors
   * can be left as they are in the base. {@code rescale} (default false, not in the paper) scales
   * what is kept to the L1 norm it had before, unless one of the norms is below 10^-7.
   */
  public static MergeOperator breadcrumbs() {
    return Breadcrumbs.linear();
  }

  /**
   * Model Breadcrumbs with election of signs, {@code breadcrumbs_ties}: drops as {@link
   * #breadcrumbs}, then elects signs and adds as {@link #ties}, {@code normalize} false by default.
   */
  public static MergeOperator breadcrumbsTies() {
    return Breadcrumbs.ties();
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
