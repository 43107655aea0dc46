package io.evomerge.result.picture;

import io.evomerge.result.picture.Mark.Anchor;
import java.awt.AWTError;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.font.TextLayout;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Paints marks with Java2D; loaded only where a PNG is wanted. */
final class PngImage {

  private PngImage() {}

  /**
   * Paints and encodes.
   *
   * @throws UnsupportedOperationException if the JRE cannot paint or has no fonts
   */
  static byte[] of(List<Mark> marks, int width, int height, double scale) throws IOException {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    try {
      paint(image, marks, scale);
    } catch (AWTError e) {
      throw new UnsupportedOperationException(e.toString(), e);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    // Not ImageIO's own stream, which may put a cache file into the folder for temporary files.
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      if (!ImageIO.write(image, "png", out)) {
        throw new UnsupportedOperationException("this JRE has no writer for PNG");
      }
    }
    return bytes.toByteArray();
  }

  private static void paint(BufferedImage image, List<Mark> marks, double scale) {
    Graphics2D graphics = image.createGraphics();
    try {
      graphics.setColor(Color.WHITE);
      graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
      graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
      graphics.scale(scale, scale);
      for (Mark mark : marks) {
        if (mark instanceof Mark.Rect rect) {
          rect(graphics, rect);
        } else if (mark instanceof Mark.Line line) {
          graphics.setColor(new Color(line.stroke()));
          graphics.setStroke(stroke(line.width()));
          graphics.draw(new Line2D.Double(line.x1(), line.y1(), line.x2(), line.y2()));
        } else if (mark instanceof Mark.Text text) {
          text((Graphics2D) graphics.create(), text);
        }
      }
    } finally {
      graphics.dispose();
    }
  }

  private static BasicStroke stroke(double width) {
    return new BasicStroke((float) width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_MITER);
  }

  private static void rect(Graphics2D graphics, Mark.Rect rect) {
    RoundRectangle2D shape =
        new RoundRectangle2D.Double(
            rect.x(), rect.y(), rect.width(), rect.height(), 2 * rect.radius(), 2 * rect.radius());
    graphics.setColor(new Color(rect.fill()));
    if (rect.radius() > 0) {
      graphics.fill(shape);
    } else {
      graphics.fill(new Rectangle2D.Double(rect.x(), rect.y(), rect.width(), rect.height()));
    }
    if (rect.strokeWidth() > 0) {
      graphics.setColor(new Color(rect.stroke()));
      graphics.setStroke(stroke(rect.strokeWidth()));
      graphics.draw(shape);
    }
  }

  private static void text(Graphics2D graphics, Mark.Text text) {
    try {
      if (text.text().isBlank()) {
        return;
      }
      Font font =
          new Font(Font.SANS_SERIF, text.bold() ? Font.BOLD : Font.PLAIN, 1)
              .deriveFont((float) text.size());
      TextLayout layout = new TextLayout(text.text(), font, graphics.getFontRenderContext());
      double advance = layout.getAdvance();
      double room = text.width();
      graphics.setColor(new Color(text.color()));
      graphics.translate(text.x(), text.y());
      if (text.upward()) {
        graphics.rotate(-Math.PI / 2);
      }
      if (advance > room) {
        // A font wider than the layout reckons with.
        graphics.scale(room / advance, 1);
      }
      double before =
          text.anchor() == Anchor.START ? 0 : text.anchor() == Anchor.END ? advance : advance / 2;
      layout.draw(graphics, (float) -before, 0);
    } finally {
      graphics.dispose();
    }
  }
}
