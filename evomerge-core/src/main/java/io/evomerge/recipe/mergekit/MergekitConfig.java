package io.evomerge.recipe.mergekit;

import io.evomerge.exception.RecipeException;
import io.evomerge.recipe.MergeRecipe;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * A configuration of mergekit (Goddard et al. 2024, "Arcee's MergeKit", arXiv 2403.13257);
 * immutable.
 *
 * <p>All of mergekit's keys are read: {@code merge_method}, {@code models}, {@code slices}, {@code
 * modules} with the one module {@code default}, {@code base_model}, {@code parameters} at every
 * level, {@code dtype}, {@code out_dtype}, {@code tokenizer_source}, {@code tokenizer}, {@code
 * chat_template}; a {@code name} is kept. A parameter is a number, true or false, a gradient (a
 * list), or a list of {@code {filter, value}} with any of those as value. YAML anchors and aliases
 * may be used. Where mergekit ignores an unknown key, this is an error.
 *
 * <p>What is not supported is refused by name: several modules, base models that differ between
 * slices, {@code override_architecture}, tokenizers of models outside the merge, merge methods that
 * this library does not have.
 *
 * <p>{@code MergekitRecipes}, two floors up, finds and opens the models of a configuration.
 */
public final class MergekitConfig {

  private final ConfigDocument document;

  private MergekitConfig(ConfigDocument document) {
    this.document = document;
  }

  /**
   * Reads a file.
   *
   * @param file YAML in UTF-8
   * @throws IOException if it cannot be read
   * @throws RecipeException listing every mistake with its line; the message names the file
   */
  public static MergekitConfig read(Path file) throws IOException {
    String text = Files.readString(file, StandardCharsets.UTF_8);
    try {
      return parse(text);
    } catch (RecipeException e) {
      throw new RecipeException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Reads a text.
   *
   * @param yaml one document
   * @throws RecipeException listing every mistake with its line
   */
  public static MergekitConfig parse(String yaml) {
    return new MergekitConfig(ConfigReader.read(yaml));
  }

  /** Returns the merge method, the name of an operator of this library. */
  public String mergeMethod() {
    return document.method().name();
  }

  /** Returns the {@code name}, if there is one. */
  public Optional<String> name() {
    return document.name();
  }

  /**
   * Returns what is written but changes nothing, a sentence each: parameters that the method does
   * not use, {@code residual_weight}; and models that a slice lists twice.
   */
  public List<String> warnings() {
    return document.warnings();
  }

  /** Returns the models that must be opened, each once: the base, then the others in order. */
  public List<ModelReference> referencedModels() {
    Set<ModelReference> models = new LinkedHashSet<>();
    document.base().ifPresent(models::add);
    document.slices().forEach(slice -> slice.sources().forEach(s -> models.add(s.model())));
    return new ArrayList<>(models);
  }

  /**
   * Compiles the recipe that this configuration is for given models, with {@link
   * io.evomerge.genome.Semantics#MERGEKIT} and seed 0.
   *
   * <p>The value of each parameter is computed for every tensor as mergekit computes it, to the
   * last bit, then said with few groups. A gradient is interpolated over the layers of its slice,
   * from 0 for the first to 1 for the last layer (1 if there is only one); tensors outside the
   * layers take its first value. Of a list of filters the first counts that is part of the tensor's
   * name. A value of a model counts before one of its slice, this before one of the module, this
   * before one of the configuration, this before the default.
   *
   * <p>Where the method takes no base (linear, karcher, passthrough), {@code base_model} is a
   * source like the others if it is listed or {@code models} are given, and gives configuration and
   * tokenizer. A model that a slice lists twice becomes two sources. Models are named after the
   * last part of their path, made unique by a number. The element type is {@code out_dtype}, else
   * {@code dtype}: mergekit computes in {@code dtype}, this library always in float32.
   *
   * @param models gives what is known of each of {@link #referencedModels()}; called once for each
   * @throws RecipeException listing every mistake: layers that a model does not have, models of
   *     different depth, a parameter that is missing for a tensor, an unknown name of a chat
   *     template
   */
  public MergeRecipe toRecipe(Function<ModelReference, ReferencedModel> models) {
    Map<ModelReference, ReferencedModel> known = new LinkedHashMap<>();
    referencedModels().forEach(reference -> known.put(reference, models.apply(reference)));
    return new RecipeCompiler(document, known).compile();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MergekitConfig that && document.equals(that.document);
  }

  @Override
  public int hashCode() {
    return document.hashCode();
  }

  @Override
  public String toString() {
    return "MergekitConfig[" + mergeMethod() + " of " + referencedModels() + "]";
  }
}
