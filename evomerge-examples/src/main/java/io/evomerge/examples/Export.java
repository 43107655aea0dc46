package io.evomerge.examples;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.mergekit.MergekitYaml;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes a recipe as a configuration of mergekit. */
@Command(
    name = "export",
    description = {
      "Writes a recipe, such as the recipe.yaml of an evolved model, as a configuration of mergekit.",
      "What mergekit cannot say is named, and nothing is written."
    },
    mixinStandardHelpOptions = true)
final class Export implements Callable<Integer> {

  @Mixin private Configuration configuration = new Configuration();

  @Parameters(index = "1", paramLabel = "MERGEKIT.yaml", description = "Must not exist.")
  private Path out = Path.of("");

  @Option(
      names = "--even-if-results-differ",
      description = "Also where mergekit's definition of the method is not the recipe's.")
  private boolean evenIfResultsDiffer;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws IOException {
    if (Files.exists(out)) {
      throw new FileAlreadyExistsException(out.toString(), null, "choose another file");
    }
    MergeRecipe recipe = configuration.recipe(spec.commandLine().getErr());
    List<CheckpointRef> models = new ArrayList<>(recipe.sources());
    recipe.base().ifPresent(models::add);
    Map<String, ModelLayout> layouts = new HashMap<>();
    for (CheckpointRef ref : models) {
      try (Checkpoint model = Checkpoints.open(ref)) {
        layouts.put(ref.name(), model.layout());
      }
    }
    MergekitYaml.Export export =
        evenIfResultsDiffer
            ? MergekitYaml.writeEvenIfResultsDiffer(recipe, layouts::get)
            : MergekitYaml.write(recipe, layouts::get);
    Files.writeString(out, export.yaml());
    export.notes().forEach(note -> spec.commandLine().getErr().println("note: " + note));
    spec.commandLine().getOut().println("Configuration: " + out.toAbsolutePath().normalize());
    return 0;
  }
}
