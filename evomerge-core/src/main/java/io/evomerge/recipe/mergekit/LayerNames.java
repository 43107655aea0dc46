package io.evomerge.recipe.mergekit;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names of tensors of other layers. */
final class LayerNames {

  // Of nested lists the outer one counts, as in ModelLayout.
  private static final Pattern NUMBER =
      Pattern.compile("(?:^|(?<=\\.))(?:layers|h|blocks|layer|block)\\.(\\d{1,6})\\.(?=.)");

  private LayerNames() {}

  /** Returns the name of the same tensor in another layer. */
  static String inLayer(String name, int layer) {
    Matcher matcher = matcher(name);
    return name.substring(0, matcher.start(1)) + layer + name.substring(matcher.end(1));
  }

  /** Returns what follows the layer's number and its point. */
  static String suffix(String name) {
    return name.substring(matcher(name).end());
  }

  private static Matcher matcher(String name) {
    Matcher matcher = NUMBER.matcher(name);
    if (!matcher.find()) {
      throw new IllegalArgumentException("'" + name + "' has no layer");
    }
    return matcher;
  }
}
