package io.evomerge.benchmarks;

import io.evomerge.EvoMerge;
import io.evomerge.candidate.CandidateAssembler;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.genome.Genome;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.ParameterRecipeDecoder;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.TrialRecord;
import io.evomerge.run.Progress;
import io.evomerge.run.RunListener;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Thousands of candidates in one process, and what its memory does: first merged by hand and run in
 * live sessions, then as the trials of a search with a journal.
 *
 * <p>The score of the first candidates is compared when they come again.
 */
final class CandidateSoak {

  private static final int STEP = 500;
  private static final int WARM_UP = 1_000;
  private static final int GENOMES = 500;
  private static final int ITEMS = 8;

  private final int candidates;
  private final List<ProcessMemory> samples = new ArrayList<>();

  private CandidateSoak(int candidates) {
    this.candidates = candidates;
  }

  /**
   * Runs it.
   *
   * @param args how many candidates, default 10,000; {@code merges} or {@code search} for one part
   *     only
   */
  public static void main(String[] args) throws IOException {
    CandidateSoak soak = new CandidateSoak(args.length == 0 ? 10_000 : Integer.parseInt(args[0]));
    String part = args.length < 2 ? "both" : args[1];
    if (!part.equals("search")) {
      soak.merges();
    }
    if (!part.equals("merges")) {
      soak.search();
    }
  }

  private void merges() throws IOException {
    System.out.println("merges in live sessions, " + ITEMS + " items each, alternately two stores");
    begin();
    MergeOperator operator = MergeOperators.dareTies();
    try (Zoo zoo = Zoo.open();
        OnnxBackend backend = OnnxBackend.cpu();
        TextEvaluator task = Zoo.japaneseMath().split("train").limit(ITEMS).on(backend);
        CandidateAssembler assembler =
            CandidateAssembler.builder(operator).base(zoo.base()).sources(zoo.sources()).build();
        WeightStore left = assembler.newStore();
        WeightStore right = assembler.newStore()) {
      ParameterRecipeDecoder decoder = zoo.decoder(operator);
      List<Genome> genomes = zoo.genomes(operator, GENOMES);
      double[] scores = new double[GENOMES];
      for (int i = 0; i < candidates; i++) {
        Genome genome = genomes.get(i % GENOMES);
        CandidateModel model =
            assembler.assemble(decoder.decode(genome), i % 2 == 0 ? left : right);
        double score = task.evaluate(model).score();
        if (i < GENOMES) {
          scores[i] = score;
        } else if (scores[i % GENOMES] != score) {
          throw new IllegalStateException("candidate " + i + " scored " + score);
        }
        sample(i + 1);
      }
    }
    end();
  }

  private void search() throws IOException {
    System.out.println("trials of a search with a journal, a fitness that reads one tensor");
    begin();
    Path folder = Files.createTempDirectory("evomerge-soak");
    try (Zoo zoo = Zoo.open();
        EvoMerge search =
            EvoMerge.builder()
                .base(zoo.base())
                .sources(zoo.sources().toArray(new Checkpoint[0]))
                .operator(MergeOperators.ties())
                .searchSpace(ParameterSpace.perLayer())
                .optimizer(Optimizers.cmaEs())
                .minimize("norm", CandidateSoak::headNorm)
                .stopWhen(StopCondition.evaluations(candidates))
                .parallelism(2)
                .journal(folder.resolve("journal"))
                .listener(
                    new RunListener() {
                      @Override
                      public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
                        sample((int) progress.evaluations());
                      }
                    })
                .build()) {
      EvolutionResult result = search.run();
      System.out.println(result.stopDetail());
    } finally {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
    end();
  }

  private static double headNorm(CandidateModel candidate) {
    FloatBuffer head = candidate.weights().tensors().get("lm_head.weight").floats();
    double squares = 0;
    while (head.hasRemaining()) {
      double weight = head.get();
      squares += weight * weight;
    }
    return Math.sqrt(squares);
  }

  private void begin() {
    samples.clear();
    System.out.println(" candidates   VmRSS  RssAnon  RssFile   used heap   (MiB)");
  }

  private void sample(int done) {
    if (done % STEP != 0) {
      return;
    }
    try {
      ProcessMemory memory = ProcessMemory.now();
      System.out.printf(
          Locale.ROOT,
          "%11d %7d %8d %8d %11d%n",
          done,
          memory.resident(),
          memory.anonymous(),
          memory.file(),
          ProcessMemory.usedHeap());
      if (done >= WARM_UP) {
        samples.add(memory);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void end() {
    if (samples.size() < 2) {
      return;
    }
    int half = samples.size() / 2;
    System.out.printf(
        Locale.ROOT,
        "VmRSS after %,d: mean of the first half %.0f MiB, of the second %.0f MiB%n%n",
        WARM_UP,
        samples.subList(0, half).stream().mapToLong(ProcessMemory::resident).average().orElse(0),
        samples.subList(half, samples.size()).stream()
            .mapToLong(ProcessMemory::resident)
            .average()
            .orElse(0));
  }
}
