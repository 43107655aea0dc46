package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.LaneSum;
import io.evomerge.tensor.TensorSink;
import java.util.Arrays;

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
    BlockReader in = new BlockReader(task);
    Products products =
        task.cached(
            fromBase ? Products.Of.BASE_AND_SOURCE : Products.Of.TWO_SOURCES,
            () -> products(in, fromBase));
    double t = scalar(task, "t");
    double factor0 = 1 - t;
    double factor1 = t;
    double cosine = products.cosine();
    if (Math.abs(cosine) <= LINEAR_COSINE) {
      double angle = Math.acos(cosine);
      factor0 = Math.sin((1 - t) * angle) / Math.sin(angle);
      factor1 = Math.sin(t * angle) / Math.sin(angle);
    }
    float[] out = in.newBlock();
    for (long block = 0; block < in.blocks(); block++) {
      int length = in.length(block);
      Arrays.fill(out, 0, length, 0f);
      Kernels.addScaled((float) factor0, first(in, fromBase, block), out, length);
      Kernels.addScaled((float) factor1, second(in, fromBase, block), out, length);
      sink.writeFloats(in.offset(block), out, 0, length);
    }
  }

  private static Products products(BlockReader in, boolean fromBase) {
    LaneSum dot = new LaneSum();
    LaneSum square0 = new LaneSum();
    LaneSum square1 = new LaneSum();
    for (long block = 0; block < in.blocks(); block++) {
      int length = in.length(block);
      float[] first = first(in, fromBase, block);
      float[] second = second(in, fromBase, block);
      dot.addProducts(first, second, length);
      square0.addProducts(first, first, length);
      square1.addProducts(second, second, length);
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

    double cosine() {
      return dot / (norm(square0) * norm(square1));
    }

    private static double norm(double square) {
      double norm = Math.sqrt(square);
      return norm > SMALLEST_NORM ? norm : 1;
    }
  }
}
