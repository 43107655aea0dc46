package io.evomerge.result.picture;

import io.evomerge.result.picture.Mark.Anchor;
import java.util.List;

/** Writes marks as SVG 1.1, self-contained. */
final class SvgText {

  private final StringBuilder out = new StringBuilder();

  private SvgText() {}

  static String of(String title, String description, int width, int height, List<Mark> marks) {
    SvgText svg = new SvgText();
    svg.out
        .append("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"")
        .append(width)
        .append("\" height=\"")
        .append(height)
        .append("\" viewBox=\"0 0 ")
        .append(width)
        .append(' ')
        .append(height)
        .append("\" font-family=\"Helvetica, Arial, sans-serif\">\n<title>");
    svg.escape(title);
    svg.out.append("</title>\n<desc>");
    svg.escape(description);
    svg.out.append("</desc>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    marks.forEach(svg::mark);
    return svg.out.append("</svg>\n").toString();
  }

  private void mark(Mark mark) {
    if (mark instanceof Mark.Rect rect) {
      rect(rect);
    } else if (mark instanceof Mark.Line line) {
      line(line);
    } else if (mark instanceof Mark.Text text) {
      text(text);
    }
  }

  private void rect(Mark.Rect rect) {
    out.append("<rect");
    number("x", rect.x());
    number("y", rect.y());
    number("width", rect.width());
    number("height", rect.height());
    if (rect.radius() > 0) {
      number("rx", rect.radius());
    }
    color("fill", rect.fill());
    if (rect.strokeWidth() > 0) {
      color("stroke", rect.stroke());
      number("stroke-width", rect.strokeWidth());
    }
    if (rect.tip().isEmpty()) {
      out.append("/>\n");
    } else {
      out.append("><title>");
      escape(rect.tip());
      out.append("</title></rect>\n");
    }
  }

  private void line(Mark.Line line) {
    out.append("<line");
    number("x1", line.x1());
    number("y1", line.y1());
    number("x2", line.x2());
    number("y2", line.y2());
    color("stroke", line.stroke());
    number("stroke-width", line.width());
    out.append(" stroke-linecap=\"round\"/>\n");
  }

  private void text(Mark.Text text) {
    out.append("<text");
    number("x", text.x());
    number("y", text.y());
    number("font-size", text.size());
    if (text.bold()) {
      out.append(" font-weight=\"bold\"");
    }
    if (text.anchor() != Anchor.START) {
      out.append(" text-anchor=\"")
          .append(text.anchor() == Anchor.MIDDLE ? "middle" : "end")
          .append('"');
    }
    color("fill", text.color());
    if (text.upward()) {
      out.append(" transform=\"rotate(-90 ");
      append(text.x());
      out.append(' ');
      append(text.y());
      out.append(")\"");
    }
    // Pointing at a number must reach the tip of the box behind it.
    out.append(" pointer-events=\"none\">");
    escape(text.text());
    out.append("</text>\n");
  }

  private void number(String name, double value) {
    out.append(' ').append(name).append("=\"");
    append(value);
    out.append('"');
  }

  /** Hundredths are finer than a screen shows. */
  private void append(double value) {
    long hundredths = Math.round(value * 100);
    if (hundredths < 0) {
      out.append('-');
    }
    long size = Math.abs(hundredths);
    out.append(size / 100);
    if (size % 100 != 0) {
      out.append('.').append(size % 100 / 10);
      if (size % 10 != 0) {
        out.append(size % 10);
      }
    }
  }

  private void color(String name, int rgb) {
    out.append(' ').append(name).append("=\"#");
    for (int shift = 20; shift >= 0; shift -= 4) {
      out.append(Character.forDigit((rgb >> shift) & 0xf, 16));
    }
    out.append('"');
  }

  private void escape(String text) {
    text.codePoints()
        .forEach(
            code -> {
              switch (code) {
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '&' -> out.append("&amp;");
                default -> out.appendCodePoint(allowed(code) ? code : 0xfffd);
              }
            });
  }

  /** What XML 1.0 allows, less control characters that no name needs. */
  private static boolean allowed(int code) {
    return code >= 0x20
        && !(code >= 0x7f && code < 0xa0)
        && !(code >= 0xd800 && code <= 0xdfff)
        && (code & 0xfffe) != 0xfffe;
  }
}
