package io.evomerge.recipe;

/** Text forms of recipes. */
public final class RecipeFiles {
  private RecipeFiles() {}
}
