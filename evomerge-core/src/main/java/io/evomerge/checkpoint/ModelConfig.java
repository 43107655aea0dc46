package io.evomerge.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.exception.UnsupportedModelException;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * The {@code config.json} of a Hugging Face checkpoint; immutable.
 *
 * <p>Typed readers treat an absent key and a JSON null alike and refuse a value of another type by
 * name.
 */
public final class ModelConfig {

  private final ObjectNode root;

  private ModelConfig(ObjectNode root) {
    this.root = root;
  }

  /**
   * Wraps a parsed configuration.
   *
   * @param root copied
   */
  public static ModelConfig of(ObjectNode root) {
    return new ModelConfig(root.deepCopy());
  }

  /** Returns the first entry of {@code architectures}, or {@code ""} if there is none. */
  public String architecture() {
    JsonNode names = root.path("architectures");
    return names.isArray() && !names.isEmpty() ? names.get(0).asText() : "";
  }

  /**
   * Returns a text, if present.
   *
   * @param key of the configuration
   */
  public Optional<String> text(String key) {
    JsonNode value = root.path(key);
    return value.isTextual() ? Optional.of(value.asText()) : absent(key, value, "a text");
  }

  /**
   * Returns a whole number, if present.
   *
   * @param key of the configuration
   */
  public OptionalInt integer(String key) {
    JsonNode value = root.path(key);
    if (value.isIntegralNumber() && value.canConvertToInt()) {
      return OptionalInt.of(value.intValue());
    }
    absent(key, value, "a whole number");
    return OptionalInt.empty();
  }

  /**
   * Returns a whole number that must be there.
   *
   * @param key of the configuration
   * @throws UnsupportedModelException if it is absent
   */
  public int requiredInteger(String key) {
    return integer(key)
        .orElseThrow(
            () ->
                new UnsupportedModelException("config.json has no '" + key + "', which is needed"));
  }

  /**
   * Returns a number, if present.
   *
   * @param key of the configuration
   */
  public OptionalDouble number(String key) {
    JsonNode value = root.path(key);
    if (value.isNumber()) {
      return OptionalDouble.of(value.doubleValue());
    }
    absent(key, value, "a number");
    return OptionalDouble.empty();
  }

  /**
   * Returns a truth value, or the given one if absent.
   *
   * @param key of the configuration
   * @param otherwise the value if absent
   */
  public boolean flag(String key, boolean otherwise) {
    JsonNode value = root.path(key);
    return value.isBoolean()
        ? value.booleanValue()
        : absent(key, value, "true or false").map(Boolean::valueOf).orElse(otherwise);
  }

  /** Returns a copy of the whole configuration. */
  public ObjectNode json() {
    return root.deepCopy();
  }

  private static Optional<String> absent(String key, JsonNode value, String wanted) {
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    throw new UnsupportedModelException(
        "config.json: '" + key + "' is " + value + ", wanted " + wanted);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ModelConfig that && root.equals(that.root);
  }

  @Override
  public int hashCode() {
    return root.hashCode();
  }

  @Override
  public String toString() {
    return root.toString();
  }
}
