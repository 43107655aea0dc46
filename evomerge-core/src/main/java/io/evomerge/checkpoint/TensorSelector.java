package io.evomerge.checkpoint;

import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Selects a group of a model's tensors by what they are.
 *
 * <p>Text forms: {@code all}, {@code embeddings}, {@code layers.3}, {@code layers.0-5}, {@code
 * layers.3.attention}, {@code layers.0-5.mlp} ({@code norm}, {@code other}), {@code final_norm},
 * {@code head}, {@code other}; each may be followed by a colon and a part of the tensor's name, as
 * in {@code layers.0-5:q_proj}.
 *
 * @param part the part of the model, or empty for all of it
 * @param firstLayer first block, from 0; 0 outside the blocks
 * @param lastLayer last block, inclusive; 0 outside the blocks
 * @param component one component of the blocks, or empty for all
 * @param nameContains a text that the tensor's name must contain, or empty for any name
 */
public record TensorSelector(
    Optional<Part> part,
    int firstLayer,
    int lastLayer,
    Optional<Component> component,
    Optional<String> nameContains) {

  private static final Pattern LAYERS =
      Pattern.compile("layers\\.(\\d{1,6})(?:-(\\d{1,6}))?(?:\\.(attention|mlp|norm|other))?");

  /**
   * Validates.
   *
   * @throws IllegalArgumentException if the layers are no range, or a component is asked for
   *     outside the blocks
   */
  public TensorSelector {
    boolean layers = part.filter(p -> p == Part.LAYER).isPresent();
    if (firstLayer < 0 || lastLayer < firstLayer || (!layers && lastLayer != 0)) {
      throw new IllegalArgumentException(
          "layers " + firstLayer + " to " + lastLayer + " are no range");
    }
    if (!layers && component.isPresent()) {
      throw new IllegalArgumentException("only layers have components, not " + part);
    }
    if (nameContains.filter(String::isEmpty).isPresent()) {
      throw new IllegalArgumentException("a part of a tensor's name must not be empty");
    }
  }

  /** Selects every tensor. */
  public static TensorSelector all() {
    return new TensorSelector(Optional.empty(), 0, 0, Optional.empty(), Optional.empty());
  }

  /**
   * Selects a part of the model; {@link Part#LAYER} needs {@link #layers}.
   *
   * @param part not {@code LAYER}
   */
  public static TensorSelector of(Part part) {
    if (part == Part.LAYER) {
      throw new IllegalArgumentException("say which layers: layers(first, last)");
    }
    return new TensorSelector(Optional.of(part), 0, 0, Optional.empty(), Optional.empty());
  }

  /**
   * Selects blocks.
   *
   * @param first from 0
   * @param last inclusive
   */
  public static TensorSelector layers(int first, int last) {
    return new TensorSelector(
        Optional.of(Part.LAYER), first, last, Optional.empty(), Optional.empty());
  }

  /**
   * Narrows selected blocks to one of their components.
   *
   * @param which the component
   */
  public TensorSelector component(Component which) {
    return new TensorSelector(part, firstLayer, lastLayer, Optional.of(which), nameContains);
  }

  /**
   * Narrows to tensors whose name contains a text.
   *
   * @param text not empty
   */
  public TensorSelector named(String text) {
    return new TensorSelector(part, firstLayer, lastLayer, component, Optional.of(text));
  }

  /**
   * Returns whether a tensor is selected.
   *
   * @param name of the tensor
   * @param role what the tensor is
   */
  public boolean matches(String name, TensorRole role) {
    return nameContains.map(name::contains).orElse(true) && matches(role);
  }

  private boolean matches(TensorRole role) {
    if (part.isEmpty()) {
      return true;
    }
    if (part.get() != role.part()) {
      return false;
    }
    return role.part() != Part.LAYER
        || (role.layer() >= firstLayer
            && role.layer() <= lastLayer
            && component.map(c -> c == role.component()).orElse(true));
  }

  /**
   * Reads the text form.
   *
   * @param text see above
   * @throws IllegalArgumentException if it is none of the forms
   */
  public static TensorSelector parse(String text) {
    int colon = text.indexOf(':');
    return colon < 0
        ? parseRole(text)
        : parseRole(text.substring(0, colon)).named(text.substring(colon + 1));
  }

  private static TensorSelector parseRole(String text) {
    switch (text) {
      case "all":
        return all();
      case "embeddings":
        return of(Part.EMBEDDINGS);
      case "final_norm":
        return of(Part.FINAL_NORM);
      case "head":
        return of(Part.HEAD);
      case "other":
        return of(Part.OTHER);
      default:
        break;
    }
    Matcher matcher = LAYERS.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' selects nothing: use all, embeddings, layers.N, layers.N-M,"
              + " layers.N.attention|mlp|norm|other, final_norm, head or other,"
              + " and behind a colon a part of the tensor's name");
    }
    int first = Integer.parseInt(matcher.group(1));
    int last = matcher.group(2) == null ? first : Integer.parseInt(matcher.group(2));
    Optional<Component> component =
        Optional.ofNullable(matcher.group(3))
            .map(name -> Component.valueOf(name.toUpperCase(Locale.ROOT)));
    return new TensorSelector(Optional.of(Part.LAYER), first, last, component, Optional.empty());
  }

  @Override
  public String toString() {
    return roleText() + nameContains.map(text -> ":" + text).orElse("");
  }

  private String roleText() {
    if (part.isEmpty()) {
      return "all";
    }
    if (part.get() != Part.LAYER) {
      return part.get().name().toLowerCase(Locale.ROOT);
    }
    return "layers."
        + firstLayer
        + (lastLayer == firstLayer ? "" : "-" + lastLayer)
        + component.map(c -> "." + c.name().toLowerCase(Locale.ROOT)).orElse("");
  }
}
