package io.evomerge.examples;

import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.picture.Picture;
import io.evomerge.result.picture.Pictures;
import io.evomerge.run.Journals;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Draws what a recipe or a search has made. */
@Command(
    name = "draw",
    description = {
      "Draws the path through the layers, or the weights of the layers, of a recipe, or of the best"
          + " model of a search by its journal, also while it goes on."
    },
    mixinStandardHelpOptions = true)
final class Draw implements Callable<Integer> {

  @Parameters(
      paramLabel = "RECIPE.yaml|JOURNAL_FOLDER",
      description = "A recipe file, or the folder that a search has as its journal.")
  private Path input = Path.of("");

  @Parameters(paramLabel = "PICTURE", description = "File ending in .svg or .png; replaced.")
  private Path picture = Path.of("");

  @Option(
      names = "--scale",
      description = "Pixels of a PNG per unit of the drawing. Default: ${DEFAULT-VALUE}.")
  private double scale = 2;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws IOException {
    String name = picture.getFileName().toString().toLowerCase(Locale.ROOT);
    if (!name.endsWith(".svg") && !name.endsWith(".png")) {
      throw new ParameterException(
          spec.commandLine(), "PICTURE: got " + picture + ", wanted a name in .svg or .png");
    }
    if (!(scale > 0 && scale <= 16)) {
      throw new ParameterException(
          spec.commandLine(), "--scale: got " + scale + ", wanted above 0, at most 16");
    }
    PrintWriter print = spec.commandLine().getOut();
    MergeRecipe recipe;
    if (Files.isDirectory(input)) {
      EvolutionResult result = Journals.read(input);
      recipe = result.best().recipe();
      print.printf(
          Locale.ROOT,
          "%d trials; best: %s, by %s%n",
          result.trials().size(),
          result.best().origin(),
          result.chosenBy());
    } else {
      recipe = RecipeFiles.read(input);
    }
    Picture drawn = Pictures.of(recipe);
    if (name.endsWith(".svg")) {
      drawn.writeSvg(picture);
    } else {
      try {
        drawn.writePng(picture, scale);
      } catch (UnsupportedOperationException e) {
        throw new IOException(e.getMessage(), e);
      }
    }
    print.println(picture.toAbsolutePath().normalize());
    return 0;
  }
}
