package io.evomerge.benchmarks;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.onnx.runtime.GenerationOptions;
import io.evomerge.onnx.runtime.LanguageModel;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.onnx.runtime.SessionMode;
import io.evomerge.recipe.DataFlow;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a candidate with a data flow path costs, against an ordinary model of as many layers on the
 * same batch: three models of eight layers, hidden size 256, a path of 12 hops.
 *
 * <p>Before anything is timed, paths with scales of 1 must give bit for bit the answers of the
 * ordinary model of the same layers, in every session mode; while it is timed, a path must have the
 * answers that it had before. Each invocation runs the ordinary model too, once before the path.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 7, time = 1)
@State(Scope.Benchmark)
public class DataFlowBenchmark {

  private static final int HOPS = 12;
  private static final int PATHS = 256;
  private static final GenerationOptions SIXTEEN = GenerationOptions.of(16, Set.of());

  /** What the model does. */
  public enum Work {
    /** The log-likelihood of 17 tokens after 48, 8 rows: 64 tokens are read. */
    SCORE,
    /** 16 tokens after 16, 8 rows. */
    WRITE,
    /** The logits after one token, one row. */
    ONE_TOKEN
  }

  /** What the model does. */
  @Param({"SCORE", "WRITE", "ONE_TOKEN"})
  public Work work;

  private final Map<DataFlow, Double> answers = new ConcurrentHashMap<>();
  private final List<DataFlow> paths = new ArrayList<>();
  private final List<DataFlow> lengths = new ArrayList<>();
  private final LayerPool pool = new LayerPool(256);
  private final WeightStore worker = WeightStore.allocate(List.of());
  private List<int[]> contexts;
  private List<int[]> continuations;
  private OnnxBackend backend;
  private OnnxBackend packed;
  private CandidateModel fixed;
  private int next;

  /** Makes the models and verifies what will be timed. */
  @Setup
  public void open() {
    backend = backend(SessionMode.LIVE);
    packed = backend(SessionMode.PACKED);
    SplittableRandom random = new SplittableRandom(2);
    for (int i = 0; i < PATHS; i++) {
      paths.add(pool.draw(HOPS, random));
      lengths.add(pool.draw(8 + random.nextInt(9), random));
    }
    contexts = tokens(random, work == Work.SCORE ? 48 : 16);
    continuations = tokens(random, 17);
    fixed = pool.stacked(paths.get(0));
    DataFlow same = LayerPool.unscaled(paths.get(0));
    for (OnnxBackend one : List.of(backend, packed)) {
      double wanted = run(one, LayerPool.again(fixed));
      double got = run(one, pool.candidate(same, worker));
      require(got == wanted, "the path gave " + got + ", the ordinary model " + wanted);
    }
    require(
        run(backend, pool.candidate(paths.get(0), worker))
            != run(backend, pool.candidate(paths.get(1), worker)),
        "two paths gave the same");
  }

  private static OnnxBackend backend(SessionMode mode) {
    return OnnxBackend.builder().cpu().sessionMode(mode).build();
  }

  private static List<int[]> tokens(SplittableRandom random, int length) {
    List<int[]> rows = new ArrayList<>();
    for (int row = 0; row < 8; row++) {
      rows.add(random.ints(length, 0, 1000).toArray());
    }
    return rows;
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }

  /** Frees everything. */
  @TearDown
  public void close() {
    worker.close();
    fixed.weights().close();
    backend.close();
    packed.close();
  }

  /** Returns a number that depends on all answers. */
  private double run(OnnxBackend one, CandidateModel candidate) {
    LanguageModel model = one.languageModel(candidate);
    return switch (work) {
      case SCORE -> Arrays.stream(model.logLikelihoods(contexts, continuations)).sum();
      case WRITE -> Arrays.deepHashCode(model.generate(contexts, SIXTEEN).toArray());
      case ONE_TOKEN -> model.lastLogits(List.of(new int[] {7}))[0][3];
    };
  }

  private double check(DataFlow path, double answer) {
    Double before = answers.putIfAbsent(path, answer);
    require(before == null || before == answer, "answers " + answer + " were " + before);
    return answer;
  }

  private double runPath(OnnxBackend one, DataFlow path) {
    return check(path, run(one, pool.candidate(path, worker)));
  }

  private double alternate(ProcessorTimes times, DoubleSupplier path) {
    return times.alternate(() -> run(backend, LayerPool.again(fixed)), path);
  }

  /**
   * The ordinary model once more: what the ratio scatters by.
   *
   * @param times are added to
   */
  @Benchmark
  public double sameModel(ProcessorTimes times) {
    return alternate(times, () -> run(backend, LayerPool.again(fixed)));
  }

  /**
   * The same path every time.
   *
   * @param times are added to
   */
  @Benchmark
  public double samePath(ProcessorTimes times) {
    return alternate(times, () -> runPath(backend, paths.get(0)));
  }

  /**
   * A different path of 12 hops every time.
   *
   * @param times are added to
   */
  @Benchmark
  public double randomPath(ProcessorTimes times) {
    return alternate(times, () -> runPath(backend, paths.get(next++ % PATHS)));
  }

  /**
   * Paths of 8 to 16 hops, 12 on average, and their sessions as they are needed.
   *
   * @param times are added to
   */
  @Benchmark
  public double randomLength(ProcessorTimes times) {
    return alternate(times, () -> runPath(backend, lengths.get(next++ % PATHS)));
  }

  /**
   * A graph and a session per candidate, with weights as inputs.
   *
   * @param times are added to
   */
  @Benchmark
  public double sessionPerCandidate(ProcessorTimes times) {
    return alternate(
        times,
        () -> {
          try (OnnxBackend own = backend(SessionMode.LIVE)) {
            return runPath(own, paths.get(next++ % PATHS));
          }
        });
  }

  /**
   * A graph and a session per candidate, with a copy of its weights in the kernels' layout.
   *
   * @param times are added to
   */
  @Benchmark
  public double packedPerCandidate(ProcessorTimes times) {
    // Packed weights may round otherwise, so there is no earlier answer to compare with.
    return alternate(times, () -> run(packed, pool.candidate(paths.get(next++ % PATHS), worker)));
  }
}
