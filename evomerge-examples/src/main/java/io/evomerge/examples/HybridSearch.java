package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.candidate.CandidateModels;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.EvaluationReport;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.StopReason;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Weights first, then the path: the paper's whole method. */
@Command(
    name = "hybrid",
    description = {
      "Evolves a merge of small language models, then the path of a token through the layers of the"
          + " merge and of the models, and measures sources, paths from the best source, the merge and"
          + " both on Japanese word problems.",
      "Fitness on 'train': for weights the mean log-likelihood of the answers, for paths what --fitness"
          + " says; accuracy on 'valid' chooses; 'test' is for reporting only."
    },
    mixinStandardHelpOptions = true)
final class HybridSearch implements Callable<Integer> {

  private static final List<String> SOURCES = List.of("math-en", "math-en-2", "ja");

  @Option(
      names = "--weight-evaluations",
      description = "Trials of the search for weights. Default: ${DEFAULT-VALUE}.")
  private int weightEvaluations = 600;

  @Option(
      names = "--models",
      split = ",",
      paramLabel = "NAME",
      description = "Models that lend layers to the merge. Default: ${DEFAULT-VALUE}.")
  private List<String> models = List.of("math-en", "ja");

  @Mixin private PathStudy study = new PathStudy();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws IOException {
    study.check(spec);
    Main.requireAtLeastOne(spec, "--weight-evaluations", weightEvaluations);
    PrintWriter print = spec.commandLine().getOut();
    PathStudy.Rows rows = new PathStudy.Rows();
    try (OnnxBackend backend = OnnxBackend.auto();
        PathStudy.Evaluators by = study.evaluators(backend)) {
      sources(by, rows);
      for (long seed : study.seeds) {
        boolean done = paths(print, by, rows, seed) && weightsThenPaths(print, by, rows, seed);
        if (!done) {
          print.println(study.interrupted());
          return 130;
        }
      }
    }
    print.println();
    print.println("On the untouched 'test' items:");
    rows.print(print);
    return 0;
  }

  private static void sources(PathStudy.Evaluators by, PathStudy.Rows rows) throws IOException {
    for (String source : SOURCES) {
      try (Checkpoint model = Checkpoints.open(Zoo.folder().resolve(source));
          WeightStore store = CandidateModels.newStore(model)) {
        rows.add(source, by.test().report(CandidateModels.load(model, store)));
      }
    }
  }

  private boolean paths(PrintWriter print, PathStudy.Evaluators by, PathStudy.Rows rows, long seed)
      throws IOException {
    String name = "dataflow-" + seed;
    try (Bar bar = new Bar();
        EvoMerge search =
            DataFlowSearch.search(study, List.of("math-en", "ja"), seed, by, name, bar)) {
      EvolutionResult result = search.run();
      if (result.stopReason() == StopReason.CANCELLED) {
        return false;
      }
      EvaluationReport start = Measurement.of(search, search.template(), by.test());
      measure(print, search, result, "path from math-en", seed, start, "math-en", by, rows);
      study.keep(search, result, name);
    }
    return true;
  }

  private boolean weightsThenPaths(
      PrintWriter print, PathStudy.Evaluators by, PathStudy.Rows rows, long seed)
      throws IOException {
    String name = "hybrid-" + seed;
    try (Bar bar = new Bar();
        EvoMerge search = search(seed, by, name, bar)) {
      EvolutionResult result = search.run();
      if (result.stopReason() == StopReason.CANCELLED) {
        return false;
      }
      MergeRecipe merge = result.stages().get("ps").best().recipe();
      EvaluationReport weights = Measurement.of(search, merge, by.test());
      rows.add("weights", weights);
      measure(print, search, result, "weights, then path", seed, weights, "weights", by, rows);
      study.keep(search, result, name);
    }
    return true;
  }

  private static void measure(
      PrintWriter print,
      EvoMerge search,
      EvolutionResult result,
      String kind,
      long seed,
      EvaluationReport start,
      String startName,
      PathStudy.Evaluators by,
      PathStudy.Rows rows) {
    MergeRecipe best = result.best().recipe();
    print.println(
        "seed " + seed + ", " + kind + ": " + result.best().origin() + ", by " + result.chosenBy());
    print.println("  " + PathStudy.describe(best));
    EvaluationReport after = Measurement.of(search, best, by.test());
    rows.add(kind, after);
    rows.compare(kind + ", seed " + seed + ", against " + startName, after, start);
    Optional<MergeRecipe> plain = PathStudy.withoutScales(best);
    if (plain.isPresent()) {
      EvaluationReport without = Measurement.of(search, plain.get(), by.test());
      rows.add(kind + ", all scales 1", without);
      rows.compare("  with all scales 1", without, after);
    }
    PathStudy.printAblation(print, search.ablation(best, by.valid()));
  }

  /** The whole method in one builder: what a program of your own would hold. */
  private EvoMerge search(long seed, PathStudy.Evaluators by, String name, Bar bar) {
    Path zoo = Zoo.folder();
    EvoMerge.Builder builder =
        EvoMerge.builder()
            .base(zoo.resolve("base"))
            .sources(SOURCES.stream().map(zoo::resolve).toArray(Path[]::new))
            .optimizer(Optimizers.cmaEs())
            .maximize("right answers", by.train(), by.valid())
            .seed(seed)
            .parallelism(study.parallelism)
            .listener(bar)
            .stage(
                "ps",
                stage ->
                    stage
                        .operator(MergeOperators.ties())
                        .searchSpace(
                            ParameterSpace.perLayer()
                                .range("weight", -1, 2)
                                .start("weight", 0.7)
                                .start("weight", "ja", 0.4)
                                .step("weight", 0.3)
                                .freeze("density", 0.9))
                        .maximize("log-likelihood", by.likelihood(), by.valid())
                        .stopWhen(StopCondition.evaluations(weightEvaluations)))
            .stage(
                "dfs",
                stage ->
                    stage
                        .addBestOf("ps")
                        .pathModels(models.toArray(String[]::new))
                        .searchSpace(study.space())
                        .stopWhen(study.budget()));
    study.folder(name).map(folder -> folder.resolve("journal")).ifPresent(builder::journal);
    return builder.build();
  }
}
