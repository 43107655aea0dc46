package io.evomerge.exception;

import java.util.List;

/** A configuration that cannot be built; it lists every problem found, not only the first. */
public final class ConfigurationException extends EvoMergeException {

  private final List<String> problems;

  /**
   * Creates the exception.
   *
   * @param what the thing that was to be built, e.g. {@code "EvoMerge"}
   * @param problems one sentence each; at least one
   */
  public ConfigurationException(String what, List<String> problems) {
    super(message(what, problems));
    this.problems = List.copyOf(problems);
  }

  /** Returns the problems in the order in which they were found. */
  public List<String> problems() {
    return problems;
  }

  private static String message(String what, List<String> problems) {
    if (problems.size() == 1) {
      return what + ": " + problems.get(0);
    }
    StringBuilder text = new StringBuilder(what + ": " + problems.size() + " problems");
    for (int i = 0; i < problems.size(); i++) {
      text.append(System.lineSeparator()).append("  ").append(i + 1).append(". ");
      text.append(problems.get(i));
    }
    return text.toString();
  }
}
