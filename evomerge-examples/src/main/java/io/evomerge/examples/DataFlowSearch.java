package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.onnx.language.EvaluationReport;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.StopReason;
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

/** Which layers of which models should a token pass, in which order? */
@Command(
    name = "dataflow",
    description = {
      "Evolves the path that a token takes through the layers of small language models, whose weights"
          + " stay as they are, and measures it on Japanese word problems beside the models.",
      "Fitness on 'train': --fitness; accuracy on 'valid' chooses, the model as it is competes; 'test'"
          + " is for reporting only."
    },
    mixinStandardHelpOptions = true)
final class DataFlowSearch implements Callable<Integer> {

  @Option(
      names = "--models",
      split = ",",
      paramLabel = "NAME",
      description =
          "Models of the zoo, the one at which paths start first. Default: ${DEFAULT-VALUE}.")
  private List<String> models = List.of("math-en", "ja");

  @Mixin private PathStudy study = new PathStudy();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws IOException {
    study.check(spec);
    PrintWriter print = spec.commandLine().getOut();
    PathStudy.Rows rows = new PathStudy.Rows();
    try (OnnxBackend backend = OnnxBackend.auto();
        PathStudy.Evaluators by = study.evaluators(backend)) {
      for (long seed : study.seeds) {
        try (Bar bar = new Bar();
            EvoMerge search = search(study, models, seed, by, "dataflow-" + seed, bar)) {
          EvaluationReport before = Measurement.of(search, search.template(), by.test());
          if (seed == study.seeds.get(0)) {
            rows.add(models.get(0), before);
          }
          EvolutionResult result = search.run();
          if (result.stopReason() == StopReason.CANCELLED) {
            print.println(study.interrupted());
            return 130;
          }
          MergeRecipe best = result.best().recipe();
          print.println(
              "seed "
                  + seed
                  + ", "
                  + result.best().origin()
                  + ", by "
                  + result.chosenBy()
                  + ": "
                  + PathStudy.describe(best));
          EvaluationReport after = Measurement.of(search, best, by.test());
          rows.add("path", after);
          rows.compare("path, seed " + seed + ", against " + models.get(0), after, before);
          Optional<MergeRecipe> plain = PathStudy.withoutScales(best);
          if (plain.isPresent()) {
            EvaluationReport without = Measurement.of(search, plain.get(), by.test());
            rows.add("path, all scales 1", without);
            rows.compare("its scales 1, seed " + seed + ", against the path", without, after);
          }
          PathStudy.printAblation(print, search.ablation(best, by.valid()));
          study.keep(search, result, "dataflow-" + seed);
        }
      }
    }
    print.println();
    print.println("On the untouched 'test' items:");
    rows.print(print);
    return 0;
  }

  static EvoMerge search(
      PathStudy study,
      List<String> models,
      long seed,
      PathStudy.Evaluators by,
      String name,
      Bar bar) {
    Path zoo = Zoo.folder();
    EvoMerge.Builder builder =
        EvoMerge.builder()
            .sources(models.stream().map(zoo::resolve).toArray(Path[]::new))
            .searchSpace(study.space())
            .optimizer(Optimizers.cmaEs())
            .maximize("right answers", by.train(), by.valid())
            .stopWhen(study.budget())
            .seed(seed)
            .parallelism(study.parallelism)
            .listener(bar);
    study.folder(name).map(folder -> folder.resolve("journal")).ifPresent(builder::journal);
    return builder.build();
  }
}
