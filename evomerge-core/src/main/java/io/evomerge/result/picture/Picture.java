package io.evomerge.result.picture;

import io.evomerge.internal.files.WholeFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * A picture; immutable and safe for threads.
 *
 * @since 0.1
 */
public final class Picture {

  /** 400 MB while it is painted, and more than any printer resolves. */
  private static final double MOST_PIXELS = 1e8;

  private final String title;
  private final String description;
  private final int width;
  private final int height;
  private final List<Mark> marks;

  Picture(String title, String description, int width, int height, List<Mark> marks) {
    this.title = title;
    this.description = description;
    this.width = width;
    this.height = height;
    this.marks = List.copyOf(marks);
  }

  /** Returns the width in units of the picture, which are pixels at scale 1. */
  public int width() {
    return width;
  }

  /** Returns the height in units of the picture. */
  public int height() {
    return height;
  }

  List<Mark> marks() {
    return marks;
  }

  /**
   * Returns the picture as an SVG document (1.1) without references to anything outside of it. It
   * has a title and a description for those who do not see it, and exact numbers for those who
   * point at a box. The same recipe gives the same text.
   */
  public String svg() {
    return SvgText.of(title, description, width, height, marks);
  }

  /**
   * Writes the picture as SVG, in UTF-8. The file appears complete or not at all; an existing one
   * is replaced.
   *
   * @param file in an existing folder
   * @throws IOException if it cannot be written
   */
  public void writeSvg(Path file) throws IOException {
    WholeFile.write(file, svg().getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Writes the picture as PNG, painted by Java2D with the fonts of the machine. The file appears
   * complete or not at all; an existing one is replaced.
   *
   * @param file in an existing folder
   * @param scale pixels per unit, above 0: 1 for a page on a screen, 2 and more for print
   * @throws IllegalArgumentException if the scale is not above 0, or the image would have more than
   *     10^8 pixels
   * @throws UnsupportedOperationException if this JRE lacks module java.desktop or fonts; the
   *     message says what to do
   * @throws IOException if the file cannot be written
   */
  public void writePng(Path file, double scale) throws IOException {
    double columns = Math.ceil(width * scale);
    double rows = Math.ceil(height * scale);
    if (!(scale > 0 && columns * rows <= MOST_PIXELS)) {
      throw new IllegalArgumentException(
          "scale "
              + scale
              + " for a picture of "
              + width
              + " x "
              + height
              + " units: wanted a number above 0 that gives at most 10^8 pixels");
    }
    WholeFile.write(file, png((int) columns, (int) rows, scale));
  }

  private byte[] png(int columns, int rows, double scale) throws IOException {
    try {
      return PngImage.of(marks, columns, rows, scale);
    } catch (LinkageError | InternalError | RuntimeException e) {
      // Without fontconfig or fonts, AWT fails in many ways, none of which says so.
      throw new UnsupportedOperationException(
          "this JRE cannot paint text ("
              + e
              + "): use the SVG; or run with module java.desktop (--add-modules java.desktop) and,"
              + " on Linux, with fontconfig and a font installed",
          e);
    }
  }
}
