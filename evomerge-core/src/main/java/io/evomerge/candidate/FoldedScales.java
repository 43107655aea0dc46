package io.evomerge.candidate;

import io.evomerge.recipe.DataFlow;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The factors by which the scales of a path become part of the weights; see {@link
 * PathForm#FOLDED}.
 *
 * @param embeddings factor of the token embeddings
 * @param hops factors of each hop's layer
 * @param finalNorm factor of the final norm, 1 or -1
 */
record FoldedScales(float embeddings, List<Factors> hops, float finalNorm) {

  /**
   * What the tensors of one hop's layer are multiplied by.
   *
   * @param attention factor of {@code o_proj}
   * @param mlp factor of {@code down_proj}
   * @param norms factor of both norms, 1 or -1
   */
  record Factors(float attention, float mlp, float norms) {

    private boolean plain() {
      return attention == 1 && mlp == 1 && norms == 1;
    }
  }

  /** Copies. */
  FoldedScales {
    hops = List.copyOf(hops);
  }

  static FoldedScales of(DataFlow flow) {
    int count = flow.hops().size();
    List<Factors> hops = new ArrayList<>();
    double product = 1;
    for (int t = 0; t < count; t++) {
      if (!flow.scalesStream()) {
        hops.add(new Factors(1, t + 1 < count ? scale(flow, t + 1) : 1, 1));
      } else {
        product *= t == 0 ? 1 : scale(flow, t);
        float inverse = (float) (1 / product);
        hops.add(new Factors(inverse, inverse, sign(product)));
      }
    }
    return new FoldedScales(scale(flow, 0), hops, sign(product));
  }

  /** Whether no weight changes. */
  boolean plain() {
    return embeddings == 1 && finalNorm == 1 && hops.stream().allMatch(Factors::plain);
  }

  /** Whether any norm changes its sign. */
  boolean negatesNorms() {
    return finalNorm < 0 || hops.stream().anyMatch(factors -> factors.norms() < 0);
  }

  /** Returns what keeps the scales of a path from being written in a form. */
  static List<String> problems(DataFlow flow, PathForm form) {
    List<String> problems = new ArrayList<>();
    boolean folded = form == PathForm.FOLDED && flow.scalesStream();
    double product = 1;
    for (int t = 0; t < flow.hops().size(); t++) {
      float scale = scale(flow, t);
      if (!Float.isFinite(scale)) {
        problems.add(
            "hop " + t + ": scale " + flow.hops().get(t).scale() + " is too large for float32");
        return problems;
      }
      if (!folded || t == 0) {
        continue;
      }
      product *= scale;
      if (scale == 0) {
        problems.add(
            "hop "
                + t
                + ": scale 0 of the whole stream cannot become part of the weights; write the"
                + " compact form");
        return problems;
      }
      float inverse = (float) (1 / product);
      if (inverse == 0 || !Float.isFinite(inverse)) {
        problems.add(
            "hop "
                + t
                + ": the product of the scales up to here is "
                + product
                + ", beyond what float32 can divide by; write the compact form");
        return problems;
      }
    }
    return problems;
  }

  /** Returns what is worth knowing about the scales of a path. */
  static List<String> notes(DataFlow flow) {
    List<String> notes = new ArrayList<>();
    boolean branch = !flow.scalesStream();
    List<Integer> zero = hops(flow, true);
    if (!zero.isEmpty()) {
      notes.add(
          "scale 0 at hops "
              + zero
              + (branch
                  ? ": what the feed-forward block before (at hop 0, the embeddings) puts out is lost"
                  : ": the hops before have no effect"));
    }
    List<Integer> negative = hops(flow, false);
    if (!negative.isEmpty()) {
      notes.add("negative scales at hops " + negative);
    }
    return notes;
  }

  private static List<Integer> hops(DataFlow flow, boolean zero) {
    return IntStream.range(0, flow.hops().size())
        .filter(t -> zero ? scale(flow, t) == 0 : scale(flow, t) < 0)
        .boxed()
        .toList();
  }

  /** Scales are float32 wherever a model computes with them. */
  static float scale(DataFlow flow, int hop) {
    return (float) flow.hops().get(hop).scale();
  }

  private static float sign(double product) {
    return product < 0 ? -1 : 1;
  }
}
