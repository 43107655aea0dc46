package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.internal.RandomStream;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.linalg.DoubleMatrix;
import io.evomerge.internal.linalg.FloatMatrix;
import io.evomerge.internal.linalg.Matrix;
import io.evomerge.internal.linalg.Products;
import io.evomerge.internal.linalg.Spectra;
import io.evomerge.merge.ParallelFor;
import io.evomerge.recipe.BirthDecoder;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The arithmetic of births: parents' tensors to a child's, in blocks, rounded once to the element
 * type that the written model has. Safe for concurrent use with different children.
 */
final class BirthMerge {

  private static final int BLOCK = 1 << 14;

  /** Where the sine of the angle between two models is as small, they are interpolated linearly. */
  private static final double PARALLEL = 1e-6;

  private final @Nullable Checkpoint base;
  private final List<TensorInfo> tensors;
  private final long weights;

  /** Left singular vectors of task vectors, by expert and tensor. */
  private final Map<String, DoubleMatrix> directions = new ConcurrentHashMap<>();

  BirthMerge(@Nullable Checkpoint base, Checkpoint reference) {
    this.base = base;
    Comparator<TensorInfo> order =
        Comparator.comparing((TensorInfo info) -> role(reference, info).part())
            .thenComparing(info -> role(reference, info).layer())
            .thenComparing(TensorInfo::name);
    this.tensors =
        reference.tensors().values().stream()
            .filter(info -> info.dtype().isFloating())
            .sorted(order)
            .toList();
    this.weights = tensors.stream().mapToLong(TensorInfo::elementCount).sum();
  }

  private static TensorRole role(Checkpoint reference, TensorInfo info) {
    return reference.layout().role(info.name());
  }

  /** The floating-point tensors in the order in which a token meets them. */
  List<TensorInfo> tensors() {
    return tensors;
  }

  /**
   * Merges.
   *
   * @param recipe of a birth
   * @param parents read access to the tensors of each model of the recipe, in its order
   * @param child overwritten
   */
  void merge(
      MergeRecipe recipe,
      List<Function<String, TensorView>> parents,
      Map<String, TensorBuffer> child) {
    switch (recipe.operator()) {
      case BirthDecoder.SOURCE -> combine(parents, new double[] {1}, child);
      case BirthDecoder.SPLIT_SLERP -> splitSlerp(recipe, parents, child);
      case BirthDecoder.TASK_VECTORS -> taskVectors(recipe, parents, child);
      default ->
          throw new RecipeException(
              "'" + recipe.operator() + "' is no way in which a population's members are born");
    }
  }

  private void splitSlerp(
      MergeRecipe recipe,
      List<Function<String, TensorView>> parents,
      Map<String, TensorBuffer> child) {
    double noise = number(recipe, "noise").orElse(0.0);
    boolean two = parents.size() == 2;
    double weight = two ? number(recipe, "weight").orElse(0.0) : 0;
    long split = two ? (long) Math.floor(number(recipe, "split").orElse(1.0) * weights) : weights;
    double angle = two ? angle(parents) : 0;
    float[] before = slerp(angle, weight);
    float[] after = slerp(angle, 1 - weight);
    float[] a = new float[BLOCK];
    float[] b = new float[BLOCK];
    long start = 0;
    for (int t = 0; t < tensors.size(); t++) {
      TensorInfo info = tensors.get(t);
      RandomStream random = RandomStream.of(recipe.seed(), "noise of a birth", t);
      RoundingSink sink = new RoundingSink(child.get(info.name()), info.dtype());
      long cut = Math.max(0, Math.min(info.elementCount(), split - start));
      for (long at = 0; at < info.elementCount(); ) {
        long end = at < cut ? cut : info.elementCount();
        int count = (int) Math.min(BLOCK, end - at);
        read(parents.get(0), info, at, a, count);
        if (two) {
          read(parents.get(1), info, at, b, count);
          float[] factors = at < cut ? before : after;
          Kernels.sumOfTwo(factors[0], a, factors[1], b, a, count);
        }
        for (int i = 0; noise > 0 && i < count; i++) {
          a[i] += (float) (noise * random.nextGaussian());
        }
        sink.writeFloats(at, a, 0, count);
        at += count;
      }
      start += info.elementCount();
    }
  }

  /** The angle between two models as vectors of all their weights; 0 where one has no length. */
  private double angle(List<Function<String, TensorView>> parents) {
    double aa = 0;
    double ab = 0;
    double bb = 0;
    float[] a = new float[BLOCK];
    float[] b = new float[BLOCK];
    for (TensorInfo info : tensors) {
      for (long at = 0; at < info.elementCount(); at += BLOCK) {
        int count = (int) Math.min(BLOCK, info.elementCount() - at);
        read(parents.get(0), info, at, a, count);
        read(parents.get(1), info, at, b, count);
        aa += Kernels.dot(a, a, 0, count);
        ab += Kernels.dot(a, b, 0, count);
        bb += Kernels.dot(b, b, 0, count);
      }
    }
    double lengths = Math.sqrt(aa) * Math.sqrt(bb);
    return lengths > 0 ? StrictMath.acos(Math.max(-1, Math.min(1, ab / lengths))) : 0;
  }

  private static float[] slerp(double angle, double share) {
    double sine = StrictMath.sin(angle);
    if (!(sine > PARALLEL)) {
      return new float[] {(float) (1 - share), (float) share};
    }
    return new float[] {
      (float) (StrictMath.sin((1 - share) * angle) / sine),
      (float) (StrictMath.sin(share * angle) / sine)
    };
  }

  private void taskVectors(
      MergeRecipe recipe,
      List<Function<String, TensorView>> parents,
      Map<String, TensorBuffer> child) {
    List<Double> weights = recipe.parameters().get("weight").numbers();
    double sum = weights.stream().mapToDouble(Double::doubleValue).sum();
    double[] shares = weights.stream().mapToDouble(weight -> weight / sum).toArray();
    Optional<Double> mutation = number(recipe, "mutation");
    if (mutation.isEmpty()) {
      combine(parents, shares, child);
      return;
    }
    if (base == null) {
      throw new RecipeException(
          "the recipe mutates a task vector, and there is no base to take it from");
    }
    int expert = number(recipe, "expert").orElseThrow().intValue();
    String digest = recipe.sources().get(expert).sha256();
    for (int t = 0; t < tensors.size(); t++) {
      TensorInfo info = tensors.get(t);
      if (!isMatrix(info)) {
        combine(parents, shares, info, child);
        continue;
      }
      FloatMatrix sumOfModels = new FloatMatrix(rows(info), columns(info));
      add(parents, shares, info, 0, sumOfModels.values());
      RandomStream random = RandomStream.of(recipe.seed(), "mutation of a birth", t);
      addMutation(digest, parents.get(expert), info, mutation.get(), random, sumOfModels.values());
      new RoundingSink(child.get(info.name()), info.dtype())
          .writeFloats(0, sumOfModels.values(), 0, sumOfModels.values().length);
    }
  }

  /** Adds {@code U diag(u s) V^T = (U diag(u) U^T) D} of the expert's task vector D. */
  private void addMutation(
      String digest,
      Function<String, TensorView> expert,
      TensorInfo info,
      double mutation,
      RandomStream random,
      float[] sum) {
    FloatMatrix task = new FloatMatrix(rows(info), columns(info));
    expert.apply(info.name()).readFloats(0, task.values(), 0, task.values().length);
    float[] origin = new float[task.values().length];
    base.tensor(info.name()).readFloats(0, origin, 0, origin.length);
    Kernels.subtract(task.values(), origin, origin.length);
    Matrix wide = task.rows() <= task.columns() ? task : task.transposed();
    ParallelFor sequential = ParallelFor.sequential();
    DoubleMatrix left =
        directions.computeIfAbsent(
            digest + " " + info.name(),
            key -> Spectra.largest(wide, wide.rows(), sequential::run).left());
    int rank = left.rows();
    int side = wide.rows();
    DoubleMatrix scaled = new DoubleMatrix(side, rank);
    for (int i = 0; i < rank; i++) {
      double factor = mutation * random.nextDouble();
      for (int row = 0; row < side; row++) {
        scaled.values()[row * rank + i] = factor * left.values()[i * side + row];
      }
    }
    DoubleMatrix projection = new DoubleMatrix(side, side);
    Products.multiply(scaled, left, projection, sequential::run);
    FloatMatrix change = new FloatMatrix(rows(info), columns(info));
    Products.multiply(
        projection, wide, wide == task ? change : change.transposed(), sequential::run);
    Kernels.addScaled(1, change.values(), sum, sum.length);
  }

  private static boolean isMatrix(TensorInfo info) {
    return info.shape().size() == 2 && rows(info) > 1 && columns(info) > 1;
  }

  private static int rows(TensorInfo info) {
    return Math.toIntExact(info.shape().get(0));
  }

  private static int columns(TensorInfo info) {
    return Math.toIntExact(info.shape().get(1));
  }

  private void combine(
      List<Function<String, TensorView>> parents,
      double[] shares,
      Map<String, TensorBuffer> child) {
    tensors.forEach(info -> combine(parents, shares, info, child));
  }

  private static void combine(
      List<Function<String, TensorView>> parents,
      double[] shares,
      TensorInfo info,
      Map<String, TensorBuffer> child) {
    RoundingSink sink = new RoundingSink(child.get(info.name()), info.dtype());
    for (long at = 0; at < info.elementCount(); at += BLOCK) {
      float[] sum = new float[(int) Math.min(BLOCK, info.elementCount() - at)];
      add(parents, shares, info, at, sum);
      sink.writeFloats(at, sum, 0, sum.length);
    }
  }

  private static void add(
      List<Function<String, TensorView>> parents,
      double[] shares,
      TensorInfo info,
      long at,
      float[] sum) {
    float[] values = new float[sum.length];
    for (int i : IntStream.range(0, shares.length).filter(i -> shares[i] != 0).toArray()) {
      read(parents.get(i), info, at, values, sum.length);
      if (shares[i] == 1) {
        System.arraycopy(values, 0, sum, 0, sum.length);
      } else {
        Kernels.addScaled((float) shares[i], values, sum, sum.length);
      }
    }
  }

  private static void read(
      Function<String, TensorView> model, TensorInfo info, long at, float[] target, int count) {
    model.apply(info.name()).readFloats(at, target, 0, count);
    if (!Kernels.allFinite(target, count)) {
      throw new MergeException(
          "tensor '"
              + info.name()
              + "' has a weight that is NaN or infinite among the elements from "
              + at
              + " on; only finite models can have children");
    }
  }

  private static Optional<Double> number(MergeRecipe recipe, String name) {
    return Optional.ofNullable(recipe.parameters().get(name)).map(value -> value.numbers().get(0));
  }
}
