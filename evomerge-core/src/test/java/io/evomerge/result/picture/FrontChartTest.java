package io.evomerge.result.picture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.testing.BuiltModule;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

class FrontChartTest {

  /** Writes the picture of the documentation anew. */
  private static final String UPDATE = "evomerge.pictures.update";

  /** What docs/multi-objective.md shows: a cloud of trials with four models marked. */
  private static FrontChart example() {
    Random random = new Random(7);
    FrontChart.Builder chart =
        FrontChart.builder("ja-math", true, "ja-qa", true)
            .title("Accuracy on Japanese word problems against Japanese questions");
    List<double[]> points = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      double angle = random.nextDouble() * Math.PI / 2;
      double radius = 0.55 * Math.sqrt(random.nextDouble());
      double[] point = {
        Math.rint(480 * radius * Math.cos(angle)) / 480,
        Math.rint(480 * (0.3 + radius * Math.sin(angle))) / 480
      };
      points.add(point);
      chart.trial(point[0], point[1], "trial " + i);
    }
    for (int i = 0; i < points.size(); i++) {
      double[] one = points.get(i);
      if (points.stream().noneMatch(o -> o != one && o[0] >= one[0] && o[1] >= one[1])) {
        chart.front(one[0], one[1], "trial " + i);
      }
    }
    return chart
        .marker(0.02, 0.31, "math-en")
        .marker(0.04, 0.32, "math-en-2")
        .marker(0.01, 0.78, "ja")
        .marker(0.005, 0.3, "base")
        .build();
  }

  private static void assertLegible(String what, Picture picture) {
    List<Mark.Text> texts = new ArrayList<>();
    for (Mark mark : picture.marks()) {
      Mark.Box box = mark.box();
      assertThat(
              box.left() >= 0
                  && box.top() >= 0
                  && box.right() <= picture.width()
                  && box.bottom() <= picture.height())
          .as("%s: %s leaves the frame", what, mark)
          .isTrue();
      if (mark instanceof Mark.Text text) {
        for (Mark.Text other : texts) {
          assertThat(text.box().overlaps(other.box()))
              .as("%s: %s meets %s", what, text, other)
              .isFalse();
        }
        texts.add(text);
      }
    }
    assertThat(texts).isNotEmpty();
  }

  @Test
  void labelsNeitherMeetNorLeaveTheFrame() {
    assertLegible("example", example().picture());
    Random random = new Random(1);
    for (int round = 0; round < 120; round++) {
      double size = Math.pow(10, random.nextInt(24) - 12);
      double shift = random.nextInt(3) * 1e3 * size;
      FrontChart.Builder chart =
          FrontChart.builder(
                  random.nextInt(4) == 0 ? "a very long name of an objective ".repeat(6) : "x",
                  random.nextBoolean(),
                  random.nextInt(4) == 0 ? "another long name of an objective ".repeat(6) : "y",
                  random.nextBoolean())
              .title("Round " + round + " ".repeat(3) + "of charts".repeat(1 + random.nextInt(30)));
      int spread = 1 + random.nextInt(100);
      for (int i = random.nextInt(60); i > 0; i--) {
        chart.trial(shift + size * random.nextInt(spread), random.nextGaussian() / size, "t");
      }
      for (int i = random.nextInt(12); i > 0; i--) {
        chart.front(shift + size * random.nextInt(spread), random.nextGaussian() / size, "f");
      }
      for (int i = 1 + random.nextInt(40); i > 0; i--) {
        chart.marker(
            shift + size * random.nextInt(spread),
            random.nextInt(3) / size,
            "model " + "m".repeat(random.nextInt(30)));
      }
      assertLegible("round " + round, chart.build().picture());
    }
  }

  @Test
  void namesKeepOffTheDotsOfTheFront() {
    Picture picture = example().picture();
    List<Mark.Box> names =
        picture.marks().stream()
            .filter(Mark.Text.class::isInstance)
            .map(Mark.Text.class::cast)
            .filter(text -> text.text().startsWith("math-en") || text.text().equals("ja"))
            .map(Mark.Text::box)
            .toList();
    assertThat(names).hasSize(3);
    for (Mark mark : picture.marks()) {
      if (mark instanceof Mark.Rect rect && rect.fill() == Palette.model(0)) {
        assertThat(names).noneMatch(rect.box()::overlaps);
      }
    }
  }

  @Test
  void aSinglePointAndEqualScoresAreDrawn() {
    assertLegible(
        "one", FrontChart.builder("a", true, "b", false).marker(0, 0, "m").build().picture());
    assertLegible(
        "far",
        FrontChart.builder("a", true, "b", false).front(1e290, -1e290, "m").build().picture());
    assertLegible(
        "near",
        FrontChart.builder("a", true, "b", false)
            .front(1e17, 3e-300, "m")
            .front(1e17 + 16, 4e-300, "m")
            .build()
            .picture());
  }

  @Test
  void theBetterEndOfAnAxisIsPointedAt() {
    String svg =
        FrontChart.builder("math", true, "size", false).front(1, 2, "m").build().picture().svg();
    assertThat(svg).contains(">math \u2192<", ">\u2190 size<", "m: 1, 2");
  }

  @Test
  void theSvgIsWellFormedWithAnyName() throws Exception {
    String svg =
        FrontChart.builder("<a>", true, "b&c", true)
            .marker(1, 2, "\"]]>\u0007")
            .build()
            .picture()
            .svg();
    DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(svg)));
    assertThat(svg).contains("&lt;a&gt; \u2192");
  }

  @Test
  void whatCannotBeDrawnIsRefused() {
    FrontChart.Builder chart = FrontChart.builder("a", true, "b", true);
    assertThatIllegalArgumentException().isThrownBy(chart::build).withMessageContaining("no point");
    for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, -1e300}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> chart.trial(0, bad, "t"))
          .withMessageContaining("'t'");
      assertThatIllegalArgumentException().isThrownBy(() -> chart.front(bad, 0, "t"));
    }
    assertThatIllegalArgumentException().isThrownBy(() -> chart.marker(0, 0, " "));
  }

  @Test
  void theDocumentationShowsTheExample() throws IOException {
    Path file = BuiltModule.current().root().resolveSibling("docs").resolve("pictures/front.svg");
    if (Boolean.getBoolean(UPDATE)) {
      example().picture().writeSvg(file);
    }
    assertThat(Files.readString(file))
        .as("%s; look at the new one after -D%s=true", file, UPDATE)
        .isEqualTo(example().picture().svg());
  }
}
