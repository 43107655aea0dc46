package io.evomerge.examples;

import io.evomerge.candidate.MergedModelWriter;
import io.evomerge.candidate.PathForm;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.recipe.MergeRecipe;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes the model that a recipe or a configuration of mergekit describes. */
@Command(
    name = "merge",
    description =
        "Merges models as a recipe or a configuration of mergekit says, without evolution, into a"
            + " Hugging Face folder.",
    mixinStandardHelpOptions = true)
final class Merge implements Callable<Integer> {

  @Mixin private Configuration configuration = new Configuration();

  @Parameters(index = "1", paramLabel = "OUT_FOLDER", description = "Must not exist, or be empty.")
  private Path out = Path.of("");

  @Option(
      names = "--parallelism",
      description = "Threads. Default: the processors of this machine.")
  private int parallelism = Runtime.getRuntime().availableProcessors();

  @Option(names = "--overwrite", description = "Replace a model that is in the folder.")
  private boolean overwrite;

  @Option(
      names = "--allow-mixed-types",
      description = "Merge models of different floating-point types.")
  private boolean allowMixedTypes;

  @Option(
      names = "--compact",
      description =
          "Write each layer of a path once, with the path beside it, for the model code of"
              + " EvoLLM-JP-v1-10B. Default: an ordinary model, a layer per hop.")
  private boolean compact;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws Exception {
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    MergeRecipe recipe = configuration.recipe(spec.commandLine().getErr());
    MergedModelWriter.builder()
        .parallelism(parallelism)
        .pathForm(compact ? PathForm.COMPACT : PathForm.FOLDED)
        .allowMixedDtypes(allowMixedTypes)
        .writeOptions(WriteOptions.defaults().withOverwrite(overwrite))
        .build()
        .write(recipe, out);
    spec.commandLine().getOut().println("Merged model: " + out.toAbsolutePath().normalize());
    return 0;
  }
}
