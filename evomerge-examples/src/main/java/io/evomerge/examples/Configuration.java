package io.evomerge.examples;

import io.evomerge.candidate.MergekitRecipes;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.recipe.mergekit.MergekitConfig;
import io.evomerge.recipe.mergekit.ModelLocations;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A file that says what to merge: a recipe, or a configuration of mergekit. */
final class Configuration {

  private static final Pattern MERGEKIT = Pattern.compile("(?m)^[\"']?merge_method[\"']?\\s*:");

  @Parameters(
      index = "0",
      paramLabel = "CONFIG.yaml",
      description = {
        "A recipe, or a configuration of mergekit.",
        "Paths in it are relative to it; mergekit's may also name models in the --models folder"
            + " or in the cache of the Hugging Face hub."
      })
  private Path file = Path.of("");

  @Option(
      names = "--models",
      paramLabel = "FOLDER",
      description = "Where models of mergekit's configurations are, as organisation/name or name.")
  private @Nullable Path models;

  /** Reads the file; what is worth knowing about it is printed. */
  MergeRecipe recipe(PrintWriter notes) throws IOException {
    String text = Files.readString(file, StandardCharsets.UTF_8);
    if (!MERGEKIT.matcher(text).find()) {
      return RecipeFiles.read(file);
    }
    MergekitConfig config = MergekitConfig.read(file);
    config.warnings().forEach(warning -> notes.println("note: " + warning));
    Path folder = file.toAbsolutePath().normalize().getParent();
    ModelLocations where = ModelLocations.asWritten().configFolder(folder).hubCache(hubCache());
    return MergekitRecipes.compile(config, models == null ? where : where.modelsFolder(models));
  }

  private static Path hubCache() {
    for (String variable : new String[] {"HF_HUB_CACHE", "HF_HOME"}) {
      String value = System.getenv(variable);
      if (value != null && !value.isBlank()) {
        return Path.of(value);
      }
    }
    return Path.of(System.getProperty("user.home"), ".cache", "huggingface");
  }
}
