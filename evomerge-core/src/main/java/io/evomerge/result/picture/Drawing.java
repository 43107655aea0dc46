package io.evomerge.result.picture;

import io.evomerge.result.picture.Mark.Anchor;
import java.util.ArrayList;
import java.util.List;

/** Collects the marks of a picture, those behind first. */
final class Drawing {

  private final List<Mark> marks = new ArrayList<>();

  void rect(double x, double y, double width, double height, int fill) {
    marks.add(new Mark.Rect(x, y, width, height, 0, fill, 0, 0, ""));
  }

  void add(Mark mark) {
    marks.add(mark);
  }

  void line(double x1, double y1, double x2, double y2, int stroke, double width) {
    marks.add(new Mark.Line(x1, y1, x2, y2, stroke, width));
  }

  void text(double x, double y, String text, double size, int color, Anchor anchor) {
    marks.add(new Mark.Text(x, y, text, size, false, color, anchor, false));
  }

  void bold(double x, double y, String text, double size, int color, Anchor anchor) {
    marks.add(new Mark.Text(x, y, text, size, true, color, anchor, false));
  }

  /** Text from bottom to top whose middle line is x. */
  void upward(double x, double y, String text, double size, int color, Anchor anchor) {
    marks.add(new Mark.Text(x + 0.36 * size, y, text, size, false, color, anchor, true));
  }

  Picture picture(String title, String description, double width, double height) {
    return new Picture(title, description, (int) Math.ceil(width), (int) Math.ceil(height), marks);
  }
}
