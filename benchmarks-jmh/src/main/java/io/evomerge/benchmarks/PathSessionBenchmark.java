package io.evomerge.benchmarks;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.onnx.runtime.GenerationOptions;
import io.evomerge.onnx.runtime.OnnxBackend;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it takes to make the session of a path length that was not there before: the first answer of
 * a backend against a later one, which must be the same.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@State(Scope.Benchmark)
public class PathSessionBenchmark {

  private static final List<int[]> PROMPT = List.of(new int[] {7});

  /** Length of the path. */
  @Param({"12", "36", "65"})
  public int hops;

  /** Whether it is the session for generation, which holds the decoder twice, or for logits. */
  @Param({"false", "true"})
  public boolean generation;

  private final LayerPool pool = new LayerPool(256);
  private final WeightStore worker = WeightStore.allocate(List.of());
  private OnnxBackend backend;
  private CandidateModel candidate;
  private double expected;

  /** Makes the models. */
  @Setup
  public void open() {
    backend = OnnxBackend.cpu();
    candidate = pool.candidate(pool.draw(hops, new SplittableRandom(3)), worker);
    expected = run(backend);
  }

  /** Frees everything. */
  @TearDown
  public void close() {
    worker.close();
    backend.close();
  }

  private double run(OnnxBackend one) {
    return generation
        ? one.languageModel(candidate).generate(PROMPT, GenerationOptions.of(2, Set.of())).get(0)[1]
        : one.languageModel(candidate).lastLogits(PROMPT)[0][3];
  }

  private double check(double answer) {
    if (answer != expected) {
      throw new IllegalStateException("got " + answer + ", wanted " + expected);
    }
    return answer;
  }

  /**
   * The first answer, against a later one.
   *
   * @param times are added to
   */
  @Benchmark
  public double firstAnswer(ProcessorTimes times) {
    return times.alternate(
        () -> check(run(backend)),
        () -> {
          try (OnnxBackend own = OnnxBackend.cpu()) {
            return check(run(own));
          }
        });
  }
}
