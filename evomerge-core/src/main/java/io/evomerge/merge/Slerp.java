package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.kernel.LaneSum;
import io.evomerge.tensor.TensorSink;

/**
 * Spherical linear interpolation of two flattened tensors; Shoemake 1985, "Animating Rotation with
 * Quaternion Curves", doi 10.1145/325334.325242.
 */
final class Slerp extends CheckedOperator {

  /** From this cosine on, the arc is a line to float32 precision. */
  private static final double LINEAR_COSINE = 0.9995;

  /** A tensor of at most this norm has no direction. */
  private static final double SMALLEST_NORM = 1e-8;

  Slerp() {
    super(
        "slerp",
        BaseModel.OPTIONAL,
        ParameterSpec.global(
            "t", -WIDE, WIDE, Double.NaN, true, "Position on the arc: 0 first, 1 second model."));
  }

  @Override
  public int maxSources() {
    return 2;
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    boolean fromBase = task.sources().size() == 1;
    if (fromBase && task.base().isEmpty()) {
      throw refusal(
          task,
          "got one source "
              + task.sourceNames()
              + " and no base, wanted two models: add a base or a second source");
    }
    Products products =
        task.cached(
            fromBase ? Products.Of.BASE_AND_SOURCE : Products.Of.TWO_SOURCES,
            () -> products(task, fromBase));
    double t = scalar(task, "t");
    double factor0 = 1 - t;
    double factor1 = t;
    double cosine = products.cosine();
    if (Math.abs(cosine) <= LINEAR_COSINE) {
      double angle = Math.acos(cosine);
      factor0 = Math.sin((1 - t) * angle) / Math.sin(angle);
      factor1 = Math.sin(t * angle) / Math.sin(angle);
    }
    float[] factors = {(float) factor0, (float) factor1};
    WeightedSum.ofInputs(task, inputs(fromBase), factors, sink);
  }

  private static int[] inputs(boolean fromBase) {
    return fromBase ? new int[] {BlockReader.BASE, 0} : new int[] {0, 1};
  }

  private static Products products(TensorMerge task, boolean fromBase) {
    int[] inputs = inputs(fromBase);
    boolean packed = PackedMerge.packed(task, inputs);
    return Stripes.map(
            task,
            (in, stripe) ->
                packed ? packedProducts(in, stripe, inputs) : products(in, stripe, fromBase))
        .stream()
        .reduce(Products.NONE, Products::plus);
  }

  private static Products packedProducts(BlockReader in, int stripe, int[] inputs) {
    LaneSum dot = new LaneSum();
    LaneSum square0 = new LaneSum();
    LaneSum square1 = new LaneSum();
    PackedMerge.forEachPart(
        in,
        stripe,
        (offset, length) -> {
          byte[] first = in.packed(inputs[0], offset, length);
          byte[] second = in.packed(inputs[1], offset, length);
          LaneSum.addProductsAndSquares(dot, square0, square1, first, second, length);
        });
    if (!Double.isFinite(square0.sum() + square1.sum())) {
      throw in.notFinite(stripe, inputs);
    }
    return new Products(dot.sum(), square0.sum(), square1.sum());
  }

  private static Products products(BlockReader in, int stripe, boolean fromBase) {
    LaneSum dot = new LaneSum();
    LaneSum square0 = new LaneSum();
    LaneSum square1 = new LaneSum();
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      float[] first = first(in, fromBase, block);
      float[] second = second(in, fromBase, block);
      LaneSum.addProductsAndSquares(dot, square0, square1, first, second, in.length(block));
    }
    return new Products(dot.sum(), square0.sum(), square1.sum());
  }

  private static float[] first(BlockReader in, boolean fromBase, long block) {
    return fromBase ? in.base(block) : in.source(0, block);
  }

  private static float[] second(BlockReader in, boolean fromBase, long block) {
    return fromBase ? in.source(0, block) : in.source(1, block);
  }

  /** The three inner products that define an angle. */
  private record Products(double dot, double square0, double square1) {

    enum Of {
      BASE_AND_SOURCE,
      TWO_SOURCES
    }

    static final Products NONE = new Products(0, 0, 0);

    Products plus(Products other) {
      return new Products(dot + other.dot, square0 + other.square0, square1 + other.square1);
    }

    double cosine() {
      return dot / (norm(square0) * norm(square1));
    }

    private static double norm(double square) {
      double norm = Math.sqrt(square);
      return norm > SMALLEST_NORM ? norm : 1;
    }
  }
}
