package io.evomerge.internal.text;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** Finds the name that somebody probably meant. */
public final class DidYouMean {
  private DidYouMean() {}

  /**
   * Returns the nearest candidate by edit distance (Levenshtein 1966) without regard to case, if it
   * is near enough: at most a third of its letters differ, or two.
   *
   * @param got what was written
   * @param known the names that exist; among equally near ones the first wins
   */
  public static Optional<String> nearest(String got, Collection<String> known) {
    String nearest = null;
    int best = Integer.MAX_VALUE;
    for (String candidate : known) {
      int distance = distance(got.toLowerCase(Locale.ROOT), candidate.toLowerCase(Locale.ROOT));
      if (distance < best && distance <= Math.max(2, candidate.length() / 3)) {
        best = distance;
        nearest = candidate;
      }
    }
    return best < Math.max(got.length(), 1) ? Optional.ofNullable(nearest) : Optional.empty();
  }

  /**
   * Returns the end of a message: {@code "; did you mean 'weight'?"}, or the list of what there is.
   *
   * @param got what was written
   * @param known the names that exist
   */
  public static String hint(String got, Collection<String> known) {
    return nearest(got, known)
        .map(name -> "; did you mean '" + name + "'?")
        .orElse(known.isEmpty() ? "" : "; there are: " + String.join(", ", known));
  }

  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substitute = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substitute, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
