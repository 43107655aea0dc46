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
          della(),
          dellaLinear(),
          breadcrumbs(),
          breadcrumbsTies(),
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
   * {@code gamma}. Of equal magnitudes, that with the higher index counts as the larger. {@code k =
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
