package io.evomerge.benchmarks;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The command line of a program: {@code --name value} pairs; immutable. */
final class Options {

  private final Map<String, String> values;

  private Options(Map<String, String> values) {
    this.values = values;
  }

  /**
   * Reads a command line.
   *
   * @param known names that may be given, without dashes
   * @throws IllegalArgumentException if something else is there; the message lists what may be
   */
  static Options of(String[] args, String... known) {
    Set<String> names = new TreeSet<>(Arrays.asList(known));
    Map<String, String> values = new HashMap<>();
    for (int i = 0; i < args.length; i += 2) {
      String name = args[i].replaceFirst("^--", "");
      if (!args[i].startsWith("--") || !names.contains(name) || i + 1 == args.length) {
        throw new IllegalArgumentException(
            "got "
                + args[i]
                + (names.contains(name) ? " without a value" : "")
                + "; wanted --name value with names among "
                + names);
      }
      values.put(name, args[i + 1]);
    }
    return new Options(Map.copyOf(values));
  }

  String text(String name, String absent) {
    return values.getOrDefault(name, absent);
  }

  List<String> list(String name, String absent) {
    return List.of(text(name, absent).split(","));
  }

  int[] numbers(String name, String absent) {
    return list(name, absent).stream().mapToInt(Integer::parseInt).toArray();
  }

  int number(String name, int absent) {
    return values.containsKey(name) ? Integer.parseInt(values.get(name)) : absent;
  }

  double real(String name, double absent) {
    return values.containsKey(name) ? Double.parseDouble(values.get(name)) : absent;
  }
}
