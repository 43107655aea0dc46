package io.evomerge.result.picture;

import java.util.ArrayList;
import java.util.List;

/**
 * Estimates the width of text without a font, so that a layout does not depend on the fonts of a
 * machine: by DejaVu Sans, which is wider than the usual sans-serif fonts, rounded up.
 */
final class TextWidth {

  private static final String NARROW = " !'(),-./:;I[\\]fijlrt|J";
  private static final String SYMBOLS = "#+<=>~&\u2212\u00d7";
  private static final String WIDE = "%@MWm";
  private static final double BOLD = 1.18;
  private static final String ELLIPSIS = "\u2026";

  private TextWidth() {}

  static double of(String text, double size, boolean bold) {
    double ems = text.codePoints().mapToDouble(TextWidth::ems).sum();
    return ems * size * (bold ? BOLD : 1);
  }

  private static double ems(int code) {
    if (NARROW.indexOf(code) >= 0) {
      return 0.42;
    }
    if (WIDE.indexOf(code) >= 0) {
      return 1;
    }
    if (SYMBOLS.indexOf(code) >= 0 || code == 'w') {
      return 0.84;
    }
    if (code >= 'A' && code <= 'Z') {
      return 0.79;
    }
    if (code < 0x7f || code == 0x2013) {
      return 0.64;
    }
    return code < 0x10000 ? 1.1 : 1.4;
  }

  /** The text, or as much of its beginning as fits, with an ellipsis. */
  static String clip(String text, double width, double size, boolean bold) {
    if (of(text, size, bold) <= width) {
      return text;
    }
    int end = text.length();
    while (end > 0 && of(text.substring(0, end) + ELLIPSIS, size, bold) > width) {
      end = text.offsetByCodePoints(end, -1);
    }
    return text.substring(0, end) + ELLIPSIS;
  }

  /**
   * Breaks text into lines, behind blanks and punctuation where it can; what does not fit on the
   * last line is clipped.
   */
  static List<String> wrap(String text, double width, double size, boolean bold, int maxLines) {
    List<String> lines = new ArrayList<>();
    String rest = text.strip();
    while (lines.size() < maxLines - 1 && of(rest, size, bold) > width) {
      int end = fitting(rest, width, size, bold);
      int nice = end;
      while (nice > 0 && !breaksBehind(rest.charAt(nice - 1))) {
        nice--;
      }
      // A break far from the edge costs more than a broken word.
      int at = nice > end / 3 ? nice : end;
      lines.add(rest.substring(0, at).strip());
      rest = rest.substring(at).strip();
    }
    if (!rest.isEmpty() || lines.isEmpty()) {
      lines.add(clip(rest, width, size, bold));
    }
    return List.copyOf(lines);
  }

  private static int fitting(String text, double width, double size, boolean bold) {
    int end = text.offsetByCodePoints(0, 1);
    while (end < text.length()) {
      int next = text.offsetByCodePoints(end, 1);
      if (of(text.substring(0, next).stripTrailing(), size, bold) > width) {
        break;
      }
      end = next;
    }
    return end;
  }

  private static boolean breaksBehind(char c) {
    return c == ' ' || c == '-' || c == '_' || c == '/' || c == ',' || c == '.';
  }
}
