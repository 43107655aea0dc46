package io.evomerge.candidate;

import io.evomerge.recipe.MergeRecipe;
import java.nio.file.Path;

/**
 * A merged model on disk.
 *
 * @param folder a complete Hugging Face folder
 * @param recipe what it was made from, with the digests of all models filled in
 * @param parameterCount number of floating-point weights
 * @param bytes size of the weights
 */
public record WrittenModel(Path folder, MergeRecipe recipe, long parameterCount, long bytes) {}
