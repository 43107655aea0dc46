package io.evomerge.benchmarks;

import io.evomerge.genome.ParameterValues;
import io.evomerge.merge.MergeCache;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperator.BaseModel;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.MergeTask;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import io.evomerge.tensor.TensorViews;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How fast the operators merge one tensor of 4 M bfloat16 elements, against a copy of the same
 * bytes: where nothing is kept, as when files are written, and where another candidate has merged
 * the tensor before.
 *
 * <p>Before it is timed, a merge is compared with one that reads other blocks.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class MergeOperatorBenchmark {

  private static final TensorInfo INFO =
      new TensorInfo("weight", DType.BF16, List.of(2048L, 2048L));

  static final long BYTES_PER_INPUT = INFO.byteSize();

  private static final Map<String, double[]> PARAMETERS =
      Map.of(
          "weight",
          new double[] {0.6, 0.9},
          "density",
          new double[] {0.4, 0.7},
          "t",
          new double[] {0.3});

  /** Returns how many tensors each operator reads here, the base included. */
  static Map<String, Integer> inputs() {
    Map<String, Integer> inputs = new TreeMap<>();
    MergeOperators.standard()
        .forEach(
            (name, operator) ->
                inputs.put(
                    name,
                    Math.min(2, operator.maxSources())
                        + (operator.baseModel() == BaseModel.REQUIRED ? 1 : 0)));
    return inputs;
  }

  private static ByteBuffer random(int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int count = (int) INFO.elementCount();
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextDouble() - random.nextDouble()) / 16;
    }
    ByteBuffer bytes = ByteBuffer.allocateDirect((int) BYTES_PER_INPUT);
    FloatCodec.encode(DType.BF16, values, 0, bytes, 0, count);
    return bytes;
  }

  /** One operator's merge. */
  @State(Scope.Benchmark)
  public static class Merge {

    /** The operator. */
    @Param({
      "linear",
      "slerp",
      "task_arithmetic",
      "ties",
      "dare_linear",
      "dare_ties",
      "passthrough"
    })
    public String operator;

    private MergeOperator method;
    private MergeTask once;
    private MergeTask again;
    private final MemorySink sink = new MemorySink();

    /** Makes the inputs and verifies the merge. */
    @Setup
    public void verify() {
      method = MergeOperators.standard().get(operator);
      once = task(MergeCache.none(), MergeTask.DEFAULT_BLOCK_LENGTH);
      again = task(MergeCache.ofBytes(1L << 30), MergeTask.DEFAULT_BLOCK_LENGTH);
      MemorySink expected = new MemorySink();
      method.merge(task(MergeCache.none(), 10_001), expected);
      for (MergeTask task : List.of(once, again, again)) {
        sink.bytes.put(0, new byte[(int) BYTES_PER_INPUT]);
        method.merge(task, sink);
        if (!sink.bytes.equals(expected.bytes)) {
          throw new IllegalStateException(operator + " depends on blocks or on its cache");
        }
      }
    }

    private MergeTask task(MergeCache cache, int blockLength) {
      Map<String, double[]> values = new HashMap<>(PARAMETERS);
      values
          .keySet()
          .removeIf(name -> method.parameters().stream().noneMatch(p -> p.name().equals(name)));
      List<TensorView> views = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        views.add(TensorViews.of(INFO, random(i)));
      }
      MergeTask.Builder task =
          MergeTask.builder(INFO)
              .parameters(ParameterValues.of(values))
              .cache(cache)
              .blockLength(blockLength);
      if (method.baseModel() == BaseModel.REQUIRED) {
        task.base(views.get(0));
      }
      for (int i = 1; i <= Math.min(2, method.maxSources()); i++) {
        task.source("source-" + i, views.get(i));
      }
      return task.build();
    }
  }

  /** What a copy needs. */
  @State(Scope.Benchmark)
  public static class Copy {
    private final ByteBuffer from = random(1);
    private final ByteBuffer to = ByteBuffer.allocateDirect((int) BYTES_PER_INPUT);
  }

  /** Takes bfloat16 into memory. */
  private static final class MemorySink implements TensorSink {
    private final ByteBuffer bytes = ByteBuffer.allocateDirect((int) BYTES_PER_INPUT);

    @Override
    public TensorInfo info() {
      return INFO;
    }

    @Override
    public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
      FloatCodec.encode(DType.BF16, source, sourceOffset, bytes, (int) offset * 2, length);
    }

    @Override
    public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
      bytes.put((int) byteOffset, source, sourceOffset, length);
    }
  }

  /** Merges where nothing is kept. */
  @Benchmark
  public Object merge(Merge state) {
    state.method.merge(state.once, state.sink);
    return state.sink.bytes;
  }

  /** Merges where everything is kept that can be. */
  @Benchmark
  public Object mergeAgain(Merge state) {
    state.method.merge(state.again, state.sink);
    return state.sink.bytes;
  }

  /** Copies one input. */
  @Benchmark
  public Object copyOneInput(Copy state) {
    return state.to.put(0, state.from, 0, (int) BYTES_PER_INPUT);
  }
}
