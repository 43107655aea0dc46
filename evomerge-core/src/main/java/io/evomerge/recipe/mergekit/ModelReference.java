package io.evomerge.recipe.mergekit;

import java.util.Optional;

/**
 * A model as a mergekit configuration names it: {@code path}, {@code path@revision}, either with
 * {@code +adapter}.
 *
 * @param path a folder, or {@code organisation/name} on the Hugging Face hub
 * @param revision branch, tag or commit on the hub
 * @param adapter path of a LoRA adapter that is applied to the model
 * @param adapterRevision branch, tag or commit of the adapter
 */
public record ModelReference(
    String path,
    Optional<String> revision,
    Optional<String> adapter,
    Optional<String> adapterRevision) {

  /**
   * Names a model without revision and adapter.
   *
   * @param path a folder, or {@code organisation/name}
   */
  public static ModelReference of(String path) {
    return new ModelReference(path, Optional.empty(), Optional.empty(), Optional.empty());
  }

  /**
   * Reads the text form.
   *
   * @param text e.g. {@code "org/model@v2+org/adapter"}
   * @throws IllegalArgumentException if there is more than one {@code +}, more than one {@code @}
   *     in a path, or a path is empty
   */
  public static ModelReference parse(String text) {
    String[] parts = text.split("\\+", -1);
    if (parts.length > 2) {
      throw new IllegalArgumentException(
          "'" + text + "' has more than one '+', wanted model or model+adapter");
    }
    String[] model = path(parts[0]);
    String[] adapter = parts.length == 2 ? path(parts[1]) : new String[0];
    return new ModelReference(model[0], second(model), first(adapter), second(adapter));
  }

  private static String[] path(String text) {
    String[] parts = text.split("@", -1);
    if (parts.length > 2) {
      throw new IllegalArgumentException(
          "'" + text + "' has more than one '@', wanted path or path@revision");
    }
    for (String part : parts) {
      if (part.isBlank()) {
        throw new IllegalArgumentException("'" + text + "' is no model: a path is empty");
      }
    }
    return parts;
  }

  private static Optional<String> first(String[] parts) {
    return parts.length > 0 ? Optional.of(parts[0]) : Optional.empty();
  }

  private static Optional<String> second(String[] parts) {
    return parts.length > 1 ? Optional.of(parts[1]) : Optional.empty();
  }

  /** Returns the short name: the last part of the path, with that of the adapter behind it. */
  public String shortName() {
    return lastPart(path) + adapter.map(a -> "-" + lastPart(a)).orElse("");
  }

  private static String lastPart(String path) {
    String last = "";
    for (String part : path.replace('\\', '/').split("/")) {
      last = part.isBlank() ? last : part;
    }
    return last.isEmpty() ? path : last;
  }

  /** Returns the text form. */
  @Override
  public String toString() {
    return path
        + revision.map(r -> "@" + r).orElse("")
        + adapter.map(a -> "+" + a).orElse("")
        + adapterRevision.map(r -> "@" + r).orElse("");
  }
}
