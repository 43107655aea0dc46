package io.evomerge.recipe.mergekit;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;

/** Texts that may select tensors by their names, from what stands behind the layer's number. */
final class NameParts {

  private NameParts() {}

  /** Single words, and items of lists, as {@code experts.7.}. */
  static Set<String> coarse(Collection<String> suffixes) {
    Set<String> texts = new LinkedHashSet<>();
    for (String suffix : suffixes) {
      String[] parts = suffix.split("\\.");
      for (int i = 0; i < parts.length; i++) {
        boolean number = parts[i].matches("\\d+");
        if (!number && !parts[i].isEmpty()) {
          texts.add(parts[i]);
        } else if (number && i > 0 && i < parts.length - 1) {
          texts.add(parts[i - 1] + "." + parts[i] + ".");
        }
      }
    }
    return texts;
  }

  /** Two words that follow each other, and everything behind the layer. */
  static Set<String> fine(Collection<String> suffixes) {
    Set<String> texts = new LinkedHashSet<>();
    for (String suffix : suffixes) {
      String[] parts = suffix.split("\\.");
      for (int i = 1; i < parts.length; i++) {
        if (!parts[i - 1].matches("\\d*") && !parts[i].matches("\\d*")) {
          texts.add(parts[i - 1] + "." + parts[i]);
        }
      }
    }
    suffixes.forEach(suffix -> texts.add("." + suffix));
    return texts;
  }
}
