package io.evomerge.recipe;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.RecipeException;
import io.evomerge.internal.json.StrictJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * All births that lead to a model: enough to rebuild it from its sources, bit for bit; immutable.
 *
 * <p>The recipe of a birth names its parents as its models. A parent that was born itself has the
 * digest of its own recipe as {@code sha256}; as that recipe has the digests of its parents, a
 * digest stands for the whole line back to the weights of the sources.
 *
 * @param member the model's own recipe
 * @param births the recipes of its ancestors by digest, parents before children, sources left out
 */
public record Lineage(MergeRecipe member, Map<String, MergeRecipe> births) {

  private static final String VERSION = "evomerge_lineage";

  /**
   * Copies and checks.
   *
   * @throws RecipeException if a digest is not that of its recipe
   */
  public Lineage {
    births = Collections.unmodifiableMap(new LinkedHashMap<>(births));
    births.forEach(
        (digest, recipe) -> {
          if (!recipe.digest().equals(digest)) {
            throw new RecipeException(
                "lineage: the birth '"
                    + digest
                    + "' has the recipe of '"
                    + recipe.digest()
                    + "'; the file was altered");
          }
        });
  }

  /**
   * Collects the births that lead to a model.
   *
   * @param member the model's recipe
   * @param born finds the recipe of a birth by its digest; empty for a source
   */
  static Lineage of(MergeRecipe member, Function<String, Optional<MergeRecipe>> born) {
    Map<String, MergeRecipe> births = new LinkedHashMap<>();
    List<MergeRecipe> path = new ArrayList<>(List.of(member));
    while (!path.isEmpty()) {
      MergeRecipe last = path.get(path.size() - 1);
      Optional<MergeRecipe> missing =
          last.sources().stream()
              .filter(parent -> !births.containsKey(parent.sha256()))
              .flatMap(parent -> born.apply(parent.sha256()).stream())
              .findFirst();
      if (missing.isPresent()) {
        path.add(missing.get());
      } else {
        path.remove(path.size() - 1);
        if (!path.isEmpty()) {
          births.put(last.digest(), last);
        }
      }
    }
    return new Lineage(member, births);
  }

  /** Returns the recipe of a parent, or empty if it is a source. */
  public Optional<MergeRecipe> birth(CheckpointRef parent) {
    return Optional.ofNullable(births.get(parent.sha256()));
  }

  /** Returns the text form: JSON, every number reads back as the same double. */
  public String toJson() {
    ObjectNode root = JsonMapper.builder().build().createObjectNode();
    root.put(VERSION, 1);
    root.set("member", tree(member));
    ObjectNode all = root.putObject("births");
    births.forEach((digest, recipe) -> all.set(digest, tree(recipe)));
    ObjectWriter writer = JsonMapper.builder().build().writerWithDefaultPrettyPrinter();
    try {
      return writer.writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static JsonNode tree(MergeRecipe recipe) {
    try {
      return StrictJson.object(RecipeFiles.toJson(recipe).getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Reads the text form; paths stay as written.
   *
   * @param json from {@link #toJson}
   * @throws RecipeException if it is none
   */
  public static Lineage fromJson(String json) {
    ObjectNode root;
    try {
      root = StrictJson.object(json.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new RecipeException("lineage: no JSON object: " + e.getMessage(), e);
    }
    if (root.path(VERSION).asInt() != 1 || !root.path("births").isObject()) {
      throw new RecipeException(
          "lineage: wanted '" + VERSION + ": 1', 'member' and 'births', as EvoMerge writes them");
    }
    Map<String, MergeRecipe> births = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> birth : root.path("births").properties()) {
      births.put(birth.getKey(), RecipeFiles.fromJson(birth.getValue().toString()));
    }
    return new Lineage(RecipeFiles.fromJson(root.path("member").toString()), births);
  }
}
