package io.evomerge.benchmarks;

import io.evomerge.candidate.CandidateAssembler;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.CandidateModels;
import io.evomerge.candidate.MergedModelWriter;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.genome.Genome;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.onnx.runtime.LanguageModel;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterRecipeDecoder;
import io.evomerge.tensor.TensorBuffer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a candidate costs: from the genome to a session that can run, against the evaluation of the
 * 480 training items.
 *
 * <p>The recipes give every layer and source a weight and a density of its own, all of which change
 * from one candidate to the next. Before anything is timed, a recipe that must give the source
 * {@code math-en} is scored, and a merge in memory is compared with the folder that is written for
 * it; while evaluations are timed, a recipe must have the score that it had before.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 4, time = 1)
@State(Scope.Benchmark)
public class CandidateBenchmark {

  private static final int GENOMES = 8;

  /** Of 800 test items; the zoo's README has it as .486. */
  private static final long MATH_EN_RIGHT = 389;

  /** The operator. */
  @Param({"ties", "dare_ties"})
  public String operator;

  private Zoo zoo;
  private List<Genome> genomes;
  private ParameterRecipeDecoder decoder;
  private CandidateAssembler assembler;
  private CandidateAssembler uncached;
  private OnnxBackend backend;
  private TextEvaluator train;
  private final Map<MergeRecipe, Double> scores = new ConcurrentHashMap<>();

  /** Opens the models and verifies what will be timed. */
  @Setup
  public void open() throws IOException {
    MergeOperator method = MergeOperators.standard().get(operator);
    zoo = Zoo.open();
    genomes = zoo.genomes(method, GENOMES);
    decoder = zoo.decoder(method);
    assembler = assembler(method, 1L << 28);
    uncached = assembler(method, 0);
    backend = OnnxBackend.cpu();
    TextTask task = Zoo.japaneseMath();
    train = task.split("train").on(backend);
    verifyScore(method, task.split("test"));
    verifyWeights(decoder.decode(genomes.get(0)));
  }

  private CandidateAssembler assembler(MergeOperator method, long cacheBytes) {
    return CandidateAssembler.builder(method)
        .base(zoo.base())
        .sources(zoo.sources())
        .cacheBytes(cacheBytes)
        .build();
  }

  private void verifyScore(MergeOperator method, TextTask test) throws IOException {
    MergeRecipe mathEn =
        zoo.recipe(method).perSource("weight", 1, 0, 0).parameter("density", 1).build();
    try (WeightStore store = assembler.newStore()) {
      double score = test.evaluate(backend, assembler.assemble(mathEn, store)).score();
      require(
          Math.round(score * test.items().size()) == MATH_EN_RIGHT,
          "math-en has " + score + " on " + test.name());
    }
  }

  private void verifyWeights(MergeRecipe recipe) throws IOException {
    Path folder = Files.createTempDirectory("evomerge-benchmark");
    try (WeightStore store = assembler.newStore()) {
      Path written = folder.resolve("merged");
      MergedModelWriter.create().write(recipe, Optional.of(zoo.base()), zoo.sources(), written);
      CandidateModel merged = assembler.assemble(recipe, store);
      try (Checkpoint checkpoint = Checkpoints.open(written);
          WeightStore read = CandidateModels.load(checkpoint).weights()) {
        for (Map.Entry<String, TensorBuffer> tensor : read.tensors().entrySet()) {
          TensorBuffer ours = merged.weights().tensors().get(tensor.getKey());
          require(
              ours.bytes().equals(tensor.getValue().bytes()),
              "tensor '" + tensor.getKey() + "' differs from the written one");
        }
      }
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }

  /** Closes everything. */
  @TearDown
  public void close() {
    train.close();
    backend.close();
    assembler.close();
    uncached.close();
    zoo.close();
  }

  /** A worker's memory, and which recipe comes next. */
  @State(Scope.Thread)
  public static class Worker {
    WeightStore store;
    WeightStore uncachedStore;
    int next;

    /**
     * Allocates memory and makes the session.
     *
     * @param benchmark the shared part
     */
    @Setup
    public void allocate(CandidateBenchmark benchmark) throws IOException {
      store = benchmark.assembler.newStore();
      uncachedStore = benchmark.uncached.newStore();
      benchmark.evaluate(benchmark.candidate(this));
    }

    /** Frees the memory. */
    @TearDown
    public void free() {
      store.close();
      uncachedStore.close();
    }
  }

  /** A worker with a candidate that waits for its evaluation. */
  @State(Scope.Thread)
  public static class ReadyWorker extends Worker {
    CandidateModel candidate;

    /**
     * Makes the next candidate.
     *
     * @param benchmark the shared part
     */
    @Setup(Level.Invocation)
    public void assemble(CandidateBenchmark benchmark) {
      candidate = benchmark.candidate(this);
    }
  }

  private CandidateModel candidate(Worker worker) {
    Genome genome = genomes.get(worker.next++ % GENOMES);
    return assembler.assemble(decoder.decode(genome), worker.store);
  }

  private double evaluate(CandidateModel candidate) throws IOException {
    double score = train.evaluate(candidate).score();
    Double before = scores.putIfAbsent(candidate.recipe(), score);
    require(before == null || before == score, "score " + score + " was " + before);
    return score;
  }

  /** From the genome to a session that can run. */
  @Benchmark
  public LanguageModel mergeAndHandOver(Worker worker) {
    return backend.languageModel(candidate(worker));
  }

  /** The same merge where nothing is kept from one candidate to the next. */
  @Benchmark
  public CandidateModel mergeWithoutCache(Worker worker) {
    Genome genome = genomes.get(worker.next++ % GENOMES);
    return uncached.assemble(decoder.decode(genome), worker.uncachedStore);
  }

  /** The evaluation of a candidate that is there. */
  @Benchmark
  public double evaluate(ReadyWorker worker) throws IOException {
    return evaluate(worker.candidate);
  }

  /** Candidates and their evaluations, one worker. */
  @Benchmark
  @BenchmarkMode(Mode.Throughput)
  @OutputTimeUnit(TimeUnit.SECONDS)
  public double oneWorker(Worker worker) throws IOException {
    return evaluate(candidate(worker));
  }

  /** Candidates and their evaluations, two workers. */
  @Benchmark
  @BenchmarkMode(Mode.Throughput)
  @OutputTimeUnit(TimeUnit.SECONDS)
  @Threads(2)
  public double twoWorkers(Worker worker) throws IOException {
    return evaluate(candidate(worker));
  }
}
