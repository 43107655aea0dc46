package io.evomerge.recipe.mergekit;

import io.evomerge.tensor.DType;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A configuration as it was read, with the lines that later messages need.
 *
 * @param method the merge method
 * @param name of the result, if given
 * @param base the base of all slices, if given
 * @param slices at least one
 * @param whole whether there is one slice that takes all layers of every model
 * @param moduleParameters of the only module
 * @param parameters of the whole configuration
 * @param dtype of the result
 * @param tokenizer if given
 * @param chatTemplate if given: {@code auto}, the name of a template, or Jinja text
 * @param chatTemplateLine where it stands
 * @param warnings what is read but changes nothing
 */
record ConfigDocument(
    MergeMethod method,
    Optional<String> name,
    Optional<ModelReference> base,
    List<Slice> slices,
    boolean whole,
    Map<String, Setting> moduleParameters,
    Map<String, Setting> parameters,
    Optional<DType> dtype,
    Optional<Tokenizer> tokenizer,
    Optional<String> chatTemplate,
    int chatTemplateLine,
    List<String> warnings) {

  ConfigDocument {
    slices = List.copyOf(slices);
    warnings = List.copyOf(warnings);
  }

  ConfigDocument withWarnings(List<String> all) {
    return new ConfigDocument(
        method,
        name,
        base,
        slices,
        whole,
        moduleParameters,
        parameters,
        dtype,
        tokenizer,
        chatTemplate,
        chatTemplateLine,
        all);
  }

  /** One model in a slice; the range is empty for all layers. */
  record Source(
      ModelReference model, Optional<Range> range, Map<String, Setting> parameters, int line) {}

  /** Layers from the first up to, not including, the end. */
  record Range(int first, int end) {
    int length() {
      return end - first;
    }
  }

  /** Consecutive layers of the result. */
  record Slice(
      List<Source> sources,
      Optional<ModelReference> base,
      Map<String, Setting> parameters,
      int line) {
    Slice {
      sources = List.copyOf(sources);
    }
  }

  /** Whose tokenizer; {@code model} for neither base nor union. */
  record Tokenizer(
      boolean union,
      Optional<ModelReference> model,
      Map<String, Token> tokens,
      OptionalInt padToMultipleOf) {
    Tokenizer {
      tokens = Collections.unmodifiableMap(new LinkedHashMap<>(tokens));
    }
  }

  /** Where a token's embedding is from; neither zero nor a model is the default. */
  record Token(
      boolean zero,
      Optional<ModelReference> model,
      Optional<String> token,
      OptionalInt id,
      boolean force) {}
}
