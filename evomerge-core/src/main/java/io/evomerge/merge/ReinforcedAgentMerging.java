package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.TensorSink;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * Averages what several sources changed and keeps, perhaps scaled up, what only one did; Yuan et
 * al. 2026, "Behavior Knowledge Merge in Reinforced Agentic Models", arXiv 2601.13572.
 */
final class ReinforcedAgentMerging extends CheckedOperator {

  private static final double EPSILON = 1e-5;

  private final boolean rescales;

  private ReinforcedAgentMerging(String name, boolean rescales, ParameterSpec... parameters) {
    super(name, BaseModel.REQUIRED, parameters);
    this.rescales = rescales;
  }

  static ReinforcedAgentMerging plain() {
    return new ReinforcedAgentMerging("ram", false, epsilon(true));
  }

  static ReinforcedAgentMerging plus() {
    return new ReinforcedAgentMerging(
        "ramplus_tl",
        true,
        global("r", -WIDE, 0.1, "Slope of the factor of what one source changed."),
        global("alpha", 0, 0.2, "Largest overlap that adds to that factor."),
        // Not searched by default: how much the sources overlap is then counted once.
        epsilon(false));
  }

  private static ParameterSpec global(String name, double min, double value, String description) {
    return new ParameterSpec(
        name,
        ParameterSpec.Scope.GLOBAL,
        ParameterSpec.Kind.REAL,
        min,
        WIDE,
        0,
        1,
        value,
        value,
        true,
        description);
  }

  private static ParameterSpec epsilon(boolean searched) {
    return new ParameterSpec(
        "epsilon",
        ParameterSpec.Scope.GLOBAL,
        ParameterSpec.Kind.REAL,
        0,
        WIDE,
        0,
        1e-3,
        EPSILON,
        EPSILON,
        searched,
        "A number counts as changed if it differs from the base by more than this.");
  }

  @Override
  void mergeChecked(TensorMerge task, TensorSink sink) {
    int sources = task.sources().size();
    float epsilon = (float) scalar(task, "epsilon");
    if (rescales) {
      float[] factors = factors(task, epsilon);
      Stripes.forEach(task, (in, stripe) -> addScaled(in, stripe, epsilon, factors, sink));
    } else {
      Stripes.forEach(task, (in, stripe) -> add(in, stripe, sources, epsilon, sink));
    }
  }

  private static void add(BlockReader in, int stripe, int sources, float epsilon, TensorSink sink) {
    Changes changes = new Changes(in, sources);
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      int length = in.length(block);
      changes.load(block, epsilon);
      Kernels.addMean(in.base(block), changes.sum, changes.counts, changes.sum, length);
      sink.writeFloats(in.offset(block), changes.sum, 0, length);
    }
  }

  private static void addScaled(
      BlockReader in, int stripe, float epsilon, float[] factors, TensorSink sink) {
    int sources = factors.length;
    Changes changes = new Changes(in, sources);
    float[] own = in.newBlock();
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      int length = in.length(block);
      changes.load(block, epsilon);
      Arrays.fill(own, 0, length, 0f);
      for (int s = 0; s < factors.length; s++) {
        Kernels.addScaledAbove(in.delta(s, block), epsilon, factors[s], own, length);
      }
      Kernels.addMeanOrSingle(
          in.base(block), changes.sum, changes.counts, own, changes.sum, length);
      sink.writeFloats(in.offset(block), changes.sum, 0, length);
    }
  }

  private float[] factors(TensorMerge task, float epsilon) {
    double r = scalar(task, "r");
    double alpha = scalar(task, "alpha");
    double fewest = task.semantics() == Semantics.MERGEKIT ? scalar(task, "epsilon") : 0;
    Overlap[] overlaps = task.cached(new OverlapKey(epsilon), () -> overlaps(task, epsilon));
    float[] factors = new float[overlaps.length];
    for (int s = 0; s < factors.length; s++) {
      Overlap overlap = overlaps[s];
      // Without a change of its own, a source has nothing that the factor could scale.
      double rho = overlap.unique() == 0 ? 0 : overlap.shared() / Math.max(overlap.unique, fewest);
      factors[s] = (float) (1 + r * Math.min(rho, alpha));
    }
    return factors;
  }

  private static Overlap[] overlaps(TensorMerge task, float epsilon) {
    int sources = task.sources().size();
    Overlap[] total = Stream.generate(() -> Overlap.NONE).limit(sources).toArray(Overlap[]::new);
    for (Overlap[] part :
        Stripes.map(task, (in, stripe) -> overlaps(in, stripe, sources, epsilon))) {
      for (int s = 0; s < sources; s++) {
        total[s] = total[s].plus(part[s]);
      }
    }
    return total;
  }

  private static Overlap[] overlaps(BlockReader in, int stripe, int sources, float epsilon) {
    Changes changes = new Changes(in, sources);
    long[] changed = new long[sources];
    long[] unique = new long[sources];
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      int length = in.length(block);
      changes.load(block, epsilon);
      for (int s = 0; s < changed.length; s++) {
        float[] delta = in.delta(s, block);
        changed[s] += Kernels.countAbove(delta, epsilon, changes.counts, changed.length, length);
        unique[s] += Kernels.countAbove(delta, epsilon, changes.counts, 1, length);
      }
    }
    Overlap[] overlaps = new Overlap[changed.length];
    for (int s = 0; s < overlaps.length; s++) {
      overlaps[s] = new Overlap(changed[s] - unique[s], unique[s]);
    }
    return overlaps;
  }

  /** By how many sources each element of a block is changed, and the sum of the changes. */
  private static final class Changes {
    private final BlockReader in;
    private final int sources;
    private final float[] sum;
    private final float[] counts;

    Changes(BlockReader in, int sources) {
      this.in = in;
      this.sources = sources;
      this.sum = in.newBlock();
      this.counts = in.newBlock();
    }

    void load(long block, float epsilon) {
      int length = in.length(block);
      Arrays.fill(sum, 0, length, 0f);
      Arrays.fill(counts, 0, length, 0f);
      for (int s = 0; s < sources; s++) {
        Kernels.addAbove(in.delta(s, block), epsilon, sum, counts, length);
      }
    }
  }

  private record OverlapKey(float epsilon) {}

  /**
   * How many elements a source changed.
   *
   * @param shared that another source changed, too
   * @param unique that no other source changed
   */
  private record Overlap(double shared, double unique) {
    static final Overlap NONE = new Overlap(0, 0);

    Overlap plus(Overlap other) {
      return new Overlap(shared + other.shared, unique + other.unique);
    }
  }
}
