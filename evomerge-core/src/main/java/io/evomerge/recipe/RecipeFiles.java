package io.evomerge.recipe;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.RecipeException;
import io.evomerge.internal.files.WholeFile;
import io.evomerge.internal.text.TextNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.UnaryOperator;

/**
 * Text forms of recipes; every number reads back as the same double. Safe for concurrent use.
 *
 * <pre>
 * evomerge: 1
 * operator: dare_ties
 * semantics: paper                 # or mergekit; default paper
 * base: {name: base, path: zoo/base, sha256: ...}
 * sources:                         # a plain path will do: the name is its last part
 *   - {name: math-en, path: zoo/math-en, sha256: ...}
 *   - zoo/ja
 * parameters: {lambda: 1.0, normalize: false, weight: [1.0, 0.5]}
 * groups:                          # the last group that gives a parameter wins
 *   - {select: layers.0.attention, weight: {math-en: 0.4, ja: 0.6}, density: 0.5}
 * seed: 42                         # default 0
 * dtype: bfloat16                  # default: each tensor keeps its own
 * tokenizer: base                  # default: the base, else the first source
 * slices:                          # default: each layer from the same layer of all models
 *   - {math-en: [0, 12], ja: [0, 12]}
 *   - {ja: [8, 24]}
 * vocabulary: {source: union, tokens: {"&lt;|im_start|>": {model: ja}}, pad_to_multiple_of: 64}
 * chat_template: ...               # Jinja; default: the tokenizer's own
 * statistics: {math-en: stats/math-en.safetensors}   # for operators that need activations
 * </pre>
 *
 * <p>A model may be {@code {path: zoo/base, adapter: zoo/lora}}: a LoRA adapter on a base. A slice
 * gives the layers from the first number up to, not including, the second. {@code vocabulary} is
 * {@code base}, {@code union} or the name of a model, and a token {@code zero}, {@code default},
 * {@code {model: ja}}, {@code {model: ja, token: ...}} or {@code {model: ja, id: 5}}, each also
 * with {@code force: true}; see {@link VocabularyChoice}. A list is one number per source in their
 * order, a map names them, flags may be true or false. Selectors are those of {@link
 * io.evomerge.checkpoint.TensorSelector}. JSON has the same keys.
 */
public final class RecipeFiles {

  private RecipeFiles() {}

  /**
   * Writes YAML.
   *
   * @param recipe any
   */
  public static String toYaml(MergeRecipe recipe) {
    return RecipeText.toYaml(recipe);
  }

  /**
   * Writes JSON for people; see {@link MergeRecipe#canonicalJson()} for the one to digest.
   *
   * @param recipe any
   */
  public static String toJson(MergeRecipe recipe) {
    return RecipeText.toJson(recipe);
  }

  /**
   * Reads YAML; paths stay as written.
   *
   * @param text one document
   * @throws RecipeException listing every mistake with its line
   */
  public static MergeRecipe fromYaml(String text) {
    return parse(new YAMLFactory(), text, UnaryOperator.identity());
  }

  /**
   * Reads JSON; paths stay as written.
   *
   * @param text one document
   * @throws RecipeException listing every mistake with its line
   */
  public static MergeRecipe fromJson(String text) {
    return parse(new JsonFactory(), text, UnaryOperator.identity());
  }

  /**
   * Reads a recipe file; relative paths in it are relative to its folder.
   *
   * @param file ending in {@code .yaml}, {@code .yml} or {@code .json}
   * @throws IOException if it cannot be read
   * @throws RecipeException if it is no recipe; the message names the file
   */
  public static MergeRecipe read(Path file) throws IOException {
    JsonFactory format = isJson(file) ? new JsonFactory() : new YAMLFactory();
    String text = Files.readString(file, StandardCharsets.UTF_8);
    try {
      return parse(format, text, written -> slashes(file.resolveSibling(written).normalize()));
    } catch (RecipeException e) {
      throw new RecipeException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Writes a recipe file; relative paths, which are relative to the working directory, are written
   * relative to the file's folder, so that {@link #read} finds the same files. The file appears
   * complete or not at all; an existing one is replaced.
   *
   * @param recipe any
   * @param file ending in {@code .yaml}, {@code .yml} or {@code .json}, in an existing folder
   * @throws IOException if it cannot be written
   */
  public static void write(MergeRecipe recipe, Path file) throws IOException {
    WholeFile.write(file, textFor(recipe, file).getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Returns the text that {@link #write} would write, for those who write files in their own way.
   *
   * @param recipe any
   * @param file where the text will stand; decides format and relative paths
   */
  public static String textFor(MergeRecipe recipe, Path file) {
    boolean json = isJson(file);
    Path folder = file.toAbsolutePath().normalize().getParent();
    UnaryOperator<CheckpointRef> relative =
        ref ->
            new CheckpointRef(
                ref.name(),
                relative(ref.location(), folder),
                ref.adapter().map(adapter -> relative(adapter, folder)),
                ref.sha256());
    MergeRecipe.Builder local = recipe.toBuilder();
    recipe.base().map(relative).ifPresent(local::base);
    local.sources(recipe.sources().stream().map(relative).toList());
    recipe.statistics().forEach((name, ref) -> local.statistics(name, relative.apply(ref)));
    recipe
        .dataFlow()
        .ifPresent(
            flow ->
                local.dataFlow(
                    new DataFlow(
                        flow.merged(),
                        flow.models().stream().map(relative).toList(),
                        flow.hops(),
                        flow.scaling())));
    return json ? toJson(local.build()) : toYaml(local.build());
  }

  private static String relative(String location, Path folder) {
    Path path = Path.of(location);
    if (path.isAbsolute() || folder == null) {
      return location;
    }
    Path absolute = path.toAbsolutePath().normalize();
    return absolute.getRoot().equals(folder.getRoot())
        ? slashes(folder.relativize(absolute))
        : slashes(absolute);
  }

  private static String slashes(Path path) {
    return path.toString().replace('\\', '/');
  }

  private static boolean isJson(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".json")) {
      return true;
    }
    if (name.endsWith(".yaml") || name.endsWith(".yml")) {
      return false;
    }
    throw new RecipeException(
        "recipe file '" + file + "': wanted a name that ends in .yaml, .yml or .json");
  }

  private static MergeRecipe parse(JsonFactory format, String text, UnaryOperator<String> resolve) {
    TextNode root = TextNode.parse(format, "recipe", text);
    return new RecipeReader(resolve).read(root);
  }
}
