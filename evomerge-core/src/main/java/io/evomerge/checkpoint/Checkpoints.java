package io.evomerge.checkpoint;

import io.evomerge.exception.CheckpointException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** Opens checkpoints and tells whether they can be merged. */
public final class Checkpoints {

  private Checkpoints() {}

  /**
   * Opens a checkpoint under the last part of its path as its name.
   *
   * @param location see {@link #open(Path, String)}
   * @throws IOException if it is not there or cannot be read
   * @throws CheckpointException if it is not what its format demands
   */
  public static Checkpoint open(Path location) throws IOException {
    Path last = location.toAbsolutePath().normalize().getFileName();
    return open(location, last == null ? location.toString() : last.toString());
  }

  /**
   * Opens a checkpoint.
   *
   * <p>Built in: a Hugging Face folder with {@code model.safetensors}, or with shards and {@code
   * model.safetensors.index.json}; one {@code .safetensors} file. Further formats come from {@link
   * CheckpointFormat} services. Headers are read and checked, weights are memory-mapped. Where
   * {@code config.json} says {@code tie_word_embeddings: true} (absent counts as false), a stored
   * head that repeats the token embedding is left out of {@link Checkpoint#tensors()}.
   *
   * @param location a folder or file
   * @param name the short name by which recipes and messages call it
   * @throws IOException if it is not there or cannot be read
   * @throws CheckpointException if it is not what its format demands; the message names the file,
   *     what it has, what it should have and what to do
   */
  public static Checkpoint open(Path location, String name) throws IOException {
    if (name.isBlank()) {
      throw new IllegalArgumentException("the name of a checkpoint must not be blank");
    }
    if (!Files.exists(location)) {
      throw new NoSuchFileException(
          location.toString(), null, "there is no checkpoint: give a model folder or file");
    }
    if (HuggingFaceCheckpoint.accepts(location)) {
      return HuggingFaceCheckpoint.open(location, name);
    }
    List<String> formats = new ArrayList<>();
    for (CheckpointFormat format :
        ServiceLoader.load(CheckpointFormat.class, Checkpoints.class.getClassLoader())) {
      if (format.accepts(location)) {
        return format.open(location, name);
      }
      formats.add(format.name());
    }
    throw HuggingFaceCheckpoint.refusal(location, formats);
  }

  /**
   * Opens a model to which a LoRA adapter is applied whenever it is read.
   *
   * <p>The adapter is a PEFT folder: {@code adapter_config.json} and {@code
   * adapter_model.safetensors}. A weight {@code W} of shape [out, in] becomes {@code W + s B A},
   * {@code B} of shape [out, r], {@code A} of shape [r, in], {@code s = alpha / r} (Hu et al. 2021,
   * arXiv 2106.09685) or, with {@code use_rslora}, {@code alpha / sqrt(r)} (Kalajdzievski 2023,
   * arXiv 2312.03732); rank and alpha follow {@code rank_pattern} and {@code alpha_pattern}. With
   * {@code fan_in_fan_out} and for embeddings, the product is transposed. With {@code use_dora},
   * the rows of the sum get the norms of {@code lora_magnitude_vector} (Liu et al. 2024, arXiv
   * 2402.09353). Tensors of {@code modules_to_save} and biases replace the base's.
   *
   * <p>Names, shapes, element types, configuration, layout, companion files and metadata are the
   * base's. {@code readFloats} gives the adapted numbers in float32, computed for the elements that
   * are asked for and not rounded to the element type; {@code readBytes} rounds them once. The same
   * bits come out in whatever blocks a tensor is read. {@link Checkpoint#sha256()} is the digest of
   * the lines {@code <sha256 of the base> base}, {@code <sha256> adapter_config.json} and {@code
   * <sha256> adapter_model.safetensors}, and {@link Checkpoint#ref()} names the adapter. The
   * factors stay in memory in float32 while there is room. Closing it closes the base, too.
   *
   * <p>That the adapter was trained on a base of another name is only logged.
   *
   * @param location the base model; see {@link #open(Path, String)}
   * @param adapter the folder of the adapter
   * @param name the short name by which recipes and messages call the adapted model
   * @throws IOException if base or adapter is not there, or cannot be read
   * @throws CheckpointException if one of them is not what its format demands, or the adapter is of
   *     another kind than LoRA and DoRA, changes the base when it is initialised (PiSSA, OLoRA and
   *     the like), is a pickle, or has tensors that do not fit the base's; the message says what to
   *     do
   */
  public static Checkpoint open(Path location, Path adapter, String name) throws IOException {
    Checkpoint base = open(location, name);
    try {
      return new AdaptedCheckpoint(base, adapter, LoraAdapter.open(adapter, base));
    } catch (IOException | RuntimeException e) {
      base.close();
      throw e;
    }
  }

  /**
   * Opens the checkpoint that a recipe names, with its adapter if it has one; its digest is not
   * compared.
   *
   * @param ref of a recipe; a relative location is relative to the working directory
   * @throws IOException if it is not there or cannot be read
   * @throws CheckpointException if it is not what its format demands
   */
  public static Checkpoint open(CheckpointRef ref) throws IOException {
    Path location = Path.of(ref.location());
    return ref.adapter().isPresent()
        ? open(location, Path.of(ref.adapter().get()), ref.name())
        : open(location, ref.name());
  }

  /**
   * Checks that models can be merged with one another, all of one element type per tensor.
   *
   * @param reference the base model, or the first source
   * @param others the other models
   * @throws IncompatibleCheckpointsException if they differ; see {@link
   *     #requireMergeable(Checkpoint, List, boolean)}
   */
  public static void requireMergeable(Checkpoint reference, List<? extends Checkpoint> others) {
    requireMergeable(reference, others, false);
  }

  /**
   * Checks that models can be merged with one another: same architecture, vocabulary, tensors,
   * shapes and element types.
   *
   * <p>Reads configurations and tokenizer files, no weights. A tokenizer that only has more tokens
   * than the other's, in rows that both embeddings have, is no difference.
   *
   * @param reference the base model, or the first source
   * @param others the other models
   * @param allowMixedDtypes whether the floating-point types of a tensor may differ
   * @throws IncompatibleCheckpointsException if they differ; the message lists all differences,
   *     each with the names of models and tensors, shortened with a count where one kind has many
   */
  public static void requireMergeable(
      Checkpoint reference, List<? extends Checkpoint> others, boolean allowMixedDtypes) {
    requireMergeable(
        reference, others, MergeableOptions.strict().withMixedDtypes(allowMixedDtypes));
  }

  /**
   * Checks that models can be merged with one another: same architecture, tensors, shapes, element
   * types and vocabulary, as far as the options demand it.
   *
   * <p>Where vocabularies may differ, no tokenizer is read, and {@link VocabularyTensors} may have
   * any number of rows; of equal widths they must be.
   *
   * @param reference the base model, or the first source
   * @param others the other models
   * @param options in what they may differ
   * @throws IncompatibleCheckpointsException if they differ in more; see {@link
   *     #requireMergeable(Checkpoint, List, boolean)}
   */
  public static void requireMergeable(
      Checkpoint reference, List<? extends Checkpoint> others, MergeableOptions options) {
    List<String> differences = new ArrayList<>();
    for (Checkpoint other : others) {
      differences.addAll(new Comparison(reference, other, options).differences());
    }
    if (differences.isEmpty()) {
      return;
    }
    StringBuilder text = new StringBuilder("the models cannot be merged with '");
    text.append(reference.name()).append("': ");
    if (differences.size() == 1) {
      text.append(differences.get(0));
    } else {
      text.append(differences.size()).append(" differences");
      for (int i = 0; i < differences.size(); i++) {
        text.append(System.lineSeparator()).append("  ").append(i + 1).append(". ");
        text.append(differences.get(i));
      }
    }
    throw new IncompatibleCheckpointsException(text.toString());
  }
}
