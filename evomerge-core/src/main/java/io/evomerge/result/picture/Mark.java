package io.evomerge.result.picture;

/** What pictures are made of; colours are 0xRRGGBB, lengths are in units of the picture. */
sealed interface Mark {

  /** The smallest rectangle around it; of a text by an estimate that real fonts stay within. */
  Box box();

  /** A rectangle with its sides along the axes. */
  record Box(double left, double top, double right, double bottom) {
    boolean overlaps(Box that) {
      return left < that.right && that.left < right && top < that.bottom && that.top < bottom;
    }
  }

  /**
   * A filled rectangle.
   *
   * @param stroke colour of the outline
   * @param strokeWidth 0 for none
   * @param tip what a reader is told who points at it; empty for nothing
   */
  record Rect(
      double x,
      double y,
      double width,
      double height,
      double radius,
      int fill,
      int stroke,
      double strokeWidth,
      String tip)
      implements Mark {
    @Override
    public Box box() {
      double half = strokeWidth / 2;
      return new Box(x - half, y - half, x + width + half, y + height + half);
    }
  }

  /** A straight line with round ends. */
  record Line(double x1, double y1, double x2, double y2, int stroke, double width)
      implements Mark {
    @Override
    public Box box() {
      return new Box(Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2));
    }
  }

  /**
   * One line of text.
   *
   * @param x of the anchor
   * @param y of the base line at the anchor
   * @param upward whether it runs from bottom to top instead of left to right
   */
  record Text(
      double x,
      double y,
      String text,
      double size,
      boolean bold,
      int color,
      Anchor anchor,
      boolean upward)
      implements Mark {

    double width() {
      return TextWidth.of(text, size, bold);
    }

    /** How far the text begins before the anchor. */
    double before() {
      return switch (anchor) {
        case START -> 0;
        case MIDDLE -> width() / 2;
        case END -> width();
      };
    }

    @Override
    public Box box() {
      double before = before();
      double after = width() - before;
      return upward
          ? new Box(x - 0.8 * size, y - after, x + 0.25 * size, y + before)
          : new Box(x - before, y - 0.8 * size, x + after, y + 0.25 * size);
    }
  }

  /** Which point of a text its position means. */
  enum Anchor {
    START,
    MIDDLE,
    END
  }
}
