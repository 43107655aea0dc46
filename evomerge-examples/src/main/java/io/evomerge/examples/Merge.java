package io.evomerge.examples;

import io.evomerge.candidate.MergedModelWriter;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes the model that a recipe describes. */
@Command(
    name = "merge",
    description = "Merges models as a recipe says, without evolution, into a Hugging Face folder.",
    mixinStandardHelpOptions = true)
final class Merge implements Callable<Integer> {

  @Parameters(
      paramLabel = "CONFIG.yaml",
      description = "The recipe; paths in it are relative to it.")
  private Path config = Path.of("");

  @Parameters(paramLabel = "OUT_FOLDER", description = "Must not exist, or be empty.")
  private Path out = Path.of("");

  @Option(
      names = "--parallelism",
      description = "Threads. Default: the processors of this machine.")
  private int parallelism = Runtime.getRuntime().availableProcessors();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws Exception {
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    MergeRecipe recipe = RecipeFiles.read(config);
    MergedModelWriter.builder().parallelism(parallelism).build().write(recipe, out);
    spec.commandLine().getOut().println("Merged model: " + out.toAbsolutePath().normalize());
    return 0;
  }
}
