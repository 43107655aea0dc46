package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.EvolutionRun;
import io.evomerge.run.Progress;
import io.evomerge.run.StopCondition;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/**
 * A search inside a host application: started in the background, watched, cancelled, awaited. No
 * backend is needed here: the fitness reads the weights themselves.
 */
public final class EmbedInYourApp implements AutoCloseable {

  private final EvoMerge search;
  private Optional<EvolutionRun> running = Optional.empty();

  /**
   * Prepares a search for the merge that stays closest to a norm of its head's weights.
   *
   * @param base the common base
   * @param sources the models to merge
   */
  public EmbedInYourApp(Path base, Path... sources) {
    search =
        EvoMerge.builder()
            .base(base)
            .sources(sources)
            .operator(MergeOperators.ties())
            .searchSpace(ParameterSpace.perLayerGroup(2).freeze("density", 0.8))
            .minimize("distance", new HeadNorm(60)::distance)
            .stopWhen(StopCondition.evaluations(50))
            .seed(7)
            .parallelism(2)
            .build();
  }

  /**
   * Runs the search and prints the recipe that it found.
   *
   * @param args the folders of the base and of the sources
   */
  public static void main(String[] args) {
    Path[] models = Stream.of(args).map(Path::of).toArray(Path[]::new);
    Path[] sources = Arrays.copyOfRange(models, 1, models.length);
    try (EmbedInYourApp app = new EmbedInYourApp(models[0], sources)) {
      System.out.println(RecipeFiles.toYaml(app.start().join().best().recipe()));
    }
  }

  /** Starts in the background. */
  public CompletableFuture<EvolutionResult> start() {
    EvolutionRun run = search.start();
    running = Optional.of(run);
    return run.completion();
  }

  /** Returns how far the search is, if it has started: for a status page. */
  public Optional<Progress> progress() {
    return running.map(EvolutionRun::progress);
  }

  /** Ends the search early; its future completes with the result so far. */
  public void cancel() {
    running.ifPresent(EvolutionRun::cancel);
  }

  @Override
  public void close() {
    search.close();
  }

  /**
   * A fitness as a class of the host's.
   *
   * @param wanted norm of the head's weights
   */
  record HeadNorm(double wanted) {

    double distance(CandidateModel candidate) {
      var head = candidate.weights().tensors().get("lm_head.weight").floats();
      double squares = 0;
      while (head.hasRemaining()) {
        double weight = head.get();
        squares += weight * weight;
      }
      return Math.abs(Math.sqrt(squares) - wanted);
    }
  }
}
